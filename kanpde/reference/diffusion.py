"""Diffusion with a variable coefficient on the unit square, u = 0 on its walls, by collocation.

Polynomials in x and y through Chebyshev points satisfy div(a grad u) + f = 0, or u_t = div(a grad
u) + f, at the inner points (Trefethen, Spectral Methods in MATLAB, 2000, programs 16 and 20). In
time the linear system is solved exactly, by its eigenvectors.
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev

from kanpde.arrays import AnyArray, Array
from kanpde.reference.core import Reference, coordinate

Coefficient = Callable[..., Array]
# Intervals between Chebyshev points, and the relative L2 error. For a bump of a width of 0.2, u was
# off by 1e-8 with 20 of them, steady and in time, and by 4e-12 with 30.
_INTERVALS, _ERROR = 24, 1e-8


def steady_diffusion(a: Coefficient, source: Coefficient) -> Reference:
    """div(a grad u) + source = 0; a and source are functions of x and y, arrays of one shape."""
    x, y, operator = _discretise(a)
    nodes = np.asarray(np.linalg.solve(operator, -_spread(source, x, y).ravel()), float)
    table = _interpolate(nodes.reshape(x.shape))

    def evaluate(x: Array, y: Array) -> dict[str, Array]:
        x, y = (coordinate(n, v, 0.0, 1.0) for n, v in (("x", x), ("y", y)))
        value = np.asarray(chebyshev.chebval2d(2 * x - 1, 2 * y - 1, table), float)
        return {"u": value, "a": _spread(a, x, y)}

    return Reference(evaluate, ("u", "a"), "Chebyshev collocation, 25 x 25 points", _ERROR)


def transient_diffusion(a: Coefficient, start: Coefficient, until: float) -> Reference:
    """u_t = div(a grad u) for 0 <= t <= until, from start(x, y)."""
    x, y, operator = _discretise(a)
    rates, modes = np.linalg.eig(operator)
    parts = np.linalg.solve(modes, start(x, y).ravel().astype(complex))

    def evaluate(x: Array, y: Array, t: Array) -> dict[str, Array]:
        x, y = (coordinate(n, v, 0.0, 1.0) for n, v in (("x", x), ("y", y)))
        t = coordinate("t", t, 0.0, until)
        value = np.empty(x.shape)
        for time in np.unique(t):
            at = t == time
            nodes = (modes @ (parts * np.exp(rates * time))).real
            table = _interpolate(nodes.reshape((_INTERVALS - 1,) * 2))
            value[at] = chebyshev.chebval2d(2 * x[at] - 1, 2 * y[at] - 1, table)
        return {"u": value, "a": _spread(a, x, y)}

    method = "Chebyshev collocation, 25 x 25 points, exact in time"
    return Reference(evaluate, ("u", "a"), method, _ERROR)


def _spread(a: Coefficient, x: Array, y: Array) -> Array:
    return np.array(np.broadcast_to(a(x, y), x.shape), float)


def _discretise(a: Coefficient) -> tuple[Array, Array, Array]:
    """The inner points x, y (n, n), and div(a grad) there, (n^2, n^2)."""
    points, slopes = differentiate(_INTERVALS)
    x, y = np.meshgrid(points, points, indexing="ij")
    inner = slice(1, -1)
    values = _spread(a, x, y)
    one = np.eye(len(points))
    along, up = np.kron(slopes, one), np.kron(one, slopes)
    whole = along @ (values.ravel()[:, None] * along) + up @ (values.ravel()[:, None] * up)
    kept: AnyArray = np.zeros(x.shape, bool)
    kept[inner, inner] = True
    at = kept.ravel()
    return x[inner, inner], y[inner, inner], whole[np.ix_(at, at)]


def differentiate(intervals: int) -> tuple[Array, Array]:
    """Chebyshev points on [0, 1] and the matrix of the first derivative there."""
    k = np.arange(intervals + 1)
    points = np.cos(np.pi * k / intervals)
    weights = np.where((k == 0) | (k == intervals), 2.0, 1.0) * (-1.0) ** k
    gaps = points[:, None] - points[None] + np.eye(len(k))
    slopes = np.outer(weights, 1 / weights) / gaps
    slopes -= np.diag(slopes.sum(1))
    return (points + 1) / 2, 2 * slopes


def _interpolate(inner: Array) -> Array:
    """The Chebyshev coefficients in x and y of values at inner points, zero on the walls."""
    nodes = np.cos(np.pi * np.arange(_INTERVALS + 1) / _INTERVALS)
    inverse = np.linalg.inv(chebyshev.chebvander(nodes, _INTERVALS))
    return np.asarray(inverse @ np.pad(inner, 1) @ inverse.T)
