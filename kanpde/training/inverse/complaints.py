"""What is wrong with readings: outliers, a sigma that does not fit, noise that is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm

from kanpde.arrays import AnyArray, Array
from kanpde.training.inverse.refine import Refined
from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class ComplaintPolicy:
    """From when on something is said of the readings."""

    # The chance that good readings are called contradictory, or their sigma too small or large.
    level: float = 1e-3
    # Contradictory readings that are named.
    named: int = 3
    # The misfit of readings that are held out, one by one, over that of the fit.
    overfit: float = 1.5


COMPLAINT_POLICY = ComplaintPolicy()


def find_complaints(
    trainer: Trainer, found: Refined, policy: ComplaintPolicy = COMPLAINT_POLICY
) -> Iterator[str]:
    """Sentences about the readings of a refined network; none where nothing is wrong."""
    readings, fit = found.linearisation.readings, found.fit
    for k, equation in enumerate(readings.groups):
        at = np.flatnonzero(readings.labels == k)
        # By the noise of all readings, not by that of an outlier's own weight.
        sigma = found.deviations[at]
        if equation.sigma is None:
            sigma = np.full(len(at), float(np.median(sigma)))
        elif equation.robust:
            sigma = np.asarray(equation.sigma, float)
        left = np.clip(1 - fit.hat[at], 1e-12, None)
        held_out = fit.misfit[at] / left
        yield from _outliers(
            trainer, found, at, np.abs(fit.misfit[at]) / sigma / np.sqrt(left), policy
        )
        if equation.sigma is not None:
            yield from _judge_sigma(equation.condition, fit.misfit[at] / sigma, left, policy)
        inside, outside = (
            float(np.sqrt(np.mean((v / sigma) ** 2))) for v in (fit.misfit[at], held_out)
        )
        if outside > policy.overfit * inside:
            yield (
                f'the noise of "{equation.condition}" is fitted: readings that are held out one by '
                f"one are missed by {outside:.2g} sigma, and by {inside:.2g} where they are not; "
                "there are too few of them for what is unknown"
            )


def _outliers(
    trainer: Trainer, found: Refined, at: AnyArray, size: Array, policy: ComplaintPolicy
) -> Iterator[str]:
    """The readings that are too far away to be noise, the worst first; `size` is in sigmas."""
    readings = found.linearisation.readings
    limit = float(norm.isf(0.5 * policy.level / len(readings.values)))
    beyond = [k for k in np.argsort(-size) if size[k] > limit]
    for k in beyond[: policy.named]:
        row = int(at[k])
        equation = readings.groups[int(readings.labels[row])]
        where = ", ".join(
            f"{n} = {v:.4g}"
            for n, v in zip(trainer.problem.domain.names, readings.places[row], strict=True)
        )
        yield (
            f"the reading {equation.jets[0]} = {readings.values[row]:.6g} of "
            f'"{equation.condition}" at {where} contradicts the others: the fit misses it by '
            f"{size[k]:.1f} sigma"
            + ("" if equation.robust else "; robust=True gives such readings less weight")
        )
    if len(beyond) > policy.named:
        yield f"{len(beyond) - policy.named} more readings are missed by over {limit:.1f} sigma"


def _judge_sigma(name: str, misfit: Array, left: Array, policy: ComplaintPolicy) -> Iterator[str]:
    """Whether the stated noise fits the misfit (in sigmas)."""
    square, free = float(misfit @ misfit), max(float(left.sum()), 1.0)
    mean = np.sqrt(square / free)
    if chi2.sf(square, free) < policy.level:
        yield (
            f'the readings of "{name}" are missed by {mean:.2g} times their sigma: it is too '
            "small, or the equations do not describe them"
        )
    elif chi2.cdf(square, free) < policy.level:
        yield f'the readings of "{name}" are missed by {mean:.2g} times their sigma: it is large'
