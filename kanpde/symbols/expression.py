"""Expressions of coordinates and fields: what a residual is written in.

A residual function is called once with symbolic fields; what it returns is the equation itself, not
its value at some points. So the program knows which derivatives an equation needs, can print it,
differentiate it exactly and distinguish a Dirichlet condition from a Robin one.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import sympy
from sympy.logic.boolalg import Boolean

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.symbols.sizes import exponential, power, sympy_time, whole_number

Scalar = int | float


class FieldSymbol(sympy.Symbol):
    """The coordinate of jet space that stands for one derivative of one field, such as u_xx.

    `axes` are those of the domain, `support` those that the field depends on.
    """

    field: str
    axes: tuple[str, ...]
    index: tuple[int, ...]
    support: tuple[str, ...]

    def __new__(
        cls,
        field: str,
        axes: tuple[str, ...],
        index: tuple[int, ...],
        support: tuple[str, ...] | None = None,
    ) -> FieldSymbol:
        suffix = "".join(name * order for name, order in zip(axes, index, strict=True))
        symbol = sympy.Symbol.__xnew__(cls, f"{field}_{suffix}" if suffix else field, real=True)
        symbol.field, symbol.axes, symbol.index = field, axes, index
        symbol.support = axes if support is None else support
        return symbol  # type: ignore[no-any-return]

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.field, self.axes, self.index, self.support)

    def raised(self, axis: str) -> FieldSymbol:
        """The symbol of one more derivative along `axis`."""
        index = tuple(n + (name == axis) for name, n in zip(self.axes, self.index, strict=True))
        return FieldSymbol(self.field, self.axes, index, self.support)


class NormalSymbol(sympy.Symbol):
    """The component along one axis of the outward unit normal of a boundary."""

    axis: str

    def __new__(cls, axis: str) -> NormalSymbol:
        symbol = sympy.Symbol.__xnew__(cls, f"{NORMAL}{axis}", real=True)
        symbol.axis = axis
        return symbol  # type: ignore[no-any-return]


# Before the name of an axis in the names of normals.
NORMAL = "normal_"


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
        return Expression(power(self.sympy, symbolic(other)))

    def __radd__(self, other: Scalar) -> Expression:
        return Expression(symbolic(other) + self.sympy)

    def __rsub__(self, other: Scalar) -> Expression:
        return Expression(symbolic(other) - self.sympy)

    def __rmul__(self, other: Scalar) -> Expression:
        return Expression(symbolic(other) * self.sympy)

    def __rtruediv__(self, other: Scalar) -> Expression:
        return Expression(symbolic(other) / self.sympy)

    def __rpow__(self, other: Scalar) -> Expression:
        return Expression(power(symbolic(other), self.sympy))

    def __neg__(self) -> Expression:
        return Expression(-self.sympy)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return apply_function("abs", (self,))

    def __lt__(self, other: Expression | Scalar) -> Expression:
        return _compare(sympy.Lt, self, other)

    def __le__(self, other: Expression | Scalar) -> Expression:
        return _compare(sympy.Le, self, other)

    def __gt__(self, other: Expression | Scalar) -> Expression:
        return _compare(sympy.Gt, self, other)

    def __ge__(self, other: Expression | Scalar) -> Expression:
        return _compare(sympy.Ge, self, other)

    def __bool__(self) -> bool:
        raise KanpdeError(
            f"`{self}` has no truth value, because a residual is traced once for all points; "
            "write `where(condition, a, b)` instead of if, and, or, min or max"
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
        return apply_function(ufunc.__name__, inputs)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Expression:
        return apply_function(getattr(function, "__name__", str(function)), args)

    def __str__(self) -> str:
        return str(rounded(self.sympy))

    __repr__ = __str__


class Role(Enum):
    """What an axis stands for: it decides about initial conditions, pictures and files."""

    SPACE = "space"
    TIME = "time"
    PARAMETER = "parameter"


class Scale(Enum):
    """How an axis is divided: evenly, or evenly in its logarithm."""

    LINEAR = "linear"
    LOG = "log"


# The only place where a letter means time.
_USUAL_ROLES = {"t": Role.TIME}


def usual_role(name: str) -> Role:
    """The role of an axis to which none is given: its name says it."""
    return _USUAL_ROLES.get(name, Role.SPACE)


class Axis(Expression):
    """A coordinate of a domain: usable in expressions, in `d`, and to name faces."""

    __slots__ = ("lower", "name", "role", "scale", "upper")

    def __init__(
        self,
        name: str,
        lower: float,
        upper: float,
        role: Role = Role.SPACE,
        scale: Scale = Scale.LINEAR,
    ) -> None:
        super().__init__(sympy.Symbol(name, real=True))
        self.name, self.lower, self.upper, self.role = name, lower, upper, role
        self.scale = scale

    @property
    def is_time(self) -> bool:
        return self.role is Role.TIME

    @property
    def is_parameter(self) -> bool:
        return self.role is Role.PARAMETER

    @property
    def length(self) -> float:
        """Its length by its scale: upper - lower, or log(upper / lower)."""
        if self.scale is Scale.LOG:
            return math.log(self.upper / self.lower)
        return self.upper - self.lower

    @property
    def middle(self) -> float:
        """The value half way by its scale: the geometric mean of the ends of a logarithmic one."""
        return float(self.place(np.array([0.5]))[0])

    def place(self, shares: Array) -> Array:
        """The values (N,) at shares of its length, in [0, 1]; the ends are met exactly."""
        if self.scale is Scale.LINEAR:
            return self.lower + (self.upper - self.lower) * shares
        values = self.lower * (self.upper / self.lower) ** np.asarray(shares, float)
        return np.asarray(np.clip(values, self.lower, self.upper))

    def cut(self, lower: float, upper: float) -> Axis:
        """The same axis between other ends."""
        return Axis(self.name, float(lower), float(upper), self.role, self.scale)


def symbolic(value: object) -> Any:
    """`value` as a SymPy expression; raises KanpdeError for what a residual cannot hold."""
    if isinstance(value, Expression):
        return value.sympy
    if isinstance(value, sympy.Basic):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return whole_number(int(value))
    if isinstance(value, (float, np.floating)) or getattr(value, "shape", None) == ():
        number = float(value)  # type: ignore[arg-type]
        if not math.isfinite(number):
            raise KanpdeError(f"the number {number} stands in a residual")
        return sympy.pi if number == math.pi else sympy.Float(number, 17)
    raise KanpdeError(
        f"a residual holds a {type(value).__name__}, which is neither a number nor an "
        "expression; measured values go into `observe(points, u=values)`, and known coefficients "
        'into `table("k.csv", x, y)`'
    )


def rounded(value: Any, digits: int = 6) -> Any:
    """`value` with its floating-point numbers shortened, for printing."""
    shorten = {
        number: sympy.Float(f"{float(number):.{digits}g}", digits)
        if float(number) != int(float(number))
        else sympy.Integer(int(float(number)))
        for number in value.atoms(sympy.Float)
    }
    return value.xreplace(shorten)


def _compare(relation: Any, left: Expression, right: Expression | Scalar) -> Expression:
    with sympy_time("a comparison"):
        return Expression(relation(left.sympy, symbolic(right)))


def _piecewise(condition: Any, yes: Any, no: Any) -> Any:
    # A symbol is a Boolean to SymPy.
    if not isinstance(condition, Boolean) or condition.is_Symbol:
        raise KanpdeError(
            f"where({condition}, ...) takes a comparison first, as in where(x < 0.5, 1, 10)"
        )
    with sympy_time("a `where`"):
        return sympy.Piecewise((yes, condition), (no, True))


def _absolute(value: Any) -> Any:
    with sympy_time("an `abs`"):
        return sympy.Abs(value)


# By the names that NumPy, torch and kanpde give them.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "log": sympy.log,
    "exp": partial(exponential, sympy.exp), "sqrt": sympy.sqrt, "tanh": sympy.tanh,
    "sinh": partial(exponential, sympy.sinh), "cosh": partial(exponential, sympy.cosh),
    "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "erf": sympy.erf,
    "asin": sympy.asin, "acos": sympy.acos, "atan": sympy.atan,
    "abs": _absolute, "absolute": _absolute, "where": _piecewise, "square": lambda v: v * v,
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul,
    "divide": operator.truediv, "power": power, "negative": operator.neg,
}  # fmt: skip


def apply_function(name: str, inputs: Sequence[Any]) -> Expression:
    """The function that NumPy, torch and kanpde call `name`, of expressions and numbers.

    Raises KanpdeError for a function that a residual cannot hold.
    """
    if name not in _FUNCTIONS:
        raise KanpdeError(
            f"the function {name} cannot be used in a residual; there are "
            + ", ".join(sorted(n for n in _FUNCTIONS if n.isalpha()))
        )
    return Expression(_FUNCTIONS[name](*map(symbolic, inputs)))


def exact_number(value: float) -> Any:
    """A float as a SymPy number; an integer where it is one, which is printed without digits."""
    return sympy.Integer(int(value)) if value == int(value) else sympy.Float(value, 17)


def jets_in(*expressions: Any) -> tuple[FieldSymbol, ...]:
    """The derivatives of fields that some SymPy expressions hold, each once, in a fixed order."""
    found = {symbol for e in expressions for symbol in e.atoms(FieldSymbol)}
    return tuple(sorted(found, key=lambda s: (s.field, sum(s.index), str(s))))


def normals_in(*expressions: Any) -> tuple[NormalSymbol, ...]:
    """The components of normals that some SymPy expressions hold, in a fixed order."""
    found = {symbol for e in expressions for symbol in e.atoms(NormalSymbol)}
    return tuple(sorted(found, key=lambda s: s.axis))


def field(name: str, axes: Sequence[str], support: Sequence[str] | None = None) -> Expression:
    """The symbol of a field on these axes, as a residual sees it; it depends on `support`."""
    depends = None if support is None else tuple(support)
    return Expression(FieldSymbol(name, tuple(axes), (0,) * len(axes), depends))


def derivative_symbol(
    name: str,
    axes: Sequence[str],
    fields: Sequence[str],
    support: Mapping[str, tuple[str, ...]] | None = None,
) -> FieldSymbol:
    """The jet coordinate that a name such as "u_xx" means.

    Raises KanpdeError for a name that is not understood.
    """
    base, orders = split_derivative(name, axes, fields)
    if base is None:
        first, x = fields[0], axes[0]
        raise KanpdeError(
            f'"{name}" is not a field, derived output or derivative of this problem; the fields '
            f"are {', '.join(fields)}, and derivatives are written {first}_{x}, {first}_{x}{x}"
        )
    depends = tuple(axes) if support is None else support[base]
    for axis, order in orders.items():
        if order and axis not in depends:
            raise KanpdeError(f'"{name}": the field {base} does not depend on {axis}')
    return FieldSymbol(base, tuple(axes), tuple(orders.values()), depends)


def split_derivative(
    name: str, axes: Sequence[str], fields: Sequence[str]
) -> tuple[str | None, dict[str, int]]:
    """The field that `name` begins with, None without one, and its orders along the axes.

    Fields and axes may hold underscores themselves: the cut is the last one that leaves both.
    """
    none = dict.fromkeys(axes, 0)
    if name in fields:
        return name, none
    for place in range(len(name) - 1, 0, -1):
        if name[place] == "_" and name[:place] in fields:
            orders = count_axes(name[place + 1 :], axes)
            if orders:
                return name[:place], none | orders
    return None, none


def count_axes(text: str, axes: Sequence[str]) -> dict[str, int]:
    """How often each axis stands in a suffix such as "xxt"; empty for any other text."""
    orders: dict[str, int] = {}
    while text:
        axis = max((a for a in axes if text.startswith(a)), key=len, default="")
        if not axis:
            return {}
        orders[axis] = orders.get(axis, 0) + 1
        text = text.removeprefix(axis)
    return orders
