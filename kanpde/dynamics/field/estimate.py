"""Coefficients of given terms of a field, and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from kanpde.arrays import Array
from kanpde.dynamics.field.bumps import Bumps
from kanpde.dynamics.field.policy import JudgementPolicy
from kanpde.dynamics.field.samples import GridSamples
from kanpde.dynamics.field.term import Term


@dataclass(frozen=True)
class Estimate:
    """Coefficients (P,), their covariance (P, P), and what they leave of the rows.

    `misfit` is the mean square of that in units of the noise, over `free` degrees of freedom, and
    `deviance` -2 log likelihood; `share` is its rms beside that of the derivative in time.
    """

    c: Array
    spread: Array
    misfit: float
    free: int
    deviance: float
    share: float

    @property
    def surprise(self) -> float:
        """How many standard deviations the misfit is beyond that of noise."""
        return (self.misfit - 1) / float(np.sqrt(2 / self.free))


def estimate(
    samples: GridSamples, bumps: Bumps, terms: Sequence[Term], weights: Mapping[Term, float]
) -> Estimate:
    """Coefficients of P given terms by bumps of one width; `weights` are a first guess.

    The integrals of each half of the samples meet the smooth field of the other as instrument.
    """
    right = samples.right(bumps)
    root = cho_factor(row_covariance(samples, bumps, weights, right))
    mixed, squares = np.zeros((2, len(terms), len(terms)))
    moment = np.zeros(len(terms))
    for half, other in (samples.halves, samples.halves[::-1]):
        rows = other.rows(bumps, terms)
        weighted = cho_solve(root, rows)
        mixed += weighted.T @ half.raw_rows(bumps, terms)
        moment += weighted.T @ half.right(bumps)
        # Each half has half of the rows' covariance.
        squares += 0.5 * rows.T @ weighted
    inverse = np.linalg.inv(mixed)
    c = inverse @ moment
    spread = inverse @ squares @ inverse.T
    rest = right - samples.raw_rows(bumps, terms) @ c
    square = float(rest @ cho_solve(root, rest))
    free = max(1, len(right) - len(c))
    deviance = square + 2 * float(np.log(np.abs(np.diagonal(root[0]))).sum())
    share = float(np.linalg.norm(rest) / np.linalg.norm(right))
    # Where the noise is not all that is wrong, the misfit itself says how much is.
    return Estimate(c, spread * max(1.0, square / free), square / free, free, deviance, share)


def row_covariance(
    samples: GridSamples, bumps: Bumps, weights: Mapping[Term, float], right: Array
) -> Array:
    """The covariance (K, K) of the rows' errors, kept away from singular ones."""
    slopes = samples.slopes(bumps, weights)
    slopes += samples.curvatures(bumps, weights, slopes)
    covariance = samples.covariance(bumps, slopes)
    floor = 1e-5 * float(np.sqrt(np.mean(right**2)))
    covariance[np.diag_indices(len(right))] += floor**2 + 1e-6 * np.diagonal(covariance)
    return covariance


def find_useful_widths(fits: Sequence[Sequence[Estimate]]) -> list[int]:
    """The widths at which some terms leave no more than noise, or else the one with least.

    Args:
        fits: for each set of terms the estimates by each of W widths.
    """
    limit = JudgementPolicy().useful
    least = [min(each.surprise for each in at) for at in zip(*fits, strict=True)]
    useful = [k for k, surprise in enumerate(least) if surprise < limit]
    return useful or [int(np.argmin(least))]
