"""Singular displacements of elastic corners, with which two fields are enriched together.

That two equations are those of plane elasticity, and what holds on the sides of a corner, is read
off the coefficients of their derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.assembly.williams import Mode, Support, fields_of, find_modes
from kanpde.geometry.domain import Corner, Domain, Region
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import FieldSymbol, exact_number, normals_in

# Coefficients that differ by less than this share are equal.
_EQUAL = 1e-9
# Added to a sum that is zero in one point only.
_TINY = sympy.Float(1e-300, 17)
_FIRST = ((1, 0), (0, 1))


@dataclass(frozen=True)
class Elasticity:
    """The fields of the displacement along the two axes, and (lambda + 2 mu) / mu."""

    fields: tuple[str, str]
    ratio: float

    @property
    def kappa(self) -> float:
        """3 - 4 nu in plane strain, (3 - nu) / (1 + nu) in plane stress."""
        return (self.ratio + 1) / (self.ratio - 1)


def find_elasticity(problem: Problem) -> Elasticity | None:
    """The isotropic elasticity that two interior equations state; None where there is none."""
    names = problem.domain.names
    if len(names) != 2 or problem.materials:
        return None
    laws = [
        e
        for e in problem.equations
        if e.is_interior and e.kind is not Kind.DENSITY and any(sum(s.index) >= 2 for s in e.jets)
    ]
    fields = sorted({s.field for e in laws for s in e.jets if sum(s.index) >= 2})
    if len(laws) != 2 or len(fields) != 2:
        return None
    for first, second in permutations(fields):
        for one, other in permutations(laws):
            a, b = (_slopes(e, (first, second)) for e in (one, other))
            found = None if a is None or b is None else _read_ratio(first, second, a, b)
            if found is not None:
                return Elasticity((first, second), found)
    return None


def _slopes(
    equation: Equation, fields: tuple[str, str]
) -> dict[tuple[str, tuple[int, int]], float] | None:
    """The coefficients of second derivatives; None where they vary, or there are higher ones."""
    if any(sum(s.index) > 2 for s in equation.jets):
        return None
    found = {}
    for jet in equation.jets:
        if sum(jet.index) == 2:
            slope = equation.expression.diff(jet)
            if not slope.is_number or jet.field not in fields:
                return None
            found[jet.field, (jet.index[0], jet.index[1])] = float(slope)
    return found


def _read_ratio(
    u: str,
    v: str,
    one: dict[tuple[str, tuple[int, int]], float],
    other: dict[tuple[str, tuple[int, int]], float],
) -> float | None:
    """(lambda + 2 mu) / mu, where these are the equilibrium along the first and second axis."""
    ratios = []
    for law, own, beside, along, across in (
        (one, u, v, (2, 0), (0, 2)),
        (other, v, u, (0, 2), (2, 0)),
    ):
        a, b, c = (law.get(k, 0.0) for k in ((own, along), (own, across), (beside, (1, 1))))
        if len(law) != 3 or b == 0 or abs(a - b - c) > _EQUAL * abs(a):
            return None
        ratios.append(a / b)
    same = abs(ratios[0] - ratios[1]) <= _EQUAL * abs(ratios[0])
    return ratios[0] if same and ratios[0] > 1 else None


def displacements_of(
    problem: Problem, elasticity: Elasticity, singular: float, largest: float
) -> list[tuple[Any, Any]]:
    """Pairs of functions for the two fields, of the corners with an exponent below `singular`."""
    domain, found = problem.domain, []
    for corner in domain.corners:
        sides = [_read_support(problem, elasticity, corner, side) for side in corner.sides]
        if sides[0] is None or sides[1] is None:
            continue
        modes = find_modes(corner.angle, (sides[0], sides[1]), elasticity.kappa, largest)
        if modes and modes[0].exponent.real < singular:
            for mode in modes:
                found += _displacements(domain, corner, mode, elasticity.kappa)
    return found


# --- what holds on a side ---------------------------------------------------------------------


def _read_support(
    problem: Problem, elasticity: Elasticity, corner: Corner, side: Region
) -> Support | None:
    """What the conditions on a side say near a corner; None where they say something else."""
    own = [
        e
        for e in problem.equations
        if e.kind is Kind.RESIDUAL
        and not e.is_interior
        and e.region.covers(side)
        and any(s.field in elasticity.fields for s in e.jets)
    ]
    normal = _normal_at(side, corner)
    held, forces = [], []
    for equation in own:
        row = _read_row(equation, elasticity, normal)
        if row is None:
            return None
        (held if len(row) == 2 else forces).append(row)
    tangent = np.array([-normal[1], normal[0]])
    if len(held) == 2 and not forces:
        return Support.CLAMPED if abs(np.linalg.det(np.array(held))) > _EQUAL else None
    traction = _traction(elasticity, normal)
    if len(forces) == 2 and not held:
        return Support.FREE if _spans(traction, forces) else None
    if len(forces) == len(held) == 1 and abs(held[0] @ tangent) < _EQUAL * abs(held[0] @ normal):
        # Along the side the displacement across it is zero, and so is its slope.
        along = [np.outer(normal, tangent).ravel()]
        return Support.ROLLER if _spans([tangent @ np.array(traction)], along + forces) else None
    return None


def _normal_at(side: Region, corner: Corner) -> Array:
    sample = side.sample(512, 0)
    assert sample.normals is not None
    columns = [side.domain.names.index(axis) for axis in corner.axes]
    nearest = np.linalg.norm(sample.points[:, columns] - np.array(corner.point), axis=1).argmin()
    return np.asarray(sample.normals[nearest][columns])


def _read_row(equation: Equation, elasticity: Elasticity, normal: Array) -> Array | None:
    """The coefficients of the fields (2,), or of u_x, u_y, v_x, v_y (4,), the highest ones."""
    names = equation.region.domain.names
    known = dict(zip(names, normal.tolist(), strict=True))
    expression = equation.expression.xreplace(
        {n: sympy.Float(known[n.axis], 17) for n in normals_in(equation.expression)}
    )
    if any(s.field not in elasticity.fields for s in equation.jets):
        return None
    order = max(sum(s.index) for s in equation.jets)
    indices: Sequence[tuple[int, ...]] = _FIRST if order == 1 else ((0, 0),)
    if order > 1:
        return None
    found = []
    for field in elasticity.fields:
        for index in indices:
            slope = expression.diff(FieldSymbol(field, names, tuple(index)))
            if not slope.is_number:
                return None
            found.append(float(slope))
    return np.array(found)


def _traction(elasticity: Elasticity, normal: Array) -> list[Array]:
    """The coefficients (4,) of u_x, u_y, v_x, v_y in the two tractions, over mu."""
    x, y = normal
    whole, side = elasticity.ratio, elasticity.ratio - 2
    return [np.array([whole * x, y, y, side * x]), np.array([side * y, x, x, whole * y])]


def _spans(wanted: Sequence[Array], given: Sequence[Array]) -> bool:
    """Whether the given rows (4,) span the wanted ones, and nothing else is missing."""
    rows = [r / np.linalg.norm(r) for r in given]
    rank = np.linalg.matrix_rank(np.array(rows), 1e-6)
    both = np.array(rows + [w / np.linalg.norm(w) for w in wanted])
    return bool(rank == len(rows) and np.linalg.matrix_rank(both, 1e-6) == rank)


# --- functions --------------------------------------------------------------------------------


def _displacements(
    domain: Domain, corner: Corner, mode: Mode, kappa: float
) -> list[tuple[Any, Any]]:
    """The displacements along the axes of a mode: two for a complex exponent."""
    lower, upper = domain.bounds
    length = exact_number(float(np.linalg.norm(upper - lower)) / 2)
    x, y = (
        domain.axis(n).sympy - exact_number(c)
        for n, c in zip(corner.axes, corner.point, strict=True)
    )
    ahead, beside = (_combine(pair, (x, y)) for pair in _frame(corner))
    square = (x**2 + y**2) / length**2
    # The cut of the half-angle formula lies opposite of the bisector, outside of the shape.
    theta = 2 * sympy.atan(beside / (sympy.sqrt(x**2 + y**2) + ahead + _TINY))
    real, imaginary = _moves(mode, theta, square, kappa)
    (a, b), (c, d) = (tuple(map(exact_number, pair)) for pair in _frame(corner))
    pairs = [real, imaginary] if mode.exponent.imag else [real]
    return [(a * along + c * across, b * along + d * across) for along, across in pairs]


def _frame(corner: Corner) -> tuple[tuple[float, float], tuple[float, float]]:
    """The unit vectors along the bisector and across it, from the first side to the second."""
    along, across = corner.bisector
    return (along, across), (-corner.sense * across, corner.sense * along)


def _combine(factors: tuple[float, float], parts: tuple[Any, Any]) -> Any:
    return sum(exact_number(f) * p for f, p in zip(factors, parts, strict=True))


def _moves(
    mode: Mode, theta: Any, square: Any, kappa: float
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The real and the imaginary part of the displacement along and across the bisector."""
    s = mode.exponent
    totals: list[tuple[Any, Any]] = [(0, 0), (0, 0)]
    fields = fields_of(theta, _Complex.of(s), _sine, _cosine, kappa)
    for number, pair in zip(mode.numbers, fields, strict=True):
        for k in range(2):
            part = _Complex.of(number) * pair[k]
            totals[k] = totals[k][0] + part.real, totals[k][1] + part.imaginary
    size = square ** exact_number(s.real / 2)
    turn = exact_number(s.imag / 2) * sympy.log(square + _TINY) if s.imag else sympy.Integer(0)
    cos, sin = sympy.cos(turn), sympy.sin(turn)
    real = tuple(size * (cos * r - sin * i) for r, i in totals)
    imaginary = tuple(size * (cos * i + sin * r) for r, i in totals)
    return (real[0], real[1]), (imaginary[0], imaginary[1])


