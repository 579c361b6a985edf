"""Which planes and times a picture shows."""

from __future__ import annotations

from itertools import combinations

from kanpde.output.plot.cell_plane import flat_plane, slice_plane
from kanpde.output.plot.grid_plane import grid_plane
from kanpde.output.plot.plane import Plane
from kanpde.solution.grid_data import GridData


def planes(grid: GridData) -> tuple[Plane, ...]:
    """What to show of grid with two or more axes.

    One space axis and time: the one plane, time across. Two space axes: the plane, at four
    times if there is time. Three and more: the three planes through the middle of the first
    three, at the last time.
    """
    times: tuple[int | None, ...] = shown_times(grid) or (None,)
    if grid.cells is not None:
        if len(grid.cells.space) == 2:
            return tuple(flat_plane(grid, i) for i in times)
        return tuple(slice_plane(grid, pair) for pair in combinations(grid.cells.space, 2))
    space = tuple(grid.space)
    if len(space) == 1:
        assert grid.time is not None
        return (grid_plane(grid, grid.time, space[0]),)
    if len(space) == 2:
        return tuple(grid_plane(grid, *space, moment=i) for i in times)
    return tuple(grid_plane(grid, *pair) for pair in combinations(space[:3], 2))


def plane_at(grid: GridData, moment: int) -> Plane:
    """The plane of two space axes at one time."""
    if grid.cells is not None:
        return flat_plane(grid, moment)
    across, up = grid.space
    return grid_plane(grid, across, up, moment=moment)


def shown_times(grid: GridData) -> tuple[int, ...]:
    """Up to four indices of times, from the first to the last; none without time."""
    if grid.times is None:
        return ()
    last = len(grid.times) - 1
    return tuple(sorted({round(last * part / 3) for part in range(4)}))
