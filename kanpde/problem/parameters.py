"""Parameters of a domain: what may stand for their values, and what may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kanpde.checks import require_number
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain
from kanpde.symbols.expression import Scale

# A value within this share of the range beside an end is that end.
_ROUNDING = 1e-9


def require_space_or_time(domain: Domain) -> None:
    """Raise KanpdeError for a domain whose axes are all parameters."""
    if len(domain.parameters) == len(domain.axes):
        raise KanpdeError(
            f"all axes of the domain ({', '.join(domain.names)}) are parameters; a problem needs "
            "at least one axis of space or time"
        )


def require_linear_periods(domain: Domain, periodic: Iterable[str]) -> None:
    """Raise KanpdeError for a periodic axis with a logarithmic scale."""
    for name in periodic:
        if domain.axis(name).scale is Scale.LOG:
            raise KanpdeError(
                f'Periodic({name}): the range of {name} has scale="log"; take "linear"'
            )


def require_one_material(domain: Domain, count: int) -> None:
    """Raise KanpdeError for several materials beside parameters."""
    if count > 1 and domain.parameters:
        raise KanpdeError(
            f"the problem has {count} materials and the parameter {domain.parameters[0].name}: "
            "networks for each material take no parameters yet; solve it for each value"
        )


def read_parameters(domain: Domain, given: Mapping[str, Any]) -> dict[str, float]:
    """Values of parameters, by name.

    Raises KanpdeError for what is not a parameter of the domain, and for a value outside of its
    range.
    """
    axes = {axis.name: axis for axis in domain.parameters}
    if not axes:
        raise KanpdeError(
            f"the problem has no parameters, only the axes {', '.join(domain.names)}; "
            "parameter(lower, upper) makes one"
        )
    if not given:
        raise KanpdeError(f"give a value for at least one parameter of {', '.join(axes)}")
    values = {}
    for name, value in given.items():
        if name not in axes:
            what = "an axis and not a parameter" if name in domain.names else "unknown"
            raise KanpdeError(f"{name} is {what}; the parameters are {', '.join(axes)}")
        require_number(f"the parameter {name}", value)
        lower, upper = axes[name].lower, axes[name].upper
        slack = _ROUNDING * (upper - lower)
        if not lower - slack <= value <= upper + slack:
            raise KanpdeError(
                f"{name} = {value:g} lies outside of the range {lower:g} to {upper:g} that the "
                "solution was trained for"
            )
        values[name] = min(max(float(value), lower), upper)
    return values


def middle_of(domain: Domain) -> dict[str, float]:
    """The middle of each parameter, by its scale, in three digits."""
    return {
        axis.name: min(max(float(f"{axis.middle:.3g}"), axis.lower), axis.upper)
        for axis in domain.parameters
    }


def typical_values(domain: Domain) -> list[dict[str, float]]:
    """A few values of the parameters that stand for all: the middle, then both ends of each.

    At the ends of one the others have their middle.
    """
    middle = middle_of(domain)
    return [middle] + [
        {**middle, axis.name: end} for axis in domain.parameters for end in (axis.lower, axis.upper)
    ]


def name_values(values: Mapping[str, float]) -> str:
    """A text such as "nu=0.01,radius=0.5": for titles, and names of folders."""
    return ",".join(f"{name}={value:.6g}" for name, value in values.items())
