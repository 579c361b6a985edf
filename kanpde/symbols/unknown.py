"""Unknown numbers of equations: `k = unknown("k", start=1.0)`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import sympy

from kanpde.checks import require_bool, require_number
from kanpde.errors import KanpdeError
from kanpde.symbols.expression import Expression

# Below and above it, nothing holds an unknown number.
FREE = (-math.inf, math.inf)


class UnknownSymbol(sympy.Symbol):
    """An unknown number in an expression, with its start and the ends between which it lies."""

    start: float
    ends: tuple[float, float]

    def __new__(
        cls, name: str, start: float = 1.0, ends: tuple[float, float] = FREE
    ) -> UnknownSymbol:
        symbol = sympy.Symbol.__xnew__(cls, name, real=True)
        symbol.start, symbol.ends = start, ends
        return symbol  # type: ignore[no-any-return]

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.start, self.ends)


class Unknown(Expression):
    """An unknown number, which is solved for together with the fields."""

    __slots__ = ()
    sympy: UnknownSymbol

    def __float__(self) -> float:
        raise KanpdeError(
            f"the unknown {self.sympy.name} is used where a number is needed, as in the size of a "
            "shape; an unknown can stand in residuals, conditions, derived outputs and integrals"
        )

    @property
    def name(self) -> str:
        return str(self.sympy.name)


def unknown(
    name: str,
    start: float = 1.0,
    *,
    bounds: Sequence[float | None] | None = None,
    positive: bool = False,
) -> Unknown:
    """A number that is not known: `k = unknown("k", start=1.0, positive=True)`.

    It stands in residuals, conditions, derived outputs and integrals like any number, and is found
    together with the fields. Bounds hold by a smooth map and not by projection: a positive number
    is trained as its logarithm, one between two bounds by the logistic function, so that its column
    of the Jacobian never vanishes in between, and its 95 % interval lies inside as well.

    Args:
        name: how it is printed; a Python name.
        start: the value from which training begins.
        bounds: (low, high), between which it lies; None where there is none.
        positive: the same as bounds=(0, None).

    Raises:
        KanpdeError: for a name that cannot be one, or a start that does not lie between the bounds.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise KanpdeError(f"unknown: the name {name!r} is not a Python name")
    place = f'unknown "{name}"'
    require_number(f"{place}: start", start)
    require_bool(f"{place}: positive", positive)
    low, high = _read_bounds(place, bounds)
    if positive:
        low = max(low, 0.0)
    if not low < high:
        raise KanpdeError(f"{place}: nothing lies between the bounds {low:g} and {high:g}")
    if not low < start < high:
        raise KanpdeError(
            f"{place}: the start {start:g} does not lie between its bounds {low:g} and {high:g}; "
            "give another start=..."
        )
    return Unknown(UnknownSymbol(name, float(start), (low, high)))


def _read_bounds(place: str, bounds: Any) -> tuple[float, float]:
    if bounds is None:
        return FREE
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise KanpdeError(f"{place}: bounds are two numbers, (low, high), not {bounds!r}")
    low, high = bounds
    for end in (low, high):
        if end is not None:
            require_number(f"{place}: each of its bounds", end)
    return -math.inf if low is None else float(low), math.inf if high is None else float(high)


def unknowns_in(*expressions: Any) -> tuple[UnknownSymbol, ...]:
    """The unknown numbers that some SymPy expressions hold, each once, by name."""
    found = {s for e in expressions for s in e.atoms(UnknownSymbol)}
    return tuple(sorted(found, key=lambda s: str(s.name)))
