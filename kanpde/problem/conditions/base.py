"""What every kind of condition can do; a new kind is a file beside this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, Self, cast

from kanpde.checks import require_number
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.equations import Equation
from kanpde.problem.fields import Fields


class Statement(ABC):
    """What a problem lists: an equation, periodicity, measurements, an energy."""

    name: str

    @property
    def place(self) -> str:
        """How messages name it."""
        return f'condition "{self.name}"'

    @property
    def periodic_axis(self) -> str | None:
        """The axis that it makes periodic, if any."""
        return None

    @abstractmethod
    def equations(self, domain: Domain, fields: Fields) -> list[Equation]:
        """What it says, as expressions; raises KanpdeError, naming it, for what cannot be."""

    @abstractmethod
    def within(self, domain: Domain) -> Statement | None:
        """What it says on a part of its domain; None where it says nothing there."""

    @abstractmethod
    def to_data(self, equations: tuple[Equation, ...]) -> dict[str, Any]:
        """As JSON data, from the equations that it gave."""


class PlacedStatement(Statement):
    """A statement that holds on one region; a domain as region means its interior."""

    region: Region | Domain

    @property
    def whole_region(self) -> Region:
        """The region."""
        return self.region.interior if isinstance(self.region, Domain) else self.region

    def within(self, domain: Domain) -> Self | None:
        region = self.whole_region.within(domain)
        return None if region is None else replace(cast(Any, self), region=region)


def check_name_and_weight(statement: Statement, weight: Any) -> None:
    """Raise KanpdeError unless the name is text and the weight a positive number."""
    if not isinstance(statement.name, str) or not statement.name.strip():
        raise KanpdeError(f"a condition's name must be text, not {statement.name!r}")
    require_number(f"{statement.place}: the weight", weight, above=0)
    if not 1e-100 <= weight <= 1e100:
        raise KanpdeError(f"{statement.place}: the weight {weight:g} is beyond what numbers hold")
