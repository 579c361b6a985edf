"""Tensor products of uniform B-splines: small functions that are polynomials on each element.

On each element they are known exactly, so that a Taylor model of them has no tail worth naming.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import comb, factorial, prod
from typing import Any

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.bounds.field_models import Boxes, boxes_between
from kanpde.bounds.monomials import UNIT, UP, Monomials
from kanpde.bounds.taylor_model import TaylorModel

# Second derivatives are off by the sixth power of the size of an element: with quintic ones 64 x 64
# elements left 8e-9 of a residual where these leave 5e-10.
DEGREE = 7


@dataclass(frozen=True)
class SplineSpace:
    """Splines on a box that is cut into `elements` along each axis."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    elements: tuple[int, ...]
    periodic: tuple[bool, ...]

    @property
    def dimension(self) -> int:
        return len(self.elements)

    @property
    def widths(self) -> Array:
        """The size of an element along each axis."""
        return np.asarray((np.array(self.upper) - np.array(self.lower)) / np.array(self.elements))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many functions there are along each axis."""
        return tuple(
            m if closed else m + DEGREE
            for m, closed in zip(self.elements, self.periodic, strict=True)
        )

    @property
    def count(self) -> int:
        """How many functions there are."""
        return prod(self.shape)

    @property
    def halved(self) -> SplineSpace:
        """The space with twice as many elements along each axis."""
        return replace(self, elements=tuple(2 * m for m in self.elements))

    def functions_of(self, elements: AnyArray, axis: int) -> AnyArray:
        """The functions (N, DEGREE + 1) that are not zero on elements (N,) of an axis."""
        found = elements[:, None] + np.arange(DEGREE + 1)
        return found % self.elements[axis] if self.periodic[axis] else found

    @property
    def edges(self) -> list[Array]:
        """The ends of the elements along each axis."""
        lines = zip(self.lower, self.upper, self.elements, strict=True)
        return [np.linspace(a, b, m + 1) for a, b, m in lines]

    def refine(self, edges: Sequence[Array]) -> list[Array]:
        """Edges of intervals, and between their ends those of the elements."""
        out = []
        for own, given in zip(self.edges, edges, strict=True):
            near = 1e-9 * (given[-1] - given[0])
            inside = own[(own > given[0] + near) & (own < given[-1] - near)]
            far = np.abs(inside[:, None] - given[None]).min(1, initial=np.inf) > near
            out.append(np.sort(np.concatenate([given, inside[far]])))
        return out

    def cells(self) -> Boxes:
        """All elements, as boxes."""
        return boxes_between(self.edges)


@dataclass(frozen=True)
class Spline:
    """A function of a SplineSpace: coefficients of the space's shape."""

    space: SplineSpace
    coefficients: Array

    def model(self, monomials: Monomials, boxes: Boxes, index: Sequence[int]) -> TaylorModel:
        """A partial derivative on boxes, each inside of one element."""
        space, d = self.space, self.space.dimension
        factors, spreads, rows = [], [], []
        for axis in range(d):
            factor, spread, functions = self._along(boxes, axis, index[axis])
            factors.append(factor)
            spreads.append(spread)
            rows.append(functions)
        picks = tuple(r.reshape(len(boxes), *_spread(k, d)) for k, r in enumerate(rows))
        values = self.coefficients[picks]
        full = _contract(values, factors)
        sizes = [np.abs(f) + s for f, s in zip(factors, spreads, strict=True)]
        missed = (DEGREE + 3) ** d * UNIT * _contract(np.abs(values), sizes)
        for axis in range(d):
            own = [spreads[k] if k == axis else sizes[k] for k in range(d)]
            missed += _contract(np.abs(values), own)
        scale = float(np.prod(space.widths ** -np.array(index, float)))
        return _collect(monomials, full * scale, missed * scale * (1 + 8 * UNIT))

    def model_on(
        self, points: Sequence[TaylorModel], elements: Sequence[AnyArray], index: Sequence[int]
    ) -> TaylorModel:
        """A derivative of the polynomials of elements (N,) by axis, at points that are models."""
        space, d = self.space, self.space.dimension
        picks = tuple(
            space.functions_of(e, k).reshape(len(e), *_spread(k, d)) for k, e in enumerate(elements)
        )
        values = self.coefficients[picks]
        tables = [np.broadcast_to(_pieces(n), (len(values), *_pieces(n).shape)) for n in index]
        full = _contract(values, tables)
        missed = (DEGREE + 3) ** d * UNIT * _contract(np.abs(values), [np.abs(t) for t in tables])
        scale = float(np.prod(space.widths ** -np.array(index, float)))
        powers = [self._powers(points[k], elements[k], k) for k in range(d)]
        error = missed * scale * (1 + 8 * UNIT) + 4 * UNIT * np.abs(full * scale)
        return _evaluate(full * scale, error, powers)

    def _powers(self, point: TaylorModel, element: AnyArray, axis: int) -> list[TaylorModel]:
        """The powers 0 ... DEGREE of the local coordinate of an element."""
        space, monomials = self.space, point.space
        width = float(space.widths[axis])
        edge = space.lower[axis] + element * width
        # The place is rounded relative to the whole axis.
        moved = 8 * UNIT * (np.abs(edge) + width * (space.elements[axis] + 1))
        local = point + TaylorModel.constant(monomials, -edge, moved)
        local = local.scaled(1 / width, 2 * UNIT / width)
        out = [TaylorModel.constant(monomials, np.ones(len(element))), local]
        for _ in range(DEGREE - 1):
            out.append(out[-1] * local)
        return out

    def values(self, points: Array) -> Array:
        """Values (N,) at points (N, d)."""
        out = None
        for axis in range(self.space.dimension):
            space = self.space
            place = (points[:, axis] - space.lower[axis]) / space.widths[axis]
            element = np.clip(np.floor(place).astype(int), 0, space.elements[axis] - 1)
            powers = (place - element)[:, None] ** np.arange(DEGREE + 1)
            own, functions = powers @ _pieces(0).T, space.functions_of(element, axis)
            if out is None:
                out, at = own, functions
            else:
                out = (out[:, :, None] * own[:, None]).reshape(len(points), -1)
                at = (at[:, :, None] * space.shape[axis] + functions[:, None]).reshape(
                    len(points), -1
                )
        assert out is not None
        return np.asarray((out * self.coefficients.ravel()[at]).sum(1))

    def _along(self, boxes: Boxes, axis: int, order: int) -> tuple[Array, Array, AnyArray]:
        """Local coefficients (N, functions, powers) of one axis, their errors, the functions."""
        space = self.space
        width = space.widths[axis]
        place = (boxes.centres[:, axis] - space.lower[axis]) / width
        element = np.clip(np.floor(place).astype(int), 0, space.elements[axis] - 1)
        half = boxes.halves[:, axis] / width
        local = place - element
        table = _pieces(order)
        out = np.zeros((len(boxes), DEGREE + 1, DEGREE + 1))
        bound = np.zeros_like(out)
        for j in range(DEGREE + 1):
            for k in range(j, DEGREE + 1):
                ways = comb(k, j) * half**j
                out[:, :, j] += (ways * local ** (k - j))[:, None] * table[:, k]
                bound[:, :, j] += ways[:, None] * np.abs(table[:, k])
        # The place is rounded relative to the whole axis.
        moved = 8 * UNIT * (space.elements[axis] + 1)
        error = ((DEGREE + 8) * UNIT + DEGREE * moved) * bound
        return out, error, space.functions_of(element, axis)


