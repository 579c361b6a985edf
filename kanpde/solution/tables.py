"""Fields on a grid as an xarray Dataset or a pandas DataFrame, where these are installed."""

from __future__ import annotations

from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.checks import require_module
from kanpde.solution.grid_data import POINT, GridData


def to_xarray(grid: GridData) -> Any:
    """An xarray.Dataset with the axes as coordinates and units as attributes.

    Holds each field, `u_exact` and `u_error` where a reference is known, and `residual_` of each
    equation. Raises KanpdeError where xarray is not installed.
    """
    xarray = require_module("xarray", "data")
    units = grid.units
    variables = {
        name: (grid.dims(name), values, _unit(units.get(name)))
        for name, values in grid.fields.items()
    }
    axes = tuple(grid.axes) if grid.cells is None else (*grid.axes, POINT)
    for suffix, group in (("exact", grid.exact), ("error", grid.errors)):
        variables |= {f"{n}_{suffix}": (axes, v, _unit(units.get(n))) for n, v in group.items()}
    variables |= {f"residual_{n}": (axes, v, {}) for n, v in grid.residuals.items()}
    coordinates = {name: (name, at, _unit(units.get(name))) for name, at in grid.axes.items()}
    if grid.cells is not None:
        places = zip(grid.cells.space, grid.cells.nodes.T, strict=True)
        coordinates |= {name: (POINT, at, _unit(units.get(name))) for name, at in places}
    return xarray.Dataset(variables, coordinates, {"title": grid.title})


def to_dataframe(grid: GridData) -> Any:
    """A pandas.DataFrame with a row for each point: a column for each axis, then as `to_xarray`.

    Fields with components get a column for each, such as `v_0`. Raises KanpdeError where pandas
    is not installed.
    """
    pandas = require_module("pandas", "data")
    columns = _places(grid)
    for name, values in grid.fields.items():
        if grid.components(name):
            parts = values.reshape(-1, values.shape[-1])
            columns |= {f"{name}_{k}": part for k, part in enumerate(parts.T)}
        else:
            columns[name] = values.ravel()
    columns |= {f"{n}_exact": v.ravel() for n, v in grid.exact.items()}
    columns |= {f"{n}_error": v.ravel() for n, v in grid.errors.items()}
    columns |= {f"residual_{n}": v.ravel() for n, v in grid.residuals.items()}
    return pandas.DataFrame(columns)


def _places(grid: GridData) -> dict[str, Array]:
    """The coordinates of every value, by name."""
    if grid.cells is None:
        mesh = np.meshgrid(*grid.axes.values(), indexing="ij")
        return {name: at.ravel() for name, at in zip(grid.axes, mesh, strict=True)}
    times = [None] if grid.times is None else grid.times
    nodes = np.tile(grid.cells.nodes, (len(times), 1))
    places = dict(zip(grid.cells.space, nodes.T, strict=True))
    if grid.time is not None and grid.times is not None:
        places[grid.time] = np.repeat(grid.times, len(grid.cells.nodes))
    return places


def _unit(unit: str | None) -> dict[str, str]:
    return {"units": unit} if unit else {}
