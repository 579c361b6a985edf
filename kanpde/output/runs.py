"""Finished runs side by side: what a folder of run folders holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kanpde.output.run_folder import CONFIG, SUMMARY


@dataclass(frozen=True)
class RunRow:
    """What is compared of a run; None where it is not known.

    `error` is the largest relative L2 error of a field against the reference, `estimate` the
    largest estimated one.
    """

    folder: str
    problem: str = "-"
    status: str = "damaged"
    error: float | None = None
    estimate: float | None = None
    seconds: float | None = None
    steps: int | None = None
    parameters: int | None = None
    seed: int | None = None
    settings: str = ""

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of `HEADINGS`."""
        numbers = (self.error, self.estimate)
        shown = ["-" if number is None else f"{number:.1e}" for number in numbers]
        seconds = "-" if self.seconds is None else f"{self.seconds:.0f}"
        counts = ["-" if c is None else str(c) for c in (self.steps, self.parameters, self.seed)]
        return (self.folder, self.problem, self.status, *shown, seconds, *counts, self.settings)


HEADINGS = (
    "run", "problem", "status", "error", "estimate", "seconds", "steps", "parameters", "seed",
    "set",
)  # fmt: skip


def find_runs(folder: Path) -> list[RunRow]:
    """The solves directly in a folder that is not a run itself, by name."""
    if not folder.is_dir() or (folder / CONFIG).exists():
        return []
    found = [_read(path) for path in sorted(folder.iterdir()) if (path / CONFIG).is_file()]
    return [row for row in found if row is not None]


def table_text(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text as a table below a line of headings."""
    cells = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def _read(path: Path) -> RunRow | None:
    """The row of a run folder; None for a run of another kind than a solve."""
    try:
        config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        if "kind" in config:
            return None
        summary = path / SUMMARY
        found = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {}
        return _row(path.name, config, found)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return RunRow(path.name)


def _row(name: str, config: dict[str, Any], found: dict[str, Any]) -> RunRow:
    errors = [e["rel_l2"] for e in (found.get("errors") or {}).values() if e["rel_l2"] is not None]
    settings = " ".join(f"{k}={v}" for k, v in (config.get("parameters") or {}).items())
    return RunRow(
        folder=name,
        problem=str(config["problem"]),
        status=str(found.get("status", "unfinished")),
        error=max(errors, default=None),
        estimate=(found.get("estimate") or {}).get("rel_l2"),
        seconds=found.get("seconds"),
        steps=found.get("steps"),
        parameters=found.get("parameters"),
        seed=found.get("seed", config.get("options", {}).get("seed")),
        settings=settings,
    )
