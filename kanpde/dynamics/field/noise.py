"""Noise in the samples of a field: how much there is, a field without it, powers in spite of it."""

from __future__ import annotations

from math import comb

import numpy as np

from kanpde.arrays import Array


def unbias_power(u: Array, power: int, noise: float) -> Array:
    """u^m less what noise of this deviation adds to it on average: Hermite's polynomials."""
    before, now = np.ones_like(u), u
    if power == 0:
        return before
    for m in range(1, power):
        before, now = now, u * now - m * noise**2 * before
    return now


def denoise(u: Array) -> tuple[Array, float]:
    """The field without the singular values that noise alone makes, and the noise's deviation.

    The noise comes from differences of high order along both axes; the threshold is the
    optimal one for a known level (Gavish & Donoho 2014, eq. 3).
    """
    weights = np.array([(-1) ** k * comb(6, k) for k in range(7)], dtype=float)
    weights /= np.linalg.norm(weights)
    levels = []
    for field in (u, u.T):
        if field.shape[0] > 8:
            rough = sum(w * field[k : field.shape[0] - 6 + k] for k, w in enumerate(weights))
            levels.append(float(np.median(np.abs(rough))) / 0.6745)
    noise = min(levels)
    left, values, right = np.linalg.svd(u, full_matrices=False)
    low, high = min(u.shape), max(u.shape)
    beta = low / high
    limit = np.sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + np.sqrt(beta**2 + 14 * beta + 1)))
    keep = values > limit * np.sqrt(high) * noise
    keep[0] = True
    return np.asarray((left[:, keep] * values[keep]) @ right[keep]), noise
