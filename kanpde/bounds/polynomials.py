"""Barriers where derivatives are given on a boundary: polynomials, found by linear programming.

A function w >= 0 with L w >= 1 inside and dw/dn + b w >= 1 where derivatives are given is above
every e with |L e| <= 1, |de/dn + b e| <= 1 and e = 0 elsewhere, and so is w above -e (Protter &
Weinberger, Maximum Principles in Differential Equations, 1984, chapter 2, theorems 7 to 10). The
program finds one with a small maximum, in floating-point numbers; then its inequalities are proven.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import sympy
from scipy.optimize import linprog

from kanpde.arrays import Array
from kanpde.assembly.lift import evaluate_at
from kanpde.bounds.comparison import Comparison, Type
from kanpde.bounds.cover import Cover, find_cover
from kanpde.bounds.expressions import Evaluation
from kanpde.bounds.faces import find_patches
from kanpde.bounds.field_models import Boxes, boxes_between
from kanpde.bounds.laws import Law, NotCovered
from kanpde.bounds.monomials import Monomials, monomials
from kanpde.bounds.places import BoxPlace, FacePlace, Place
from kanpde.bounds.ranges import find_range
from kanpde.symbols.expression import FieldSymbol, NormalSymbol, exact_number


@dataclass(frozen=True)
class PolynomialPolicy:
    """How a barrier is looked for."""

    # The total degree for one, two and three axes of space.
    degrees: tuple[int, ...] = (8, 10, 6)
    # Points along each axis, and on the boundary, at which the inequalities are asked for.
    points: tuple[int, ...] = (200, 36, 13)
    boundary: int = 600
    # By how much more they are asked for there than is proven.
    margin: float = 0.02
    # Parts of each axis for the proof, and how often those that fail are halved.
    parts: tuple[int, ...] = (64, 32, 12)
    halvings: int = 4
    # Of the linear program: one without an answer took over 20 s of a processor on a disc.
    seconds: float = 60.0


POLYNOMIAL_POLICY = PolynomialPolicy()
# Boxes that are evaluated at once.
_CHUNK = 512
# SciPy's status of a linear program whose time ended.
_AT_LIMIT = 1


@dataclass(frozen=True)
class SlopeBarrier:
    """0 <= w <= `largest`, L w >= -`sink` and dw/dn + b w >= 1; for elliptic equations L w >= 1."""

    largest: float
    sink: float
    method: str


def find_slope_barrier(
    comparison: Comparison, policy: PolynomialPolicy = POLYNOMIAL_POLICY
) -> SlopeBarrier:
    """The barrier of a problem with derivatives on its boundary; raises NotCovered without one."""
    laws = comparison.setting.slopes
    is_elliptic = comparison.type is Type.ELLIPTIC
    least = min(law.share for law in laws)
    if not is_elliptic and least > 0:
        return SlopeBarrier(1 / least * (1 + 1e-14), 0.0, "constant")
    search = _Search(comparison, policy)
    polynomial = search.solve()
    largest, inside, outside = search.prove(polynomial)
    # Scaled so that both inequalities hold.
    scale = 1 / outside if outside > 0 else math.inf
    sink = 0.0 if is_elliptic else max(-inside, 0.0)
    if is_elliptic:
        scale = max(scale, 1 / inside if inside > 0 else math.inf)
    if not (math.isfinite(scale) and math.isfinite(largest) and math.isfinite(sink)):
        raise NotCovered("no barrier was proven for the derivatives on the boundary")
    scale *= 1 + 1e-13
    return SlopeBarrier(largest * scale, sink * scale, "computed polynomial")


class _Search:
    """The linear program, and the proof of what it finds."""

    def __init__(self, comparison: Comparison, policy: PolynomialPolicy) -> None:
        setting = comparison.setting
        self.comparison, self.policy = comparison, policy
        self.setting, self.domain = setting, setting.problem.domain
        self.space = [a for a in self.domain.axes if a in setting.space]
        if any(setting.is_closed(a) for a in self.space):
            raise NotCovered("barriers for derivatives on the boundary are not periodic")
        self.elliptic = comparison.type is Type.ELLIPTIC
        self.cover: Cover = find_cover(self.domain)
        self.functions = self._functions(policy.degrees[len(self.space) - 1])
        self.operator = [self._apply(f) for f in self.functions]
        # L w >= -sink is asked for, of an equation in time.
        self.sink = 0.0

    def _functions(self, degree: int) -> list[Any]:
        """Chebyshev polynomials of the axes of space, on the box around the domain."""
        found = []
        for powers in product(range(degree + 1), repeat=len(self.space)):
            if sum(powers) <= degree:
                term: Any = sympy.Integer(1)
                for axis, n in zip(self.space, powers, strict=True):
                    low, high = exact_number(axis.lower), exact_number(axis.upper)
                    place = (2 * axis.sympy - low - high) / (high - low)
                    term *= sympy.chebyshevt(n, place)
                found.append(term)
        return found

    def _apply(self, function: Any) -> Any:
        """L of a function; without the reaction for equations with a derivative in time."""
        setting, total = self.setting, sympy.Integer(0)
        symbols = self.domain.symbols
        for jet in setting.equation.jets:
            if not any(jet.index) and not self.elliptic:
                continue
            slope = self.comparison.sign * setting.equation.expression.diff(jet)
            if slope.atoms(FieldSymbol):
                raise NotCovered(
                    "derivatives on the boundary are covered for linear equations only"
                )
            image = function
            for symbol, n in zip(symbols, jet.index, strict=True):
                image = sympy.diff(image, symbol, n) if n else image
            total += slope * image
        return total

    def _on_boundary(self, law: Law, function: Any) -> Any:
        """dw/dn + b w, with symbols for the normal."""
        slope = sum(NormalSymbol(a.name) * sympy.diff(function, a.sympy) for a in self.space)
        return slope + exact_number(law.share) * function

    # --- the linear program ------------------------------------------------------------

    def solve(self) -> Any:
        """The polynomial."""
        inside = self._points()
        own, image = (self._values(e, inside) for e in (self.functions, self.operator))
        margin, count = self.policy.margin, len(self.functions)
        # Unknowns: coefficients, the largest value, the sink.
        zero, one = np.zeros((len(inside), 1)), np.ones((len(inside), 1))
        blocks = [(np.hstack([own, -one, zero]), 0.0), (np.hstack([-own, zero, zero]), -margin)]
        target = -1.0 - margin if self.elliptic else 0.0
        blocks.append((np.hstack([-image, zero, zero if self.elliptic else -one]), target))
        for law in self.setting.slopes:
            rows = self._boundary_values(law)
            flat = np.zeros((len(rows), 2))
            blocks.append((np.hstack([-rows, flat]), -1.0 - margin))
        matrix = np.vstack([b for b, _ in blocks])
        right = np.concatenate([np.full(len(b), v) for b, v in blocks])
        cost = np.zeros(count + 2)
        cost[count] = 1.0
        cost[count + 1] = self._span()
        bounds = [(None, None)] * count + [(0, None), (0, None)]
        limit = {"time_limit": self.policy.seconds}
        found = linprog(cost, matrix, right, bounds=bounds, method="highs", options=limit)
        if found.status == _AT_LIMIT:
            raise NotCovered(
                f"no barrier for derivatives on the boundary was found in {self.policy.seconds:g} s"
            )
        if not found.success:
            raise NotCovered(
                "no positive w with L w >= 1 and dw/dn + b w >= 1 was found: the mean of the "
                "solution may not be determined, or errors may grow"
            )
        pairs = zip(found.x[:count], self.functions, strict=True)
        self.sink = float(found.x[count + 1]) * (1 + margin)
        return sum(exact_number(float(c)) * f for c, f in pairs)

    def _span(self) -> float:
        """How long the sink is at work, T / tau."""
        time = self.setting.time
        return 0.0 if time is None else (time.upper - time.lower) / self.comparison.tau.lower

    def _points(self) -> Array:
        count = self.policy.points[len(self.space) - 1]
        lines = [
            np.linspace(a.lower, a.upper, count if a in self.space else 3) for a in self.domain.axes
        ]
        points = np.stack([g.ravel() for g in np.meshgrid(*lines, indexing="ij")], 1)
        spacing = max((a.upper - a.lower) / count for a in self.space)
        return points[self.cover.near(points, spacing)]

    def _values(self, expressions: Sequence[Any], points: Array) -> Array:
        return np.stack(evaluate_at(self.domain, expressions, points), 1)

    def _boundary_values(self, law: Law) -> Array:
        sample = law.region.sample(self.policy.boundary, 0)
        assert sample.normals is not None
        own = self._values(self.functions, sample.points)
        total = law.share * own
        for axis in self.space:
            slopes = [sympy.diff(f, axis.sympy) for f in self.functions]
            normal = sample.normals[:, self.domain.names.index(axis.name)]
            total = total + normal[:, None] * self._values(slopes, sample.points)
        return np.asarray(total)

    # --- the proof ---------------------------------------------------------------------

    def prove(self, polynomial: Any) -> tuple[float, float, float]:
        """An upper bound of w, and lower bounds of L w and dw/dn + b w."""
        # A model of a polynomial of this degree leaves nothing out.
        space = monomials(self.domain.dimension, max(self.policy.degrees[len(self.space) - 1], 6))
        image = self._apply(polynomial)
        parts = self.policy.parts[len(self.space) - 1]
        edges = [
            np.linspace(a.lower, a.upper, (parts if a in self.space else 4) + 1)
            for a in self.domain.axes
        ]
        boxes = boxes_between(edges)
        boxes = boxes[self.cover.meets(boxes)]
        largest, least, inside = self._inside(polynomial, image, boxes, space)
        # A constant that is added keeps both inequalities, since c >= 0 and b >= 0.
        largest -= min(least, 0.0)
        outside = min(self._outside(law, polynomial, space) for law in self.setting.slopes)
        return largest, inside, outside

    def _inside(
        self, polynomial: Any, image: Any, boxes: Boxes, space: Monomials
    ) -> tuple[float, float, float]:
        """Bounds of w, upper and lower, and a lower bound of L w."""
        largest, least, inside = -math.inf, math.inf, math.inf
        wanted = 1.0 if self.elliptic else -self.sink
        for level in range(self.policy.halvings + 1):
            low, own = [], []
            for k in range(0, len(boxes), _CHUNK):
                run = _evaluation(BoxPlace(space, boxes[k : k + _CHUNK], self.domain))
                w, found = find_range(run.of(polynomial)), find_range(run.of(image))
                low.append(found.lower)
                own.append(np.stack([w.lower, w.upper]))
            lowest, ends = np.concatenate(low), np.concatenate(own, 1)
            # The program has asked for nothing far beyond the boundary, where large boxes reach.
            fails = (lowest < wanted) & (level < self.policy.halvings)
            if not fails.all():
                inside = min(inside, float(lowest[~fails].min()))
                least = min(least, float(ends[0, ~fails].min()))
                largest = max(largest, float(ends[1, ~fails].max()))
            if not fails.any():
                break
            boxes = _halve(boxes[fails])
            boxes = boxes[self.cover.meets(boxes)]
            if not len(boxes):
                break
        return largest, least, inside

    def _outside(self, law: Law, polynomial: Any, space: Monomials) -> float:
        """A lower bound of dw/dn + b w."""
        law_of = self._on_boundary(law, polynomial)
        least = math.inf
        for patch in find_patches(law.region, self.domain):
            boxes = patch.cut(0.05 * float(np.ptp(self.domain.bounds, axis=0).max()))
            for level in range(self.policy.halvings + 1):
                low = []
                for k in range(0, len(boxes), _CHUNK):
                    place = FacePlace(space, patch, boxes[k : k + _CHUNK], self.domain)
                    low.append(find_range(_evaluation(place).of(law_of)).lower)
                lowest = np.concatenate(low)
                can_halve = level < self.policy.halvings and patch.lengths.size > 0
                fails = (lowest < 1) & can_halve
                least = min(least, float(lowest[~fails].min(initial=math.inf)))
                if not fails.any():
                    break
                boxes = _halve(boxes[fails], first=1)
        return least


def _halve(boxes: Boxes, first: int = 0) -> Boxes:
    """Each box in halves along all axes from `first` on."""
    centres, halves = boxes.centres, boxes.halves.copy()
    halves[:, first:] *= 0.5
    steps = np.array(list(product((-1.0, 1.0), repeat=centres.shape[1] - first)))
    steps = np.hstack([np.zeros((len(steps), first)), steps])
    placed = centres[:, None] + steps * halves[:, None]
    sizes = np.broadcast_to(halves[:, None] * (1 + 1e-12), placed.shape)
    return Boxes(placed.reshape(-1, centres.shape[1]), sizes.reshape(-1, centres.shape[1]))


def _evaluation(place: Place) -> Evaluation:
    return Evaluation(dict(place.symbols), place.space, place.count)
