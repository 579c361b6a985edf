"""Conditions: an equation on a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.geometry import region_from_data
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.averages import find_average, integral
from kanpde.problem.conditions.base import PlacedStatement, check_name_and_weight
from kanpde.problem.equations import (
    Equation,
    Kind,
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
    one expression or several. A domain as region means its interior. With `integral` it says what
    an integral over the region is.
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
            average = find_average(self.place, expression, region)
            if average is not None:
                mean, over = average
                over = region_of(self.place, over, domain)
                check_expression(self.place, mean, domain, over)
                found.append(Equation(self.name, over, mean, self.weight, kind=Kind.AVERAGE))
                continue
            check_expression(self.place, expression, domain, region)
            found += [Equation(self.name, p, expression, self.weight) for p in region.parts]
        if len({e.kind for e in found}) > 1:
            raise KanpdeError(
                f"{self.place} holds at each point and for an integral; make it two conditions"
            )
        if len({e.region.key() for e in found if e.kind is Kind.AVERAGE}) > 1:
            raise KanpdeError(
                f"{self.place}: its integrals are over several regions; make it several conditions"
            )
        return found

    def to_data(self, equations: tuple[Equation, ...]) -> dict[str, Any]:
        if equations[0].kind is Kind.AVERAGE:
            return {
                "name": self.name,
                "weight": self.weight,
                **equations[0].region.to_data(),
                "averages": [code(e.expression) for e in equations],
            }
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


def average_from_data(data: Mapping[str, Any], domain: Domain, fields: Fields) -> Condition:
    """The condition of `Condition.to_data`, on integrals."""
    region = region_from_data(data, domain)
    means = [integral(Expression(fields.read(e))).sympy for e in data["averages"]]
    return Condition(str(data["name"]), region, returning(means), float(data["weight"]))


def returning(expressions: list[Any]) -> Residual:
    """The residual that returns these SymPy expressions."""
    return lambda: tuple(Expression(e) for e in expressions)
