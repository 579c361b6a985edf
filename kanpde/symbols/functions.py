"""Functions that residuals are written with: sin, exp, where, ..., and the derivative d."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from kanpde.errors import KanpdeError
from kanpde.symbols.expression import (
    Axis,
    Expression,
    FieldSymbol,
    apply_function,
    normals_in,
    symbolic,
)
from kanpde.symbols.interfaces import jump_of
from kanpde.symbols.jumps import require_no_jump
from kanpde.symbols.sizes import require_size, sympy_time
from kanpde.symbols.tabulated import require_slopes

pi = math.pi


def d(expression: Expression, *axes: Axis) -> Expression:
    """Total derivative: `d(u, x)`, `d(u, x, x)`, `d(nu * d(u, x), x)`.

    The chain rule on jet space, D_x f = df/dx + sum_a (df/du_a) u_{a+x}
    (Olver, Applications of Lie Groups to Differential Equations, 1993, eq. 2.34).

    Raises:
        KanpdeError: where an axis is missing or not of the fields' box, or where the expression
            jumps along it, so that its derivative would hold a Dirac.
    """
    if not axes:
        raise KanpdeError("d needs at least one axis: d(u, x)")
    value = symbolic(expression)
    if normals_in(value):
        raise KanpdeError(
            f"d({Expression(value)}, ...): the normal is known on the boundary only and has no "
            "derivative; take the derivatives first, as in n[0] * d(u, x)"
        )
    for axis in axes:
        if not isinstance(axis, Axis):
            raise KanpdeError(
                f"d(..., {axis}): derivatives are taken along the axes of the box, "
                "as in `x, t = box.axes; d(u, x)`"
            )
        jets = sorted(value.atoms(FieldSymbol), key=str)
        if any(axis.name not in jet.axes for jet in jets):
            raise KanpdeError(
                f"d({Expression(value)}, {axis}): the fields are functions of "
                f"{', '.join(jets[0].axes)}, and {axis} is an axis of another box"
            )
        with sympy_time(f"a derivative along {axis}"):
            value = _total_derivative(value, axis, jets)
        require_size(f"d(..., {axis})", value)
    return Expression(value)


def _total_derivative(value: Any, axis: Axis, jets: Sequence[FieldSymbol]) -> Any:
    require_no_jump(value, axis)
    moving = {jet for jet in jets if axis.name in jet.support}
    require_slopes(value, {axis.sympy, *moving})
    total = sympy.diff(value, axis.sympy)
    for jet in jets:
        if axis.name in jet.support:
            total += sympy.diff(value, jet) * jet.raised(axis.name)
    # Where nothing jumps, the factors of Diracs are zero at their places: x^2 delta(x).
    total = total.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    return total + jump_of(value, axis)


def _function(name: str) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if isinstance(value, Expression):
            return apply_function(name, (value,))
        if type(value).__module__.startswith("torch"):
            return getattr(value, name)()
        return getattr(np, name)(value)

    apply.__name__ = name
    apply.__doc__ = f"{name} of an expression, a NumPy array, a tensor or a number."
    return apply


sin = _function("sin")
cos = _function("cos")
tan = _function("tan")
exp = _function("exp")
log = _function("log")
sqrt = _function("sqrt")
sinh = _function("sinh")
cosh = _function("cosh")
tanh = _function("tanh")
arcsin = _function("arcsin")
arccos = _function("arccos")
arctan = _function("arctan")


def erf(value: Any) -> Any:
    """The error function of an expression, a NumPy array, a tensor or a number."""
    if isinstance(value, Expression):
        return apply_function("erf", (value,))
    if type(value).__module__.startswith("torch"):
        return value.erf()
    from scipy.special import erf as of_numbers

    return of_numbers(value)


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where `condition` holds, else `no`."""
    if isinstance(condition, bool) and isinstance(yes, Expression) | isinstance(no, Expression):
        return yes if condition else no
    if isinstance(condition, str):
        raise KanpdeError(
            f"where({condition!r}, ...): the condition is text; write it as a comparison of "
            "expressions, as in where(x < 0.5, 1, 10)"
        )
    if not isinstance(condition, Expression):
        return np.where(condition, yes, no)
    return apply_function("where", (condition, yes, no))
