"""Unknown laws: functions of the solution, `k = law("k")`, and `k(u)` in an equation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kanpde.checks import require_number
from kanpde.errors import KanpdeError
from kanpde.symbols.expression import Expression, FieldSymbol

Range = tuple[float, float]


@dataclass(frozen=True)
class LawStatement:
    """What a problem knows of a law: its arguments, such as "u" or "u_x", its start, its ranges.

    `ranges` are the ends between which each argument lies; without them those of the readings.
    """

    arguments: tuple[str, ...]
    start: float = 1.0
    ranges: tuple[Range, ...] = ()


class LawSymbol(FieldSymbol):
    """A derivative of a law of fields, as a function on the domain."""

    statement: LawStatement

    def __new__(
        cls, name: str, jets: Sequence[FieldSymbol], index: tuple[int, ...], statement: LawStatement
    ) -> LawSymbol:
        axes = jets[0].axes
        support = tuple(a for a in axes if any(a in jet.support for jet in jets))
        symbol = FieldSymbol.__new__(cls, name, axes, index, support)
        symbol.statement, symbol.jets = statement, tuple(jets)
        return symbol

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.statement)

    def raised(self, axis: str) -> LawSymbol:
        index = tuple(n + (name == axis) for name, n in zip(self.axes, self.index, strict=True))
        return LawSymbol(str(self.field), self.jets, index, self.statement)

    @property
    def plain(self) -> FieldSymbol:
        """The same as a derivative of a field."""
        return FieldSymbol(self.field, self.axes, self.index, self.support)


@dataclass(frozen=True)
class Law:
    """A function of fields that is not known; call it with fields or their derivatives."""

    name: str
    start: float
    ranges: tuple[Range, ...]

    def __call__(self, *arguments: Expression) -> Expression:
        """The law of these, in an equation; raises KanpdeError for other arguments."""
        jets: list[Any] = [getattr(argument, "sympy", None) for argument in arguments]
        place = f'law "{self.name}"'
        if not jets or any(
            not isinstance(j, FieldSymbol) or isinstance(j, LawSymbol) for j in jets
        ):
            shown = ", ".join(map(str, arguments)) or "nothing"
            raise KanpdeError(
                f"{place} is taken of {shown}; a law takes fields or their derivatives, as in "
                f"{self.name}(u) or {self.name}(u, d(u, x))"
            )
        if self.ranges and len(self.ranges) != len(jets):
            raise KanpdeError(
                f"{place} has {len(self.ranges)} ranges and {len(jets)} arguments; give one each"
            )
        own = tuple(str(j) for j in jets)
        statement = LawStatement(own, self.start, self.ranges)
        return Expression(LawSymbol(self.name, jets, (0,) * len(jets[0].axes), statement))


def law(name: str, start: float = 1.0, *, range: Any = None) -> Law:
    """A function of the solution that is not known: `k = law("k")`, then `k(u)` in equations.

    A KAN of its arguments, trained with the fields. `d(k(u) * d(u, x), x)` holds its derivatives.

    Args:
        name: how it is printed; a Python name.
        start: its value, everywhere, from which training begins.
        range: (low, high), the ends between which its argument lies, or a pair for each argument;
            by default those of the readings.

    Raises:
        KanpdeError: for a name that cannot be one, or a range that is not one.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise KanpdeError(f"law: the name {name!r} is not a Python name")
    require_number(f'law "{name}": start', start)
    return Law(name, float(start), () if range is None else _read_ranges(name, range))


def _read_ranges(name: str, given: Any) -> tuple[Range, ...]:
    pairs = [given] if isinstance(given, (tuple, list)) and _is_pair(given) else given
    if not isinstance(pairs, (tuple, list)) or not all(map(_is_pair, pairs)):
        raise KanpdeError(f'law "{name}": range is (low, high), a pair for each argument')
    return tuple((float(low), float(high)) for low, high in pairs)


def _is_pair(given: Any) -> bool:
    numbers = isinstance(given, (tuple, list)) and len(given) == 2
    return numbers and all(isinstance(v, (int, float)) for v in given) and given[0] < given[1]


def laws_in(*expressions: Any) -> tuple[LawSymbol, ...]:
    """The derivatives of laws that some SymPy expressions hold, in a fixed order."""
    found = {s for e in expressions for s in e.atoms(LawSymbol)}
    return tuple(sorted(found, key=str))
