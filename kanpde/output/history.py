"""The trace of a training: its looks as columns, kept as CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.errors import KanpdeError
from kanpde.files.whole import write_whole

Trace = Mapping[str, Any]


def save_trace(path: Path, trace: Trace) -> None:
    """Write the columns as CSV, the stage as text and the rest as numbers."""

    def write(target: Path) -> None:
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(trace)
            writer.writerows(zip(*trace.values(), strict=True))

    write_whole(path, write)


def read_trace(path: Path) -> dict[str, Any]:
    """Read `save_trace`'s file; empty where there is none.

    Raises KanpdeError for a file that is not of this form.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            names, *rows = list(csv.reader(file))
        if "step" not in names:
            raise ValueError("it has no column step")
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        return {
            n: np.array(c, dtype=object) if n == "stage" else np.array(c, dtype=float)
            for n, c in zip(names, columns, strict=True)
        }
    except (ValueError, csv.Error) as error:
        raise KanpdeError(f"{path} is damaged ({error}); remove it to go without it") from error


def joined(earlier: Trace, later: Trace) -> dict[str, Any]:
    """The looks of a run before it was resumed, then those after; NaN where one has no column."""
    if not earlier or not later:
        return dict(later or earlier)
    counts = len(earlier["step"]), len(later["step"])
    names = dict.fromkeys([*later, *earlier])
    return {
        n: np.concatenate(
            [t.get(n, np.full(k, np.nan)) for t, k in zip((earlier, later), counts, strict=True)]
        )
        for n in names
    }
