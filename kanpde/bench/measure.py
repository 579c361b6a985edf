"""A benchmark from the names of its problems to its tables and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kanpde.bench.cell import Cell
from kanpde.bench.curves import all_curves
from kanpde.bench.picture import plot_curves
from kanpde.bench.running import Progress, read_finished, run_cells
from kanpde.bench.table import format_error, report_text, write_report

CELLS, PICTURE = "cells", "error_against_time.png"


def measure(
    problems: Sequence[str], seeds: int, budgets: Sequence[float], out: Path, jobs: int = 1
) -> None:
    """Run every cell that `out` does not hold yet; write and print the tables of all.

    `problems` are names or paths, with settings behind a colon; each is solved with the seeds 0,
    ..., `seeds` - 1 and each budget in seconds, `jobs` at a time. After an interrupt there are the
    tables of the finished cells. Raises KanpdeError for a problem that cannot be loaded, before
    anything runs.
    """
    cells = [Cell(p, s, float(b)) for p in problems for b in budgets for s in range(seeds)]
    try:
        run_cells(cells, out / CELLS, jobs, _print_progress)
    finally:
        _write_tables(cells, out)


def _write_tables(cells: Sequence[Cell], out: Path) -> None:
    records = read_finished(cells, out / CELLS)
    if not records:
        return
    curves = all_curves(records, out / CELLS)
    write_report(records, curves, out)
    print(report_text(records, curves), end="")
    if curves:
        print(f"picture: {plot_curves(curves, out / PICTURE)}")


def _print_progress(progress: Progress) -> None:
    record, count = progress.record, f"[{progress.done}/{progress.total}]"
    if record is None:
        outcome = "running"
    elif record["status"] == "crashed":
        outcome = f"crashed: {record['advice']}"
    else:
        outcome = f"{record['status']} after {record['seconds']:.0f} s"
        outcome += f", error {format_error(record)}"
    print(f"{count} {progress.cell}: {outcome}", flush=True)
