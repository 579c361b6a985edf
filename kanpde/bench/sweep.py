"""A sweep: one problem at many values of its parameters, each a cell of its own process."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kanpde.bench.cell import Cell, Record
from kanpde.bench.running import Progress, read_finished, run_cells
from kanpde.bench.span import Span, combine
from kanpde.bench.sweep_picture import plot_sweep
from kanpde.bench.table import format_error
from kanpde.files.whole import write_whole

CELLS, TABLE, PICTURE = "cells", "sweep.csv", "sweep.png"


@dataclass(frozen=True)
class Sweep:
    """What is swept: a problem's name or file, values of its parameters, seeds and a budget."""

    problem: str
    spans: tuple[Span, ...]
    seeds: int
    budget: float

    def cells(self) -> list[tuple[dict[str, str], Cell]]:
        """The values and the cell of each solve."""
        found = []
        for values in combine(self.spans):
            settings = ",".join(f"{name}={value}" for name, value in values.items())
            problem = f"{self.problem}:{settings}" if settings else self.problem
            found += [(values, Cell(problem, seed, self.budget)) for seed in range(self.seeds)]
        return found


def solve_sweep(sweep: Sweep, out: Path, jobs: int = 1) -> list[Record]:
    """Run every solve that `out` does not hold yet; write and print the table; the failures.

    Each leaves its model and trace in a folder of `out`/cells that `kanpde.load` reads. After an
    interrupt there is the table of the finished ones, and the same call runs the rest. Raises
    KanpdeError for values that the problem does not take, before anything runs.
    """
    cells = sweep.cells()
    try:
        run_cells([cell for _, cell in cells], out / CELLS, jobs, _print_progress)
    finally:
        _write(sweep, cells, out)
    records = read_finished([cell for _, cell in cells], out / CELLS)
    return [r for r in records if r["status"] in ("crashed", "diverged")]


def _write(sweep: Sweep, cells: Sequence[tuple[dict[str, str], Cell]], out: Path) -> None:
    found = [(v, r) for v, cell in cells for r in read_finished([cell], out / CELLS)]
    if not found:
        return
    names = [span.name for span in sweep.spans]
    columns = ["seed", "status", "error", "estimate", "seconds", "steps", "parameters"]
    rows = [[*v.values(), *(r[c] for c in columns)] for v, r in found]

    def write(target: Path) -> None:
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*names, *columns])
            writer.writerows(rows)

    write_whole(out / TABLE, write)
    _print_table(names, found)
    print(f"table: {out / TABLE}")
    picture = plot_sweep(sweep.spans, found, out / PICTURE)
    if picture is not None:
        print(f"picture: {picture}")


def _print_table(names: Sequence[str], found: Sequence[tuple[dict[str, str], Record]]) -> None:
    head = [*names, "seed", "error", "estimate", "seconds", "ended"]
    lines = [head]
    for values, r in found:
        numbers = ["-" if r[k] is None else format(r[k], f) for k, f in _SHOWN]
        lines.append([*values.values(), str(r["seed"]), format_error(r), *numbers, r["status"]])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


_SHOWN = (("estimate", ".0e"), ("seconds", ".0f"))


def _print_progress(progress: Progress) -> None:
    record, count = progress.record, f"[{progress.done}/{progress.total}]"
    if record is None:
        return
    what = record["advice"] if record["status"] == "crashed" else f"error {format_error(record)}"
    if record["status"] != "crashed" and record["estimate"] is not None:
        what += f", estimated {record['estimate'] or math.nan:.0e}"
    print(f"{count} {progress.cell}: {record['status']}, {what}", flush=True)
