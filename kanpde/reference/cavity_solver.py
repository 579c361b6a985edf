"""The steady lid-driven cavity by a Legendre-Galerkin method for the stream function.

u = psi_y, v = -psi_x and, multiplied by a clamped function phi and integrated by parts,

    (lap psi, lap phi) + Re (lap psi, psi_y phi_x - psi_x phi_y) = 0.

psi is the creeping flow of both lid corners (`corner`) plus a polynomial. The corner flows are
biharmonic and drop out of the first term; in the second they are integrable, though the
vorticity's gradient, which a collocation method needs, is not.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.reference.clamped import Walls, clamped_basis, lift
from kanpde.reference.corner import both_corners, left_corner, right_corner

DEGREE = 80
_COARSE = (32, 56)
# Relative size of the last step; rounding at degree 80 moves the unknowns by 1e-11.
_CONVERGED = 1e-9


def solve_cavity(reynolds: float, degree: int = DEGREE) -> Array:
    """Legendre coefficients (degree + 1, degree + 1) of the smooth part of psi.

    Newton's method, from creeping flow at a low degree to the wanted Reynolds number and then
    to the wanted degree. Raises KanpdeError where it does not converge.
    """
    degrees = [*(d for d in _COARSE if d < degree), degree]
    galerkin = Galerkin(degrees[0])
    solution = np.zeros((degrees[0] - 3,) * 2)
    for number in _continuation(reynolds):
        solution = _newton(galerkin, solution, number)
    for finer in degrees[1:]:
        galerkin = Galerkin(finer)
        grown = np.zeros((finer - 3,) * 2)
        grown[: len(solution), : len(solution)] = solution
        solution = _newton(galerkin, grown, reynolds)
    return galerkin.polynomial(solution)


def _continuation(reynolds: float) -> list[float]:
    steps = [reynolds]
    while steps[-1] > 150.0:
        steps.append(steps[-1] / 2.0)
    return [0.0, *reversed(steps)]


def wall_data(degree: int) -> Walls:
    """The values of the polynomial on the walls, at Gauss-Legendre nodes.

    A corner flow is right on its two walls, except that both give the lid a speed of 1: the
    polynomial has -1 there. Slopes are by xi and eta, half of those by x and y.
    """
    nodes, _ = legendre.leggauss(degree + 1)
    s = (nodes + 1.0) / 2.0
    zero = np.zeros_like(s)
    left = right_corner(zero, s)
    right = left_corner(zero + 1.0, s)
    floor = both_corners(s, zero)
    return Walls(
        along_eta=-np.array([left.value, right.value, left.dx / 2.0, right.dx / 2.0]),
        along_xi=-np.array([floor.value, zero, floor.dy / 2.0, zero + 0.5]),
    )


@dataclass(frozen=True)
class Galerkin:
    """The discrete equations of one polynomial degree; unknowns (degree - 3, degree - 3)."""

    degree: int

    @cached_property
    def _lift(self) -> Array:
        return lift(wall_data(self.degree))

    @cached_property
    def _basis(self) -> Array:
        return clamped_basis(self.degree)

    @cached_property
    def _rule(self) -> tuple[Array, Array]:
        return legendre.leggauss(3 * self.degree // 2 + 8)

    @cached_property
    def _legendre(self) -> list[Array]:
        """L_k, L_k', L_k'' at the quadrature nodes, each (nodes, degree + 1)."""
        one = np.eye(self.degree + 1)
        return [
            np.asarray(legendre.legval(self._rule[0], legendre.legder(one, m)).T, np.float64)
            for m in range(3)
        ]

    @cached_property
    def _clamped(self) -> list[Array]:
        """The clamped functions and their derivatives, each (nodes, degree - 3)."""
        return [a @ self._basis.T for a in self._legendre]

    @cached_property
    def _corners(self) -> tuple[Array, Array, Array]:
        """d/dxi, d/deta and the Laplacian in xi, eta of the corner flows at the nodes."""
        s = (self._rule[0] + 1.0) / 2.0
        flow = both_corners(*np.meshgrid(s, s, indexing="ij"))
        return flow.dx / 2.0, flow.dy / 2.0, flow.laplacian / 4.0

    def polynomial(self, unknowns: Array) -> Array:
        """Legendre coefficients of the smooth part of psi."""
        return self._lift + self._basis.T @ unknowns @ self._basis

    def _flow(self, unknowns: Array) -> tuple[Array, Array, Array, Array]:
        """The Laplacian of the smooth part; psi_xi, psi_eta and the Laplacian of the whole."""
        a = self.polynomial(unknowns)
        p = self._legendre
        smooth = p[2] @ a @ p[0].T + p[0] @ a @ p[2].T
        dx, dy, laplacian = self._corners
        return smooth, p[1] @ a @ p[0].T + dx, p[0] @ a @ p[1].T + dy, smooth + laplacian

    def residual(self, unknowns: Array, reynolds: float) -> Array:
        """The weak form tested with every clamped product, shape of the unknowns.

        Lengths are doubled in xi, eta: every term of the weak form scales alike.
        """
        smooth, dx, dy, laplacian = self._flow(unknowns)
        c, w = self._clamped, np.outer(self._rule[1], self._rule[1])
        return np.asarray(
            c[2].T @ (w * smooth) @ c[0]
            + c[0].T @ (w * smooth) @ c[2]
            + c[1].T @ (w * reynolds * laplacian * dy) @ c[0]
            - c[0].T @ (w * reynolds * laplacian * dx) @ c[1]
        )

    def jacobian(self, unknowns: Array, reynolds: float) -> Array:
        """d residual / d unknowns, (n, n) with n = (degree - 3)^2, in Fortran order.

        Each term is a sum over nodes of weight * test_xi * test_eta * trial_xi * trial_eta.
        Contracting the xi-nodes first leaves one matrix product for all terms together.
        """
        _, dx, dy, laplacian = self._flow(unknowns)
        w = np.outer(self._rule[1], self._rule[1]) * reynolds
        # (weight, derivatives of the test function, derivatives of the trial function)
        terms = [
            (w * laplacian, (1, 0), (0, 1)),
            (-w * laplacian, (0, 1), (1, 0)),
            *((w * dy, (1, 0), trial) for trial in ((2, 0), (0, 2))),
            *((-w * dx, (0, 1), trial) for trial in ((2, 0), (0, 2))),
        ]
        rows = [self._pairs(i, k).T @ f for f, (i, _), (k, _) in terms]
        columns = [self._pairs(j, m) for _, (_, j), (_, m) in terms]
        for i, j in ((2, 0), (0, 2)):
            for k, m in ((2, 0), (0, 2)):
                rows.append(self._rule[1] @ self._pairs(i, k))
                columns.append(self._rule[1] @ self._pairs(j, m))
        product = np.column_stack(rows) @ np.vstack(columns)
        n = self.degree - 3
        by_trial = product.reshape(n, n, n, n).transpose(1, 3, 0, 2)
        return np.ascontiguousarray(by_trial).reshape(n * n, n * n).T

    def _pairs(self, i: int, k: int) -> Array:
        """Products of the i-th and k-th derivatives of all functions, (nodes, (degree - 3)^2)."""
        a, b = self._clamped[i], self._clamped[k]
        return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


def _newton(galerkin: Galerkin, unknowns: Array, reynolds: float) -> Array:
    """Newton's method that keeps a factorised Jacobian while the steps shrink quickly."""
    from scipy.linalg import lu_factor, lu_solve  # only here: a table needs no solver

    factors: tuple[NDArray[np.float64], NDArray[np.intp]] | None = None
    previous = np.inf
    for _ in range(40):
        if factors is None:
            jacobian = galerkin.jacobian(unknowns, reynolds)
            factors = lu_factor(jacobian, overwrite_a=True, check_finite=False)
        residual = galerkin.residual(unknowns, reynolds)
        step = lu_solve(factors, residual.ravel()).reshape(residual.shape)
        unknowns = unknowns - step
        size = float(np.linalg.norm(step) / np.linalg.norm(unknowns))
        if size < _CONVERGED:
            return unknowns
        if size > 0.2 * previous:
            factors = None
        previous = size
    raise KanpdeError(
        f"cavity: Newton's method did not converge at Reynolds number {reynolds:g}; ask for a "
        "lower one or a higher degree"
    )
