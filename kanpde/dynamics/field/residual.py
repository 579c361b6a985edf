"""What the equation of a field leaves of its samples, place by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.field.equation import FieldEquation
from kanpde.dynamics.field.estimate import row_covariance
from kanpde.dynamics.field.samples import Grid, GridSamples
from kanpde.dynamics.field.snapshots import Snapshots


@dataclass(frozen=True)
class Residual:
    """Averages over bumps at times (A,) and positions: the derivative in time, and the equation's.

    `measured` and `explained` have the shape (A, Bx, ...); `deviation` is what the noise of the
    samples makes of their difference.
    """

    axes: tuple[Array, ...]
    measured: Array
    explained: Array
    deviation: Array


def measure_residuals(equations: Sequence[FieldEquation], data: Snapshots) -> list[Residual]:
    """The residual of each equation of the same fields."""
    notation = equations[0].notation
    raw = [data.spread(name) if name not in data.fields else data.fields[name]
           for name in notation.fields]  # fmt: skip
    exact = [k for k, name in enumerate(notation.fields) if name not in data.fields]
    grid = Grid.of(notation, data.rows, raw, exact=exact)
    return [_measure(each, grid) for each in equations]


def _measure(equation: FieldEquation, grid: Grid) -> Residual:
    samples = GridSamples(grid, equation.own, equation.order, {})
    bumps = samples.bumps(samples.widths, max(2, equation.order_in_space))
    values = equation.values_by_term()
    measured = samples.right(bumps)
    explained = np.zeros_like(measured)
    for term, c in values.items():
        explained = explained + c * grid.integrate(bumps, term, raw=True)
    spread = np.sqrt(np.diagonal(row_covariance(samples, bumps, values, measured)))
    weight = np.prod([table[0][0].sum() for table in bumps.tables])
    axes = tuple(
        row[[int(np.argmax(bump)) for bump in table[0]]]
        for row, table in zip(grid.axes, bumps.tables, strict=True)
    )
    shape = bumps.shape
    measured, explained, spread = (
        np.asarray(each / weight).reshape(shape) for each in (measured, explained, spread)
    )
    return Residual(axes, measured, explained, spread)