@dataclass(frozen=True)
class _Complex:
    """A complex number of two real SymPy expressions."""

    real: Any
    imaginary: Any

    @staticmethod
    def of(value: complex) -> _Complex:
        number = complex(value)
        return _Complex(exact_number(number.real), exact_number(number.imag))

    def __add__(self, other: _Complex) -> _Complex:
        return _Complex(self.real + other.real, self.imaginary + other.imaginary)

    def __sub__(self, other: _Complex) -> _Complex:
        return self + -other

    def __neg__(self) -> _Complex:
        return _Complex(-self.real, -self.imaginary)

    def __rsub__(self, other: float) -> _Complex:
        return _Complex.of(other) - self

    def __mul__(self, other: _Complex) -> _Complex:
        return _Complex(
            self.real * other.real - self.imaginary * other.imaginary,
            self.real * other.imaginary + self.imaginary * other.real,
        )

    def __rmul__(self, other: float) -> _Complex:
        return _Complex.of(other) * self


def _cosine(factor: _Complex, theta: Any) -> _Complex:
    a, b = factor.real * theta, factor.imaginary * theta
    if factor.imaginary == 0:
        return _Complex(sympy.cos(a), sympy.Integer(0))
    return _Complex(sympy.cos(a) * sympy.cosh(b), -sympy.sin(a) * sympy.sinh(b))


def _sine(factor: _Complex, theta: Any) -> _Complex:
    a, b = factor.real * theta, factor.imaginary * theta
    if factor.imaginary == 0:
        return _Complex(sympy.sin(a), sympy.Integer(0))
    return _Complex(sympy.sin(a) * sympy.cosh(b), sympy.cos(a) * sympy.sinh(b))
