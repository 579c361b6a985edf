"""Gaps in samples on a grid, filled by what the other samples have in common."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

from kanpde.arrays import Array
from kanpde.dynamics.field.noise import denoise

# Rounds of filling; what is taken for noise in the first, beside the deviation of the samples, and
# how much of it in each following one: exact samples are never smoothed enough otherwise.
_ROUNDS, _FIRST, _FALL = 30, 0.3, 0.75


def fill_gaps(u: Array) -> Array:
    """A field (Nt, Nx, ...) whose values that are not finite come from its singular vectors.

    They start as the nearest samples; then the field without its noise takes their place again and
    again (Mazumder, Hastie & Tibshirani 2010).
    """
    gaps = ~np.isfinite(u)
    if not gaps.any():
        return u
    nearest = distance_transform_edt(gaps, return_distances=False, return_indices=True)
    filled = np.asarray(u[tuple(nearest)])
    for k in range(_ROUNDS):
        least = _FIRST * _FALL**k * float(np.std(filled))
        filled = np.where(gaps, denoise(filled, least).values, filled)
    return filled
