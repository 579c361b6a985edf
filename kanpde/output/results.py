"""What a solve leaves in its run folder: checkpoints, fields, pictures, summary, exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.checks import read_path, require_one_of
from kanpde.errors import KanpdeError
from kanpde.files.whole import write_json, write_text
from kanpde.output.deploy import PROGRAMS, write_program
from kanpde.output.export import find_format
from kanpde.output.export.files import for_files
from kanpde.output.fields import (
    can_be_sampled,
    check_finite,
    check_times,
    read_fields,
    sample_fields,
    write_fields,
)
from kanpde.output.history import save_trace
from kanpde.output.on_points import OnPoints, write_on
from kanpde.output.run_folder import MODEL, SUMMARY, TEXT, TRACE, load, make_folder, writable
from kanpde.output.summary import summarize, summary_text
from kanpde.problem.parameters import middle_of, name_values, read_parameters, typical_values
from kanpde.solution.grid_data import GridData
from kanpde.solution.model_file import save_model
from kanpde.solution.solution import Solution

# The picture of errors against parameters.
PARAMETERS = "parameters.png"
# The laws as curves, and the values of each that are written.
LAWS, _LAW_VALUES = "laws.png", 201


def save(solution: Solution, folder: str | Path) -> Path:
    """Write a solution and everything that `kanpde solve` leaves of one into a new folder.

    `load` reads it back; it cannot be resumed, since a problem made in Python has no file.
    Returns the folder. Raises KanpdeError for a path that is a file, not empty or not writable.
    """
    require_one_of("save", solution, Solution, "a Solution, save(solution, folder)")
    path, _ = make_folder(read_path("save", folder), "")
    with writable(path):
        first_checkpoint(path, solution)
        save_results(path, solution, solution.problem.title or path.name)
    return path


def checkpoint(folder: Path, solution: Solution) -> None:
    """Save model and trace, and remove the summary of an earlier model."""
    save_model(solution, folder / MODEL)
    save_trace(folder / TRACE, solution.trace)
    for name in (SUMMARY, TEXT):
        (folder / name).unlink(missing_ok=True)


def first_checkpoint(folder: Path, solution: Solution) -> None:
    """As `checkpoint`; raises KanpdeError now for what would fail after the training.

    A model that cannot be read back, or whose fields cannot be written, is removed again.
    """
    checkpoint(folder, solution)
    try:
        _rehearse(folder, solution)
    except KanpdeError:
        for name in (MODEL, TRACE):
            (folder / name).unlink(missing_ok=True)
        raise


def _rehearse(folder: Path, solution: Solution) -> None:
    read = load(folder)
    for one, other in zip(solution.problem.equations, read.problem.equations, strict=True):
        if one.jets != other.jets:
            raise KanpdeError(
                f'condition "{one.condition}" cannot be saved: rename the field or axis whose '
                f"name reads as a derivative ({', '.join(map(str, one.jets))})"
            )
    if can_be_sampled(solution.problem):
        shown = solution.at_middle
        for_files(shown.samples(dict.fromkeys(shown.problem.box.names, 2)))


@dataclass(frozen=True)
class Wanted:
    """What files are to hold, and where an export goes; by default all, in the run's folder.

    `counts` are points along axes, by their names; `times` are the times instead of even ones;
    `fields` names the fields and vectors to keep.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    folder: Path | None = None
    # Values of parameters, a file for each.
    at: tuple[Mapping[str, float], ...] = ()
    times: tuple[float, ...] = ()


def save_results(
    folder: Path,
    solution: Solution,
    name: str,
    wanted: Wanted = Wanted(),
    tolerance: float | None = None,
) -> dict[str, Any]:
    """Write model, trace, fields, pictures and, last, the summary; the summary.

    `wanted` says which fields go into files and pictures, at which points and times; the
    `tolerance` of the training is drawn beside its errors.
    """
    checkpoint(folder, solution)
    try:
        if can_be_sampled(solution.problem):
            for part, at in slices(solution):
                (folder / part).mkdir(exist_ok=True)
                grid = sample_fields(at, wanted.counts, wanted.times)
                chosen = _choose_fields(grid, wanted.fields)
                write_fields(folder / part, chosen, None if wanted.fields else at.seconds)
                _draw(folder / part, grid, chosen)
            if solution.problem.domain.parameters:
                grid = sample_fields(solution.at_middle, wanted.counts, wanted.times)
                _draw(folder, grid, _choose_fields(grid, wanted.fields))
        _write_laws(folder, solution)
        _draw_parameters(folder, solution)
        _draw_convergence(folder, solution, tolerance)
    finally:
        summary = summarize(solution, name)
        text = summary_text(solution, name)
        write_text(folder / TEXT, text)
        write_json(folder / SUMMARY, summary)
    return summary


def slices(
    solution: Solution, chosen: Sequence[Mapping[str, float]] = ()
) -> list[tuple[str, Solution]]:
    """The solutions that are written, with their folders: itself, in the run folder.

    With parameters one for each of the `chosen` values, in folders such as "nu=0.01"; by default
    for the middle and both ends of each. Parameters that are not named have their middle.
    """
    domain = solution.problem.domain
    if not domain.parameters:
        return [("", solution)]
    middle = middle_of(domain)
    wanted = [{**middle, **read_parameters(domain, c)} for c in chosen] or typical_values(domain)
    return [(name_values(values), solution.at(**values)) for values in wanted]


