"""Measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.checks import read_reals, require_bool
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

    `sigma` are the standard deviations (N,) of their noise, where that is known; `robust` readings
    may hold outliers. `inherited` marks values that a window of time takes over from the previous
    one: they are weighed like initial data.
    """

    name: str
    points: Points
    values: Mapping[str, Array]
    weight: float = 1.0
    inherited: bool = False
    sigma: Array | None = None
    robust: bool = False
    # The file that they were read from: as it was given -> where it was found.
    files: Mapping[Path, Path] = field(default_factory=dict)

    def equations(self, domain: Domain, fields: Fields) -> list[Equation]:
        region = region_of(self.place, self.points, domain)
        check_name_and_weight(self, self.weight)
        values, sigma = dict(self.values), self.sigma
        if "sigma" in fields.names and sigma is not None:
            # A field of this name: these are its readings.
            values, sigma = values | {"sigma": sigma}, None
        if not values:
            raise KanpdeError(f"{self.place} has a sigma but no values: u=measured")
        self._check_sigma(sigma)
        return [
            Equation(
                self.name,
                region,
                self._symbol(name, fields),
                self.weight,
                read,
                sigma,
                self.robust,
                inherited=self.inherited,
            )
            for name, read in values.items()
        ]

    def _check_sigma(self, sigma: Array | None) -> None:
        if sigma is not None and not (sigma > 0).all():
            raise KanpdeError(
                f"{self.place}: sigma is {float(sigma.min()):g}; a standard deviation is "
                "larger than zero; where it is not known, leave sigma out, and it is estimated"
            )

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
        values = {n: v[kept] for n, v in self.values.items()}
        sigma = None if self.sigma is None else self.sigma[kept]
        return replace(self, points=points, values=values, sigma=sigma)

    def to_data(self, equations: tuple[Equation, ...]) -> dict[str, Any]:
        noise = {} if self.sigma is None else {"sigma": self.sigma.tolist()}
        return {
            "name": self.name,
            "weight": self.weight,
            **self.points.to_data(),
            "values": {n: v.tolist() for n, v in self.values.items()},
            **noise,
            **({"robust": True} if self.robust else {}),
        }


def observe(
    name: str,
    points: Points,
    weight: float = 1.0,
    *,
    sigma: Any = None,
    robust: bool = False,
    **values: Any,
) -> Observation:
    """Data: `observe("sensors", box.points(x=..., t=...), u=measured)`, or `u_x=slopes`.

    Args:
        name: how messages and files call them.
        points: where they were read.
        weight: of their mean square in the loss, beside the equations.
        sigma: the standard deviation of their noise, one or one for each point, in their own
            unit; without it, it is estimated from the misfit.
        robust: whether some may be wrong by much more than the noise; these are given less weight.
        values: the readings by the names of fields, derivatives or unknowns, one for each point.

    Raises:
        KanpdeError: for a number of values that differs from the number of points, or a sigma that
            is not positive.
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
    if not arrays and sigma is None:
        raise KanpdeError(f'observe("{name}", points, ...) needs values: u=measured')
    require_bool(f'observe("{name}"): robust', robust)
    noise = None if sigma is None else _read_sigma(name, sigma, len(points.coordinates))
    return Observation(name, points, arrays, weight, sigma=noise, robust=robust)


def _read_sigma(name: str, sigma: Any, count: int) -> Array:
    """Standard deviations, or the readings of a field that is called sigma, (N,)."""
    array = read_reals(f'observe("{name}"): sigma', sigma).ravel()
    if array.size not in (1, count):
        raise KanpdeError(
            f'observe("{name}"): sigma has {array.size} values for {count} points; give one, or '
            "one for each point"
        )
    if not np.isfinite(array).all():
        raise KanpdeError(f'observe("{name}"): sigma holds a value that is not finite')
    return np.broadcast_to(array, count).copy()


def observation_from_data(data: Mapping[str, Any], domain: Domain, fields: Fields) -> Observation:
    """The condition of `Observation.to_data`."""
    values = {n: np.array(v, float) for n, v in data["values"].items()}
    points = Points(domain, np.array(data["points"], float))
    sigma = np.array(data["sigma"], float) if "sigma" in data else None
    return Observation(
        str(data["name"]), points, values, float(data["weight"]), sigma=sigma,
        robust=bool(data.get("robust", False)),
    )  # fmt: skip
