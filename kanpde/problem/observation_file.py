"""Measurements from files: tables with a column for each axis and each quantity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.checks import require_number
from kanpde.errors import KanpdeError
from kanpde.files.tables import Columns, read_columns
from kanpde.files.whole import find_beside
from kanpde.geometry.domain import Domain
from kanpde.geometry.points import Points
from kanpde.problem.conditions.observation import Observation, observe

# The column of standard deviations, where none are given.
_SIGMA = "sigma"


def read_observation(
    name: str,
    path: str | Path,
    domain: Domain,
    *,
    columns: Mapping[str, str] | None = None,
    scale: Mapping[str, float] | None = None,
    sigma: Any = None,
    robust: bool = False,
) -> Observation:
    """Measurements of a CSV or HDF5 file: `read_observation("sensors", "sensors.csv", box)`.

    The file has a column for each axis of the domain and for each measured field, in any order;
    lines with gaps are left out. It is looked for beside the problem file.

    Args:
        name: how messages and files call them.
        path: the file, as `kanpde discover` reads it.
        domain: the domain of the problem.
        columns: what the file calls an axis, a field or `sigma`, where it has another name:
            {"x": "position", "u": "temperature"}. Columns that are not named are left out then.
        scale: factors from the file's units to those of the problem, {"x": 1e-3}.
        sigma: the standard deviation, as `observe` takes it; by default the column `sigma`, if
            there is one.
        robust: as `observe` takes it.

    Raises:
        KanpdeError: the file cannot be read, lacks a column, or has points outside of the domain.
    """
    given, found = Path(path), find_beside(path)
    table = _choose_columns(path, read_columns(found), domain, columns or {})
    for column, factor in (scale or {}).items():
        if column not in table:
            raise KanpdeError(f"{path}: scale names {column}, and there are {', '.join(table)}")
        require_number(f"{path}: the scale of {column}", factor)
        if factor == 0:
            raise KanpdeError(f"{path}: the scale of {column} is 0; give the factor of its unit")
        table[column] = factor * table[column]
    if len({len(values) for values in table.values()}) > 1:
        lengths = ", ".join(f"{n} {len(v)}" for n, v in table.items())
        raise KanpdeError(f"{path}: its columns are of different lengths: {lengths}")
    whole = np.logical_and.reduce([np.isfinite(v) for v in table.values()])
    if not whole.any():
        raise KanpdeError(f"{path}: no line has a number in each of {', '.join(table)}")
    table = {n: values[whole] for n, values in table.items()}
    stated = table.pop(_SIGMA, None)
    points = _place(path, domain, {axis: table.pop(axis) for axis in domain.names})
    noise = stated if sigma is None else sigma
    read = observe(name, points, 1.0, sigma=noise, robust=robust, **table)
    return replace(read, files={given: found})


def _place(path: str | Path, domain: Domain, coordinates: Columns) -> Points:
    """The points of the domain; raises KanpdeError for one outside."""
    stacked = np.stack([coordinates[axis] for axis in domain.names], 1)
    outside = np.flatnonzero(np.logical_not(domain.contains(stacked)))
    if len(outside):
        where = ", ".join(
            f"{n} = {v:g}" for n, v in zip(domain.names, stacked[outside[0]], strict=True)
        )
        raise KanpdeError(
            f"{path}: {len(outside)} of its {len(stacked)} points lie outside of the domain, the "
            f"first at {where}; where its units are others, scale={{...}} has factors"
        )
    return Points(domain, stacked)


def _choose_columns(
    path: str | Path, table: Columns, domain: Domain, columns: Mapping[str, str]
) -> Columns:
    """The columns by the names of the problem: axes, fields, sigma."""
    named = {axis: columns.get(axis, axis) for axis in domain.names}
    if set(columns) <= set(domain.names):
        rest = [n for n in table if n not in named.values()]
        named |= {n: n for n in rest}
    else:
        named |= columns
    for own, theirs in named.items():
        if theirs not in table:
            what = "axis" if own in domain.names else "column"
            raise KanpdeError(
                f"{path} has no column {theirs!r} for the {what} {own}; it has {', '.join(table)}, "
                "and columns={...} says what it calls each"
            )
    if not set(named) - set(domain.names) - {_SIGMA}:
        raise KanpdeError(f"{path} has columns for the axes alone, and none of readings")
    return {own: table[theirs] for own, theirs in named.items()}