def _write_laws(folder: Path, solution: Solution) -> None:
    """The laws as curves: a picture of those of one argument, and their values."""
    curves = [law for law in solution.laws.values() if len(law.ranges) == 1]
    if not curves:
        return
    from kanpde.output.plot import plot_laws

    plot_laws(curves, folder / LAWS)
    for law in curves:
        at = np.linspace(*law.ranges[0], _LAW_VALUES)
        columns = (at, law(at), law.deviations(at))
        lines = [f"{law.arguments[0]},{law.name},{law.name}_sd"]
        lines += [",".join(f"{v:.17g}" for v in row) for row in zip(*columns, strict=True)]
        write_text(folder / f"law_{law.name}.csv", "\n".join(lines) + "\n")


def _draw_parameters(folder: Path, solution: Solution) -> None:
    from kanpde.output.plot import plot_parameters

    if solution.errors_along or solution.estimates_along:
        plot_parameters(solution.errors_along, solution.estimates_along, folder / PARAMETERS)


def _draw(folder: Path, grid: GridData, chosen: GridData) -> None:
    """The chosen fields, and the residuals, which the chosen fields are without."""
    from kanpde.output.plot import plot_residual, plot_solution

    plot_solution(chosen, folder / "solution.png")
    plot_residual(grid, folder / "residual.png")


def _draw_convergence(folder: Path, solution: Solution, tolerance: float | None) -> None:
    from kanpde.output.plot import plot_convergence

    if len(solution.trace.get("step", ())) > 1:
        plot_convergence(solution.trace, folder / "convergence.png", tolerance)


def export(folder: Path, kind: str, wanted: Wanted = Wanted()) -> tuple[Path, bool]:
    """Write a run's fields in another format, or its solution as a program.

    Returns the file to open, and whether the errors against a reference are in it: they are
    where the solve had written its fields, but no code of the folder runs to find them anew.
    With parameters it is the first of `export_at`, which writes the others as well.

    Raises:
        KanpdeError: the format, an axis or a field is unknown, the folder is not a run, its fields
            file does not fit its model, or the model gives no finite numbers.
    """
    return export_at(folder, kind, wanted)[0]


def export_at(folder: Path, kind: str, wanted: Wanted = Wanted()) -> list[tuple[Path, bool]]:
    """As `export`, for each of some values of the parameters, in folders as `slices` names them.

    A program takes the parameters as inputs unless values are given.

    Raises:
        KanpdeError: as `export`, or a value is not one of a parameter.
    """
    if kind not in PROGRAMS:
        find_format(kind)
    found = []
    for part, each in _choose_parts(folder, wanted, whole=kind in PROGRAMS):
        target = _make_target(folder, wanted, part)
        found.append(_export(folder / part, each, kind, wanted, target))
    return found


def export_on(folder: Path, source: Path, wanted: Wanted = Wanted()) -> list[OnPoints]:
    """Write a run's fields at the nodes of a mesh, or at the points of a CSV file.

    With parameters one file for each of their values, as `export_at`.

    Raises:
        KanpdeError: the folder is not a run, or what `write_on` refuses.
    """
    found = []
    for part, each in _choose_parts(folder, wanted, whole=source.suffix == ".csv"):
        check_times(each.problem, wanted.times)
        target = _make_target(folder, wanted, part)
        found.append(write_on(each, source, target, wanted.fields, wanted.times))
    return found


def _choose_parts(folder: Path, wanted: Wanted, *, whole: bool) -> list[tuple[str, Solution]]:
    """The solutions of a run with their folders; the `whole` one takes parameters as inputs."""
    solution = load(folder)
    if wanted.at:
        read_parameters(solution.problem.domain, wanted.at[0])
    return [("", solution)] if whole and not wanted.at else slices(solution, wanted.at)


def _make_target(folder: Path, wanted: Wanted, part: str) -> Path:
    target = (wanted.folder or folder) / part
    with writable(target):
        target.mkdir(parents=True, exist_ok=True)
    return target


def _export(
    folder: Path, solution: Solution, kind: str, wanted: Wanted, target: Path
) -> tuple[Path, bool]:
    if kind in PROGRAMS:
        return write_program(solution, target, kind), True
    if not can_be_sampled(solution.problem):
        raise KanpdeError(
            f"{folder} has {len(solution.problem.box.space)} space dimensions, files hold three "
            "at most; take `kanpde.load` and points of your own"
        )
    anew = bool(wanted.counts or wanted.times)
    stored = None if anew else read_fields(folder, solution)
    grid = sample_fields(solution, wanted.counts, wanted.times) if stored is None else stored
    check_finite(grid, solution.problem, folder)
    chosen = _choose_fields(grid, wanted.fields)
    seconds = None if wanted.fields else solution.seconds
    return write_fields(target, chosen, seconds, kind), stored is not None


def _choose_fields(grid: GridData, names: Sequence[str]) -> GridData:
    """A grid with these fields and vectors alone, and what is known of their errors."""
    if not names:
        return grid
    if stray := [name for name in names if name not in (*grid.fields, *grid.vectors)]:
        raise KanpdeError(
            f"--fields {stray[0]}: the run has {', '.join((*grid.fields, *grid.vectors))}"
        )
    parts = [part for name in names for part in grid.vectors.get(name, (name,))]
    return grid.only(list(dict.fromkeys(parts)))
