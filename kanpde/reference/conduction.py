"""Nonlinear heat conduction on a rod by collocation: u_t = (k(u) u_x)_x, its ends held."""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev
from scipy.integrate import solve_ivp

from kanpde.arrays import Array
from kanpde.reference.core import Reference, coordinate
from kanpde.reference.diffusion import differentiate

# Intervals between Chebyshev points, and the relative L2 error: with 48 of them, for k = 1 + u^2,
# u changed by 4e-10.
_INTERVALS, _ERROR = 32, 1e-8


def nonlinear_heat(
    k: Callable[[Array], Array], start: Callable[[Array], Array], until: float
) -> Reference:
    """u(x, t) on [0, 1] x [0, until] from start(x), whose values at the ends are kept.

    Polynomials through Chebyshev points (Trefethen, Spectral Methods in MATLAB, 2000), and Radau's
    method in time with a tolerance of 1e-10.
    """
    points, slopes = differentiate(_INTERVALS)
    first = np.asarray(start(points), float)

    def rate(_: float, u: Array) -> Array:
        change = slopes @ (k(u) * (slopes @ u))
        change[[0, -1]] = 0.0
        return np.asarray(change, float)

    solved = solve_ivp(
        rate, (0.0, until), first, method="Radau", rtol=1e-10, atol=1e-12, dense_output=True
    )
    to_series = np.linalg.inv(chebyshev.chebvander(2 * points - 1, _INTERVALS))

    def evaluate(x: Array, t: Array) -> dict[str, Array]:
        x, t = coordinate("x", x, 0.0, 1.0), coordinate("t", t, 0.0, until)
        times, which = np.unique(t.ravel(), return_inverse=True)
        series = to_series @ np.asarray(solved.sol(times))
        table = chebyshev.chebvander(2 * x.ravel() - 1, _INTERVALS)
        u = np.einsum("nk,kn->n", table, series[:, which.ravel()]).reshape(x.shape)
        return {"u": u, "k": np.asarray(k(u), float)}

    method = "Chebyshev collocation, 33 points, and Radau's method in time"
    return Reference(evaluate, ("u", "k"), method, _ERROR)
