"""The networks that a problem starts from."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kanpde.geometry.domain import Domain
from kanpde.network.composite import Composite, Part
from kanpde.network.constant import Constant
from kanpde.network.coordinates import Coordinates
from kanpde.network.network import Architecture, Network
from kanpde.network.patchwork import Patchwork
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Scale


def build_network(
    problem: Problem, architecture: Architecture, seed: int, coefficients: int = 0
) -> Network:
    """One network for all fields; several where fields depend on different axes.

    Behind the fields stand the coefficients of singular functions (`Ansatz.coefficients`). Of
    several materials each has its own.
    """
    generator = torch.Generator().manual_seed(seed)
    domain = problem.domain
    if not problem.materials:
        return _build_on(domain, problem, architecture, generator, coefficients)
    networks = [
        _build_on(part.hull, problem, architecture, generator, coefficients)
        for part in problem.materials
    ]
    whole = coordinates_of(domain, problem.periodic, domain.names)
    return Patchwork(whole, networks, problem.materials)


def _build_on(
    domain: Domain,
    problem: Problem,
    architecture: Architecture,
    generator: torch.Generator,
    coefficients: int,
) -> Network:
    support = problem.field_space.support
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in problem.unknowns:
        groups.setdefault(support[name], []).append(name)
    whole = coordinates_of(domain, problem.periodic, domain.names)
    if len(groups) == 1 and not coefficients:
        return architecture.build(whole, len(problem.unknowns), generator)
    networks: list[Network] = []
    parts = []
    for axes, names in groups.items():
        own = coordinates_of(domain, problem.periodic, axes)
        build = (
            architecture.build(own, len(names), generator) if axes else Constant(own, len(names))
        )
        networks.append(build)
        columns = tuple(domain.names.index(a) for a in axes)
        parts.append(Part(columns, tuple(problem.unknowns.index(n) for n in names)))
    if coefficients:
        networks.append(Constant(coordinates_of(domain, (), ()), coefficients))
        first = len(problem.unknowns)
        parts.append(Part((), tuple(range(first, first + coefficients))))
    return Composite(whole, networks, parts)


def coordinates_of(domain: Domain, periodic: Sequence[str], names: Sequence[str]) -> Coordinates:
    """The map from some axes of a domain to the inputs of a network."""
    axes = [domain.axis(name) for name in names]
    logarithmic = tuple(a.scale is Scale.LOG for a in axes)
    return Coordinates(
        tuple(a.lower for a in axes),
        tuple(a.upper for a in axes),
        tuple(a.name in periodic for a in axes),
        tuple(
            (names.index(p.axes[0]), names.index(p.axes[1]), *p.centre, p.radius)
            for p in domain.poles
            if set(p.axes) <= set(names)
        ),
        logarithmic if any(logarithmic) else (),
    )
