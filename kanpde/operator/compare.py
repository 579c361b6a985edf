"""What is said of trained operators: of one run folder, and of several side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.operator.run_folder import CONFIG, KIND, SUMMARY, TEXT, describe_unfinished, read_config

HEADINGS = (
    "operator", "network", "status", "error", "held out", "seconds", "epochs", "parameters",
    "members", "data",
)  # fmt: skip


@dataclass(frozen=True)
class OperatorRow:
    """What is compared of a trained operator; None where it is not known.

    `error` is the largest relative L2 error of an output on a test set, `held_out` the mean one of
    the samples that were held out of the training.
    """

    folder: str
    network: str = "-"
    status: str = "damaged"
    error: float | None = None
    held_out: float | None = None
    seconds: float | None = None
    epochs: int | None = None
    parameters: int | None = None
    members: int | None = None
    data: str = ""

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of `HEADINGS`."""
        errors = ["-" if e is None else f"{e:.1e}" for e in (self.error, self.held_out)]
        seconds = "-" if self.seconds is None else f"{self.seconds:.0f}"
        counts = [
            "-" if c is None else str(c) for c in (self.epochs, self.parameters, self.members)
        ]
        return (self.folder, self.network, self.status, *errors, seconds, *counts, self.data)


def is_operator(folder: Path) -> bool:
    """Whether a folder is the run folder of an operator, damaged ones included."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and config.get("kind") == KIND


def find_operators(folder: Path) -> list[OperatorRow]:
    """The operators directly in a folder that is not a run itself, by name."""
    if not folder.is_dir() or (folder / CONFIG).exists():
        return []
    return [_read(path) for path in sorted(folder.iterdir()) if is_operator(path)]


def describe_folder(folder: Path) -> str:
    """The summary of a training, or how far an unfinished one has come.

    Raises KanpdeError for another folder, and for a file that is damaged.
    """
    read_config(folder)
    path = folder / TEXT
    if not path.is_file():
        return describe_unfinished(folder)
    try:
        return path.read_text(encoding="utf-8")
    except ValueError as error:
        raise KanpdeError(
            f"{path} is damaged ({error}); {folder / SUMMARY} may hold the same"
        ) from error


def folder_to_data(folder: Path) -> dict[str, Any]:
    """The content of summary.json, or of an unfinished training its status and configuration.

    Raises KanpdeError for another folder, and for a file that is damaged.
    """
    config, path = read_config(folder), folder / SUMMARY
    if not path.is_file():
        return {"data": config.data, "status": "unfinished", "seeds": list(config.seeds)}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is not an object")
    except (ValueError, RecursionError) as error:
        raise KanpdeError(f"{path} is damaged ({error}); train the operator again") from error
    return found


def _read(path: Path) -> OperatorRow:
    try:
        return _row(path.name, read_config(path).data, folder_to_data(path))
    except (KanpdeError, ValueError, TypeError, AttributeError, KeyError):
        return OperatorRow(path.name)


def _row(name: str, data: str, found: dict[str, Any]) -> OperatorRow:
    if "operator" not in found:
        return OperatorRow(name, status="unfinished", data=Path(data).name)
    plan = found["operator"]
    errors = [e["rel_l2"] for test in found["tests"].values() for e in test["errors"].values()]
    held_out = [float(v) for v in found["validation"] if v is not None]
    return OperatorRow(
        folder=name,
        network=f"{plan['kind']}, {plan['maps']['kind'].removesuffix('Maps')}",
        status=str(found["status"]),
        error=max(map(float, errors), default=None),
        held_out=sum(held_out) / len(held_out) if held_out else None,
        seconds=float(found["seconds"]),
        epochs=sum(found["epochs"]),
        parameters=int(found["parameters"]),
        members=int(found["members"]),
        data=Path(data).name,
    )
