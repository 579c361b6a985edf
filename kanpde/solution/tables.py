"""Fields on a grid as an xarray Dataset or a pandas DataFrame, where these are installed."""

from __future__ import annotations

from typing import Any

import numpy as np

from kanpde.checks import require_module
from kanpde.solution.grid_data import GridData


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
    axes = tuple(grid.axes)
    for suffix, group in (("exact", grid.exact), ("error", grid.errors)):
        variables |= {f"{n}_{suffix}": (axes, v, _unit(units.get(n))) for n, v in group.items()}
    variables |= {f"residual_{n}": (axes, v, {}) for n, v in grid.residuals.items()}
    coordinates = {name: (name, at, _unit(units.get(name))) for name, at in grid.axes.items()}
    return xarray.Dataset(variables, coordinates, {"title": grid.title})


def to_dataframe(grid: GridData) -> Any:
    """A pandas.DataFrame with a row for each point: a column for each axis, then as `to_xarray`.

    Fields with components get a column for each, such as `v_0`. Raises KanpdeError where pandas
    is not installed.
    """
    pandas = require_module("pandas", "data")
    mesh = np.meshgrid(*grid.axes.values(), indexing="ij")
    columns = {name: at.ravel() for name, at in zip(grid.axes, mesh, strict=True)}
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


def _unit(unit: str | None) -> dict[str, str]:
    return {"units": unit} if unit else {}
