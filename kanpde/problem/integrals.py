"""Integrals of a solution: drag, lift, flux, energy, mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanpde.checks import require_number
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.equations import Residual, call_residual, check_expression, region_of
from kanpde.problem.fields import Fields


@dataclass(frozen=True)
class Integral:
    """The integral of a density over a region, printed in the summary.

    `Integral(lambda u: n[0] * d(u, x) + n[1] * d(u, y), plate.boundary(hole))` is a flux. A domain
    as region means its interior. `exact` is the value, where it is known.
    """

    density: Residual
    over: Region | Domain
    exact: float | None = None


@dataclass(frozen=True)
class TracedIntegral:
    """An integral whose density was called once with symbols."""

    expression: Any
    region: Region
    exact: float | None


def trace_integrals(
    given: Mapping[str, Integral], domain: Domain, fields: Fields
) -> dict[str, TracedIntegral]:
    """The integrals as expressions; raises KanpdeError, naming it, for what cannot be one."""
    found = {}
    for name, integral in given.items():
        place = f'integral "{name}"'
        if not isinstance(integral, Integral):
            raise KanpdeError(f"{place} is {integral!r}; take Integral(lambda u: ..., region)")
        region = region_of(place, integral.over, domain)
        parts = call_residual(place, integral.density, fields)
        if len(parts) != 1:
            raise KanpdeError(f"{place} has one density, not {len(parts)}")
        check_expression(place, parts[0], domain, region)
        if integral.exact is not None:
            require_number(f"{place}: exact", integral.exact)
        found[name] = TracedIntegral(parts[0], region, integral.exact)
    return found
