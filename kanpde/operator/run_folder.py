"""The run folder of an operator: begun, trained into and reopened."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from kanpde._version import __version__
from kanpde.distributed.ranks import Ranks
from kanpde.errors import KanpdeError
from kanpde.files.whole import write_json, write_text
from kanpde.operator.config import Config, config_to_data, read_fields
from kanpde.operator.data import AnyPairs
from kanpde.operator.model_files import (
    load_operator,
    load_state,
    member_paths,
    save_member,
    save_state,
)
from kanpde.operator.plain import to_data
from kanpde.operator.sharing import PROBLEM, build_trainer
from kanpde.operator.trainer import OperatorTrainer
from kanpde.operator.training import Look, State
from kanpde.output.saver import Saver
from kanpde.problem.provenance import MARK, mark_file

CONFIG, SUMMARY, TEXT, TRACE = "run.json", "summary.json", "summary.txt", "trace.csv"
KIND = "operator"
_SAVED_EVERY = 5.0  # seconds; a kill costs no more than this and an epoch


def new_folder(folder: Path, config: Config, problem: Path | None = None) -> None:
    """Make a run folder, with a copy of a problem file.

    Raises KanpdeError for a path that is a file or not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise KanpdeError(f"{folder} is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise KanpdeError(
            f"the folder {folder} is not empty; take another "
            "(--out on the command line), or continue it by "
            f"`kanpde operator resume {folder}`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark = {}
    if problem is not None:
        text = problem.read_text(encoding="utf-8")
        write_text(folder / PROBLEM, text)
        mark = {MARK: mark_file(folder / PROBLEM)}
    write_json(
        folder / CONFIG,
        {
            "kind": KIND,
            "version": __version__,
            **config_to_data(config),
            **mark,
        },
    )


def read_config(folder: Path) -> Config:
    """Read back what `new_folder` wrote.

    Raises KanpdeError for another folder, and for a file whose values cannot be used.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise KanpdeError(
            f"{folder} is not a run folder of an operator: it has no {CONFIG}; "
            "`kanpde operator train` writes one"
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("kind") != KIND:
            raise KanpdeError(f"{folder} holds no operator; `kanpde resume` continues a solve")
    except (ValueError, RecursionError) as error:
        if isinstance(error, KanpdeError):
            raise
        raise KanpdeError(f"{path} is damaged ({error}); start the training again") from error
    try:
        return read_fields(data)
    except (KanpdeError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise KanpdeError(f"{path} is damaged: {error}; correct it there") from error


def describe_unfinished(folder: Path) -> str:
    """How far an unfinished training has come, in a sentence."""
    paths = member_paths(folder)
    if not paths:
        return (
            f"the training in {folder} ended before its first model; `kanpde operator resume "
            f"{folder}` starts it again"
        )
    story = load_operator(folder).story
    try:
        error = story["validation"]
        shown = "none yet" if error is None else f"{error:.2e}"
        return (
            f"unfinished after {story['epoch']} epochs, held-out error {shown}; "
            f"`kanpde operator resume {folder}` continues"
        )
    except (KeyError, TypeError, ValueError) as error:
        raise KanpdeError(f"{paths[0]} is damaged ({error}); train it again") from error


def train_into(
    folder: Path,
    config: Config,
    pairs: AnyPairs,
    report: Callable[[int, Look], None],
    warn: Callable[[OSError], None],
    ranks: Ranks | None = None,
) -> bool:
    """Train each network that is not finished; whether all are. Of several ranks this is rank 0.

    `report` is called with the number of the network and how it stands after each epoch, `warn`
    with the error of a save that failed. An interrupt keeps the last whole epoch of the network in
    training, and returns False.
    """
    for member in range(len(config.seeds)):
        model, checkpoint = _paths(folder, member)
        if model.exists() and not checkpoint.exists():
            continue
        start = load_state(checkpoint) if checkpoint.exists() else None
        trainer = build_trainer(folder, config, pairs, member, start, ranks)
        if not _train_member(folder, member, trainer, partial(report, member), warn):
            return False
        checkpoint.unlink(missing_ok=True)
    return True


def _train_member(
    folder: Path,
    member: int,
    trainer: OperatorTrainer,
    report: Callable[[Look], None],
    warn: Callable[[OSError], None],
) -> bool:
    """Train one network to the end and save it; False after an interrupt."""
    save = partial(_save, folder, member, trainer)
    saver = Saver(save, _SAVED_EVERY, warn)
    try:
        trainer.run(report, saver)
    except KeyboardInterrupt:
        if trainer.state.epoch:
            save(trainer.state)
        return False
    except BaseException:
        with suppress(OSError):
            saver.flush()
        raise
    save(trainer.state)
    return True


def _paths(folder: Path, member: int) -> tuple[Path, Path]:
    return folder / f"model-{member}.safetensors", folder / f"state-{member}.safetensors"


def _save(folder: Path, member: int, trainer: OperatorTrainer, state: State) -> None:
    """Write the model and the checkpoint of a network."""
    model, checkpoint = _paths(folder, member)
    save_state(checkpoint, state)
    description = {
        "signature": to_data(trainer.signature),
        "plan": to_data(trainer.plan),
        "symmetrize": trainer.training.augment,
        "seed": trainer.seed,
        "status": state.status,
        "epoch": state.epoch,
        "best_epoch": state.best_epoch,
        "seconds": state.seconds,
        "validation": state.best_validation if state.best_epoch else None,
        "rows": state.rows,
    }
    save_member(model, state.best, description)
