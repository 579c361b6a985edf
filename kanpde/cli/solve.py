"""What the commands do: files and terminal around solve."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kanpde.assembly.ansatz import Ansatz, build_ansatz
from kanpde.assembly.network_for import build_network
from kanpde.assembly.sampler import Sampler
from kanpde.cli.interrupt import terminable
from kanpde.cli.live import Ticker
from kanpde.errors import KanpdeError
from kanpde.output import results
from kanpde.output import run_folder as run
from kanpde.output.describe import describe
from kanpde.output.export.vtkhdf import FIELDS
from kanpde.output.fields import can_be_sampled
from kanpde.output.history import joined
from kanpde.output.summary import printable, summarize, summary_text
from kanpde.problem.library import shipped
from kanpde.problem.loading import ProblemFile, load_problem_file
from kanpde.problem.wellposed import find_uncovered
from kanpde.solution.measures import reference_values
from kanpde.solution.solution import Solution
from kanpde.training.plan import Plan, plan_of
from kanpde.training.solve import solve as train
from kanpde.training.stages.extend import Extend


def run_solve(
    name: str,
    settings: Mapping[str, str],
    out: Path | None,
    seed: int,
    budget: float | None,
    tolerance: float | None,
    device: str,
) -> int:
    """Solve and fill a run folder; the exit code."""
    options = {"seed": seed, "budget": budget, "tolerance": tolerance, "device": device}
    with terminable():
        _check_device(device)
        _check_numbers(budget, tolerance)
        file = load_problem_file(name, settings)
        plan = _plan(file, options)
        ansatz = build_ansatz(file.problem, enforce=plan.enforce)
        _check_bases(file, plan, ansatz)
        _warn(file, ansatz)
        with run.new_run(out, file, options) as folder:
            return _train(folder, file, plan, options, None)


def run_resume(folder: Path, budget: float | None, tolerance: float | None) -> int:
    """Go on from the best model of a run; the exit code."""
    with terminable():
        _check_numbers(budget, tolerance)
        file, options, start = run.reopen(folder)
        _check_device(options["device"])
        given = {"budget": budget, "tolerance": tolerance}
        options |= {k: v for k, v in given.items() if v is not None}
        plan = _plan(file, options)
        _warn(file, build_ansatz(file.problem, enforce=plan.enforce))
        return _train(folder, file, plan, options, start)


def _plan(file: ProblemFile, options: Mapping[str, Any]) -> Plan:
    plan = plan_of(file)
    chosen = {k: options[k] for k in ("budget", "tolerance") if options.get(k) is not None}
    return replace(plan, **chosen)


def _check_numbers(budget: float | None, tolerance: float | None) -> None:
    if budget is not None and not 0 < budget < math.inf:
        raise KanpdeError(f"--budget {budget:g}: give a positive number of seconds")
    if tolerance is not None and not 0 <= tolerance < math.inf:
        raise KanpdeError(f"--tolerance {tolerance:g}: give a relative error, such as 1e-4")


def _check_device(device: str) -> None:
    import torch

    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise KanpdeError(f"--device {device}: there is no such device; take cpu or cuda") from None
    if chosen.type not in ("cpu", "cuda"):
        raise KanpdeError(f"--device {device}: it cannot be used; take cpu or cuda")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if chosen.type == "cuda" and (chosen.index or 0) >= count:
        raise KanpdeError(
            f"--device {device}: there are {count} CUDA devices here; leave --device away for "
            "the CPU"
        )


def _check_bases(file: ProblemFile, plan: Plan, ansatz: Ansatz) -> None:
    """Raise KanpdeError for a basis that lacks a derivative which some equation needs."""
    jets = [s for e in ansatz.trained for s in e.jets]
    order = max((sum(s.index) for s in jets), default=0)
    grown = [s.basis for s in plan.stages if isinstance(s, Extend) and s.basis is not None]
    for basis in (plan.basis, *grown):
        try:
            basis.require(order)
        except KanpdeError as error:
            raise KanpdeError(f"{file.path}: plan(): {error}") from error


def _warn(file: ProblemFile, ansatz: Ansatz) -> None:
    for line in describe(file.problem, ansatz).warnings:
        print(f"warning: {line}", file=sys.stderr)


def _train(
    folder: Path,
    file: ProblemFile,
    plan: Plan,
    options: Mapping[str, Any],
    start: Solution | None,
) -> int:
    keeper = _Keeper(folder, start)
    try:
        with Ticker(sys.stdout, plan.budget, file.problem.reference) as ticker:
            solution = train(
                file.problem,
                plan,
                seed=int(options["seed"]),
                device=str(options["device"]),
                report=ticker,
                save=keeper,
                start=start,
            )
    except BaseException:
        with suppress(OSError):
            keeper.flush()
        raise
    solution = keeper.whole(solution)
    # An answer that may be one of many must say so where its error is read.
    notes = dict.fromkeys([*solution.notes, *find_uncovered(file.problem)])
    solution = replace(solution, notes=tuple(notes))
    results.save_results(folder, solution, file.name)
    print(summary_text(solution, file.name), end="")
    if can_be_sampled(file.problem):
        print(f"  look at {folder / 'solution.png'}; open {folder / FIELDS} in ParaView")
    else:
        print("  no pictures or fields: they have at most three space dimensions")
    return {"interrupted": 130, "diverged": 1}.get(solution.outcome.status, 0)


class _Keeper:
    """Saves the best solution so far: the first one at once, later ones every few seconds."""

    def __init__(self, folder: Path, start: Solution | None, interval: float = 2.0) -> None:
        self.folder, self.start, self.interval = folder, start, interval
        self._last: float | None = None
        self._waiting: Solution | None = None

    def __call__(self, solution: Solution) -> None:
        self._waiting = solution
        if self._last is None:
            self.flush(results.checkpoint if self.start else results.first_checkpoint)
        elif time.monotonic() - self._last >= self.interval:
            try:
                self.flush()
            except OSError as error:
                # A full disk may be mended while training goes on.
                self._last, self._waiting = time.monotonic(), solution
                print(f"warning: the model cannot be saved now: {error}", file=sys.stderr)

    def flush(self, save: Callable[[Path, Solution], None] = results.checkpoint) -> None:
        """Save what is not saved yet."""
        solution, self._waiting = self._waiting, None
        if solution is not None:
            save(self.folder, self.whole(solution))
            self._last = time.monotonic()

    def whole(self, solution: Solution) -> Solution:
        """The solution with the trace and the notes of what was resumed before its own."""
        if self.start is None:
            return solution
        notes = dict.fromkeys([*self.start.notes, *solution.notes])
        return replace(solution, trace=joined(self.start.trace, solution.trace), notes=tuple(notes))


def run_check(name: str, settings: Mapping[str, str], out: Path | None) -> None:
    """Print what was understood; with `out`, draw the points."""
    from kanpde.output.plot import plot_points

    file = load_problem_file(name, settings)
    if out is not None and out.exists() and not out.is_dir():
        raise KanpdeError(f"{out} is a file; --out names a folder for the picture")
    plan = plan_of(file)
    ansatz = build_ansatz(file.problem, enforce=plan.enforce)
    told = describe(file.problem, ansatz)
    parameters = ", ".join(f"{n} = {v}" for n, v in file.parameters.items())
    print(f"{file.name} ({file.path})" + (f" with {parameters}" if parameters else ""))
    for line in told.lines:
        print(line)
    _warn(file, ansatz)
    _check_bases(file, plan, ansatz)
    network = build_network(file.problem, plan.architecture, 0)
    print(f"network: {network.description}, {network.parameter_count} parameters")
    sampler = Sampler(file.problem, ansatz, plan.sampling, 0)
    sampler.check(network)
    reference_values(file.problem, file.problem.domain.interior.sample(64, 0).points)
    points = sampler.points_by_condition(network)
    print("points: " + ", ".join(f"{n} {len(p)}" for n, p in points.items()))
    if out is None:
        print("picture: none; --out FOLDER draws the points there")
        return
    path = out / "points.png"
    time_axis = file.problem.box.time
    plot_points(
        file.problem.box.intervals,
        points,
        path,
        told.warnings,
        None if time_axis is None else time_axis.name,
    )
    print(f"picture: {path}")


def run_export(folder: Path, kind: str) -> None:
    """Write a run's fields for other programs."""
    path, complete = results.export(folder, kind)
    print(f"wrote {path}")
    if not complete:
        print(
            "warning: errors against a reference are not in it; `kanpde resume` writes them when "
            "it ends",
            file=sys.stderr,
        )


def run_info(folder: Path, as_json: bool) -> None:
    """Print a run's summary, or what is known of an unfinished run."""
    name = run.read_config(folder)["problem"]
    path = folder / (run.SUMMARY if as_json else run.TEXT)
    if not path.is_file():
        solution = run.load(folder)
        summary = summarize(solution, name)
        text = json.dumps(summary, indent=2) + "\n" if as_json else summary_text(solution, name)
    else:
        text = path.read_text(encoding="utf-8")
        try:
            json.loads(text if as_json else "{}")
        except ValueError as error:
            raise KanpdeError(f"{path} is damaged ({error})") from error
    print(printable(text), end="")


def run_bench(
    problems: Sequence[str], seeds: int, budgets: Sequence[float], out: Path, jobs: int
) -> int:
    """Run a benchmark, or the rest of one; the exit code."""
    from kanpde.bench import measure

    for budget in budgets:
        _check_numbers(budget, None)
    if out.exists() and not out.is_dir():
        raise KanpdeError(f"{out} is a file; --out names a folder")
    with terminable():
        measure(problems or list(shipped()), seeds, budgets, out, jobs)
    return 0
