"""The networks that a problem starts from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain
from kanpde.network.bases import Chebyshev
from kanpde.network.composite import Composite, Part
from kanpde.network.constant import Constant
from kanpde.network.coordinates import Coordinates
from kanpde.network.cover import Cover
from kanpde.network.expansion import Expansion
from kanpde.network.lawful import Argument, Lawful, LawLayers
from kanpde.network.network import Architecture, Network
from kanpde.network.partition_of_unity import Subdomains
from kanpde.network.patchwork import Patchwork
from kanpde.problem.laws import find_ranges
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Role, Scale

# Even points of a domain for each cell, by which empty cells are found.
_POINTS_OF_CELL = 200

# The products of a sought field, and their total degree: noisy readings resolve 10 to 30 of them.
_MOST_PRODUCTS, _HIGHEST = 150, 20
# The degree of a law's edges, and the hidden layer of a law of several arguments.
_LAW_DEGREE, _LAW_WIDTHS = 6, (4,)


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
        network = _build_on(domain, problem, architecture, generator, coefficients)
        return Lawful(network, build_laws(problem)) if problem.laws else network
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
    for name in problem.field_names:
        if name not in problem.sought:
            groups.setdefault(support[name], []).append(name)
    whole = coordinates_of(domain, problem.periodic, domain.names)

    def build(coordinates: Coordinates, axes: Sequence[str], outputs: int) -> Network:
        if isinstance(architecture, Subdomains):
            return _build_subdomains(domain, axes, coordinates, architecture, outputs, generator)
        return architecture.build(coordinates, outputs, generator)

    numbers = [number.sympy for number in problem.numbers]
    if len(groups) == 1 and not (coefficients or numbers or problem.smooth):
        return build(whole, domain.names, sum(map(len, groups.values())))
    networks: list[Network] = []
    parts = []
    for axes, names in groups.items():
        own = coordinates_of(domain, problem.periodic, axes)
        networks.append(build(own, axes, len(names)) if axes else Constant(own, len(names)))
        columns = tuple(domain.names.index(a) for a in axes)
        parts.append(Part(columns, tuple(problem.unknowns.index(n) for n in names)))
    for name in problem.smooth:
        axes = support[name]
        own = coordinates_of(domain, problem.periodic, axes)
        networks.append(Expansion(own, _choose_degree(len(axes)), 1))
        columns = tuple(domain.names.index(a) for a in axes)
        parts.append(Part(columns, (problem.unknowns.index(name),)))
    if numbers:
        starts, ends = [s.start for s in numbers], [s.ends for s in numbers]
        none = coordinates_of(domain, (), ())
        networks.append(Constant(none, len(numbers), starts, ends))
        parts.append(Part((), tuple(problem.unknowns.index(str(s.name)) for s in numbers)))
    if coefficients:
        networks.append(Constant(coordinates_of(domain, (), ()), coefficients))
        first = len(problem.unknowns)
        parts.append(Part((), tuple(range(first, first + coefficients))))
    return Composite(whole, networks, parts)


def _build_subdomains(
    domain: Domain,
    axes: Sequence[str],
    coordinates: Coordinates,
    architecture: Subdomains,
    outputs: int,
    generator: torch.Generator,
) -> Network:
    """Networks in the cells of these axes that hold points of the domain."""
    cut = cut_along(architecture, domain, axes)
    columns = [domain.names.index(name) for name in axes]

    def drop_empty(cover: Cover) -> Cover:
        count = _POINTS_OF_CELL * len(cover.cells)
        points = domain.interior.sample(count, 0).points[:, columns]
        return cover.holding(torch.from_numpy(points))

    return cut.build(coordinates, outputs, generator, drop_empty)


def cut_along(architecture: Subdomains, domain: Domain, axes: Sequence[str]) -> Subdomains:
    """The architecture with numbers of cells along some axes of a domain.

    Raises KanpdeError unless it has numbers for the axes of space, or for all axes.
    """
    counts = architecture.counts
    space = [axis.name for axis in domain.axes if axis.role is Role.SPACE]
    for names in (space, list(domain.names)):
        if len(counts) == len(names):
            known = dict(zip(names, counts, strict=True))
            return architecture.along([known.get(name, 1) for name in axes])
    raise KanpdeError(
        f"subdomains are {tuple(counts)}, and the axes of space are {', '.join(space)}: give a "
        f"number for each of them, or for all of {', '.join(domain.names)}"
    )


def build_laws(problem: Problem) -> list[LawLayers]:
    """The layers of each law, at its start everywhere."""
    space, found = problem.field_space, []
    for name, statement in problem.laws.items():
        jets = [space.derivative(argument) for argument in statement.arguments]
        ranges = find_ranges(name, statement, jets, problem.equations)
        arguments = [
            Argument(problem.unknowns.index(jet.field), jet.index, low, high)
            for jet, (low, high) in zip(jets, ranges, strict=True)
        ]
        widths = () if len(arguments) == 1 else _LAW_WIDTHS
        found.append(LawLayers(arguments, widths, Chebyshev(_LAW_DEGREE), statement.start))
    return found


def _choose_degree(dimension: int) -> int:
    """The total degree of a sought field of so many axes."""
    degree = 1
    while degree < _HIGHEST and math.comb(degree + 1 + dimension, dimension) <= _MOST_PRODUCTS:
        degree += 1
    return degree


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
