"""A box cut into cells that overlap, with smooth bumps that add up to one.

Along an axis with the edges e_0 < ... < e_m, cell k has the bump S((x - e_k) / h_k) - S((x -
e_{k+1}) / h_{k+1}): it is one inside of the cell, zero beyond it, and falls from one to the other
within h of its edges. S is the polynomial of degree 9 that steps from 0 to 1 with four continuous
derivatives. The bump of a cell of a box is the product of those of its axes (the partition of unity
of Melenk & Babuska, Comput. Methods Appl. Mech. Eng. 139, 1996; for networks FBPINNs, Moseley,
Markham & Nissen-Meyer, Adv. Comput. Math. 49, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.checks import require_whole
from kanpde.errors import KanpdeError
from kanpde.network.coordinates import Coordinates

# The number of continuous derivatives of a bump.
SMOOTHNESS = 4
# More cells than any solve can train.
MOST_CELLS = 2000


def _step_polynomials(order: int) -> list[list[float]]:
    """Coefficients of S and of its derivatives up to `order`, for t in [-1, 1]."""
    flat = np.polynomial.Polynomial([1.0, 0.0, -1.0]) ** SMOOTHNESS
    whole = flat.integ(lbnd=-1)
    whole = whole / whole(1.0)
    return [list(map(float, whole.deriv(m).coef if m else whole.coef)) for m in range(order + 1)]


_STEPS = _step_polynomials(SMOOTHNESS)


def _step(x: Tensor, edge: float, half: float, order: int) -> Tensor:
    """The order-th derivative along x of S((x - edge) / half)."""
    t = ((x - edge) / half).clamp(-1.0, 1.0)
    coefficients = _STEPS[order]
    value = torch.full_like(t, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        value = value.mul_(t).add_(c)
    # Rounding must not give a cell points beyond its reach.
    inside = (t > -1.0) if order == 0 else (t.abs() < 1.0)
    return value.mul_(inside.to(value)).div_(half**order)


@dataclass(frozen=True)
class AxisCover:
    """The cells of one axis: their edges (m + 1,), and h at each of them; zero at an end."""

    edges: tuple[float, ...]
    halves: tuple[float, ...]
    periodic: bool = False

    @staticmethod
    def even(
        low: float, high: float, count: int, overlap: float, *, logarithmic: bool, periodic: bool
    ) -> AxisCover:
        """Cells of one width, or of one ratio; they reach into their neighbours by `overlap` of it.

        A single cell is the whole axis.
        """
        places = np.geomspace if logarithmic else np.linspace
        edges = places(low, high, count + 1)
        edges[0], edges[-1] = low, high
        sizes = np.diff(edges)
        halves = np.zeros(count + 1)
        halves[1:-1] = overlap * np.minimum(sizes[1:], sizes[:-1])
        if periodic and count > 1:
            halves[0] = halves[-1] = overlap * sizes[0]
        return AxisCover(
            tuple(map(float, edges)), tuple(map(float, halves)), periodic and count > 1
        )

    @property
    def count(self) -> int:
        return len(self.edges) - 1

    def reach(self, cell: int) -> tuple[float, float]:
        """The ends of where a cell's bump is not zero; beyond the axis where that is periodic."""
        low = self.edges[cell] - self.halves[cell]
        return low, self.edges[cell + 1] + self.halves[cell + 1]

    def unwrap(self, x: Tensor, cell: int) -> Tensor:
        """x (N,), moved by a period to where it lies next to the cell."""
        if not self.periodic:
            return x
        period = self.edges[-1] - self.edges[0]
        middle = 0.5 * (self.edges[cell] + self.edges[cell + 1])
        return x - period * torch.round((x - middle) / period)

    def bump(self, x: Tensor, cell: int, order: int) -> Tensor:
        """The order-th derivative of a cell's bump at x, (N,)."""
        x = self.unwrap(x, cell)
        value = torch.ones_like(x) if order == 0 else torch.zeros_like(x)
        if self.halves[cell]:
            value = _step(x, self.edges[cell], self.halves[cell], order)
        if self.halves[cell + 1]:
            value = value - _step(x, self.edges[cell + 1], self.halves[cell + 1], order)
        return value


