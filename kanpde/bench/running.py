"""Runs the cells of a benchmark, several at a time, and keeps what is finished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from kanpde.bench.cell import Cell, Record, fingerprint, identity
from kanpde.bench.machine import allowed
from kanpde.errors import KanpdeError
from kanpde.files.whole import write_json

# A cell needs more time than its budget to load torch, compute its reference and end a step.
_GRACE = 300.0


@dataclass(frozen=True)
class Progress:
    """`record` is None when the cell begins; `done` of `total` cells are finished."""

    cell: Cell
    done: int
    total: int
    record: Record | None


def run_cells(
    cells: Sequence[Cell],
    folder: Path,
    jobs: int = 1,
    report: Callable[[Progress], None] = lambda _: None,
) -> list[Record]:
    """Run what `folder` does not hold yet; the records of all cells, in their order.

    The processors, or OMP_NUM_THREADS of them, are shared out among `jobs` processes. A cell
    whose process fails is a record with the status "crashed". An interrupt ends the running
    cells, whose work is lost, and keeps the finished ones. Raises KanpdeError for records of
    another problem file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    prints = {p: fingerprint(p) for p in dict.fromkeys(c.problem for c in cells)}
    found = {c: r for c in cells if (r := read_record(folder, c, prints[c.problem])) is not None}
    waiting = [c for c in dict.fromkeys(cells) if c not in found]
    total = len(waiting) + len(found)
    threads = max(1, allowed() // jobs)
    running: list[_Process] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_Process(waiting.pop(0), folder, threads))
                report(Progress(running[-1].cell, len(found), total, None))
            for process in [p for p in running if p.is_over()]:
                running.remove(process)
                found[process.cell] = record = process.record()
                process.end()
                report(Progress(process.cell, len(found), total, record))
            time.sleep(0.05)
    finally:
        for process in running:
            process.end()
    return [found[c] for c in cells]


def read_finished(cells: Iterable[Cell], folder: Path) -> list[Record]:
    """The records that exist, even those made from another problem file."""
    return [r for c in cells if (r := read_record(folder, c, None)) is not None]


def read_record(folder: Path, cell: Cell, expected: str | None) -> Record | None:
    """The record of a finished cell, or None; `expected` is the fingerprint that it must have.

    Raises KanpdeError for a file that is damaged, or made from another problem file.
    """
    path = folder / f"{cell.stem}.json"
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found = {k: record[k] for k in ("problem", "seed", "budget", "fingerprint")}
    except (ValueError, KeyError, TypeError) as error:
        raise KanpdeError(f"{path} is damaged ({error}); remove it to run its cell again") from None
    wanted = {"problem": cell.problem, "seed": cell.seed, "budget": cell.budget}
    if expected is not None:
        wanted["fingerprint"] = expected
    if any(found[k] != v for k, v in wanted.items()):
        raise KanpdeError(
            f"{path} was made from another problem file or other settings; take another folder "
            "with --out, or remove it to run its cell again"
        )
    return dict(record)


class _Process:
    """A cell that is being solved."""

    def __init__(self, cell: Cell, folder: Path, threads: int) -> None:
        self.cell, self.folder, self.threads = cell, folder, threads
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._deadline = time.monotonic() + 2 * cell.budget + _GRACE
        self._late = False
        # In a new session, so that Ctrl-C reaches only the parent, which decides.
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "kanpde.bench.cell",
                cell.problem, str(cell.seed), repr(cell.budget), str(folder),
            ],
            env=os.environ | dict.fromkeys(names, str(threads)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )  # fmt: skip

    def is_over(self) -> bool:
        """Whether it has ended; a process far over its budget is ended now."""
        if self._process.poll() is None and time.monotonic() > self._deadline:
            self._late = True
            self._process.kill()
            self._process.wait()
        return self._process.poll() is not None

    def end(self) -> None:
        """End the process, and wait until it is gone."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def record(self) -> Record:
        """The record that the process wrote, or one that says why there is none."""
        found = read_record(self.folder, self.cell, None)
        if found is not None:
            return found
        record = self._describe_crash()
        write_json(self.folder / f"{self.cell.stem}.json", record)
        return record

    def _describe_crash(self) -> Record:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        why = lines[-1] if lines else f"it ended with the code {self._process.returncode}"
        if self._late:
            why = "it was ended, far beyond its budget"
        nothing: dict[str, Any] = dict.fromkeys(
            ("error", "estimate", "parameters", "points", "steps", "seconds", "reference", "trace")
        )
        return {
            **identity(self.cell, self.threads),
            "status": "crashed",
            "advice": why,
            "errors": {},
        } | nothing
