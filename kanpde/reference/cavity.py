"""The lid-driven cavity: steady flow in the unit square under a lid of speed 1.

u u_x + v u_y = -p_x + (u_xx + u_yy) / Re, likewise for v, u_x + v_y = 0; u = 1 and v = 0 on the
lid y = 1, u = v = 0 on the other walls (Ghia, Ghia and Shin 1982).
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.files.whole import replacing
from kanpde.reference.cavity_solver import DEGREE, solve_cavity
from kanpde.reference.core import Reference, coordinate
from kanpde.reference.corner import both_corners

_CHUNK = 1 << 14
_TABLES = Path(__file__).parent / "data"


def cavity(reynolds: float = 100.0) -> Reference:
    """Velocity u(x, y), v(x, y) on 0 <= x, y <= 1 for a Reynolds number in [0, 1000].

    For 100, 400 and 1000 it reads a table; another number is computed at the first evaluation
    (about 8 s on one core, 0.7 GB), and kept. On the corners of the lid u = 0.

    Measured at polynomial degree 80 against 104 on 257 x 257 points, relative L2: 3e-6 at
    Reynolds number 100, 3e-5 at 1000 (1.4e-5 at 400, against 96). The extremes on the centre
    lines agree with Botella and Peyret (1998) to 2e-7. The 256 x 256 fields that come with jaxpi
    (Wang et al. 2023) lie within 7e-4 in u and 1.1e-3 in v at Reynolds number 100 wherever a lid
    corner is more than 0.05 away, and within 5.8e-3 and 5.5e-3 everywhere: they smear the jump
    at the corners over a few points. At 400 it is 2.8e-3 and 3.6e-3, and 6.4e-3 and 5.9e-3.
    Raises KanpdeError for another Reynolds number.
    """
    if not 0.0 <= reynolds <= 1000.0:
        raise KanpdeError(f"cavity: reynolds is {reynolds}, but must lie in [0, 1000]")

    def evaluate(*, x: ArrayLike, y: ArrayLike) -> dict[str, Array]:
        a, b = np.broadcast_arrays(coordinate("x", x, 0.0, 1.0), coordinate("y", y, 0.0, 1.0))
        u, v = cavity_flow(float(reynolds)).velocity(a, b)
        return {"u": u, "v": v}

    return Reference(
        evaluate,
        ("u", "v"),
        "Legendre-Galerkin method for the stream function (after Shen 1994), the lid corners' "
        "creeping flow taken out (Botella and Peyret 1998)",
        _error(reynolds),
    )


def _error(reynolds: float) -> float:
    """Twice the measured change between polynomial degrees, rounded up."""
    if reynolds <= 100.0:
        return 6e-6
    return 3e-5 if reynolds <= 400.0 else 6e-5


@dataclass(frozen=True)
class CavityFlow:
    """The flow at one Reynolds number: lid corners in closed form plus a polynomial.

    coefficients: (degree + 1, degree + 1) for L_k(2 x - 1) L_l(2 y - 1), part of psi, where
        u = psi_y and v = -psi_x.
    """

    reynolds: float
    coefficients: Array

    def stream_function(self, x: Array, y: Array) -> Array:
        """psi, 0 on the walls; negative in the main vortex."""
        polynomial = legendre.legval2d(2.0 * x - 1.0, 2.0 * y - 1.0, self.coefficients)
        return np.asarray(both_corners(x, y).value + polynomial)

    def velocity(self, x: Array, y: Array) -> tuple[Array, Array]:
        """u and v at points of any shape."""
        by_x: Array = 2.0 * legendre.legder(self.coefficients, axis=0)  # type: ignore[assignment]
        by_y: Array = 2.0 * legendre.legder(self.coefficients, axis=1)  # type: ignore[assignment]
        u, v = np.empty(x.size), np.empty(x.size)
        for i in range(0, x.size, _CHUNK):
            a, b = x.ravel()[i : i + _CHUNK], y.ravel()[i : i + _CHUNK]
            corners = both_corners(a, b)
            u[i : i + _CHUNK] = corners.dy + _at_points(a, b, by_y)
            v[i : i + _CHUNK] = -corners.dx - _at_points(a, b, by_x)
        return u.reshape(x.shape), v.reshape(x.shape)


def _at_points(x: Array, y: Array, coefficients: Array) -> Array:
    rows, columns = coefficients.shape
    in_x = legendre.legvander(2.0 * x - 1.0, rows - 1)
    in_y = legendre.legvander(2.0 * y - 1.0, columns - 1)
    return np.asarray(np.einsum("ij,ij->i", in_x @ coefficients, in_y))


@lru_cache(maxsize=8)
def cavity_flow(reynolds: float) -> CavityFlow:
    """The flow from its table where there is one, or computed."""
    path = _TABLES / f"cavity_re{reynolds:.17g}.npz"
    if path.exists():
        return read_table(path)
    return CavityFlow(reynolds, solve_cavity(reynolds))


def read_table(path: str | os.PathLike[str]) -> CavityFlow:
    """A flow that `write_table` wrote."""
    with np.load(path, allow_pickle=False) as table:
        return CavityFlow(float(table["reynolds"]), table["coefficients"])


def write_table(path: str | os.PathLike[str], reynolds: float, degree: int = DEGREE) -> None:
    """Compute a flow and write it to `path` (.npz, float64, 52 kB at degree 80).

    The file appears whole or not at all.
    """
    coefficients = solve_cavity(reynolds, degree)
    with replacing(path) as part:
        np.savez(part, reynolds=np.float64(reynolds), coefficients=coefficients)
