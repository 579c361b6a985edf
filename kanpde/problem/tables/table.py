"""`table`: numbers from a file as a coefficient in equations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.checks import read_reals, require_number, require_one_of
from kanpde.errors import KanpdeError
from kanpde.files.whole import find_beside
from kanpde.geometry.meshes.reading import SUFFIXES, read_mesh_data
from kanpde.problem.tables.cells import CellTable, check_cells
from kanpde.problem.tables.grid import GridTable, check_grid
from kanpde.problem.tables.reading import arrange, read_arrays
from kanpde.symbols.expression import Axis, Expression
from kanpde.symbols.tabulated import TableLabel, TableValue, Tabulated

# Columns of these names are coordinates where no axes are given.
_USUAL = ("x", "y", "z", "t")
# Values at most: they stand in each checkpoint of a model.
_MOST = 5_000_000


@dataclass(frozen=True)
class _Naming:
    """What the axes and the values are called here and in the file, and factors of units."""

    axes: tuple[str, ...]
    name: str
    columns: Mapping[str, str]
    scale: Mapping[str, float]

    def in_file(self, own: str) -> str:
        return self.columns.get(own, own)

    def scaled(self, own: str, values: Array) -> Array:
        return np.asarray(values, float) * float(self.scale.get(own, 1.0))

    def check(self, known: tuple[str, ...]) -> None:
        for name, factor in self.scale.items():
            if name not in known:
                raise KanpdeError(f"table(..., scale) names {name}; there are {', '.join(known)}")
            require_number(f"table(...): the scale of {name}", factor)
            if factor == 0:
                raise KanpdeError(f"table(...): the scale of {name} is 0")


def table(
    source: str | Path | Mapping[str, Any],
    *axes: Axis,
    name: str = "",
    columns: Mapping[str, str] | None = None,
    scale: Mapping[str, float] | None = None,
    degree: int = 3,
) -> Expression:
    """Numbers of a file as a coefficient: `k = table("k.csv", x, y)`, then `d(k * d(u, x), x)`.

    A table on a grid is read by splines, with `degree` derivatives along each axis. One at the
    nodes of a mesh is read by the shape functions of its cells and has a gradient in each cell;
    with a value in each cell it has no derivatives. What jumps between neighbours on a grid is
    read linearly, and has no derivatives either.

    Args:
        source: a CSV file with a column for each axis and one of values, a row for each point of a
            grid; an HDF5 or .npz file with an array for each axis and one (n_0, .., n_k) of values;
            a mesh (.vtu, .msh, .xdmf, ...) with values at nodes or in cells; or the arrays by name,
            {"x": xs, "y": ys, "k": values}. A file is looked for beside the problem file.
        axes: what it depends on, in the order of the dimensions of the values; by default those of
            x, y, z, t that the file has.
        name: of the values; it may be left out where the file has no others.
        columns: what the file calls an axis or the values, where it has another name:
            {"x": "position", "k": "conductivity"}.
        scale: factors from the file's units to those of the problem, {"x": 1e-3}.
        degree: of the splines, 1, 3 or 5.

    Raises:
        KanpdeError: the file cannot be read, lacks a column, or is not a whole grid.
    """
    for axis in axes:
        require_one_of("an axis of table(...)", axis, Axis, "`x` of `x, y = box.axes`")
    naming = _Naming(tuple(a.name for a in axes), name, columns or {}, scale or {})
    if isinstance(source, Mapping):
        place = "table(...)"
        arrays = {str(n): read_reals(f"table(...): {n}", v) for n, v in source.items()}
        found: Tabulated = _make_grid(place, arrays, naming, degree)
    else:
        given, path = Path(source), find_beside(source)
        if path.suffix.lower() in SUFFIXES:
            found = _make_cells(str(source), path, naming)
        else:
            found = _make_grid(str(source), read_arrays(path), naming, degree)
        found = replace(found, given=given, file=path)
    if isinstance(found, GridTable):
        check_grid(found)
    elif isinstance(found, CellTable):
        check_cells(found)
    at = [sympy.Symbol(n, real=True) for n in found.axes]
    return Expression(TableValue(TableLabel(found, (0,) * len(at)), *at))


def _make_grid(place: str, arrays: Mapping[str, Array], naming: _Naming, degree: int) -> GridTable:
    axes = naming.axes or tuple(n for n in _USUAL if naming.in_file(n) in arrays)
    if not axes:
        raise KanpdeError(
            f"{place} has {', '.join(arrays) or 'nothing'}, and none of x, y, z, t; name the axes, "
            'table(path, x, y), and what the file calls them, columns={"x": "position"}'
        )
    for axis in axes:
        if naming.in_file(axis) not in arrays:
            raise KanpdeError(
                f"{place} has no {naming.in_file(axis)!r} for the axis {axis}; it has "
                f"{', '.join(arrays)}, and columns={{...}} says what it calls each"
            )
    rest = [n for n in arrays if n not in {naming.in_file(a) for a in axes}]
    column = _choose_values(place, rest, naming)
    name = _check_name(naming.name or _own_name(column, naming), axes)
    naming.check((*axes, name))
    points = {a: naming.scaled(a, arrays[naming.in_file(a)]) for a in axes}
    points, values = arrange(place, points, naming.scaled(name, arrays[column]))
    _require_few(place, values.size)
    return GridTable(name, axes, points=points, values=values, degree=degree)


def _make_cells(place: str, path: Path, naming: _Naming) -> CellTable:
    cells, nodal, whole = read_mesh_data(path)
    axes = naming.axes or cells.names
    if len(axes) != len(cells.names):
        raise KanpdeError(
            f"{place} is a mesh with {', '.join(cells.names)}, and table(...) names the axes "
            f"{', '.join(axes)}"
        )
    if twice := sorted(set(nodal) & set(whole)):
        raise KanpdeError(f"{place} has {twice[0]} at its nodes and in its cells; rename one")
    column = _choose_values(place, [*nodal, *whole], naming)
    name = _check_name(naming.name or _own_name(column, naming), axes)
    naming.check((*axes, name))
    _require_few(place, len(cells.nodes))
    factors = np.array([float(naming.scale.get(a, 1.0)) for a in axes])
    own = replace(cells, names=axes, nodes=cells.nodes * factors)
    if column in nodal:
        return CellTable(name, axes, cells=own, nodal=naming.scaled(name, nodal[column]))
    values = {kind: naming.scaled(name, v) for kind, v in whole[column].items()}
    return CellTable(name, axes, cells=own, whole=values)


def _choose_values(place: str, rest: list[str], naming: _Naming) -> str:
    """What the file calls the values."""
    wanted = naming.in_file(naming.name)
    if wanted in rest:
        return wanted
    if len(rest) == 1 and (not naming.name or naming.name not in naming.columns):
        return rest[0]
    there = ", ".join(rest) or "no values"
    raise KanpdeError(
        f"{place} has {there}"
        + (f", and not {wanted}" if naming.name else '; name="..." says which is meant')
    )


def _own_name(column: str, naming: _Naming) -> str:
    return next((own for own, theirs in naming.columns.items() if theirs == column), column)


def _check_name(name: str, axes: tuple[str, ...]) -> str:
    if not name.isidentifier() or name in axes:
        raise KanpdeError(
            f"the values of a table are called {name!r}, which cannot stand in an equation; "
            f'table(..., name="k", columns={{"k": {name!r}}}) gives another name'
        )
    return name


def _require_few(place: str, count: int) -> None:
    if count > _MOST:
        raise KanpdeError(
            f"{place} has {count} values, and a model holds {_MOST} of a table at most; take a "
            "coarser one"
        )
