"""Conditions: an equation on a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanpde.geometry import region_from_data
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.conditions.base import PlacedStatement, check_name_and_weight
from kanpde.problem.equations import (
    Equation,
    Residual,
    call_residual,
    check_expression,
    region_of,
)
from kanpde.problem.fields import Fields
from kanpde.symbols.expression import Expression
from kanpde.symbols.printing import code


@dataclass(frozen=True)
class Condition(PlacedStatement):
    """An equation `residual = 0` on a region: the PDE, a boundary or an initial condition.

    The residual is a function of fields (by their names, or of all in order) that returns
    one expression or several. A domain as region means its interior.
    """

    name: str
    region: Region | Domain
    residual: Residual
    weight: float = 1.0

    def equations(self, domain: Domain, fields: Fields) -> list[Equation]:
        region = region_of(self.place, self.region, domain)
        check_name_and_weight(self, self.weight)
        found = []
        for expression in call_residual(self.place, self.residual, fields):
            check_expression(self.place, expression, domain, region)
            found += [Equation(self.name, p, expression, self.weight) for p in region.parts]
        return found

    def to_data(self, equations: tuple[Equation, ...]) -> dict[str, Any]:
        region = self.whole_region
        own = equations[:: len(region.parts)]  # each expression stands on each part
        return {
            "name": self.name,
            "weight": self.weight,
            **region.to_data(),
            "expressions": [code(e.expression) for e in own],
        }


def condition_from_data(data: Mapping[str, Any], domain: Domain, fields: Fields) -> Condition:
    """The condition of `Condition.to_data`."""
    expressions = [fields.read(e) for e in data["expressions"]]
    region = region_from_data(data, domain)
    residual = returning(expressions)
    return Condition(str(data["name"]), region, residual, float(data["weight"]))


def returning(expressions: list[Any]) -> Residual:
    """The residual that returns these SymPy expressions."""
    return lambda: tuple(Expression(e) for e in expressions)
