"""Jumps of expressions: what a derivative of them would lose.

The derivative of a jump is a Dirac, which no collocation point sees: `d(k * d(u, x), x)` with
k = where(x < 0.5, 1, 10) was solved without the condition at the interface, "converged" at an
estimated 3e-3, with a true error of 0.99. So jumps are looked for before a derivative is taken,
by numbers: SymPy may think for minutes about where two branches meet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.symbols.expression import Axis, FieldSymbol, rounded
from kanpde.symbols.printing import SETTINGS, Printer
from kanpde.symbols.tabulated import lambdify_numbers


class JumpError(KanpdeError):
    """A derivative would lose a jump; whoever knows the place says it in front."""


@dataclass(frozen=True)
class JumpPolicy:
    """How the places where branches meet are found, and what counts as a jump there."""

    # Random places, and the Newton steps that take each to the place where the branches meet.
    # Of 64 starts, those of a circle of radius 5 in a box of 100 all arrive within 20 steps.
    starts: int = 64
    steps: int = 30
    # Half of the width, relative to the size of the coordinates, at which the two sides are
    # compared, and the factor by which it is then shrunk: the gap of a continuous function
    # shrinks by 100, that of a root by 10, a jump stays.
    width: float = 1e-5
    shrink: float = 1e-2
    stays: float = 0.5
    # A pole grows by as much as it is shrunk, and is not a jump.
    grows: float = 2.0
    # Gaps below this share of the expression's values are rounding.
    rounding: float = 1e-9


JUMP_POLICY = JumpPolicy()

# What has branches that may not meet, or will have them when it is differentiated.
BRANCHING = (
    sympy.Piecewise, sympy.Heaviside, sympy.sign, sympy.Abs, sympy.Min, sympy.Max,
)  # fmt: skip


def require_no_jump(value: Any, axis: Axis) -> None:
    """Raise JumpError where `value` jumps along the axis, so that its derivative has a Dirac."""
    for branches, switch in _switches(value):
        if _moves(switch, axis) and _jumps(value, switch, axis):
            raise JumpError(_describe(value, branches, switch, axis))


def _switches(value: Any) -> list[tuple[Any, Any]]:
    """What has branches, and the expression that is zero where they meet."""
    found = [(f, f.args[0]) for f in value.atoms(sympy.sign, sympy.Heaviside)]
    # abs(y) / y jumps as well, where the denominator vanishes.
    if value.atoms(sympy.Abs, sympy.Function):
        powers = [p for p in value.atoms(sympy.Pow) if _is_negative(p.exp)]
        found += [(p, p.base.args[0] if p.base.func is sympy.Abs else p.base) for p in powers]
    for piecewise in value.atoms(sympy.Piecewise):
        for _, condition in piecewise.args:
            for relation in condition.atoms(sympy.core.relational.Relational):
                if not isinstance(relation, (sympy.Eq, sympy.Ne)):
                    found.append((piecewise, relation.lhs - relation.rhs))
    # The simplest one is named, the same one each time.
    return sorted(found, key=lambda pair: (len(str(pair[0])), str(pair)))


def _is_negative(exponent: Any) -> bool:
    return bool(exponent.is_number and exponent < 0)


def _moves(switch: Any, axis: Axis) -> bool:
    """Whether the place where the branches meet is crossed along the axis."""
    return axis.sympy in switch.free_symbols or any(
        axis.name in jet.support for jet in switch.atoms(FieldSymbol)
    )


def _jumps(value: Any, switch: Any, axis: Axis, policy: JumpPolicy = JUMP_POLICY) -> bool:
    symbols = sorted(value.free_symbols | switch.free_symbols, key=str)
    moving = np.array([s in switch.free_symbols for s in symbols])
    function, level = (_numbers(symbols, e) for e in (value, switch))
    rng = np.random.default_rng(0)
    shape = (len(symbols), policy.starts)
    at = rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(-1.5, 1.5, shape)
    along = symbols.index(axis.sympy) if axis.sympy in symbols else None
    if along is not None:
        at[along] = rng.uniform(axis.lower, axis.upper, policy.starts)
    with np.errstate(all="ignore"):
        values = np.abs(function(at))
        at, normal = _project(level, at, moving, policy)
        inside = np.isfinite(at).all(0) & np.isfinite(normal).all(0)
        if along is not None:
            margin = 1e-9 * (axis.upper - axis.lower)
            inside &= (at[along] > axis.lower + margin) & (at[along] < axis.upper - margin)
        at, normal = at[:, inside], normal[:, inside]
        wide = policy.width * (1 + np.abs(at).max(0, initial=0.0))
        sides = [at - wide * normal, at + wide * normal]
        crossed = np.sign(level(sides[0])) * np.sign(level(sides[1])) < 0
        gaps = [
            np.abs(function(at + w * normal) - function(at - w * normal))
            for w in (wide, policy.shrink * wide)
        ]
        values = values[np.isfinite(values)]
        size = float(np.median(values)) if len(values) else 0.0
        stays = (gaps[1] > policy.stays * gaps[0]) & (gaps[1] < policy.grows * gaps[0])
        stays &= gaps[1] > policy.rounding * size
    return bool((crossed & stays).any())


def _numbers(symbols: Sequence[Any], expression: Any) -> Callable[[Array], Array]:
    """An expression as a function of the columns (symbols, N)."""
    compiled = lambdify_numbers(symbols, expression)

    def evaluate(columns: Array) -> Array:
        return np.broadcast_to(np.asarray(compiled(*columns), float), columns.shape[1:])

    return evaluate


def _project(
    level: Callable[[Array], Array], at: Array, moving: Array, policy: JumpPolicy
) -> tuple[Array, Array]:
    """Points (symbols, N) taken to where `level` is zero, and its unit normals there."""
    for _ in range(policy.steps):
        slope = _gradient(level, at, moving)
        at = at - level(at) * slope / np.maximum((slope**2).sum(0), 1e-300)
    slope = _gradient(level, at, moving)
    normal = slope / np.sqrt((slope**2).sum(0))
    # To rounding, by bisection across.
    wide = policy.width * (1 + np.abs(at).max(0, initial=0.0))
    low, high = at - wide * normal, at + wide * normal
    for _ in range(50):
        middle = (low + high) / 2
        below = level(middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2, normal


def _gradient(level: Callable[[Array], Array], at: Array, moving: Array) -> Array:
    slope = np.zeros_like(at)
    for k in np.flatnonzero(moving):
        step = np.zeros_like(at)
        step[k] = 1e-6 * (1 + np.abs(at[k]))
        slope[k] = (level(at + step) - level(at - step)) / (2 * step[k])
    return slope


def _describe(value: Any, branches: Any, switch: Any, axis: Axis) -> str:
    printed = Printer(SETTINGS).doprint(rounded(branches))
    name = re.sub(r"where\(\(([^()]*)\),", r"where(\1,", printed)
    fluxes = [jet for jet in value.atoms(FieldSymbol) if sum(jet.index)]
    text = (
        f"{name} jumps where {rounded(switch)} = 0, and d(..., {axis}) would lose the jump, "
        "since no point sees its Dirac; "
    )
    if fluxes:
        u = min(jet.field for jet in fluxes)
        return text + (
            "make the flux a field of its own, Condition(..., lambda "
            f"{u}, q: (q - k * d({u}, {axis}), d(q, {axis}) + f))"
        )
    return text + (
        "make the flux that carries it a field of its own, Condition(..., lambda u, q: "
        f"(q - d(u, {axis}) - jump, d(q, {axis}) + f)), or smooth it, as by tanh((x - a) / width)"
    )
