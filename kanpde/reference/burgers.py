"""Viscous Burgers' equation, solved exactly by the Cole-Hopf transform.

u_t + u u_x = nu u_xx on -1 <= x <= 1, u(x, 0) = -sin(pi x), u(-1, t) = u(1, t) = 0.

With u = -2 nu theta_x / theta the equation becomes the heat equation for theta, whose initial
value is exp(-cos(pi x) / (2 nu pi)) (Hopf 1950; Cole 1951). Two formulas follow: a ratio of
integrals against the heat kernel (Basdevant et al. 1986) and a ratio of Fourier series whose
coefficients are modified Bessel functions (Cole 1951).
"""

import numpy as np
from numpy.typing import ArrayLike

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.reference.core import Reference, coordinate
from kanpde.symbols.expression import Axis

# From here on the series loses fewer than two digits to cancellation, and keeps the relative
# accuracy of a solution that has decayed; below, the integrals are the better formula.
_SERIES_FROM = 0.1
# exp(-_CUT) is the rounding error of a double.
_CUT = 37.0
_CHUNK = 1 << 21
_METHOD = (
    "Cole-Hopf transform (Cole 1951; Basdevant et al. 1986), heat-kernel integrals by the "
    "trapezoidal rule, Bessel series where nu >= 0.1"
)


def cole_hopf(nu: float) -> Reference:
    """The solution u(x, t) for a viscosity nu in [1e-4, 10] and any t >= 0.

    Outside -1 <= x <= 1 it continues with period 2. Measured for nu from 1e-3 to 1 and t up to 3,
    relative L2: within 3e-15 of adaptive Gauss-Kronrod quadrature, within 2e-15 of 300
    Gauss-Hermite nodes (nu <= 0.01/pi), and within 6e-15 between the two formulas
    (nu >= 0.05). Raises KanpdeError for another nu, or a negative time.
    """
    _check_viscosity(nu, nu)

    def evaluate(*, x: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        return {"u": _evaluate(nu, x, t)}

    return Reference(evaluate, ("u",), _METHOD, 1e-14)


def cole_hopf_over(nu: Axis) -> Reference:
    """The solution u(x, t, nu) for all viscosities of a parameter's range, by its axis.

    As good as `cole_hopf` at each of them. Raises KanpdeError for a range beyond [1e-4, 10].
    """
    _check_viscosity(nu.lower, nu.upper)

    def evaluate(**coordinates: ArrayLike) -> dict[str, Array]:
        values = coordinate(nu.name, coordinates[nu.name], nu.lower, nu.upper)
        return {"u": _evaluate(values, coordinates["x"], coordinates["t"])}

    return Reference(evaluate, ("u",), _METHOD, 1e-14)


def _check_viscosity(low: float, high: float) -> None:
    if not 1e-4 <= low <= high <= 10.0:
        raise KanpdeError(
            f"cole_hopf: nu is {low:g}{f' to {high:g}' if high > low else ''}, but must lie in "
            "[1e-4, 10]"
        )


def _evaluate(nu: ArrayLike, x: ArrayLike, t: ArrayLike) -> Array:
    """u at viscosities, places and times that broadcast, each by the better formula."""
    viscosity, space, time = np.broadcast_arrays(
        np.asarray(nu, float), np.asarray(x, float), coordinate("t", t, 0.0, np.inf)
    )
    flat = [a.ravel() for a in (viscosity, space, time)]
    out = np.empty(space.size)
    smooth = flat[0] >= _SERIES_FROM
    size = max(1, _CHUNK // 256)
    for formula, own in ((by_series, smooth), (by_quadrature, ~smooth)):
        # In order of nu, so that the points of a chunk need about as many nodes.
        places = np.flatnonzero(own)
        places = places[np.argsort(flat[0][places], kind="stable")]
        for i in range(0, places.size, size):
            at = places[i : i + size]
            out[at] = formula(*(a[at] for a in flat))
    return out.reshape(space.shape)


def by_quadrature(nu: float | Array, x: Array, t: Array) -> Array:
    """u at points (n,) by the trapezoidal rule in z, where y = x - sqrt(4 nu t) z.

    The integrands are entire functions, so the rule converges faster than exponentially
    (Trefethen and Weideman 2014, theorem 5.1); the largest exponent is subtracted before exp.
    """
    if x.size == 0:
        return np.empty(0)
    nu = np.broadcast_to(np.asarray(nu, float), x.shape)
    low, high = float(nu.min()), float(nu.max())
    latest = float(t.max())
    step = min(_step(low, latest), _step(high, latest))
    half = int(np.ceil(_reach(low) / step))
    z = step * np.arange(-half, half + 1)
    y = x[:, None] - np.sqrt(4.0 * nu * t)[:, None] * z
    exponent = -np.cos(np.pi * y) / (2.0 * np.pi * nu[:, None]) - z**2
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return np.asarray(-np.sum(np.sin(np.pi * y) * weight, axis=1) / np.sum(weight, axis=1))


def by_series(nu: float | Array, x: Array, t: Array, terms: int = 40) -> Array:
    """u at points (n,) by Cole's series; needs nu so large that theta's range is moderate."""
    from scipy.special import ive  # slow to import, and only needed here

    n = np.arange(1, terms + 1)
    sign = np.where(n % 2, -1.0, 1.0)
    nu = np.broadcast_to(np.asarray(nu, float), x.shape)
    z = 1.0 / (2.0 * np.pi * nu)
    a = sign * ive(n, z[:, None]) * np.exp(-np.outer(nu * t, (n * np.pi) ** 2))
    angle = np.pi * np.outer(x, n)
    theta = ive(0, z) + 2.0 * np.sum(a * np.cos(angle), axis=1)
    return np.asarray(4.0 * np.pi * nu * np.sum(n * a * np.sin(angle), axis=1) / theta)


def _reach(nu: float) -> float:
    """Half width of the range in z outside of which the integrand is below rounding.

    The initial theta varies by a factor exp(1 / (pi nu)) at most, and z = 0 is inside.
    """
    return float(np.sqrt(1.0 / (np.pi * nu) + _CUT + 3.0))


def _step(nu: float, t: float) -> float:
    """Largest step in z for which the trapezoidal rule is exact to rounding up to time t.

    Moving the path by i b multiplies the integrand by at most exp(growth), which bounds the
    error by exp(growth - 2 pi b / step); the best b gives the step.
    """
    b = np.geomspace(1e-2, 1e2, 400)
    shift = np.minimum(np.pi * np.sqrt(4.0 * nu * t) * b, 300.0)
    growth = b**2 + (np.cosh(shift) - 1.0) / (2.0 * np.pi * nu)
    return float(np.max(2.0 * np.pi * b / (_CUT + growth)))
