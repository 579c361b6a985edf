"""Conditions that hold by construction: u = G + M N.

G takes the Dirichlet and initial data (transfinite interpolation: a Boolean sum of Hermite
projectors, Gordon & Hall, Numer. Math. 21, 1973), M vanishes where they hold, N is the
network; periodic axes enter the network as (cos, sin). What a condition says is read off
its traced residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import sympy

from kanpde.assembly.compile import compile_expressions
from kanpde.assembly.kinks import spreading, without_kink
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Face
from kanpde.problem.problem import Equation, Problem
from kanpde.symbols.expression import exact_number, symbolic

_TOLERANCE = 1e-9
# Points of a line on which data are looked at, and the change of slope, relative to the largest,
# that counts as a kink.
_LINE = 4097
_KINK = 0.01


@dataclass(frozen=True)
class Trace:
    """A condition "the order-th normal derivative of field is value" on one face."""

    field: str
    axis: str
    end: float
    order: int
    value: Any
    equation: Equation


@dataclass(frozen=True)
class Contradiction:
    """Two conditions that ask for different values where their faces meet."""

    field: str
    first: Trace
    second: Trace
    gap: float

    def __str__(self) -> str:
        a, b = self.first, self.second
        where = f"{a.axis} = {a.end:g}, {b.axis} = {b.end:g}"
        return (
            f'"{a.equation.condition}" and "{b.equation.condition}" contradict each other where '
            f"they meet ({where}): {self.field} differs there by {self.gap:.3g}"
        )


@dataclass(frozen=True)
class Ansatz:
    """How fields are made from the network, and which equations remain to be trained."""

    lift: dict[str, Any]
    mask: dict[str, Any]
    exact: tuple[Equation, ...]
    trained: tuple[Equation, ...]
    contradictions: tuple[Contradiction, ...]
    notes: tuple[str, ...] = ()


def build_ansatz(problem: Problem, *, enforce: bool | None = None) -> Ansatz:
    """Read off what can hold exactly; with `enforce` False, only periodic axes do."""
    enforced = enforce is not False
    traces = _traces(problem) if enforced else []
    given = [t for t in traces if t.field in problem.lift]
    for trace in given:
        _check_lift(problem, trace)
    traces, notes = _periodic(problem, [t for t in traces if t not in given])
    traces, contradictions = _compatible(problem, traces)
    traces += given
    exact = tuple(t.equation for t in traces)
    lift, mask = {}, {}
    for name in problem.unknowns:
        own = [t for t in traces if t.field == name]
        lift[name] = _lift(problem.box, own)
        if name in problem.lift and enforced:
            lift[name] = symbolic(problem.lift[name])
        for axis in problem.box.axes:
            if axis.name in problem.periodic and own:
                starts = [(t.axis, t.end, t.value) for t in own if t.order == 0]
                heat = spreading(problem, name, axis, starts)
                lift[name], note = without_kink(lift[name], axis, name, heat)
                notes += note
        mask[name] = _mask(problem.box, own)
    trained = tuple(e for e in problem.equations if not any(e is x for x in exact))
    return Ansatz(lift, mask, exact, trained, tuple(contradictions), tuple(notes))


def _traces(problem: Problem) -> list[Trace]:
    found: list[Trace] = []
    for equation in problem.equations:
        trace = _as_trace(equation, problem)
        if trace and not any(_same_place(trace, other) for other in found):
            found.append(trace)
    # A normal derivative is exact only together with the value on the same face.
    return [
        t for t in found
        if t.order == 0 or any(_same_face(t, o) and o.order == 0 for o in found)
    ]  # fmt: skip


def _same_face(a: Trace, b: Trace) -> bool:
    return (a.field, a.axis, a.end) == (b.field, b.axis, b.end)


def _same_place(a: Trace, b: Trace) -> bool:
    return _same_face(a, b) and a.order == b.order


def _as_trace(equation: Equation, problem: Problem) -> Trace | None:
    region, jets = equation.region, equation.jets
    if not isinstance(region, Face) or len(region.fixed) != 1 or len(jets) != 1:
        return None
    if equation.observed is not None:
        return None
    (axis, end), jet = region.fixed[0], jets[0]
    if end not in next((a.lower, a.upper) for a in problem.box.axes if a.name == axis):
        return None  # a point inside of a box with one axis
    order = sum(jet.index)
    along = jet.index[problem.box.names.index(axis)]
    if order > 1 or along != order or axis in problem.periodic:
        return None
    slope = equation.expression.diff(jet)
    if not slope.is_number or slope == 0:
        return None
    value = -equation.expression.xreplace({jet: sympy.Integer(0)}) / slope
    value = value.xreplace({sympy.Symbol(axis, real=True): exact_number(end)})
    if not _smooth(value, region):
        return None  # a jump or a kink would put its derivatives into the interior
    return Trace(jet.field, axis, end, order, value, equation)


def _smooth(value: Any, region: Face) -> bool:
    """Whether the second derivatives of data on a face say how their slopes change.

    With |x| in the lift the second derivative is zero at every point that is looked at: a heat
    equation then "converged" to |x| for all times. A root may have a kink as well, or, as in
    tanh of a distance, none that matters; so it is measured along lines.
    """
    if value.has(sympy.Piecewise, sympy.Heaviside, sympy.Min, sympy.Max):
        return False
    roots = any(not p.exp.is_integer and p.base.free_symbols for p in value.atoms(sympy.Pow))
    if not roots and not value.has(sympy.Abs, sympy.sign):
        return True
    fixed = dict(region.fixed)
    starts = region.sample(16, 0)
    for k, axis in enumerate(region.box.axes):
        if axis.name in fixed:
            continue
        along = np.linspace(axis.lower, axis.upper, _LINE)
        points = np.repeat(starts, _LINE, axis=0)
        points[:, k] = np.tile(along, len(starts))
        orders = [value.diff(axis.sympy), value.diff(axis.sympy, 2)]
        with np.errstate(all="ignore"):
            slope, second = (v.reshape(-1, _LINE) for v in evaluate_at(region.box, orders, points))
            change = np.trapezoid(second, along, axis=1)
            gap = np.abs(slope[:, -1] - slope[:, 0] - change)
        if not (gap <= _KINK * np.abs(slope).max(axis=1)).all():
            return False
    return True


def _periodic(problem: Problem, traces: list[Trace]) -> tuple[list[Trace], list[str]]:
    """Leave out the traces whose data are not periodic where an axis is; say so."""
    stray: list[Trace] = []
    notes = []
    for axis in problem.box.axes:
        if axis.name not in problem.periodic:
            continue
        low, high = exact_number(axis.lower), exact_number(axis.upper)
        for trace in traces:
            assert isinstance(trace.equation.region, Face)
            ends = [trace.value.xreplace({axis.sympy: end}) for end in (low, high)]
            points = trace.equation.region.sample(64, 0)
            left, right = evaluate_at(problem.box, ends, points)
            scale = max(1.0, float(np.abs(left).max()), float(np.abs(right).max()))
            gap = float(np.abs(left - right).max())
            if gap > _TOLERANCE * scale:
                stray.append(trace)
                notes.append(
                    f'"{trace.equation.condition}" is not periodic: {trace.field} differs by '
                    f"{gap:.3g} between {axis.name} = {axis.lower:g} and {axis.upper:g}; it is "
                    "trained, and cannot hold near there"
                )
    kept = [
        t for t in traces if not any(t is s or (s.order == 0 and _same_face(t, s)) for s in stray)
    ]
    return kept, notes


def _compatible(problem: Problem, traces: list[Trace]) -> tuple[list[Trace], list[Contradiction]]:
    """Leave out, until none contradict, the trace that contradicts the most others."""
    clashes: list[Contradiction] = []
    for a, b in combinations(traces, 2):
        if a.field == b.field and a.axis != b.axis:
            gap = _gap(problem.box, a, b)
            if gap > _TOLERANCE:
                clashes.append(Contradiction(a.field, a, b, gap))
    kept = list(traces)
    left = list(clashes)
    while left:
        worst = max(kept, key=lambda t: sum(t is c.first or t is c.second for c in left))
        kept = [
            t for t in kept if t is not worst and not (worst.order == 0 and _same_face(t, worst))
        ]
        left = [
            c for c in left if any(c.first is t for t in kept) and any(c.second is t for t in kept)
        ]
    return kept, clashes


def _check_lift(problem: Problem, trace: Trace) -> None:
    """Raise KanpdeError unless the given lift satisfies the trace, a little inside its face."""
    box = problem.box
    axis = next(a for a in box.axes if a.name == trace.axis)
    points = Face(box, ((trace.axis, trace.end),)).sample(64, 0)
    lift = symbolic(problem.lift[trace.field])
    # Singular lifts may be 0/0 on the face itself.
    inward = 1e-9 * (axis.upper - axis.lower) * (1 if trace.end == axis.lower else -1)
    points[:, box.names.index(trace.axis)] += inward
    miss = lift.diff(axis.sympy, trace.order) - trace.value
    gap = float(np.abs(evaluate_at(box, [miss], points)[0]).max())
    if not gap < 1e-5:
        raise KanpdeError(
            f'lift "{trace.field}" misses the condition "{trace.equation.condition}" on '
            f"{trace.axis} = {trace.end:g} by {gap:.2g}; it must satisfy it"
        )


def _gap(box: Box, a: Trace, b: Trace) -> float:
    """How far two traces disagree on their common edge, relative to their size."""
    # The a-th derivative along a's axis of b's data must be the b-th along b's of a's data.
    on_a = b.value.diff(sympy.Symbol(a.axis, real=True), a.order)
    on_b = a.value.diff(sympy.Symbol(b.axis, real=True), b.order)
    points = Face(box, tuple(sorted([(a.axis, a.end), (b.axis, b.end)]))).sample(64, 0)
    left, right = (evaluate_at(box, [e], points)[0] for e in (on_a, on_b))
    scale = max(1.0, float(np.abs(left).max()), float(np.abs(right).max()))
    return float(np.abs(left - right).max()) / scale


def evaluate_at(box: Box, expressions: Sequence[Any], points: Any) -> list[Any]:
    """Values (N,) of expressions of the coordinates at points (N, dimension)."""
    import torch

    columns = [torch.from_numpy(np.ascontiguousarray(c)) for c in np.asarray(points, float).T]
    function = compile_expressions([axis.sympy for axis in box.axes], expressions)
    return [value.numpy() for value in function(*columns)]


def _lift(box: Box, traces: list[Trace]) -> Any:
    """The Boolean sum: axis by axis, correct what the sum so far misses on the faces."""
    total: Any = sympy.Integer(0)
    for axis in box.axes:
        own = [t for t in traces if t.axis == axis.name]
        if not own:
            continue
        symbol = axis.sympy
        shapes = _hermite(axis.lower, axis.upper, [(t.end, t.order) for t in own], symbol)
        missing = [
            t.value - sympy.diff(total, symbol, t.order).xreplace({symbol: exact_number(t.end)})
            for t in own
        ]
        total += sum(s * m for s, m in zip(shapes, missing, strict=True))
    return total


def _hermite(lower: float, upper: float, nodes: list[tuple[float, int]], symbol: Any) -> list[Any]:
    """The polynomials dual to the values and slopes at the ends (Hermite interpolation)."""
    length = exact_number(upper - lower)
    xi = sympy.Symbol("xi")
    powers = [xi**k for k in range(len(nodes))]
    rows = []
    for end, order in nodes:
        at = sympy.Integer(0 if end == lower else 1)
        rows.append([sympy.diff(p, xi, order).subs(xi, at) / length**order for p in powers])
    inverse = sympy.Matrix(rows).inv()
    local = (symbol - exact_number(lower)) / length
    return [
        sum(inverse[k, j] * powers[k] for k in range(len(nodes))).subs(xi, local)
        for j in range(len(nodes))
    ]


def _mask(box: Box, traces: list[Trace]) -> Any:
    """A product of powers of the distances to the faces, of size one in the middle."""
    total: Any = sympy.Integer(1)
    for axis in box.axes:
        own = [t for t in traces if t.axis == axis.name]
        length = exact_number(axis.upper - axis.lower)
        below = sum(t.end == axis.lower for t in own)
        above = sum(t.end == axis.upper for t in own)
        low, high = (
            (axis.sympy - exact_number(axis.lower)) / length,
            (exact_number(axis.upper) - axis.sympy) / length,
        )
        if below and above:
            low, high = 2 * low, 2 * high
        total *= low**below * high**above
    return total


def jets_of(expression: Any, box: Box, index: tuple[int, ...]) -> Any:
    """The partial derivative of an expression of the coordinates."""
    return _partial(expression, tuple(axis.sympy for axis in box.axes), index)


@lru_cache(maxsize=1024)
def _partial(expression: Any, symbols: tuple[Any, ...], index: tuple[int, ...]) -> Any:
    # One derivative at a time, and each once: SymPy factors after a repeated derivative,
    # which took 9 of 10 s to prepare the lift of the cavity.
    axis = next((k for k, order in enumerate(index) if order), None)
    if axis is None:
        return expression
    lower = tuple(order - (k == axis) for k, order in enumerate(index))
    return _partial(expression, symbols, lower).diff(symbols[axis])
