"""Periodic evolution equations on -1 <= x <= 1, by Fourier modes and exponential time steps."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.reference.core import Reference, coordinate
from kanpde.reference.etdrk4 import Modes, march
from kanpde.reference.table import PeriodicTable, Piece, refine


def allen_cahn(diffusion: float = 1e-4, reaction: float = 5.0) -> Reference:
    """u_t = d u_xx + r (u - u^3), u(x, 0) = x^2 cos(pi x), period 2, 0 <= t <= 1.

    The periodic continuation of the initial value has a kink at x = 1, so that sampling the initial
    value gives an error of 1e-5 at later times. Here u = u(x, 0) + kink + w: `kink` is what
    diffusion alone does to the corner, in closed form, and only the smooth rest w, which starts
    from 0, is computed. It is computed at the first evaluation (2 s, up to 15 s where the fronts
    are thinnest), and kept.

    Against half the steps and mesh it moves by 4e-11 (relative L2 over all x and t), at most by
    2e-10 at one time; by at most 1e-9 for other parameters within the limits.

    Raises KanpdeError unless 1e-5 <= d <= 5e-3, 0 < r <= 20 and sqrt(2 d / r) >= 1.9e-3.
    """
    if not (1e-5 <= diffusion <= 5e-3 and 0.0 < reaction <= 20.0):
        raise KanpdeError(
            f"allen_cahn: diffusion is {diffusion} and reaction {reaction}, but they must lie in "
            "[1e-5, 5e-3] and (0, 20]"
        )
    if np.sqrt(2.0 * diffusion / reaction) < 1.9e-3:
        raise KanpdeError(
            "allen_cahn: the fronts, sqrt(2 diffusion / reaction) wide, are too thin: at least "
            "1.9e-3 is needed"
        )

    def evaluate(*, x: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        space, time = np.broadcast_arrays(
            np.asarray(x, dtype=np.float64), coordinate("t", t, 0.0, 1.0)
        )
        position = np.mod(space.ravel() + 1.0, 2.0) - 1.0
        table = allen_cahn_table(float(diffusion), float(reaction))
        u = (
            _initial(position)
            + _kink(position, diffusion * time.ravel())
            + table(position, time.ravel())
        )
        return {"u": u.reshape(space.shape)}

    return Reference(
        evaluate,
        ("u",),
        "Fourier modes with ETDRK4 (Cox and Matthews 2002; Kassam and Trefethen 2005), the "
        "initial kink's diffusion in closed form",
        1e-9,
    )


@lru_cache(maxsize=4)
def allen_cahn_table(diffusion: float, reaction: float, refinement: float = 1.0) -> PeriodicTable:
    """The smooth part w of `allen_cahn`; `refinement` divides the time steps and the mesh."""
    front = np.sqrt(2.0 * diffusion / reaction)
    points = _power_of_two(refinement * max(8192.0, 24.0 / front))
    x = -1.0 + 2.0 * np.arange(points) / points
    k = np.pi * np.arange(points // 2 + 1)
    initial = _initial(x)
    smooth_diffusion = diffusion * _initial_second_derivative(x)

    def remainder(t: float, w: Modes) -> Modes:
        u = initial + _kink(x, diffusion * t) + np.fft.irfft(w, points)
        return np.fft.rfft(smooth_diffusion + reaction * u * (1.0 - u * u))

    # The kink spreads like sqrt(t): equal steps within a doubling of the time, until the
    # reaction asks for the smaller ones.
    edges = [0.0, *(2.0**-j for j in range(14, 3, -1)), 1.0]
    pieces: list[Piece] = []
    w: Modes = np.zeros(points // 2 + 1, dtype=complex)
    for start, end in pairwise(edges):
        groups = max(16, int(np.ceil(50.0 * reaction * (end - start))))
        steps = 4 * int(np.ceil(refinement * groups))
        states = list(march(-diffusion * k**2, remainder, w, (start, end), steps, every=4))
        w = states[-1]
        step = 4.0 * (end - start) / steps
        pieces.append(Piece(start, step, refine(states, points, points)))
    return PeriodicTable(-1.0, 2.0, tuple(pieces))


def kdv(dispersion: float = 0.022) -> Reference:
    """u_t + u u_x + dispersion^2 u_xxx = 0, u(x, 0) = cos(pi x), period 2, 0 <= t <= 1.

    The experiment of Zabusky and Kruskal (1965): the cosine steepens and breaks into solitons.
    Computed at the first evaluation (about 1 s), and kept. Against half the steps and mesh it
    moves by 5e-11 (relative L2 over all x and t), by at most 1e-9 for other dispersions.
    Raises KanpdeError for a dispersion outside of [0.015, 0.2].
    """
    if not 0.015 <= dispersion <= 0.2:
        raise KanpdeError(f"kdv: dispersion is {dispersion}, but must lie in [0.015, 0.2]")

    def evaluate(*, x: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        space, time = np.broadcast_arrays(
            np.asarray(x, dtype=np.float64), coordinate("t", t, 0.0, 1.0)
        )
        u = kdv_table(float(dispersion))(space.ravel(), time.ravel())
        return {"u": u.reshape(space.shape)}

    return Reference(
        evaluate,
        ("u",),
        "Fourier modes with ETDRK4 (Cox and Matthews 2002; Kassam and Trefethen 2005), after "
        "Zabusky and Kruskal (1965)",
        1e-9,
    )


@lru_cache(maxsize=4)
def kdv_table(dispersion: float, refinement: float = 1.0) -> PeriodicTable:
    """The solution of `kdv`; `refinement` divides the time steps and the mesh."""
    points = _power_of_two(refinement * max(256.0, 22.0 / dispersion))
    x = -1.0 + 2.0 * np.arange(points) / points
    k = np.pi * np.arange(points // 2 + 1)
    k[-1] = 0.0  # the derivative of the highest cosine vanishes on the grid

    def remainder(t: float, v: Modes) -> Modes:
        return -0.5j * k * np.fft.rfft(np.fft.irfft(v, points) ** 2)

    groups = int(np.ceil(refinement * max(800.0, 11.0 / dispersion)))
    linear = 1j * dispersion**2 * k**3
    states = march(linear, remainder, np.fft.rfft(np.cos(np.pi * x)), (0.0, 1.0), 16 * groups, 16)
    return PeriodicTable(-1.0, 2.0, (Piece(0.0, 1.0 / groups, refine(states, points, 4 * points)),))


def _initial(x: Array) -> Array:
    return x**2 * np.cos(np.pi * x)


def _initial_second_derivative(x: Array) -> Array:
    c, s = np.cos(np.pi * x), np.sin(np.pi * x)
    return 2.0 * c - 4.0 * np.pi * x * s - (np.pi * x) ** 2 * c


def _kink(x: Array, spread: float | Array) -> Array:
    """What diffusion adds by the time t to the corner of slope jump 4 at x = 1; spread = d t.

    The heat kernel applied to 2 |y|, less 2 |y|, y being the distance to the corner.
    """
    from scipy.special import erfc  # slow to import, and only needed here

    y = 1.0 - np.abs(x)
    width = np.sqrt(np.maximum(spread, 1e-200))
    z = y / (2.0 * width)
    return np.asarray(4.0 * width / np.sqrt(np.pi) * np.exp(-(z**2)) - 2.0 * y * erfc(z))


def _power_of_two(n: float) -> int:
    return 1 << int(np.ceil(np.log2(n)))
