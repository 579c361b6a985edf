"""The fields of a run as files: what is sampled, in which formats, and what is read back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from kanpde.errors import KanpdeError
from kanpde.output.export import FORMATS, find_format
from kanpde.output.export.vtkhdf import FIELDS, read_facts, read_vtkhdf
from kanpde.problem.problem import Problem
from kanpde.solution.grid_data import GRID_SIZES, GridData
from kanpde.solution.solution import Solution

# The number beside the fields that tells which model was sampled; files of some fields alone
# have a number of no model, so that an export does not take them for all.
_STAMP, _PARTIAL = "seconds_of_training", -1.0
# 0.4 GB a field; the arrays of a few fields and their residuals then fit into the memory.
_MOST_POINTS = 50_000_000


def can_be_sampled(problem: Problem) -> bool:
    """Whether its fields go into files: at most three space dimensions."""
    return len(problem.domain.space) <= 3


def sample_fields(
    solution: Solution,
    counts: Mapping[str, int] | None = None,
    times: Sequence[float] = (),
) -> GridData:
    """A solution on the grid of files and pictures.

    `counts` are the points along some axes, `times` the times instead of even ones.

    Raises:
        KanpdeError: the problem does not have one of these axes or times, or the points are too
            many.
    """
    check_times(solution.problem, times)
    check_counts(solution.problem, counts or {})
    sizes = GRID_SIZES.for_files(solution.problem.box) | dict(counts or {})
    if times and solution.problem.domain.time is not None:
        sizes[solution.problem.domain.time.name] = max(2, len(times))
    if math.prod(sizes.values()) > _MOST_POINTS:
        asked = ", ".join(f"{name}={count}" for name, count in sizes.items())
        raise KanpdeError(
            f"--resolution: {asked} are {math.prod(sizes.values()):.1e} points, and a file holds "
            f"{_MOST_POINTS:.0e} at most; take fewer along an axis"
        )
    return solution.samples(sizes, times or None)


def check_counts(problem: Problem, counts: Mapping[str, int]) -> None:
    """Raise KanpdeError for points along an axis that the problem does not have."""
    names = problem.domain.names
    if stray := [name for name in counts if name not in names]:
        raise KanpdeError(f"--resolution {stray[0]}: the axes are {', '.join(names)}")


def check_names(problem: Problem, names: Sequence[str]) -> None:
    """Raise KanpdeError for a name that is neither a field of the problem nor a vector."""
    known = (*problem.names, *problem.vectors)
    if stray := [name for name in names if name not in known]:
        raise KanpdeError(f"--fields {stray[0]}: the problem has {', '.join(known)}")


def check_times(problem: Problem, times: Sequence[float]) -> None:
    """Raise KanpdeError for times that do not increase or that the problem does not have."""
    axis = problem.domain.time
    if not times:
        return
    if axis is None:
        raise KanpdeError(
            f"--times: the problem has no time, only {', '.join(problem.domain.names)}"
        )
    if not all(a < b for a, b in pairwise(times)):
        raise KanpdeError("--times: the times must increase")
    for time in times:
        if not axis.lower <= time <= axis.upper:
            raise KanpdeError(
                f"--times {time:g}: {axis.name} goes from {axis.lower:g} to {axis.upper:g}"
            )
    if not problem.domain.space and len(times) < 2:
        raise KanpdeError("--times: without axes of space two times are needed at least")


def write_fields(
    folder: Path, grid: GridData, seconds: float | None, kind: str = FORMATS[0]
) -> Path:
    """Write fields into a folder in one of FORMATS; the file to open.

    `seconds` is the training time of the model that was sampled; None where only some of its
    fields are in the grid.

    Raises:
        KanpdeError: the format is unknown.
    """
    return find_format(kind).write(folder, grid, {_STAMP: _PARTIAL if seconds is None else seconds})


def read_fields(folder: Path, solution: Solution) -> GridData | None:
    """What the default file of a run holds, if it is of this solution.

    Raises:
        KanpdeError: the file says that it is of this solution, but its arrays are not.
    """
    path = folder / FIELDS
    try:
        if read_facts(path).get(_STAMP) != solution.seconds:
            return None
    except (OSError, RuntimeError, KeyError, ValueError):
        return None
    try:
        grid = read_vtkhdf(path)
        _check_fit(grid, solution.problem)
    except (OSError, RuntimeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise KanpdeError(
            f"{path} cannot be used ({error}); remove it to sample the model anew, without the "
            "errors against a reference"
        ) from error
    return grid


def check_finite(grid: GridData, problem: Problem, folder: Path) -> None:
    """Raise KanpdeError for an unknown of the problem that is nowhere a finite number."""
    for name in problem.unknowns:
        if not np.isfinite(grid.fields[name]).any():
            raise KanpdeError(
                f"the model in {folder} gives no finite number for {name}: it is damaged or its "
                "training diverged; solve the problem again with `kanpde solve`"
            )


def _check_fit(grid: GridData, problem: Problem) -> None:
    """Raise ValueError unless the grid covers the problem's domain and holds its fields."""
    spans = _spans(grid)
    if set(spans) != set(problem.domain.names):
        raise ValueError(f"its axes are {', '.join(spans)}, not {', '.join(problem.domain.names)}")
    for name, ends in problem.domain.intervals.items():
        held = spans[name]
        if grid.cells is not None and name in grid.cells.fixed:
            continue
        if name == grid.time and ends[0] <= held[0] <= held[1] <= ends[1]:
            continue  # times that were asked for
        # The outermost nodes of a curved boundary may stand beside its outermost points.
        slack = 1e-12 if grid.cells is None else 0.05 * (ends[1] - ends[0])
        if not all(math.isclose(a, b, abs_tol=slack) for a, b in zip(held, ends, strict=True)):
            raise ValueError(f"its axis {name} spans {held}, the problem's {ends}")
    lacking = [name for name in problem.names if name not in grid.fields]
    if lacking:
        raise ValueError(f"it lacks the field {lacking[0]}")


def _spans(grid: GridData) -> dict[str, tuple[float, float]]:
    """The lowest and the highest value of each coordinate."""
    found = {name: (float(values[0]), float(values[-1])) for name, values in grid.axes.items()}
    if grid.cells is not None:
        columns = zip(grid.cells.space, grid.cells.nodes.T, strict=True)
        found |= {name: (float(c.min()), float(c.max())) for name, c in columns}
        found |= {name: (value, value) for name, value in grid.cells.fixed.items()}
    return found
