"""What `kanpde operator rollout` does."""

from __future__ import annotations

import math

from kanpde.cli.checks import check_file, choose_device
from kanpde.cli.messages import warn
from kanpde.cli.options.operator import RolloutOptions
from kanpde.errors import KanpdeError
from kanpde.operator.data import Pairs
from kanpde.operator.files import read_pairs, write_pairs
from kanpde.operator.model_files import load_operator
from kanpde.operator.pictures import plot_rollout
from kanpde.operator.rollout import rollout


def run_rollout(options: RolloutOptions) -> None:
    """Step on from the first states of a split; writes trajectories and a picture beside them."""
    data, out = options.data, options.out
    check_file(out, data)
    operator = load_operator(options.folder, choose_device(options.device))
    splits = read_pairs(data)
    name = next(reversed(splits)) if options.split is None else options.split
    if name not in splits:
        raise KanpdeError(f"{data} has no group {name}; it has {', '.join(splits)}")
    pairs = splits[name]
    if not isinstance(pairs, Pairs):
        raise KanpdeError(f"{data}, {name}: a rollout needs fields on a grid")
    result = rollout(operator, pairs, options.steps)
    write_pairs(out, {name: result.trajectories(operator.signature.outputs[0])}, "Rollout")
    horizon = operator.signature.horizon or 0.0
    picture = plot_rollout(result, horizon, out.with_suffix(".png"), f"Rollout of {name}")
    for time, error in zip(result.times, result.errors, strict=True):
        if math.isfinite(error):
            print(f"t = {time:g}: relative L2 error {error:.2e}")
    if not result.stable:
        warn(
            f"the states left ten times the range trained on after t = {result.times[-1]:g}; the "
            "rollout ends there"
        )
    print(f"wrote {out} and {picture}")
