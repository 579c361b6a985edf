"""Expressions of coordinates and fields: what a residual is written in.

A residual function is called once with symbolic fields; what it returns is the
equation itself, not its value at some points. So the program knows which derivatives
an equation needs, can print it, differentiate it exactly and tell a Dirichlet
condition from a Robin one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from kanpde.errors import KanpdeError

pi = math.pi
Scalar = int | float


class FieldSymbol(sympy.Symbol):
    """The coordinate of jet space that stands for one derivative of one field, such as u_xx."""

    field: str
    axes: tuple[str, ...]
    index: tuple[int, ...]

    def __new__(cls, field: str, axes: tuple[str, ...], index: tuple[int, ...]) -> FieldSymbol:
        suffix = "".join(name * order for name, order in zip(axes, index, strict=True))
        symbol = sympy.Symbol.__xnew__(cls, f"{field}_{suffix}" if suffix else field, real=True)
        symbol.field, symbol.axes, symbol.index = field, axes, index
        return symbol  # type: ignore[no-any-return]

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.field, self.axes, self.index)

    def raised(self, axis: str) -> FieldSymbol:
        """The symbol of one more derivative along `axis`."""
        index = tuple(n + (name == axis) for name, n in zip(self.axes, self.index, strict=True))
        return FieldSymbol(self.field, self.axes, index)


class Expression:
    """A symbolic value; supports + - * / **, kanpde's functions, and numpy's and torch's own."""

    __slots__ = ("sympy",)
    __array_priority__ = 1000

    def __init__(self, value: sympy.Basic) -> None:
        self.sympy = value

    def __add__(self, other: Expression | Scalar) -> Expression:
        return Expression(self.sympy + symbolic(other))

    def __sub__(self, other: Expression | Scalar) -> Expression:
        return Expression(self.sympy - symbolic(other))

    def __mul__(self, other: Expression | Scalar) -> Expression:
        return Expression(self.sympy * symbolic(other))

    def __truediv__(self, other: Expression | Scalar) -> Expression:
        return Expression(self.sympy / symbolic(other))

    def __pow__(self, other: Expression | Scalar) -> Expression:
        return Expression(self.sympy ** symbolic(other))

    def __radd__(self, other: Scalar) -> Expression:
        return Expression(symbolic(other) + self.sympy)

    def __rsub__(self, other: Scalar) -> Expression:
        return Expression(symbolic(other) - self.sympy)

    def __rmul__(self, other: Scalar) -> Expression:
        return Expression(symbolic(other) * self.sympy)

    def __rtruediv__(self, other: Scalar) -> Expression:
        return Expression(symbolic(other) / self.sympy)

    def __rpow__(self, other: Scalar) -> Expression:
        return Expression(symbolic(other) ** self.sympy)

    def __neg__(self) -> Expression:
        return Expression(-self.sympy)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return Expression(sympy.Abs(self.sympy))

    def __lt__(self, other: Expression | Scalar) -> Expression:
        return Expression(sympy.Lt(self.sympy, symbolic(other)))

    def __le__(self, other: Expression | Scalar) -> Expression:
        return Expression(sympy.Le(self.sympy, symbolic(other)))

    def __gt__(self, other: Expression | Scalar) -> Expression:
        return Expression(sympy.Gt(self.sympy, symbolic(other)))

    def __ge__(self, other: Expression | Scalar) -> Expression:
        return Expression(sympy.Ge(self.sympy, symbolic(other)))

    def __bool__(self) -> bool:
        raise KanpdeError(
            f"`{self}` has no truth value, because a residual is traced once for all points; "
            "write `where(condition, a, b)` in the place of if, and, or, min or max"
        )

    def __float__(self) -> float:
        if self.sympy.is_number:
            return float(self.sympy)
        raise TypeError(
            f"`{self}` is not a number; use the functions of kanpde (sin, exp, ...), "
            "not those of the module math"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Expression:
        if method != "__call__" or options:
            raise KanpdeError(f"numpy.{ufunc.__name__}.{method} cannot be used in a residual")
        return _foreign(ufunc.__name__, inputs)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Expression:
        return _foreign(getattr(function, "__name__", str(function)), args)

    def __str__(self) -> str:
        return str(rounded(self.sympy))

    __repr__ = __str__


class Axis(Expression):
    """A coordinate of a box: usable in expressions, in `d`, and to name faces."""

    __slots__ = ("lower", "name", "upper")

    def __init__(self, name: str, lower: float, upper: float) -> None:
        super().__init__(sympy.Symbol(name, real=True))
        self.name, self.lower, self.upper = name, lower, upper


def symbolic(value: object) -> Any:
    """`value` as a SymPy expression; raises KanpdeError for what a residual cannot hold."""
    if isinstance(value, Expression):
        return value.sympy
    if isinstance(value, sympy.Basic):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return sympy.Integer(int(value))
    if isinstance(value, (float, np.floating)) or getattr(value, "shape", None) == ():
        number = float(value)  # type: ignore[arg-type]
        if not math.isfinite(number):
            raise KanpdeError(f"the number {number} stands in a residual")
        return sympy.pi if number == math.pi else sympy.Float(number, 17)
    raise KanpdeError(
        f"a residual holds a {type(value).__name__}, which is neither a number nor an "
        "expression; measured values go into `observe(points, u=values)`"
    )


def d(expression: Expression, *axes: Axis) -> Expression:
    """Total derivative: `d(u, x)`, `d(u, x, x)`, `d(nu * d(u, x), x)`.

    The chain rule on jet space, D_x f = df/dx + sum_a (df/du_a) u_{a+x}
    (Olver, Applications of Lie Groups to Differential Equations, 1993, eq. 2.34).
    """
    if not axes:
        raise KanpdeError("d needs at least one axis: d(u, x)")
    value = symbolic(expression)
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
        total = sympy.diff(value, axis.sympy)
        for jet in jets:
            total += sympy.diff(value, jet) * jet.raised(axis.name)
        value = total
    return Expression(value)


def rounded(value: Any, digits: int = 6) -> Any:
    """`value` with its floating-point numbers shortened, for printing."""
    shorten = {
        number: sympy.Float(f"{float(number):.{digits}g}", digits)
        if float(number) != int(float(number))
        else sympy.Integer(int(float(number)))
        for number in value.atoms(sympy.Float)
    }
    return value.xreplace(shorten)


def _function(name: str, symbol: Callable[..., Any], numpy_name: str) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if isinstance(value, Expression):
            return Expression(symbol(value.sympy))
        if type(value).__module__.startswith("torch"):
            return getattr(value, name if name != "abs" else "abs")()
        return getattr(np, numpy_name)(value)

    apply.__name__ = name
    apply.__doc__ = f"{name} of an expression, a NumPy array, a tensor or a number."
    return apply


sin = _function("sin", sympy.sin, "sin")
cos = _function("cos", sympy.cos, "cos")
tan = _function("tan", sympy.tan, "tan")
exp = _function("exp", sympy.exp, "exp")
log = _function("log", sympy.log, "log")
sqrt = _function("sqrt", sympy.sqrt, "sqrt")
sinh = _function("sinh", sympy.sinh, "sinh")
cosh = _function("cosh", sympy.cosh, "cosh")
tanh = _function("tanh", sympy.tanh, "tanh")
arcsin = _function("arcsin", sympy.asin, "arcsin")
arccos = _function("arccos", sympy.acos, "arccos")
arctan = _function("arctan", sympy.atan, "arctan")


def erf(value: Any) -> Any:
    """The error function of an expression, a NumPy array, a tensor or a number."""
    if isinstance(value, Expression):
        return Expression(sympy.erf(value.sympy))
    if type(value).__module__.startswith("torch"):
        return value.erf()
    from scipy.special import erf as of_numbers

    return of_numbers(value)


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where `condition` holds, else `no`."""
    if not isinstance(condition, Expression):
        return np.where(condition, yes, no)
    return Expression(sympy.Piecewise((symbolic(yes), condition.sympy), (symbolic(no), True)))


_BY_NAME: dict[str, Callable[..., Any]] = {
    "sin": sin, "cos": cos, "tan": tan, "exp": exp, "log": log, "sqrt": sqrt,
    "sinh": sinh, "cosh": cosh, "tanh": tanh, "arcsin": arcsin, "arccos": arccos,
    "arctan": arctan, "erf": erf, "asin": arcsin, "acos": arccos, "atan": arctan,
    "abs": abs, "absolute": abs, "where": where, "square": lambda v: v * v,
    "add": lambda a, b: symbolic_binary(a, b, "add"),
    "subtract": lambda a, b: symbolic_binary(a, b, "sub"),
    "multiply": lambda a, b: symbolic_binary(a, b, "mul"),
    "divide": lambda a, b: symbolic_binary(a, b, "div"),
    "power": lambda a, b: symbolic_binary(a, b, "pow"),
    "negative": lambda v: -v,
}  # fmt: skip


def symbolic_binary(a: Any, b: Any, operation: str) -> Expression:
    """An arithmetic operation in which NumPy met an expression first."""
    left, right = symbolic(a), symbolic(b)
    match operation:
        case "add":
            return Expression(left + right)
        case "sub":
            return Expression(left - right)
        case "mul":
            return Expression(left * right)
        case "div":
            return Expression(left / right)
        case _:
            return Expression(left**right)


def _foreign(name: str, inputs: Any) -> Expression:
    if name not in _BY_NAME:
        raise KanpdeError(
            f"the function {name} cannot be used in a residual; there are "
            + ", ".join(sorted(n for n in _BY_NAME if n.isalpha()))
        )
    return _BY_NAME[name](*inputs)  # type: ignore[no-any-return]
