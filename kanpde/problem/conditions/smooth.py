"""Smoothness of a field that is sought, such as a coefficient of the equations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain
from kanpde.problem.conditions.base import Statement, check_name_and_weight
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.fields import Fields
from kanpde.symbols.expression import FieldSymbol


@dataclass(frozen=True)
class Smooth(Statement):
    """A field that readings have to determine is smooth: `Smooth("a")`, beside `observe(...)`.

    Many fields agree with noisy readings, most of them rough. Of these the one is taken whose
    second derivatives are small: by their mean square, with each axis of length one. How strongly
    they count is chosen by the evidence of the readings; `weight` is their weight in the loss
    before that is known. The field has its own network, an expansion in polynomials.
    """

    field: str
    weight: float = 1e-8

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"smooth {self.field}"

    def equations(self, domain: Domain, fields: Fields) -> list[Equation]:
        check_name_and_weight(self, self.weight)
        if self.field not in fields.names:
            raise KanpdeError(
                f"Smooth({self.field!r}): there is no such field; there are "
                f"{', '.join(fields.names)}"
            )
        support = fields.support[self.field]
        if not support:
            raise KanpdeError(
                f"Smooth({self.field!r}): it is a number, which depends on no axis; leave it out"
            )
        found = []
        for pair in combinations_with_replacement(support, 2):
            index = tuple(pair.count(name) for name in domain.names)
            size = math.prod(domain.axis(name).length for name in pair)
            size *= math.sqrt(2.0) if pair[0] != pair[1] else 1.0
            jet = FieldSymbol(self.field, domain.names, index, support)
            found.append(
                Equation(self.name, domain.interior, size * jet, self.weight, kind=Kind.PRIOR)
            )
        return found

    def within(self, domain: Domain) -> Smooth:
        return self

    def to_data(self, equations: tuple[Equation, ...]) -> dict[str, Any]:
        return {"smooth": self.field, "weight": self.weight}


def smooth_from_data(data: Mapping[str, Any], domain: Domain, fields: Fields) -> Smooth:
    """The condition of `Smooth.to_data`."""
    return Smooth(str(data["smooth"]), float(data["weight"]))
