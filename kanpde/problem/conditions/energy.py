"""Energies: problems whose solution makes an integral as small as possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from kanpde.errors import KanpdeError
from kanpde.geometry import region_from_data
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.conditions.base import PlacedStatement, check_name_and_weight
from kanpde.problem.conditions.condition import returning
from kanpde.problem.equations import (
    Equation,
    Kind,
    Residual,
    call_residual,
    check_expression,
    region_of,
)
from kanpde.problem.fields import Fields
from kanpde.symbols.expression import Expression, FieldSymbol, jets_in
from kanpde.symbols.functions import d
from kanpde.symbols.jumps import JumpError
from kanpde.symbols.printing import code
from kanpde.symbols.unknown import unknowns_in


@dataclass(frozen=True)
class Energy(PlacedStatement):
    """The fields make the integral of `density` over the region smallest.

    `Energy("strain", box, lambda u: 0.5 * (d(u, x) ** 2 + d(u, y) ** 2) - f * u)` is Poisson's
    equation. The density is a function of fields that returns one expression. Its Euler-Lagrange
    equations are derived, shown by `kanpde check`, and used as its residuals; the natural boundary
    conditions hold where there is no other condition.
    """

    name: str
    region: Region | Domain
    density: Residual
    weight: float = 1.0

    def equations(self, domain: Domain, fields: Fields) -> list[Equation]:
        region = region_of(self.place, self.region, domain)
        check_name_and_weight(self, self.weight)
        found = call_residual(self.place, self.density, fields)
        if len(found) != 1:
            raise KanpdeError(f"{self.place}: an energy has one density, not {len(found)}")
        (density,) = found
        for number in unknowns_in(density):
            raise KanpdeError(
                f"{self.place} holds the unknown {number}: it would be chosen to make the energy "
                "small, not to fit readings; write the equations of this energy as a Condition"
            )
        check_expression(self.place, density, domain, region)
        whole = [
            Equation(self.name, p, density, self.weight, kind=Kind.DENSITY) for p in region.parts
        ]
        if not region.is_interior:
            return whole
        try:
            laws = euler_lagrange(density, domain)
        except JumpError as error:
            what, _, _ = str(error).partition("; ")
            raise JumpError(
                f"{self.place}: its Euler-Lagrange equation: {what}; write the equation instead, "
                "with regions: k = piecewise({box.region(x=(0, 0.5)): 1.0, box.region(x=(0.5, 1)): "
                "10.0}) and Condition(..., lambda u: d(k * d(u, x), x) + f)"
            ) from None
        return whole + [
            Equation(self.name, region, law, self.weight, kind=Kind.CONSEQUENCE) for law in laws
        ]

    def to_data(self, equations: tuple[Equation, ...]) -> dict[str, Any]:
        region = self.whole_region
        return {
            "name": self.name,
            "weight": self.weight,
            **region.to_data(),
            "density": code(equations[0].expression),
        }


def euler_lagrange(density: Any, domain: Domain) -> list[Any]:
    """The equations of the fields in a density F: sum over a of (-1)^|a| D_a (dF / du_a) = 0."""
    jets = jets_in(density)
    laws = []
    for name in dict.fromkeys(jet.field for jet in jets):
        total: Any = sympy.Integer(0)
        for jet in jets:
            if jet.field == name:
                total += _derive_back(density.diff(jet), jet, domain)
        if total.atoms(FieldSymbol):
            laws.append(total)
    return laws


def _derive_back(slope: Any, jet: FieldSymbol, domain: Domain) -> Any:
    along = [axis for axis, n in zip(domain.axes, jet.index, strict=True) for _ in range(n)]
    value = d(Expression(slope), *along).sympy if along else slope
    return (-1) ** len(along) * value


def energy_from_data(data: Mapping[str, Any], domain: Domain, fields: Fields) -> Energy:
    """The condition of `Energy.to_data`."""
    density = fields.read(data["density"])
    region = region_from_data(data, domain)
    return Energy(str(data["name"]), region, returning([density]), float(data["weight"]))