def _spread(axis: int, dimension: int) -> tuple[int, ...]:
    return tuple(-1 if k == axis else 1 for k in range(dimension))


def _contract(values: Array, factors: Sequence[Array]) -> Array:
    """Sum over functions of values (N, r, ..) times factors (N, r, powers): (N, powers, ..)."""
    out = values
    for axis, factor in enumerate(factors):
        moved = np.moveaxis(out, axis + 1, -1)
        shape = moved.shape
        flat = moved.reshape(shape[0], -1, shape[-1]) @ factor
        out = np.moveaxis(flat.reshape(*shape[:-1], factor.shape[2]), -1, axis + 1)
    return out


def _evaluate(full: Array, errors: Array, powers: Sequence[Sequence[TaylorModel]]) -> TaylorModel:
    """Polynomials with coefficients (N, powers, ...) at powers of models, the last axis first."""
    if len(powers) > 1:
        inner = [
            _evaluate(full[:, k], errors[:, k], powers[1:]) * powers[0][k]
            for k in range(DEGREE + 1)
        ]
        out = inner[0]
        for each in inner[1:]:
            out = out + each
        return out
    (own,) = powers
    space = own[0].space
    coefficients = np.zeros((space.count, len(full)))
    radii = np.zeros((space.degree + 2, len(full)))
    for k, each in enumerate(own):
        coefficients += full[:, k] * each.coefficients
        radii += (np.abs(full[:, k]) + errors[:, k]) * each.radii
        rounding = errors[:, k] + (DEGREE + 4) * UNIT * np.abs(full[:, k])
        radii[:-1] += rounding * each.graded
    return TaylorModel(space, coefficients, UP * radii)


def _collect(space: Monomials, full: Array, errors: Array) -> TaylorModel:
    """Models from coefficients (N, powers, ...) of each axis and their errors."""
    count = len(full)
    coefficients = np.zeros((space.count, count))
    radii = np.zeros((space.degree + 2, count))
    for powers in product(range(DEGREE + 1), repeat=space.dimension):
        at: Any = (slice(None), *powers)
        row = space.position.get(powers)
        if row is None:
            radii[-1] += np.abs(full[at]) + errors[at]
        else:
            coefficients[row] = full[at]
            radii[sum(powers)] += errors[at]
    return TaylorModel(space, coefficients, UP * radii)


