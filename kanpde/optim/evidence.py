"""How strong a prior is: by the evidence, the likelihood of the readings with all else averaged.

With the information G = S^T C^-1 S of the readings on q, and priors of the strengths lambda_k with
the quadratic forms L_k,

    log evidence = -min_q (misfit + sum_k lambda_k q^T L_k q) / 2
                   + sum_k rank(L_k) log(lambda_k) / 2 - log det(G + sum_k lambda_k L_k) / 2

up to a constant (MacKay, Neural Computation 4, 1992, eq. 4.6). Its maximum lets a field bend as far
as the readings ask for it beyond their noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize_scalar

from kanpde.arrays import Array


@dataclass(frozen=True)
class Prior:
    """A quadratic form of what is sought: its matrix (q, q), and its slope and value at present.

    For a field that is linear in what is sought, with the coefficients p, these are L, L p, p L p.
    """

    matrix: Array
    slope: Array
    value: float

    @property
    def rank(self) -> int:
        """The directions that it holds."""
        sizes = np.linalg.eigvalsh(self.matrix)
        return int((sizes > _RANK * sizes[-1]).sum())


@dataclass(frozen=True)
class EvidencePolicy:
    """The search for strengths."""

    # Decades by which a strength may change in one search, and searches over all of them in turn.
    decades: float = 6.0
    rounds: int = 2
    # The first strength gives the prior this share of the information of the readings.
    start: float = 1.0


EVIDENCE_POLICY = EvidencePolicy()
_RANK = 1e-12
# Added to the diagonal of G + sum lambda L, relative: what neither sees is of no matter.
_JITTER = 1e-13


def choose_strengths(
    information: Array,
    slope: Array,
    priors: Sequence[Prior],
    before: Sequence[float] = (),
    policy: EvidencePolicy = EVIDENCE_POLICY,
) -> tuple[float, ...]:
    """The strengths with the largest evidence, near those of `before` if there are any.

    `information` (q, q) and `slope` (q,) are those of half the square of the misfit, in sigmas.
    """
    total = float(np.trace(information))
    found = list(before) or [
        policy.start * total / max(float(np.trace(p.matrix)), 1e-300) for p in priors
    ]
    ranks = [p.rank for p in priors]
    for _ in range(policy.rounds if len(priors) > 1 else 1):
        for k in range(len(priors)):

            def lack(decades: float, k: int = k, now: tuple[float, ...] = tuple(found)) -> float:
                tried = [*now[:k], now[k] * 10**decades, *now[k + 1 :]]
                return -_log_evidence(information, slope, priors, ranks, tried)

            ends = (-policy.decades, policy.decades)
            coarse = np.linspace(*ends, 25)
            best = float(coarse[int(np.argmin([lack(float(c)) for c in coarse]))])
            step = float(coarse[1] - coarse[0])
            search = minimize_scalar(lack, bounds=(best - step, best + step), method="bounded")
            found[k] *= 10 ** float(search.x)
    return tuple(found)


def _log_evidence(
    information: Array,
    slope: Array,
    priors: Sequence[Prior],
    ranks: Sequence[int],
    strengths: Sequence[float],
) -> float:
    whole, pull, value = information.copy(), slope.copy(), 0.0
    for prior, strength in zip(priors, strengths, strict=True):
        whole += strength * prior.matrix
        pull += strength * prior.slope
        value += strength * prior.value
    whole[np.diag_indices_from(whole)] *= 1 + _JITTER
    try:
        factor = cho_factor(whole, lower=True)
    except LinAlgError:
        return -np.inf
    least = 0.5 * value - 0.5 * float(pull @ cho_solve(factor, pull))
    volume = float(np.log(np.diag(factor[0])).sum())
    free = 0.5 * sum(r * np.log(s) for r, s in zip(ranks, strengths, strict=True))
    return float(free - least - volume)
