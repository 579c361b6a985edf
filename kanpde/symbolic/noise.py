"""Is what a formula leaves noise, or does a smooth function of the variables predict it?"""

from __future__ import annotations

import numpy as np

from kanpde.arrays import Array

# Widths of the kernel in units of each variable's spread, and noise beside what it explains.
_WIDTHS = (0.5, 1.0, 2.0, 4.0)
_NOISES = (0.1, 1.0, 10.0)
_MOST_ROWS = 500


def measure_structure(x: Array, rest: Array) -> float:
    """The share of `rest` (N,) that its values at other rows predict, at most 1.

    The best Gaussian process of a few at x (N, V), each row judged by all others (leave-one-out
    in closed form: Rasmussen and Williams 2006, eq. 5.12). At most about 0.02 for noise, of
    which 500 samples were tried; the first 500 rows count.
    """
    x, rest = x[:_MOST_ROWS], rest[:_MOST_ROWS]
    total = float(rest @ rest)
    if total == 0:
        return 0.0
    z = (x - x.mean(0)) / x.std(0)
    square = np.sum((z[:, None] - z[None]) ** 2, 2)
    best = 0.0
    for width in _WIDTHS:
        values, vectors = np.linalg.eigh(np.exp(-square / (2 * width**2 * z.shape[1])))
        inner = vectors.T @ rest
        for noise in _NOISES:
            inverse = 1 / (np.maximum(values, 0) + noise)
            left = (vectors @ (inverse * inner)) / (vectors**2 @ inverse)
            best = max(best, 1 - float(left @ left) / total)
    return best
