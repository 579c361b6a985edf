"""What any file of fields can hold: its arrays in one order, and names that every reader takes."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import replace

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.solution.grid_data import COMPONENT, POINT, GridData

BOUNDARY, MATERIAL = "boundary", "material"  # cell data: the numbers of parts
HIDDEN = "vtkGhostType"  # VTK's own array, which marks what it must not draw

# An axis may stray from even spacing by this part of a cell: float32 coordinates do.
EVEN = 1e-3


def for_files(grid: GridData) -> GridData:
    """The grid as writers take it: time first, errors, deviations and residuals among the fields.

    Time alone becomes the axis of a line. An error or a residual whose name is taken gets a
    number behind it. A grid that was made so is given back as it is.

    Raises:
        KanpdeError: (a ValueError) an axis, a name or a vector that files cannot hold.
    """
    grid = grid.with_time_first()
    fields = dict(grid.fields)
    more = {f"error_{_plain(n)}": v for n, v in grid.errors.items()}
    more |= {f"{_plain(n)}_sd": v for n, v in grid.deviations.items()}
    more |= {f"residual_{_plain(n)}": v for n, v in grid.residuals.items()}
    for label, values in more.items():
        taken = {*grid.axes, *grid.coordinates, *fields, *grid.vectors}
        fields[_free_name(label, taken)] = values
    grid = replace(
        grid,
        fields=fields,
        time=grid.time if grid.coordinates else None,
        exact={},
        errors={},
        residuals={},
        deviations={},
    )
    _check_axes(grid)
    for name in (*grid.axes, *grid.coordinates, *grid.fields, *grid.vectors):
        _check_name(name)
    for name, parts in grid.vectors.items():
        if not 1 <= len(parts) <= 3:
            raise KanpdeError(f"vector {name!r} has {len(parts)} components; 1 to 3 can be drawn")
    return grid


def check_file_name(name: str) -> None:
    """Raise KanpdeError unless `name` is plain enough for a file and a reference in XML."""
    if not re.fullmatch(r"\w[\w.+=-]*", name):
        raise KanpdeError(
            f"{name!r} cannot begin the name of a file: take letters, digits and any of _.+=- "
            "(a folder goes into the first argument)"
        )


def _plain(label: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in label).strip("_")


def _free_name(name: str, taken: Container[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _check_axes(grid: GridData) -> None:
    if not 1 <= len(grid.coordinates) <= 3:
        raise KanpdeError(f"a file of fields has 1 to 3 space axes, not {len(grid.coordinates)}")
    for name, points in grid.space.items():
        if len(points) < 2:
            raise KanpdeError(f"axis {name!r} has one point: leave the axis out of the grid")
        if not is_even(points):
            raise KanpdeError(f"axis {name!r} is not uniform: sample it with equal spacing")


def is_even(points: Array) -> bool:
    """Whether coordinates (n,) are equally spaced."""
    even = np.linspace(points[0], points[-1], len(points))
    return bool(np.abs(points - even).max() <= EVEN * (even[1] - even[0]))


def _check_name(name: str) -> None:
    # "/" and "." are paths inside an HDF5 file.
    taken = (".", "..", COMPONENT, POINT, HIDDEN)
    if name in taken or "/" in name or not name.strip() or not name.isprintable():
        raise KanpdeError(
            f"{name!r} cannot name an axis, a field or a vector: take a printable name "
            f'without "/", and none of {", ".join(taken)}'
        )
