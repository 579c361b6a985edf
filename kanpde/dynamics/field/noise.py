"""Noise in the samples of a field: how much there is, a field without it, powers in spite of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from scipy.signal import savgol_coeffs, savgol_filter

from kanpde.arrays import Array
from kanpde.dynamics.field.policy import DerivativePolicy
from kanpde.dynamics.field.term import Orders


def unbias_power(u: Array, power: int, noise: float) -> Array:
    """u^m less what noise of this deviation adds to it on average: Hermite's polynomials."""
    before, now = np.ones_like(u), u
    if power == 0:
        return before
    for m in range(1, power):
        before, now = now, u * now - m * noise**2 * before
    return now


@dataclass(frozen=True)
class Denoised:
    """A field (Nt, Nx, ...) without noise, the noise's deviation, and what of it may be left.

    `ranks` are how many singular vectors of each unfolding it is made of; no numbers where it is
    what it was.
    """

    values: Array
    noise: float
    left: float
    ranks: tuple[int, ...] = ()


def denoise(u: Array, least: float = 0.0) -> Denoised:
    """The field without the singular values that noise alone makes, along each of its axes.

    The noise comes from differences of high order along all axes; the threshold is the optimal
    one for a known level (Gavish & Donoho 2014, eq. 3). Of more than two axes each is unfolded in
    turn (De Lathauwer, De Moor & Vandewalle 2000).

    Args:
        u: samples (Nt, Nx, ...).
        least: the deviation of what else is wrong with them, which is taken for noise as well.
    """
    noise = max(measure_noise(u), least)
    values, share, ranks = u, 1.0, []
    for axis in range(u.ndim if u.ndim > 2 else 1):
        table = np.moveaxis(values, axis, 0)
        sizes = np.linalg.svd(table.reshape(len(table), -1), compute_uv=False)
        low, high = sorted((len(table), u.size // len(table)))
        beta = low / high
        limit = np.sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + np.sqrt(beta**2 + 14 * beta + 1)))
        ranks.append(max(1, int(np.sum(sizes > limit * np.sqrt(high) * noise))))
        share *= ranks[-1] / len(sizes)
        values = _truncate_along(values, axis, ranks[-1])
    return Denoised(
        np.ascontiguousarray(values), noise, noise * float(np.sqrt(share)), tuple(ranks)
    )


def truncate(u: Array, ranks: Sequence[int]) -> Array:
    """A field of the leading singular vectors of each unfolding, as many as `ranks` says."""
    for axis, rank in enumerate(ranks):
        u = _truncate_along(u, axis, rank)
    return np.ascontiguousarray(u)


def _truncate_along(u: Array, axis: int, rank: int) -> Array:
    table = np.moveaxis(u, axis, 0)
    flat = table.reshape(len(table), -1)
    if rank >= min(flat.shape):
        return u
    left, sizes, right = np.linalg.svd(flat, full_matrices=False)
    kept = (left[:, :rank] * sizes[:rank]) @ right[:rank]
    return np.asarray(np.moveaxis(kept.reshape(table.shape), 0, axis))


def measure_noise(u: Array) -> float:
    """The deviation of the noise, from differences of high order along each axis."""
    weights = np.array([(-1) ** k * comb(6, k) for k in range(7)], dtype=float)
    weights /= np.linalg.norm(weights)
    levels = []
    for axis in range(u.ndim):
        field = np.moveaxis(u, axis, 0)
        if field.shape[0] > 8:
            rough = sum(w * field[k : field.shape[0] - 6 + k] for k, w in enumerate(weights))
            levels.append(float(np.median(np.abs(rough))) / 0.6745)
    return min(levels)


def differentiate(field: Denoised, axes: Sequence[Array], orders: Orders) -> Array:
    """A derivative in space of a field by local polynomials, as wide as its noise asks.

    Args:
        field: on the grid, (Nt, Nx, ...).
        axes: the rows t (Nt,), x (Nx,), ...
        orders: of the derivative along each axis of space.
    """
    out = field.values
    for k, order in enumerate(orders, 1):
        if order:
            out = _differentiate_along(out, k, axes[k], order, field.left)
    return out


def _differentiate_along(values: Array, axis: int, row: Array, order: int, noise: float) -> Array:
    policy, step = DerivativePolicy(), float(row[1] - row[0])
    out = values
    for half in policy.halves:
        if 2 * half + 1 > len(row):
            break
        degree = min(policy.degree, 2 * half)
        out = savgol_filter(values, 2 * half + 1, degree, order, step, axis)
        left = noise * np.linalg.norm(savgol_coeffs(2 * half + 1, degree, order, step))
        if left < policy.noise * np.std(out):
            break
    return np.asarray(out)
