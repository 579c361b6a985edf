"""Error and estimate against time, from the traces of a benchmark's runs."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.bench.cell import Record
from kanpde.files.whole import write_whole
from kanpde.output.history import read_trace


@dataclass(frozen=True)
class Curve:
    """The true error (the largest of the fields) and the estimate at each look of one run."""

    problem: str
    budget: float
    seed: int
    seconds: Array
    error: Array
    estimate: Array
    known: float


@dataclass(frozen=True)
class Calibration:
    """How often the estimate was within a factor of the true error, over all looks of traces."""

    problem: str
    looks: int
    within_3: float
    within_10: float
    below_tenth: float


def curve(record: Record, folder: Path) -> Curve | None:
    """The looks of one run, and its end; None without a reference or a trace."""
    if not record["trace"] or not record["reference"]:
        return None
    trace = read_trace(folder / record["trace"])
    columns = [v for n, v in trace.items() if n.startswith("error:")]
    if not columns:
        return None
    end = (record["seconds"], record["error"], record["estimate"])
    seconds, error, estimate = (
        np.append(a, math.nan if b is None else b)
        for a, b in zip(
            (trace["seconds"], np.max(columns, axis=0), trace["estimate"]), end, strict=True
        )
    )
    known = record["reference"]["error"]
    return Curve(
        record["problem"], record["budget"], record["seed"], seconds, error, estimate, known
    )


def all_curves(records: Sequence[Record], folder: Path) -> list[Curve]:
    """Of all runs that have one."""
    return [c for r in records if (c := curve(r, folder)) is not None]


def calibration(curves: Sequence[Curve]) -> list[Calibration]:
    """By problem, then over all of them; looks below the error of the reference are not used."""
    by_problem: dict[str, list[Array]] = {}
    for c in curves:
        # The last row repeats the best look of the run.
        error, estimate = c.error[:-1], c.estimate[:-1]
        good = np.isfinite(error) & np.isfinite(estimate) & (estimate > 0) & (error > c.known)
        by_problem.setdefault(c.problem, []).append(estimate[good] / error[good])
    together = {p: np.concatenate(parts) for p, parts in by_problem.items()}
    if together:
        together["all"] = np.concatenate(list(together.values()))
    return [_calibrate(p, ratio) for p, ratio in together.items() if len(ratio)]


def _calibrate(problem: str, ratio: Array) -> Calibration:
    def share(inside: Any) -> float:
        return float(np.mean(inside))

    off = np.abs(np.log10(ratio))
    within = [share(off <= math.log10(factor) + 1e-12) for factor in (3, 10)]
    return Calibration(problem, len(ratio), within[0], within[1], share(ratio < 0.1))


def write_curves(path: Path, curves: Sequence[Curve]) -> None:
    """All curves as one CSV file, a row for each look."""
    header = ["problem", "budget", "seed", "seconds", "error", "estimate", "reference_error"]

    def write(target: Path) -> None:
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for c in curves:
                for row in zip(c.seconds, c.error, c.estimate, strict=True):
                    writer.writerow([c.problem, c.budget, c.seed, *map(float, row), c.known])

    write_whole(path, write)
