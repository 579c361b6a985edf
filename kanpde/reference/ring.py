"""Heat in a ring that is cold outside and loses heat through its hole, by Chebyshev collocation.

The radial operator is diagonalised, so that time is exact (Trefethen, Spectral Methods in MATLAB,
2000, chapters 6 and 13).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike

from kanpde.arrays import Array
from kanpde.reference.core import Reference

# Chebyshev points along the radius; with 32 the answer changes by less than 1e-11.
_POINTS = 48


def cooled_ring(
    inner: float, transfer: float, diffusivity: float, start: Callable[[Array], Array]
) -> Reference:
    """u_t = diffusivity * Laplacian(u) in inner < r < 1, u = 0 at r = 1, u_r = transfer u inside.

    `start` is u at t = 0 as a function of r, which satisfies both conditions.
    """
    count = _POINTS
    angle = np.pi * np.arange(count) / (count - 1)
    nodes = np.cos(angle)  # from 1, the outer rim, to -1
    half = (1 - inner) / 2
    r = inner + half * (nodes + 1)
    to_coefficients = np.linalg.inv(chebyshev.chebvander(nodes, count - 1))
    slopes = np.stack(
        [chebyshev.chebval(nodes, chebyshev.chebder(c)) for c in to_coefficients.T], 1
    ) / half  # fmt: skip
    operator = diffusivity * (slopes @ slopes + slopes / r[:, None])
    # The values at both ends follow from those between them.
    free = np.arange(1, count - 1)
    row = slopes[-1].copy()
    row[-1] -= transfer
    fill = np.zeros((count, len(free)))
    fill[free, np.arange(len(free))] = 1
    fill[-1] = -row[free] / row[-1]
    rates, modes = np.linalg.eig(operator[free] @ fill)
    weights = np.linalg.solve(modes, start(r)[free].astype(complex))
    coefficients = to_coefficients @ fill @ modes

    def evaluate(x: ArrayLike, y: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        radius = np.hypot(np.asarray(x, float), np.asarray(y, float))
        time = np.broadcast_to(np.asarray(t, float), radius.shape)
        out = np.empty(radius.size)
        for at in range(0, radius.size, 4096):
            part = slice(at, at + 4096)
            table = chebyshev.chebvander((radius.ravel()[part] - inner) / half - 1, count - 1)
            growth = np.exp(rates * time.ravel()[part, None]) * weights
            out[part] = ((table @ coefficients) * growth).sum(1).real
        return {"u": out.reshape(radius.shape)}

    return Reference(
        evaluate, ("u",), "Chebyshev collocation, exact in time (Trefethen, 2000)", 1e-10
    )
