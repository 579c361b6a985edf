"""`table`: numbers from a file as a coefficient in equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.checks import read_reals, require_number, require_one_of, require_sequence
from kanpde.errors import KanpdeError
from kanpde.files.whole import find_beside
from kanpde.geometry.cells import Cells
from kanpde.geometry.meshes.reading import SUFFIXES, read_mesh_data
from kanpde.geometry.meshes.series import MeshSeries, holds_times, read_files, read_series
from kanpde.problem.tables.cells import CellTable, check_cells
from kanpde.problem.tables.grid import GridTable, check_grid
from kanpde.problem.tables.reading import arrange, read_arrays
from kanpde.problem.tables.series import SeriesTable, check_series
from kanpde.symbols.expression import Axis, Expression, FieldSymbol, symbolic
from kanpde.symbols.tabulated import TableLabel, TableValue, Tabulated

# Columns of these names are coordinates where no axes are given.
_USUAL = ("x", "y", "z", "t")
# Values at most: they stand in each checkpoint of a model.
_MOST = 5_000_000


@dataclass(frozen=True)
class _Naming:
    """What the axes and the values are called here and in the file, and factors of units.

    `fields` says which of the axes are no coordinates; an expression of fields is called "" until
    the file is read.
    """

    axes: tuple[str, ...]
    name: str
    columns: Mapping[str, str]
    scale: Mapping[str, float]
    fields: tuple[bool, ...] = ()

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
    source: str | Path | Mapping[str, Any] | Sequence[str | Path],
    *axes: Expression,
    name: str = "",
    columns: Mapping[str, str] | None = None,
    scale: Mapping[str, float] | None = None,
    degree: int = 3,
    times: Sequence[float] = (),
) -> Expression:
    """Numbers of a file as a coefficient: `k = table("k.csv", x, y)`, then `d(k * d(u, x), x)`.

    A table on a grid is read by splines, with `degree` derivatives along each axis. One at the
    nodes of a mesh is read by the shape functions of its cells and has a gradient in each cell;
    with a value in each cell it has no derivatives. What jumps between neighbours on a grid is
    read linearly, and has no derivatives either.

    Of fields it is a law: `table("k.csv", u)` inside of a residual. Beyond its ends it then goes
    on with its last value, and the summary says where the solution does.

    Args:
        source: a CSV file with a column for each axis and one of values, a row for each point of a
            grid; an HDF5 or .npz file with an array for each axis and one (n_0, .., n_k) of values;
            a mesh (.vtu, .msh, .xdmf, ...) with values at nodes or in cells, and such a mesh at
            several times (.pvd, a time series in .xdmf, or a list of files with their `times`); or
            the arrays by name, {"x": xs, "y": ys, "k": values}. A file is looked for beside the
            problem file.
        axes: what it depends on, in the order of the dimensions of the values; by default those of
            x, y, z, t that the file has. An expression of fields, such as d(u, x)**2, stands for
            the first column that is left.
        name: of the values; it may be left out where the file has no others.
        columns: what the file calls an axis or the values, where it has another name:
            {"x": "position", "k": "conductivity"}.
        scale: factors from the file's units to those of the problem, {"x": 1e-3}.
        degree: of the splines, 1, 3 or 5.
        times: of a list of mesh files, one for each.

    Raises:
        KanpdeError: the file cannot be read, lacks a column, or is not a whole grid.
    """
    for axis in axes:
        require_one_of("an axis of table(...)", axis, Expression, "`x` of `x, y = box.axes`")
    own, fields = _name_arguments(axes)
    naming = _Naming(own, name, columns or {}, scale or {}, fields)
    found = _read(source, naming, degree, times)
    at = [symbolic(a) for a in axes] or [sympy.Symbol(n, real=True) for n in found.axes]
    return Expression(TableValue(TableLabel(found, (0,) * len(at)), *at))


def _read(
    source: str | Path | Mapping[str, Any] | Sequence[str | Path],
    naming: _Naming,
    degree: int,
    times: Sequence[float],
) -> Tabulated:
    """The table of a source, checked."""
    if isinstance(source, Mapping):
        place = "table(...)"
        arrays = {str(n): read_reals(f"table(...): {n}", v) for n, v in source.items()}
        grid = _make_grid(place, arrays, naming, degree)
        check_grid(grid)
        return grid
    if not isinstance(source, (str, Path)):
        require_sequence("table(...)", source, '["k0.csv", "k1.csv"], or the path of a file')
        return _read_list([Path(p) for p in source], naming, degree, times)
    if len(times):
        raise KanpdeError(f"table({str(source)!r}, times=...): times belong to a list of files")
    given, path = Path(source), find_beside(source)
    beside: tuple[Path, ...] = ()
    if holds_times(path):
        series = read_series(path)
        found: Tabulated = _make_series(str(source), series, naming, degree)
        beside = series.files
    elif path.suffix.lower() in SUFFIXES:
        found = cells = _make_cells(str(source), path, naming)
        check_cells(cells)
    else:
        found = grid = _make_grid(str(source), read_arrays(path), naming, degree)
        check_grid(grid)
    others = tuple(p for p in beside if p != path)
    return replace(found, given=given, file=path, beside=others)


def _read_list(
    sources: Sequence[Path], naming: _Naming, degree: int, times: Sequence[float]
) -> Tabulated:
    """The table of a mesh file for each time."""
    if not sources:
        raise KanpdeError("table([]) has no files")
    place = f"table([{str(sources[0])!r}, ...])"
    for time in times:
        require_number(f"{place}: a time", time)
    paths = [find_beside(p) for p in sources]
    found = _make_series(place, read_files(paths, times, place), naming, degree)
    return replace(found, given=sources[0], file=paths[0], beside=tuple(paths[1:]))


def _name_arguments(axes: Sequence[Expression]) -> tuple[tuple[str, ...], tuple[bool, ...]]:
    """What they are called, "" for expressions, and which of them are no coordinates."""
    names = [
        str(a) if isinstance(a, Axis) or isinstance(symbolic(a), FieldSymbol) else "" for a in axes
    ]
    return tuple(names), tuple(not isinstance(a, Axis) for a in axes)


def _name_expressions(arrays: Mapping[str, Array], naming: _Naming) -> tuple[str, ...]:
    """The axes; those without a name have that of the first column that is left."""
    taken = {naming.in_file(n) for n in (*naming.axes, naming.name) if n}
    left = iter([n for n in arrays if n not in taken])
    return tuple(n or next(left, "") for n in naming.axes)


def _make_grid(place: str, arrays: Mapping[str, Array], naming: _Naming, degree: int) -> GridTable:
    axes = _name_expressions(arrays, naming)
    axes = axes or tuple(n for n in _USUAL if naming.in_file(n) in arrays)
    if not axes:
        raise KanpdeError(
            f"{place} has {', '.join(arrays) or 'nothing'}, and none of x, y, z, t; name the axes, "
            'table(path, x, y), and what the file calls them, columns={"x": "position"}; a law of '
            "a field is called inside of the residual, table(path, u)"
        )
    if "" in axes or ("" in naming.axes and len(arrays) <= len(axes)):
        raise KanpdeError(
            f"{place} has {', '.join(arrays)}, too few for {len(axes)} different arguments and the "
            "values"
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
    fields = tuple(a for a, is_field in zip(axes, naming.fields, strict=False) if is_field)
    return GridTable(name, axes, fields=fields, points=points, values=values, degree=degree)


def _make_cells(place: str, path: Path, naming: _Naming) -> CellTable:
    cells, nodal, whole = read_mesh_data(path)
    axes, name, column = _name_on_mesh(place, cells.names, (nodal, whole), naming)
    _require_few(place, len(cells.nodes))
    own = _scale_cells(cells, axes, naming)
    if column in nodal:
        return CellTable(name, axes, cells=own, nodal=naming.scaled(name, nodal[column]))
    values = {kind: naming.scaled(name, v) for kind, v in whole[column].items()}
    return CellTable(name, axes, cells=own, whole=values)


def _make_series(place: str, series: MeshSeries, naming: _Naming, degree: int) -> SeriesTable:
    held = series.nodal, series.whole
    axes, name, column = _name_on_mesh(place, (*series.cells.names, "t"), held, naming)
    _require_few(place, len(series.times) * len(series.cells.nodes))
    times = naming.scaled(axes[-1], series.times)
    own = _scale_cells(series.cells, axes[:-1], naming)
    nodal, whole = None, {}
    if column in series.nodal:
        nodal = naming.scaled(name, series.nodal[column])
    else:
        whole = {kind: naming.scaled(name, v) for kind, v in series.whole[column].items()}
    found = SeriesTable(name, axes, times=times, cells=own, nodal=nodal, whole=whole, degree=degree)
    check_series(found)
    return found


def _name_on_mesh(
    place: str,
    coordinates: tuple[str, ...],
    held: tuple[Mapping[str, Any], Mapping[str, Any]],
    naming: _Naming,
) -> tuple[tuple[str, ...], str, str]:
    """The axes of a table on a mesh, its name, and what the file calls the values."""
    if any(naming.fields):
        raise KanpdeError(f"{place} is a mesh, whose values depend on coordinates, not on fields")
    axes, (nodal, whole) = naming.axes or coordinates, held
    if len(axes) != len(coordinates):
        raise KanpdeError(
            f"{place} is a mesh with {', '.join(coordinates)}, and table(...) names the axes "
            f"{', '.join(axes)}"
        )
    if twice := sorted(set(nodal) & set(whole)):
        raise KanpdeError(f"{place} has {twice[0]} at its nodes and in its cells; rename one")
    column = _choose_values(place, [*nodal, *whole], naming)
    name = _check_name(naming.name or _own_name(column, naming), axes)
    naming.check((*axes, name))
    return axes, name, column


def _scale_cells(cells: Cells, axes: tuple[str, ...], naming: _Naming) -> Cells:
    factors = np.array([float(naming.scale.get(a, 1.0)) for a in axes])
    return replace(cells, names=axes, nodes=cells.nodes * factors)


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
