"""What further readings would say of sought parameters, before they are taken.

The readings see y = S q + F e + noise in sigmas, e ~ N(0, 1) being what the equations leave free of
the state: C = 1 + F F^T (see `kanpde.optim.constrained`). The information of a set of readings on q
is the last block of the triangular factor of

    [ F  S ]   for the readings
    [ 1  0 ]   for e,

with q last (square root of an information filter: Bierman, Factorization Methods for Discrete
Sequential Estimation, 1977, ch. 5). It does not depend on what the readings will be (Fedorov,
Theory of Optimal Experiments, 1972), and a further set costs one small factorisation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.optim.constrained import Whitened

# Free directions of the state that readings see by less than this share of their noise are left
# out: they change an information by its square.
_FREE = 1e-3


def inform(seen: Whitened, base: AnyArray, further: Sequence[AnyArray]) -> list[Array]:
    """The information (q, q) of the readings `base`, and of these with each of `further`.

    All are places among the whitened readings, integer.
    """
    free = seen.sizes > _FREE
    loose = seen.axes[free].T * seen.sizes[free]
    rows = np.hstack([loose, seen.sensitivity])
    count, sought = loose.shape[1], seen.sensitivity.shape[1]
    factor = _triangle(np.vstack([np.eye(count, count + sought), rows[base]]))
    return [
        _marginal(_triangle(np.vstack([factor, rows[more]])), sought)
        for more in (np.zeros(0, int), *further)
    ]


def _triangle(matrix: Array) -> Array:
    """The triangular factor of a matrix (m, n), (n, n)."""
    lacking = max(matrix.shape[1] - matrix.shape[0], 0)
    return np.asarray(np.linalg.qr(np.pad(matrix, [(0, lacking), (0, 0)]), mode="r"))


def _marginal(factor: Array, sought: int) -> Array:
    last = factor[-sought:, -sought:]
    return np.asarray(last.T @ last)
