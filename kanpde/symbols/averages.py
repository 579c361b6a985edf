"""The symbol of an integral in a condition."""

from __future__ import annotations

from typing import Any

import sympy


class IntegralSymbol(sympy.Symbol):
    """The integral of a density over a region; None stands for the region of the condition."""

    density: Any
    region: Any

    def __new__(cls, density: Any, region: Any) -> IntegralSymbol:
        symbol = sympy.Symbol.__xnew__(cls, "integral", real=True)
        symbol.density, symbol.region = density, region
        return symbol  # type: ignore[no-any-return]

    def _hashable_content(self) -> tuple[Any, ...]:
        key = None if self.region is None else self.region.key()
        return (*super()._hashable_content(), self.density, key)


def integrals_in(expression: Any) -> list[IntegralSymbol]:
    """The integrals that a SymPy expression holds."""
    found: set[IntegralSymbol] = expression.atoms(IntegralSymbol)
    return sorted(found, key=lambda s: str(s.density))