@lru_cache(maxsize=8)
def _pieces(order: int) -> Array:
    """The functions that are not zero on an element as polynomials of its local coordinate.

    (functions, powers), for the derivative of this order by the local coordinate in [0, 1].
    """
    rows = []
    for r in range(DEGREE + 1):
        shift = DEGREE - r  # the cardinal spline's piece on [shift, shift + 1]
        row = [Fraction(0)] * (DEGREE + 1)
        for k in range(shift + 1):
            sign = Fraction((-1) ** k * comb(DEGREE + 1, k), factorial(DEGREE))
            for j in range(DEGREE + 1):
                row[j] += sign * comb(DEGREE, j) * Fraction(shift - k) ** (DEGREE - j)
        for _ in range(order):
            row = [(j + 1) * v for j, v in enumerate(row[1:])] + [Fraction(0)]
        rows.append([float(v) for v in row])
    return np.array(rows)


@dataclass(frozen=True)
class Nodes:
    """Points (N, d) on all elements, weights (N,), and values of functions there."""

    space: SplineSpace
    points: Array
    weights: Array
    columns: AnyArray
    _values: tuple[tuple[Array, ...], ...]

    def select(self, kept: AnyArray) -> Nodes:
        """Some of them, (N,), bool."""
        values = tuple(tuple(v[kept] for v in axis) for axis in self._values)
        points, weights = self.points[kept], self.weights[kept]
        return Nodes(self.space, points, weights, self.columns[kept], values)

    def values(self, index: Sequence[int]) -> Array:
        """A derivative of the functions that are not zero at each point, (N, functions)."""
        out = self._values[0][index[0]]
        for axis in range(1, self.space.dimension):
            own = self._values[axis][index[axis]]
            out = (out[:, :, None] * own[:, None]).reshape(len(out), -1)
        return out


def place_nodes(space: SplineSpace, count: int, orders: int, fixed: dict[int, float]) -> Nodes:
    """`count` points along each axis of each element, its ends included.

    Axes in `fixed` have one value.

    Without points on the faces, outermost functions were found that are large between the points:
    a residual was 1e-6 there and 3e-8 at Gauss points.
    """
    lines = [_line(space, axis, count, orders, fixed.get(axis)) for axis in range(space.dimension)]
    index = np.meshgrid(*(np.arange(len(line[0])) for line in lines), indexing="ij")
    flat = [i.ravel() for i in index]
    points = np.stack([line[0][i] for line, i in zip(lines, flat, strict=True)], 1)
    weights = np.prod([line[1][i] for line, i in zip(lines, flat, strict=True)], axis=0)
    columns = lines[0][2][flat[0]]
    for axis in range(1, space.dimension):
        columns = _combine(columns, lines[axis][2][flat[axis]], space.shape[axis])
    values = tuple(tuple(v[i] for v in line[3]) for line, i in zip(lines, flat, strict=True))
    return Nodes(space, points, weights, columns, values)


def scatter_nodes(space: SplineSpace, points: Array, weights: Array, orders: int) -> Nodes:
    """Given points (N, d), such as those of a curve, with their weights (N,)."""
    columns, values = None, []
    for axis in range(space.dimension):
        width = float(space.widths[axis])
        place = (points[:, axis] - space.lower[axis]) / width
        at = np.clip(np.floor(place).astype(int), 0, space.elements[axis] - 1)
        powers = (place - at)[:, None] ** np.arange(DEGREE + 1)
        values.append(tuple(powers @ _pieces(n).T / width**n for n in range(orders + 1)))
        own = space.functions_of(at, axis)
        columns = own if columns is None else _combine(columns, own, space.shape[axis])
    assert columns is not None
    return Nodes(space, points, weights, columns, tuple(values))


def _combine(columns: AnyArray, own: AnyArray, count: int) -> AnyArray:
    return (columns[:, :, None] * count + own[:, None]).reshape(len(columns), -1)


def _line(
    space: SplineSpace, axis: int, count: int, orders: int, fixed: float | None
) -> tuple[Array, Array, AnyArray, list[Array]]:
    """Points, weights, functions and derivatives of functions along one axis."""
    width, elements = float(space.widths[axis]), space.elements[axis]
    nodes = (1 - np.cos(np.pi * np.arange(count) / (count - 1))) / 2
    weights = np.full(count, 1 / count)
    each = np.arange(elements)
    if fixed is not None:
        place = (fixed - space.lower[axis]) / width
        each = np.array([min(max(int(place), 0), elements - 1)])
        nodes, weights = np.array([place - each[0]]), np.array([1 / width])
    at = np.repeat(each, len(nodes))
    local = np.tile(nodes, len(each))
    powers = local[:, None] ** np.arange(DEGREE + 1)
    values = [powers @ _pieces(n).T / width**n for n in range(orders + 1)]
    points = space.lower[axis] + (at + local) * width
    return points, np.tile(weights, len(each)) * width, space.functions_of(at, axis), values
