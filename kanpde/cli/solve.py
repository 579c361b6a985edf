"""What `kanpde solve` and `kanpde resume` do: a run folder and a live line around a solve."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kanpde.cli.checks import (
    check_budget,
    check_tolerance,
    choose_device,
    drop_missing,
    parse_counts,
    parse_settings,
    parse_subdomains,
    parse_times,
    split_names,
)
from kanpde.cli.ensemble import read_ensemble, resume_seeds, solve_seeds
from kanpde.cli.messages import Answer, say, show_word, warn
from kanpde.cli.options.solve import ResumeOptions, SolveOptions
from kanpde.cli.prepare import Prepared, check_bases, prepare, print_warnings
from kanpde.cli.ranked import name_device, run_ranked
from kanpde.cli.trust import require_trust
from kanpde.distributed.ranks import Ranks
from kanpde.errors import KanpdeError
from kanpde.files.locks import hold_folder
from kanpde.operator.plain import check_fields
from kanpde.output import results
from kanpde.output import run_folder as run
from kanpde.output.export.vtkhdf import FIELDS
from kanpde.output.fields import can_be_sampled, check_counts, check_names, check_times
from kanpde.output.history import joined
from kanpde.output.saver import Saver
from kanpde.output.summary import summary_text
from kanpde.problem.loading import ProblemFile, load_problem_file
from kanpde.problem.parameters import typical_values
from kanpde.problem.problem import Problem
from kanpde.problem.wellposed import find_uncovered
from kanpde.solution.grid_data import GRID_SIZES
from kanpde.solution.outcome import Status
from kanpde.solution.solution import Solution
from kanpde.symbolic.formulate import formulate
from kanpde.training.live import LiveLine
from kanpde.training.progress import describe_progress
from kanpde.training.session import Progress
from kanpde.training.solve import solve

# What `kanpde solve` and `kanpde resume` return; 130 is the usual code of an interrupt.
EXIT_CODES = {
    Status.CONVERGED: 0,
    Status.STALLED: 0,
    Status.BUDGET: 0,
    Status.INTERRUPTED: 130,
    Status.DIVERGED: 1,
}
# Where windows of time end before the final time: a script must not take that for an answer.
INCOMPLETE = 3
_SAVED_EVERY = 2.0  # seconds; a kill costs no more than this and a look
# Seconds of a budget that are kept for pictures, which take 1.8 to 3.5 s of one core, and for a
# point of the fields.
_PICTURES, _POINT = 3.0, 1.2e-5
# The part of a budget that the points of the fields may take, and how many there are in any case:
# all of a grid in two dimensions. The 1.7 million points of two space axes and time took 20 s,
# also after a training of 5 s.
_FIELDS, _FEWEST = 0.2, 70_000


@dataclass(frozen=True)
class RunConfig:
    """The options of a solve that its folder keeps for `resume`."""

    seed: int
    budget: float | None
    tolerance: float | None
    device: str
    # As on the command line; runs of earlier versions have none of them.
    resolution: str = ""
    times: str = ""
    subdomains: str = ""
    fields: str = ""

    @staticmethod
    def from_data(data: Mapping[str, Any], place: Path) -> RunConfig:
        """The options that a folder kept in the file `place`.

        Raises KanpdeError, naming the file and the option, for a value that cannot be used.
        """
        try:
            config = RunConfig(**data)
            check_fields(config)
            check_budget(config.budget)
            check_tolerance(config.tolerance)
            parse_counts(config.resolution)
            parse_times(config.times)
            parse_subdomains(config.subdomains)
            if not 0 <= config.seed < 2**32:
                raise KanpdeError(f"seed is {config.seed}, which is not from 0 to 2^32 - 1")
        except (KanpdeError, TypeError) as error:
            raise KanpdeError(f"{place} is damaged: {error}; correct it there") from error
        return config


def run_solve(options: SolveOptions) -> Answer:
    """Solve and fill a run folder, or one for each seed; the exit code and the summary."""
    if options.seeds > 1:
        return solve_seeds(options, run_solve)
    return run_ranked(lambda: choose_device(options.device), partial(_solve_new, options))


def _solve_new(options: SolveOptions, place: str | Ranks) -> Answer:
    check_budget(options.budget)
    check_tolerance(options.tolerance)
    config = RunConfig(
        options.seed, options.budget, options.tolerance, name_device(place), options.resolution,
        options.times, options.subdomains, options.fields,
    )  # fmt: skip
    file = load_problem_file(options.problem, parse_settings(options.settings))
    _check_grid(file.problem, config)
    with show_word(_describe_start(file.problem)):
        prepared = _prepare(file, config)
        check_bases(prepared)
    print_warnings(prepared)
    with run.new_run(options.out, file, asdict(config)) as folder:
        return _train(folder, prepared, config, place, None)


def _check_grid(problem: Problem, config: RunConfig) -> None:
    """Raise KanpdeError, before the training, for what cannot be written."""
    check_counts(problem, parse_counts(config.resolution))
    check_times(problem, parse_times(config.times))
    check_names(problem, split_names(config.fields))


def run_resume(options: ResumeOptions) -> Answer:
    """Continue from the best model of a run, or of each seed of an ensemble; as `run_solve`."""
    request = read_ensemble(options.folder)
    if request is not None:
        return resume_seeds(options, request, run_solve, run_resume)
    return run_ranked(
        lambda: choose_device(_read_options(options.folder).device), partial(_go_on, options)
    )


def _read_options(folder: Path) -> RunConfig:
    return RunConfig.from_data(run.read_config(folder)["options"], folder / run.CONFIG)


def _go_on(options: ResumeOptions, place: str | Ranks) -> Answer:
    check_budget(options.budget)
    check_tolerance(options.tolerance)
    folder = options.folder
    given = drop_missing(budget=options.budget, tolerance=options.tolerance)
    config = replace(_read_options(folder), device=name_device(place), **given)
    with hold_folder(folder):
        start = run.load_start(folder)
        require_trust(folder / run.PROBLEM, folder / run.CONFIG, trust=options.trust)
        prepared = _prepare(run.reopen(folder, start), config)
        print_warnings(prepared)
        return _train(folder, prepared, config, place, start)


def _prepare(file: ProblemFile, config: RunConfig) -> Prepared:
    cells = parse_subdomains(config.subdomains)
    return prepare(file, config.budget, config.tolerance, cells)


def _train(
    folder: Path,
    prepared: Prepared,
    config: RunConfig,
    place: str | Ranks,
    start: Solution | None,
) -> Answer:
    problem, name = prepared.file.problem, prepared.file.name
    keeper = _Keeper(folder, start)
    counts = GRID_SIZES.for_files(problem.box, _choose_points(prepared.plan.budget))
    counts |= parse_counts(config.resolution)
    saver = Saver(keeper.save, _SAVED_EVERY, _warn_of_disk)
    with LiveLine(sys.stdout) as live:
        live.begin(_describe_start(problem))

        def report(progress: Progress) -> None:
            live.show(describe_progress(progress, problem.reference), progress.stage)

        try:
            solution = solve(
                problem,
                replace(prepared.plan, reserve=_estimate_files(problem, counts)),
                seed=config.seed,
                device=place,
                report=report,
                save=saver,
                start=start,
            )
        except BaseException:
            with suppress(OSError):
                saver.flush()
            raise
        if solution.laws:
            live.show("looking for the laws as formulas", now=True)
            solution = formulate(solution)
        live.show("writing fields and pictures", now=True)
        solution = keeper.extend(solution)
        # An answer that may be one of many must say so where its error is read.
        notes = dict.fromkeys([*solution.notes, *find_uncovered(problem)])
        solution = replace(solution, notes=tuple(notes))
        wanted = results.Wanted(
            counts, tuple(split_names(config.fields)), times=parse_times(config.times)
        )
        tolerance = prepared.plan.tolerance
        summary = results.save_results(folder, solution, name, wanted, tolerance)
    say(summary_text(solution, name).removesuffix("\n"))
    if can_be_sampled(problem):
        parts = [folder / part for part, _ in results.slices(solution)]
        print(f"  look at {parts[0] / 'solution.png'}; open {parts[0] / FIELDS} in ParaView")
        if problem.domain.parameters:
            print(
                f"  other values: {', '.join(str(p) for p in parts[1:])}; "
                f"`kanpde export {folder} --at {parts[0].name}` writes any"
            )
        print(f"  a ParaView before 5.12 reads what `kanpde export {folder} --format vtu` writes")
    else:
        print("  no pictures or fields: they have at most three space dimensions")
    complete = solution.solved_until is None
    code = EXIT_CODES[solution.outcome.status] if complete else INCOMPLETE
    return Answer(code, {"folder": str(folder)} | summary)


def _describe_start(problem: Problem) -> str:
    count = len(problem.equations)
    return f"compiling {count} equation{'s' if count > 1 else ''} ..."


def _choose_points(budget: float) -> float:
    """How many points the fields may have, so that a short solve is not followed by long files."""
    return max(_FEWEST, _FIELDS * budget / _POINT)


def _estimate_files(problem: Problem, counts: Mapping[str, int]) -> float:
    """Seconds for what is written after the training."""
    if not can_be_sampled(problem):
        return 0.0
    each = _PICTURES + _POINT * math.prod(counts.values())
    return each * (len(typical_values(problem.domain)) if problem.domain.parameters else 1)


def _warn_of_disk(error: OSError) -> None:
    warn(f"the model cannot be saved now: {error}")


class _Keeper:
    """Writes checkpoints of a run, together with what was resumed."""

    def __init__(self, folder: Path, start: Solution | None) -> None:
        self._folder, self._start = folder, start
        self._rehearsed = start is not None

    def save(self, solution: Solution) -> None:
        """Write a checkpoint; the first one of a new run is read back."""
        write = results.checkpoint if self._rehearsed else results.first_checkpoint
        write(self._folder, self.extend(solution))
        self._rehearsed = True

    def extend(self, solution: Solution) -> Solution:
        """The solution with history and notes of the run that was resumed before its own."""
        if self._start is None:
            return solution
        notes = dict.fromkeys([*self._start.notes, *solution.notes])
        trace = joined(self._start.trace, solution.trace)
        return replace(solution, trace=trace, notes=tuple(notes))
