"""Conditions on integrals: the mean is zero, a flow rate is given."""

from __future__ import annotations

from typing import Any

import sympy

from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain, Region
from kanpde.symbols.averages import IntegralSymbol, integrals_in
from kanpde.symbols.expression import Expression, FieldSymbol, symbolic


def integral(density: Expression, over: Region | Domain | None = None) -> Expression:
    """The integral of an expression, in a residual: `lambda u: integral(u) - 1`.

    It is taken over the region of the condition, or `over` another one; a domain means its
    interior. A condition on an integral is one equation, not one at each point.
    """
    region = over.interior if isinstance(over, Domain) else over
    if region is not None and not isinstance(region, Region):
        raise KanpdeError(f"integral(..., over={over!r}): name a region, such as box.face(x=0)")
    return Expression(IntegralSymbol(symbolic(density), region))


def find_average(place: str, expression: Any, region: Region) -> tuple[Any, Region] | None:
    """A density whose mean over a region is zero where the expression is; None without integrals.

    Raises KanpdeError, naming the condition, for a field outside of the integrals, for integrals
    over several regions, and where they do not enter as a sum.
    """
    integrals = integrals_in(expression)
    if not integrals:
        return None
    slopes = [expression.diff(each) for each in integrals]
    rest = expression.xreplace(dict.fromkeys(integrals, sympy.Integer(0)))
    if rest.atoms(FieldSymbol):
        raise KanpdeError(
            f"{place}: {rest} stands beside an integral, which is one number; a condition holds "
            "either at each point or for an integral: make it two conditions"
        )
    if not all(slope.is_number for slope in slopes) or not rest.is_number:
        raise KanpdeError(
            f"{place}: integrals enter a condition as a sum with numbers, "
            "integral(u) - 2 * integral(v) - 1"
        )
    regions = {(each.region or region).key(): each.region or region for each in integrals}
    if len(regions) > 1:
        raise KanpdeError(
            f"{place}: its integrals are over {' and '.join(r.label for r in regions.values())}; "
            'take one region for both, such as shape.boundary("inlet", "outlet")'
        )
    (over,) = regions.values()
    if not over.dimension:
        raise KanpdeError(f"{place}: {over.label} has no length, area or volume to integrate over")
    total = rest / sympy.Float(over.measure, 17)
    for each, slope in zip(integrals, slopes, strict=True):
        total += slope * each.density
    return total, over
