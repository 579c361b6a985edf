"""The samples of a data file, as the commands of `kanpde operator` take them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from kanpde.cli.messages import warn
from kanpde.errors import KanpdeError
from kanpde.operator.data import AnyPairs, Pairs, time_steps
from kanpde.operator.evaluation import check_outputs
from kanpde.operator.files import Splits, read_pairs
from kanpde.operator.model import Signature, check_pairs
from kanpde.operator.training import FEWEST_TO_HOLD_OUT

_KEPT = 0.1  # of the samples, for testing where a file has one split only
_FEWEST_TO_KEEP = 10  # samples, of which a tenth is kept


def read_training(path: Path, step: bool) -> tuple[AnyPairs, dict[str, AnyPairs]]:
    """The training samples and the test sets of a file; with `step`, of steps in time.

    Raises KanpdeError where there is not one training set with outputs.
    """
    splits = split_steps(read_pairs(path), step)
    training = [name for name in splits if name.startswith("train")]
    if not training:
        raise KanpdeError(f"{path} has no group train; it has {', '.join(splits)}")
    if len(training) > 1:
        raise KanpdeError(f"{path} has several training groups: {', '.join(training)}; leave one")
    train = splits.pop(training[0])
    if not train.outputs:
        raise KanpdeError(f"{path}, {training[0]}: there are no outputs to learn")
    if step and tuple(train.inputs) != tuple(train.outputs):
        raise KanpdeError(f"{path}, {training[0]}: --step needs one output field with an axis t")
    tests = {name: pairs for name, pairs in splits.items() if pairs.outputs}
    for name in splits:
        if name not in tests:
            warn(f"{path}, {name}: there are no outputs to compare with; it is left out")
    if not tests and len(train) >= _FEWEST_TO_KEEP:
        count = round(_KEPT * len(train))
        print(f"no test group in {path}: its last {count} samples are kept for testing")
        tests = {"held_out": train.select(slice(len(train) - count, None))}
        train = train.select(slice(0, len(train) - count))
    if len(train) < FEWEST_TO_HOLD_OUT:
        warn(
            f"{path}, {training[0]}: of {len(train)} samples none is held out, and the error "
            f"shown is that of the training; give at least {FEWEST_TO_HOLD_OUT}"
        )
    return train, tests


def read_quietly(path: Path, step: bool) -> AnyPairs:
    """The training samples that `read_training` finds, on a rank that has nothing to say."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        return read_training(path, step)[0]


def split_steps(splits: Splits, step: bool) -> dict[str, AnyPairs]:
    """The splits; with `step`, trajectories become pairs (state, next state)."""
    if not step:
        return dict(splits)
    return {
        name: time_steps(pairs) if isinstance(pairs, Pairs) and pairs.time is not None else pairs
        for name, pairs in splits.items()
    }


def check_sets(
    path: Path, signature: Signature, network: Any, sets: Mapping[str, AnyPairs]
) -> None:
    """Raise KanpdeError now for sets that would fail in the training or after it."""
    for name, pairs in sets.items():
        try:
            check_pairs(signature, pairs)
            network.check(pairs.shape)
            check_outputs(pairs)
        except KanpdeError as error:
            raise KanpdeError(f"{path}, {name}: {error}") from error
        missing = [n for n in signature.outputs if n not in pairs.outputs]
        if missing:
            raise KanpdeError(f"{path}, {name}: the output {missing[0]} is missing")
