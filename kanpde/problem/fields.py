"""The unknowns of a problem: their names, and the axes that each depends on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kanpde.checks import require_sequence
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain
from kanpde.symbols.expression import (
    Axis,
    Expression,
    FieldSymbol,
    count_axes,
    derivative_symbol,
    split_derivative,
)
from kanpde.symbols.expression import field as field_symbol
from kanpde.symbols.interfaces import BEYOND, MATERIAL, SidedSymbol
from kanpde.symbols.law import laws_in
from kanpde.symbols.parse import parse
from kanpde.symbols.tabulated import Tabulated
from kanpde.symbols.unknown import unknowns_in

# "u", "u v p", ("u", "v"), or {"u": (x, t), "a": (x,)} for fields of fewer axes.
FieldNames = str | Sequence[str] | Mapping[str, Sequence[Axis]]


@dataclass(frozen=True)
class Fields:
    """Names of fields on a domain; `support` has the names of the axes of each."""

    names: tuple[str, ...]
    axes: tuple[str, ...]
    support: Mapping[str, tuple[str, ...]]
    # The number of materials; none where the whole domain is one.
    materials: int = 0
    # The tables that saved expressions may hold, by name.
    tables: Mapping[str, Tabulated] = field(default_factory=dict)

    @property
    def known(self) -> dict[str, tuple[str, ...]]:
        """The axes that each name in an equation depends on.

        Where there are materials, beside fields their values beyond an interface, and what is one
        in a material and zero in others.
        """
        found = {name: self.support[name] for name in self.names}
        if self.materials:
            found |= {name + BEYOND: self.support[name] for name in self.names}
            found |= {f"{MATERIAL}{k}": () for k in range(self.materials)}
        return found

    def read(self, text: str) -> Any:
        """The expression that `code` printed; raises KanpdeError for anything else."""
        known = self.known
        return parse(text, self.axes, tuple(known), known, tables=self.tables)

    def symbol(self, name: str) -> Expression:
        """A field as a residual sees it."""
        return field_symbol(name, self.axes, self.support[name])

    def sided(self, continuous: Collection[str]) -> Fields:
        """The same, whose symbols may jump at interfaces: fields, or only their derivatives."""
        return SidedFields(
            self.names, self.axes, self.support, self.materials, continuous=continuous
        )

    def derivative(self, name: str) -> FieldSymbol:
        """The jet coordinate of a name such as "u_xx"; raises KanpdeError for others."""
        return derivative_symbol(name, self.axes, self.names, self.support)

    def with_numbers(self, names: Sequence[str]) -> Fields:
        """The same with unknown numbers behind the fields: fields without axes."""
        for name in names:
            if name in self.names or name in self.axes:
                what = "a field" if name in self.names else "an axis of the domain"
                raise KanpdeError(f'unknown "{name}" has the name of {what}; rename one')
        support = {**self.support, **dict.fromkeys(names, ())}
        return replace(self, names=(*self.names, *names), support=support)

    def with_laws(self, supports: Mapping[str, tuple[str, ...]]) -> Fields:
        """The same with laws of fields behind all else: fields on the axes of their arguments."""
        for name in supports:
            if name in self.names or name in self.axes:
                raise KanpdeError(
                    f'law "{name}" has the name of a field, an unknown or an axis; rename one'
                )
        support = {**self.support, **supports}
        return replace(self, names=(*self.names, *supports), support=support)

    def place_unknowns(self, expression: Any) -> Any:
        """A SymPy expression in which unknown numbers are fields without axes, and laws fields."""
        zero = (0,) * len(self.axes)
        found = unknowns_in(expression)
        swap: dict[Any, FieldSymbol] = {s: FieldSymbol(s.name, self.axes, zero, ()) for s in found}
        swap |= {s: s.plain for s in laws_in(expression)}
        return expression.xreplace(swap)


@dataclass(frozen=True)
class SidedFields(Fields):
    """Fields that may jump at interfaces, but for the `continuous` ones."""

    continuous: Collection[str] = ()

    def symbol(self, name: str) -> Expression:
        index, known = (0,) * len(self.axes), name in self.continuous
        return Expression(SidedSymbol(name, self.axes, index, self.support[name], known))


def read_fields(given: FieldNames, domain: Domain) -> Fields:
    """The fields that a problem names; raises KanpdeError for names that cannot be."""
    if isinstance(given, Mapping):
        names = tuple(given)
    elif isinstance(given, str):
        names = tuple(given.replace(",", " ").split())
    else:
        require_sequence("a Problem's fields", given, '("u", "v")')
        names = tuple(given)
    if not names:
        raise KanpdeError('a Problem needs fields: fields="u"')
    for name in names:
        if not isinstance(name, str) or not name.isidentifier():
            raise KanpdeError(f"the field name {name!r} is not a Python name")
        if name in domain.names:
            raise KanpdeError(f"{name} names a field and an axis of the domain")
    if len(set(names)) < len(names):
        raise KanpdeError(f"a field is named twice: {', '.join(names)}")
    _require_distinct_derivatives(names, domain.names)
    support = dict.fromkeys(names, domain.names)
    if isinstance(given, Mapping):
        support = {n: _support(n, axes, domain) for n, axes in given.items()}
        if not any(support[n] == domain.names for n in names):
            raise KanpdeError("at least one field of a problem depends on all axes of its domain")
    return Fields(names, domain.names, support)


def _require_distinct_derivatives(names: Sequence[str], axes: Sequence[str]) -> None:
    """Raise KanpdeError for names that saved equations could not tell from derivatives."""
    for axis in axes:
        if count_axes(axis, [a for a in axes if a != axis]):
            raise KanpdeError(
                f"the axis {axis} reads as several axes in u_{axis}; give it another name"
            )
    for name in names:
        base, _ = split_derivative(name, axes, [n for n in names if n != name])
        if base is not None:
            raise KanpdeError(
                f"the field {name} has the name of a derivative of {base}; give it another name"
            )


def _support(name: str, axes: Sequence[Axis], domain: Domain) -> tuple[str, ...]:
    if not isinstance(axes, Axis):
        require_sequence(f"fields: {name}", axes, "(x, t)")
    given = (axes,) if isinstance(axes, Axis) else tuple(axes)
    for axis in given:
        if not isinstance(axis, Axis) or axis.name not in domain.names:
            raise KanpdeError(
                f"fields: {name} depends on {axis}, which is not an axis of the domain "
                f"({', '.join(domain.names)})"
            )
    wanted = {axis.name for axis in given}
    return tuple(n for n in domain.names if n in wanted)
