"""One cell of a benchmark: a problem, a seed and a budget, solved in a separate process.

`python -m kanpde.bench.cell` is that process: a crash or a lack of memory loses one cell only, and
the number of threads can be set before torch is loaded.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import re
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kanpde.bench.machine import commit, machine
from kanpde.errors import KanpdeError
from kanpde.files.whole import finite_or_none

Record = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """`problem` is a name or a path, with settings behind a colon: "kdv:dispersion=0.03"."""

    problem: str
    seed: int
    budget: float

    @property
    def stem(self) -> str:
        """The name of its files, without suffix."""
        plain = re.sub(r"[^\w=.,+-]+", "-", self.problem).strip("-")
        return f"{plain}_{self.budget:g}s_seed{self.seed}"

    def __str__(self) -> str:
        return f"{self.problem}, seed {self.seed}, {self.budget:g} s"


def parse_problem(text: str) -> tuple[str, dict[str, str]]:
    """ "cavity:reynolds=400,b=2" as a name and its settings; raises KanpdeError for others."""
    name, colon, tail = text.rpartition(":")
    if not colon or "=" not in tail:
        return text, {}
    settings = {}
    for pair in tail.split(","):
        key, equals, value = pair.partition("=")
        if not (equals and key.strip() and value.strip()):
            raise KanpdeError(f"{text}: write settings as NAME:PARAMETER=VALUE,PARAMETER=VALUE")
        settings[key.strip()] = value.strip()
    return name, settings


def fingerprint(problem: str) -> str:
    """A digest of the problem's file and settings, by which cells of another problem are refused.

    Raises KanpdeError for a problem that cannot be loaded.
    """
    from kanpde.problem.loading import load_problem_file

    name, settings = parse_problem(problem)
    file = load_problem_file(name, settings)
    text = file.path.read_text(encoding="utf-8") + repr(sorted(file.parameters.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def solve_cell(cell: Cell, trace_path: Path) -> Record:
    """Solve with the default plan, or the file's own; write trace and model, return the record.

    The model is in a folder of the trace's name, which `kanpde.load` reads.
    """
    from kanpde.output.history import save_trace
    from kanpde.output.results import checkpoint
    from kanpde.problem.loading import load_problem_file
    from kanpde.solution.outcome import Status
    from kanpde.training.plan import plan_of
    from kanpde.training.solve import solve

    name, settings = parse_problem(cell.problem)
    file = load_problem_file(name, settings)
    plan = replace(plan_of(file), budget=cell.budget)
    started, cpu = time.perf_counter(), time.process_time()
    solution = solve(file.problem, plan, seed=cell.seed)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    if solution.outcome.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    save_trace(trace_path, solution.trace)
    checkpoint(trace_path.with_suffix(""), solution)
    reference = file.problem.reference
    errors = solution.errors
    return {
        **identity(cell),
        "plan": "the file's" if file.plan else "default",
        "status": solution.outcome.status,
        "advice": solution.outcome.advice,
        "error": worst([e.rel_l2 for e in errors.values()]),
        "errors": {
            n: {"rel_l2": finite_or_none(e.rel_l2), "max": finite_or_none(e.max)}
            for n, e in errors.items()
        },
        "reference": reference and {"method": reference.method, "error": reference.error},
        "estimate": finite_or_none(solution.estimate),
        "parameters": solution.parameters,
        "points": _points(solution, plan),
        "steps": solution.steps,
        "seconds": round(solution.seconds, 3),
        "wall_seconds": round(wall, 3),
        "cpu_seconds": round(cpu, 3),
        "notes": list(solution.notes),
        "trace": trace_path.name,
    }


def identity(cell: Cell, threads: int | None = None) -> Record:
    """The part of a record that names the cell, the machine and the versions."""
    return {
        "problem": cell.problem,
        "seed": cell.seed,
        "budget": cell.budget,
        "fingerprint": fingerprint(cell.problem),
        "machine": machine() | ({"threads": threads} if threads else {}),
        **commit(),
    }


def worst(errors: list[float]) -> float | None:
    """The largest error of the fields; None if there is none, or one is not finite."""
    return finite_or_none(max(errors)) if errors and all(map(math.isfinite, errors)) else None


def _points(solution: Any, plan: Any) -> int:
    """The collocation points of a step, of all conditions, for the last network."""
    from kanpde.assembly.sampler import Sampler

    sampler = Sampler(solution.problem, solution.ansatz, plan.sampling, solution.seed)
    return sum(len(p) for p in sampler.points_by_condition(solution.network).values())


def main(arguments: list[str]) -> None:
    """Solve the cell that the arguments name, and write its two files into their folder."""
    from kanpde.files.whole import write_json

    parser = argparse.ArgumentParser(prog="python -m kanpde.bench.cell")
    parser.add_argument("problem")
    parser.add_argument("seed", type=int)
    parser.add_argument("budget", type=float)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args(arguments)
    cell = Cell(given.problem, given.seed, given.budget)
    record = solve_cell(cell, given.folder / f"{cell.stem}.csv")
    write_json(given.folder / f"{cell.stem}.json", record)


if __name__ == "__main__":
    main(sys.argv[1:])
