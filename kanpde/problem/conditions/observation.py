"""Measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.checks import read_reals
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain
from kanpde.geometry.points import Points
from kanpde.problem.conditions.base import Statement, check_name_and_weight
from kanpde.problem.equations import Equation, region_of
from kanpde.problem.fields import Fields
from kanpde.symbols.expression import FieldSymbol


@dataclass(frozen=True)
class Observation(Statement):
    """Measured values of fields, or of derivatives such as "u_x", at given points.

    `inherited` marks values that a window of time takes over from the previous one: they are
    weighed like initial data.
    """

    name: str
    points: Points
    values: Mapping[str, Array]
    weight: float = 1.0
    inherited: bool = False

    def equations(self, domain: Domain, fields: Fields) -> list[Equation]:
        region = region_of(self.place, self.points, domain)
        check_name_and_weight(self, self.weight)
        return [
            Equation(
                self.name,
                region,
                self._symbol(name, fields),
                self.weight,
                values,
                inherited=self.inherited,
            )
            for name, values in self.values.items()
        ]

    def _symbol(self, name: str, fields: Fields) -> FieldSymbol:
        try:
            return fields.derivative(name)
        except KanpdeError:
            u, x = fields.names[0], fields.axes[0]
            raise KanpdeError(
                f"{self.place}: there is no field {name}, and a derivative is named as in {u}_{x}"
            ) from None

    def within(self, domain: Domain) -> Observation | None:
        points = self.points.within(domain)
        if points is None:
            return None
        kept = self.points.kept(domain)
        return replace(self, points=points, values={n: v[kept] for n, v in self.values.items()})

    def to_data(self, equations: tuple[Equation, ...]) -> dict[str, Any]:
        return {
            "name": self.name,
            "weight": self.weight,
            **self.points.to_data(),
            "values": {n: v.tolist() for n, v in self.values.items()},
        }


def observe(name: str, points: Points, weight: float = 1.0, **values: Any) -> Observation:
    """Data: `observe("sensors", box.points(x=..., t=...), u=measured)`, or `u_x=slopes`.

    Raises KanpdeError for a number of values that differs from the number of points.
    """
    if not isinstance(points, Points) or not len(points.coordinates):
        raise KanpdeError(
            f'observe("{name}"): the second argument must be box.points(...) with at least one '
            "point"
        )
    arrays = {}
    for key, value in values.items():
        array = read_reals(f'observe("{name}"): {key}', value).ravel()
        if array.size != len(points.coordinates):
            raise KanpdeError(
                f'observe("{name}"): {key} has {array.size} values for '
                f"{len(points.coordinates)} points"
            )
        if not np.isfinite(array).all():
            raise KanpdeError(f'observe("{name}"): {key} holds a value that is not finite')
        arrays[key] = array
    if not arrays:
        raise KanpdeError(f'observe("{name}", points, ...) needs values: u=measured')
    return Observation(name, points, arrays, weight)


def observation_from_data(data: Mapping[str, Any], domain: Domain, fields: Fields) -> Observation:
    """The condition of `Observation.to_data`."""
    values = {n: np.array(v, float) for n, v in data["values"].items()}
    points = Points(domain, np.array(data["points"], float))
    return Observation(str(data["name"]), points, values, float(data["weight"]))
