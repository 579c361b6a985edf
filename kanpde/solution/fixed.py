"""Pieces of a solution where some parameters have a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kanpde.assembly.ansatz import Ansatz
from kanpde.network.network import fix_axis
from kanpde.problem.equations import Kind
from kanpde.problem.fixed import Fixing, matching_equations
from kanpde.problem.problem import Problem
from kanpde.solution.pieces import Piece


def fix_piece(problem: Problem, fixed: Problem, piece: Piece, values: Mapping[str, float]) -> Piece:
    """A piece of the whole problem as one of the problem `fixed` with these values.

    Raises KanpdeError for a network whose inputs cannot be fixed.
    """
    network = piece.network
    # From behind, so that the numbers of the axes before stay.
    for k, name in reversed(list(enumerate(problem.domain.names))):
        if name in values:
            network = fix_axis(network, k, values[name])
    fixing = Fixing(problem.domain, problem.field_space, values)
    own = piece.ansatz
    exact = matching_equations(problem, fixed, own.exact)
    trained = tuple(
        e for e in fixed.equations if e.kind is not Kind.CONSEQUENCE and not e.is_among(exact)
    )
    ansatz = Ansatz(
        {n: fixing.expression(e) for n, e in own.lift.items()},
        {n: fixing.expression(e) for n, e in own.mask.items()},
        exact,
        trained,
        enrichment={n: tuple(map(fixing.expression, f)) for n, f in own.enrichment.items()},
        on_pieces=own.on_pieces,
    )
    domain = fixed.domain
    time = domain.time
    if time is not None:
        cut = piece.domain.axis(time.name)
        whole = (time.lower, time.upper)
        ends = (cut.lower, cut.upper)
        domain = domain if ends == whole else domain.restricted(**{time.name: ends})
    return replace(piece, domain=domain, ansatz=ansatz, network=network)
