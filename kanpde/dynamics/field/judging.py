"""Whether what an equation of a field leaves is noise, and if the grid is fine enough to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.agreement import Agreement, Judgement
from kanpde.dynamics.field.bumps import Bumps
from kanpde.dynamics.field.estimate import Estimate
from kanpde.dynamics.field.policy import JudgementPolicy
from kanpde.dynamics.field.samples import GridSamples
from kanpde.dynamics.field.term import Term


@dataclass(frozen=True)
class Coarseness:
    """The axis along which the grid is coarsest.

    `change` is what leaving out every other sample along it changes in the integrals of an
    equation's residual, beside what this residual is.
    """

    axis: str
    change: float


def judge(
    samples: GridSamples, terms: Sequence[Term], family: Sequence[Bumps], fits: Sequence[Estimate]
) -> Judgement:
    """Whether what terms leave is noise, by the width that is surprised least.

    Args:
        samples: the fields.
        terms: of the equation.
        family: bumps of each width.
        fits: the estimates by these.
    """
    policy = JudgementPolicy()
    fit, bumps = min(zip(fits, family, strict=True), key=lambda pair: pair[0].surprise)
    if fit.share < policy.exact:
        return Judgement(Agreement.EXACT)
    if fit.surprise < policy.limit:
        return Judgement(Agreement.WITHIN_NOISE)
    coarse = measure_coarseness(samples, bumps, dict(zip(terms, fit.c, strict=True)))
    left = (
        f"what this equation leaves ({fit.share:.1e} of the derivative in time, integrated) is "
        f"{np.sqrt(fit.misfit):.3g} times what the noise of the samples explains"
    )
    if coarse.change > policy.coarse:
        return Judgement(
            Agreement.UNTESTED,
            f"{left}, but without every other sample along {coarse.axis} it changes by "
            f"{coarse.change:.2g} times itself, so that the grid is too coarse to tell",
        )
    return Judgement(Agreement.OUTSIDE, f"{left} ({fit.surprise:.0f} standard errors)")


def measure_coarseness(
    samples: GridSamples, bumps: Bumps, weights: Mapping[Term, float]
) -> Coarseness:
    """How far the residual depends on the number of samples, along the axis where it does most."""
    grid = samples.grid
    whole = _sum_residual(samples, bumps, weights)
    found = []
    for axis, name in enumerate(("t", *grid.notation.axes)):
        even = np.indices([len(row) for row in grid.axes], sparse=True)[axis] % 2 == 0
        seen = np.broadcast_to(even, grid.raw[0].shape)
        half = replace(samples, grid=grid.restrict(grid.smooth, seen))
        change = 2 * _sum_residual(half, bumps, weights) - whole
        found.append(Coarseness(name, float(np.linalg.norm(change) / np.linalg.norm(whole))))
    return max(found, key=lambda each: each.change)


def _sum_residual(samples: GridSamples, bumps: Bumps, weights: Mapping[Term, float]) -> Array:
    out = samples.right(bumps)
    for term, c in weights.items():
        out = out - c * samples.grid.integrate(bumps, term, raw=True)
    return out