@dataclass(frozen=True)
class Cover:
    """The cells of a box: those of its axes, and which of their products there are.

    Cells of the enclosing box of a shape that hold none of its points are left out.
    """

    axes: tuple[AxisCover, ...]
    cells: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(coordinates: Coordinates, counts: Sequence[int], overlap: float) -> Cover:
        """Even cells of the box of some coordinates, `counts` along its axes.

        Raises KanpdeError for counts that do not fit the coordinates.
        """
        if len(counts) != coordinates.dimension:
            raise KanpdeError(
                f"subdomains are counted along {len(counts)} axes, and there are "
                f"{coordinates.dimension}"
            )
        for count in counts:
            require_whole("each number of subdomains", count, 1, MOST_CELLS)
        axes = tuple(
            AxisCover.even(
                coordinates.lower[k], coordinates.upper[k], count, overlap,
                logarithmic=coordinates.is_logarithmic(k), periodic=coordinates.periodic[k],
            )
            for k, count in enumerate(counts)
        )  # fmt: skip
        return Cover(axes, tuple(product(*map(range, counts))))

    @staticmethod
    def from_data(data: dict[str, Any]) -> Cover:
        """The cover of `to_data`."""
        axes = tuple(
            AxisCover(tuple(map(float, a["edges"])), tuple(map(float, a["halves"])), a["periodic"])
            for a in data["axes"]
        )
        cells = tuple(tuple(map(int, cell)) for cell in data["cells"])
        for axis in axes:
            if len(axis.halves) != len(axis.edges) or min(np.diff(axis.edges)) <= 0:
                raise KanpdeError("the edges of its subdomains do not increase")
        counts = [axis.count for axis in axes]
        if not cells or not all(
            len(cell) == len(axes) and all(0 <= c < n for c, n in zip(cell, counts, strict=True))
            for cell in cells
        ):
            raise KanpdeError("its subdomains are not cells of its axes")
        return Cover(axes, cells)

    def to_data(self) -> dict[str, Any]:
        """As JSON data."""
        axes = [
            {"edges": list(a.edges), "halves": list(a.halves), "periodic": a.periodic}
            for a in self.axes
        ]
        return {"axes": axes, "cells": [list(cell) for cell in self.cells]}

    def holding(self, points: Tensor) -> Cover:
        """Without the cells whose bumps are zero at all points (N, dimension)."""
        bumps = self.values(points)
        kept = tuple(c for c, b in zip(self.cells, bumps, strict=True) if bool((b > 0).any()))
        return Cover(self.axes, kept or self.cells[:1])

    def without(self, axis: int) -> Cover:
        """The cover of the other axes; raises KanpdeError where this one is cut."""
        if self.axes[axis].count > 1:
            raise KanpdeError("an axis that is cut into subdomains cannot be held at a value")
        cells = tuple(cell[:axis] + cell[axis + 1 :] for cell in self.cells)
        return Cover(self.axes[:axis] + self.axes[axis + 1 :], cells)

    def coordinates(self, cell: tuple[int, ...], whole: Coordinates) -> Coordinates:
        """The map from the reach of a cell to the inputs of its network."""
        reach = [axis.reach(k) for axis, k in zip(self.axes, cell, strict=True)]
        periodic = tuple(
            own and not axis.periodic for own, axis in zip(whole.periodic, self.axes, strict=True)
        )
        lower, upper = (tuple(ends) for ends in zip(*reach, strict=True))
        return Coordinates(lower, upper, periodic, whole.poles, whole.logarithmic)

    def unwrap(self, points: Tensor, cell: tuple[int, ...]) -> Tensor:
        """Points (N, dimension) next to a cell, across the seams of periodic axes."""
        if not any(axis.periodic for axis in self.axes):
            return points
        columns = zip(self.axes, cell, points.unbind(1), strict=True)
        return torch.stack([axis.unwrap(x, k) for axis, k, x in columns], 1)

    @property
    def width(self) -> int:
        """The number of bumps of all axes."""
        return sum(axis.count for axis in self.axes)

    def table(self, points: Tensor, order: int) -> Tensor:
        """The bumps of each axis at points (N, dimension), derived, (order + 1, width, N)."""
        rows = [
            torch.stack([axis.bump(x, k, m) for m in range(order + 1)])
            for axis, x in zip(self.axes, points.unbind(1), strict=True)
            for k in range(axis.count)
        ]
        return torch.stack(rows, 1)

    def rows(self, cell: tuple[int, ...]) -> list[int]:
        """The rows of `table` that belong to a cell, one for each axis."""
        first, rows = 0, []
        for axis, k in zip(self.axes, cell, strict=True):
            rows.append(first + k)
            first += axis.count
        return rows

    def values(self, points: Tensor) -> list[Tensor]:
        """The bump of each cell at points (N, dimension), (N,)."""
        bumps = [
            [axis.bump(x, k, 0) for k in range(axis.count)]
            for axis, x in zip(self.axes, points.unbind(1), strict=True)
        ]
        each = ([own[k] for own, k in zip(bumps, cell, strict=True)] for cell in self.cells)
        return [reduce(torch.mul, factors) for factors in each]
