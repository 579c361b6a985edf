"""Coefficients that jump between regions, and what derivatives of jumps say at interfaces.

In the sense of distributions the derivative of F, which jumps by [F] at an interface with the unit
normal n, is dF/dx on both sides plus n_x [F] times the Dirac of the interface. So an equation that
holds in all of a domain says two things: itself on each side, and that its Diracs cancel, which is
the continuity of the flux (the Rankine-Hugoniot condition).
"""

from __future__ import annotations

from typing import Any

import sympy

from kanpde.symbols.expression import Axis, FieldSymbol, Role
from kanpde.symbols.jumps import JumpError


class RegionSymbol(sympy.Symbol):
    """One in a region of a domain, zero in its other regions; `rank` is its place among these."""

    region: Any
    rank: int

    def __new__(cls, region: Any, rank: int) -> RegionSymbol:
        name = f"in_{_as_name(region.label)}"
        symbol = sympy.Symbol.__xnew__(cls, name, real=True)
        symbol.region, symbol.rank = region, rank
        return symbol  # type: ignore[no-any-return]

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.region.key())


class SidedSymbol(FieldSymbol):
    """A derivative of a field that may jump at interfaces.

    `continuous` says that the field itself does not, but its derivatives may.
    """

    continuous: bool

    def __new__(
        cls,
        field: str,
        axes: tuple[str, ...],
        index: tuple[int, ...],
        support: tuple[str, ...],
        continuous: bool,
    ) -> SidedSymbol:
        symbol = FieldSymbol.__new__(cls, field, axes, index, support)
        symbol.continuous = continuous
        return symbol

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.continuous)

    def raised(self, axis: str) -> SidedSymbol:
        up = super().raised(axis)
        return SidedSymbol(up.field, up.axes, up.index, up.support, self.continuous)

    @property
    def jumps(self) -> bool:
        return not self.continuous or any(self.index)

    @property
    def plain(self) -> FieldSymbol:
        """As equations hold it."""
        return FieldSymbol(self.field, self.axes, self.index, self.support)


class JumpSymbol(sympy.Symbol):
    """The Dirac of the derivative of `flux` along `axis`, at the interfaces where it jumps."""

    flux: Any
    axis: str

    def __new__(cls, flux: Any, axis: str) -> JumpSymbol:
        symbol = sympy.Symbol.__xnew__(cls, f"jump_{axis}", real=True)
        symbol.flux, symbol.axis = flux, axis
        return symbol  # type: ignore[no-any-return]

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.flux, self.axis)


# Behind the name of a field: its values on the other side of an interface.
BEYOND = "_beyond"
# Before the number of a material: one in it, zero in others.
MATERIAL = "material_"


def regions_in(*expressions: Any) -> list[RegionSymbol]:
    """The regions that some SymPy expressions tell apart, each once, as they were named."""
    found = {symbol for e in expressions for symbol in e.atoms(RegionSymbol)}
    return sorted(found, key=lambda s: (s.rank, str(s)))


def jump_of(value: Any, axis: Axis) -> Any:
    """What the derivative of `value` along an axis has at interfaces; zero where it has nothing.

    Raises JumpError for the derivative of a Dirac.
    """
    if axis.role is not Role.SPACE:
        return sympy.Integer(0)
    sided, regions = value.atoms(SidedSymbol), regions_in(value)
    if regions and not value.atoms(FieldSymbol):
        raise JumpError(
            f"d({value}, {axis}) is the derivative of a coefficient that jumps between regions, "
            "and no field can make up for its Dirac; write what is meant in each region"
        )
    if not sided:
        return sympy.Integer(0)
    if value.atoms(JumpSymbol):
        raise JumpError(
            f"d(..., {axis}): the equation takes a derivative of a flux that jumps between "
            "materials; write it as equations of at most second order, with the flux as a field"
        )
    if regions or any(symbol.jumps for symbol in sided):
        return JumpSymbol(value, axis.name)
    return sympy.Integer(0)


def beyond(symbol: FieldSymbol) -> FieldSymbol:
    """The same derivative on the other side of an interface."""
    return FieldSymbol(symbol.field + BEYOND, symbol.axes, symbol.index, symbol.support)


def material_symbol(number: int, axes: tuple[str, ...]) -> FieldSymbol:
    """One in the material of this number, zero elsewhere; it depends on no axis."""
    return FieldSymbol(f"{MATERIAL}{number}", axes, (0,) * len(axes), ())


def _as_name(text: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in text)
