"""Whether the equations of trajectories explain them, by what the fit leaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.agreement import (
    Agreement,
    Judgement,
    Structure,
    StructurePolicy,
    measure_structure,
)
from kanpde.dynamics.ode.shooting import FLOOR, Fit

# What counts as rounding errors, in units of what the integrator leaves: samples of an
# integrator with a relative tolerance of 1e-9 are exact too.
_EXACT = 30.0


def judge_fit(fit: Fit, states: Sequence[str]) -> Judgement:
    """Whether what a fit leaves of each state is noise.

    Args:
        fit: to all samples.
        states: the names of its n states.
    """
    floor = _EXACT * FLOOR * fit.size
    if (fit.noise < floor).all():
        return Judgement(Agreement.EXACT)
    limit = StructurePolicy().limit
    rest = _collect_residuals(fit)
    found = [measure_structure(series) for series in rest]
    worst: tuple[int, Structure] | None = None
    for k, structure in enumerate(found):
        if structure is None or structure.score < limit or structure.size < floor[k]:
            continue
        if worst is None or structure.score > worst[1].score:
            worst = k, structure
    if worst is not None:
        return Judgement(Agreement.OUTSIDE, _describe(fit, states, *worst))
    if any(structure is None for structure in found):
        return Judgement(Agreement.UNTESTED, f"fewer than {StructurePolicy().least} samples")
    return Judgement(Agreement.WITHIN_NOISE)


def _collect_residuals(fit: Fit) -> list[list[Array]]:
    """For each state the residuals of each run in the order of time, without gaps."""
    rest = fit.segments.values - fit.path()
    owners = np.array(fit.segments.owner)
    out = []
    for k in range(rest.shape[2]):
        rows = [rest[owners == owner, :, k].ravel() for owner in np.unique(owners)]
        out.append([row[np.isfinite(row)] for row in rows])
    return out


def _describe(fit: Fit, states: Sequence[str], k: int, structure: Structure) -> str:
    spread = np.nanstd(np.concatenate([s.run.states[:, k] for s in fit.segments.smoothed]))
    share = structure.size / max(float(spread), 1e-300)
    smooth = float(max(s.noise[k] for s in fit.segments.smoothed))
    beside = f", and a smooth curve leaves {smooth:.2g}" if smooth < 0.5 * fit.noise[k] else ""
    return (
        f"what these equations leave of {states[k]} ({fit.noise[k]:.2g}) is not noise: "
        f"neighbouring samples are off together, by {share:.1e} of its spread "
        f"({structure.score:.0f} standard errors){beside}"
    )
