"""The scale of a fresh network's outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from kanpde.assembly.sampler import Sampler
from kanpde.assembly.terms import BoundTerm
from kanpde.network.network import Network
from kanpde.problem.equations import Kind

# Points at which the equations are evaluated.
_POINTS = 1000
# Factors for which nothing is changed: shrinking is quick, and a cavity that starts too large is
# solved in half the steps.
_SMALLEST, _LARGEST = 1e-3, 10.0
# A square of residuals that is rounding, relative to that of a random network.
_NOTHING = 1e-26
# Outputs at which residuals are not finite are divided by this, at most so many times.
_SHRINKING, _SHRUNK = 4.0, 10


def lift_suffices(network: Network, sampler: Sampler) -> bool:
    """Whether all equations hold without the network, whose outputs are then set to zero.

    Its own residuals are the measure of what is zero.
    """
    if any(e.kind is Kind.DENSITY for term in sampler.terms for e in term.equations):
        return False  # natural boundary conditions stand in no equation
    heads = network.heads()
    starts = [head.clone() for head in heads]
    rows = sampler.rows_at(network, _POINTS)
    with torch.no_grad():
        size = sum(float(each.evaluate(network)[0].square().sum()) for each in rows)
        for head in heads:
            head.zero_()
        left = sum(float(each.evaluate(network)[0].square().sum()) for each in rows)
        if left <= _NOTHING * size:
            return True
        for head, start in zip(heads, starts, strict=True):
            head.copy_(start)
    return False


def require_finite(network: Network, sampler: Sampler) -> None:
    """Make the outputs of a fresh network so small that its residuals are finite.

    Raises KanpdeError, naming the condition, where no size of the outputs helps.
    """
    if not _shrink_until_finite(network, sampler):
        sampler.check(network)


def _shrink_until_finite(network: Network, sampler: Sampler) -> bool:
    """Whether residuals and densities are finite, with smaller outputs if need be.

    The energy of a solid has the logarithm of its change of volume, which is negative where random
    displacements turn it inside out.
    """
    starts = [head.clone() for head in network.heads()]
    with torch.no_grad():
        for _ in range(_SHRUNK):
            if sampler.find_infinite(network) is None:
                return True
            for head in network.heads():
                head /= _SHRINKING
        for head, start in zip(network.heads(), starts, strict=True):
            head.copy_(start)
    return False


def scale_outputs(network: Network, sampler: Sampler) -> None:
    """Give a fresh network outputs of the size that the equations ask for.

    For each field, the factor is the residual without the field over the change of the residual by
    it. A heat equation on [0, 100] with values of 1e5 stayed at an error of 0.5 without, since the
    weights of the last layer had to grow by 1e5 while those of the others moved. Outputs up to 10
    times too small or 1,000 times too large are not changed.
    """
    heads = network.heads()
    rows = sampler.rows_at(network, _POINTS)
    if sampler.has_energy:
        _shrink_until_finite(network, sampler)
    with torch.no_grad():
        starts = [head.clone() for head in heads]
        for head in heads:
            head.zero_()
        still = [each.evaluate(network)[0] for each in rows]
        for head, start in zip(heads, starts, strict=True):
            for other in heads:
                other.zero_()
            head.copy_(start)
            factor = _wanted_factor(network, rows, still)
            if math.isfinite(factor) and not _SMALLEST <= factor <= _LARGEST:
                start *= factor
        for head, start in zip(heads, starts, strict=True):
            head.copy_(start)


def _wanted_factor(
    network: Network, rows: Sequence[BoundTerm], still: Sequence[torch.Tensor]
) -> float:
    """The residual without a field, `still`, over the change of the residual by the field."""
    wanted = response = 0.0
    for each, alone in zip(rows, still, strict=True):
        change = (each.evaluate(network)[0] - alone).square().sum(1)
        wanted += float(alone.square().sum(1)[change > 0].sum())
        response += float(change.sum())
    return math.sqrt(wanted / response) if wanted > 0 and response > 0 else 1.0
