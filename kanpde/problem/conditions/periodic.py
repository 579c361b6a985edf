"""Periodic axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain
from kanpde.problem.conditions.base import Statement
from kanpde.problem.equations import Equation
from kanpde.problem.fields import Fields
from kanpde.symbols.expression import Axis


@dataclass(frozen=True)
class Periodic(Statement):
    """All fields, with all their derivatives, agree at both ends of `axis`."""

    axis: Axis
    name: str = "periodic"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise KanpdeError(
                f"Periodic({self.axis}, {self.name}) closes one axis; write Periodic({self.axis}), "
                f"Periodic({self.name})"
            )

    @property
    def periodic_axis(self) -> str:
        return self.axis.name

    def equations(self, domain: Domain, fields: Fields) -> list[Equation]:
        """None: the network is made periodic."""
        if not isinstance(self.axis, Axis) or self.axis.name not in domain.names:
            raise KanpdeError(f"Periodic({self.axis}): the box has no such axis")
        return []

    def within(self, domain: Domain) -> Periodic:
        return self

    def to_data(self, equations: tuple[Equation, ...]) -> dict[str, Any]:
        return {"periodic": self.axis.name, "name": self.name}


def periodic_from_data(data: Mapping[str, Any], domain: Domain, fields: Fields) -> Periodic:
    """The condition of `Periodic.to_data`."""
    return Periodic(domain.axis(data["periodic"]), str(data["name"]))
