"""How VTK lays out a uniform grid: three axes, the first one fastest, vectors of three; and cells.

Each function takes a grid that `for_files` has made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.solution.grid_data import GridData

SQUARE = ((0, 0), (1, 0), (1, 1), (0, 1))
# meshio's name of a cell, and its corners in VTK's order in steps along (x, y, z).
CELLS: dict[int, tuple[str, tuple[tuple[int, ...], ...]]] = {
    1: ("line", ((0,), (1,))),
    2: ("quad", SQUARE),
    3: ("hexahedron", tuple((*xy, z) for z in (0, 1) for xy in SQUARE)),
}


def image_shape(grid: GridData) -> tuple[int, int, int]:
    """Number of points along x, y and z; 1 along an axis that the grid does not have."""
    nx, ny, nz = (*grid.shape, 1, 1)[:3]
    return nx, ny, nz


def image_geometry(grid: GridData) -> tuple[Array, Array]:
    """Origin (3,) and spacing (3,) of the image; 0 and 1 along an axis it does not have."""
    origin, spacing = np.zeros(3), np.ones(3)
    for i, axis in enumerate(grid.space.values()):
        origin[i] = axis[0]
        spacing[i] = (axis[-1] - axis[0]) / (len(axis) - 1)
    return origin, spacing


def vtk_order(grid: GridData, ndim: int) -> list[int]:
    """The order of the dimensions of a field of `ndim` dimensions in VTK's layout.

    The space axes are reversed; (T, n_0, .., n_k, c) becomes (T, n_k, .., n_0, c).
    """
    first = 0 if grid.times is None else 1
    last = first + len(grid.space)
    return [*range(first), *reversed(range(first, last)), *range(last, ndim)]


def to_vtk_order(grid: GridData, values: Array) -> Array:
    """A view of a field's values in VTK's layout."""
    return values.transpose(vtk_order(grid, values.ndim))


def point_data(grid: GridData) -> Iterator[tuple[str, Array]]:
    """Each field and then each vector, as (name, array in VTK's order).

    Two components are padded to three: readers take two for a pair of unrelated numbers.
    """
    for name, values in grid.fields.items():
        ordered = to_vtk_order(grid, values)
        yield name, _padded(ordered) if grid.components(name) == (2,) else ordered
    for name, parts in grid.vectors.items():
        scalars = [to_vtk_order(grid, grid.fields[part]) for part in parts]
        yield name, _padded(np.stack(scalars, axis=-1))


def time_steps(grid: GridData) -> Iterator[tuple[dict[str, Array], Array | None]]:
    """For each time, or once: the point data and the holes, without a dimension of time."""
    data, hidden = dict(point_data(grid)), holes(grid)
    if grid.times is None:
        yield data, hidden
        return
    for i in range(len(grid.times)):
        now = {name: values[i] for name, values in data.items()}
        yield now, None if hidden is None else hidden[i]


def holes(grid: GridData) -> Array | None:
    """Where no field has a value: bool in VTK's order, (T, n_k, .., n_0), or None.

    A point counts when each component of each field of floating type is NaN there.
    """
    real = [values for values in grid.fields.values() if values.dtype.kind == "f"]
    void = np.full(grid.sampled, bool(real))
    for values in real:
        void &= np.isnan(values).reshape(*grid.sampled, -1).all(axis=-1)
    return to_vtk_order(grid, void) if void.any() else None


@dataclass(frozen=True, eq=False)
class CellBlock:
    """Cells of one kind, by meshio's name, with the numbers of their nodes (M, nodes of a cell).

    `boundary` is the number of their part of the boundary, from 1, and 0 inside; `material` (M,)
    that of the region of each cell, from 1, and 0 where it is not known or on the boundary.
    """

    kind: str
    corners: Array
    boundary: int
    material: Array


def blocks(grid: GridData) -> list[CellBlock]:
    """The cells of a grid, and behind them the facets of the parts of its boundary."""
    if grid.cells is None:
        kind, corners = _grid_cells(grid)
        return [CellBlock(kind, corners, 0, np.zeros(len(corners), np.int64))]
    found = []
    for kind, corners in grid.cells.cells.items():
        regions = grid.cells.materials.get(kind)
        number = np.zeros(len(corners), np.int64) if regions is None else regions + 1
        found.append(CellBlock(kind, corners, 0, number))
    for k, facets in enumerate(grid.cells.parts.values()):
        for kind, corners in facets.items():
            found.append(CellBlock(kind, corners, k + 1, np.zeros(len(corners), np.int64)))
    return [block for block in found if len(block.corners)]


def _grid_cells(grid: GridData) -> tuple[str, Array]:
    """meshio's name of the cell and the corners of each, shape (cells, 2, 4 or 8)."""
    kind, corners = CELLS[len(grid.space)]
    number = np.arange(prod(grid.shape)).reshape(grid.shape[::-1])
    ends = [
        number[tuple(slice(s, n - 1 + s) for s, n in zip(corner, grid.shape, strict=True))[::-1]]
        for corner in corners
    ]
    return kind, np.stack([end.ravel() for end in ends], axis=-1)


def points(grid: GridData) -> Array:
    """(points, 3), the first axis fastest; 0 along an axis that the grid does not have."""
    if grid.cells is not None:
        return _padded(grid.cells.nodes)
    mesh = np.meshgrid(*grid.space.values(), indexing="ij")
    located = np.zeros((prod(grid.shape), 3))
    for i, values in enumerate(mesh):
        located[:, i] = values.ravel(order="F")
    return located


def _padded(values: Array) -> Array:
    """(.., c) to (.., 3), zeros behind."""
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, 3 - values.shape[-1])])
