"""J as Q R: damped steps without J^T J, where its rounding ends them.

J^T J holds nothing below 1e-8 of the largest singular value of J, and R holds 1e-16 of it.
Householder's QR of J is formed once (LAPACK's geqrf), and for each damping that of R over
sqrt(mu D) (tpqrt; Elden, BIT 17, 1977; Golub & Van Loan, Matrix Computations, 5.3). For three rows
a parameter the first takes twice the products of J^T J and its Cholesky factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dgeqrf, dormqr, dtpmqrt, dtpqrt
from torch import Tensor

from kanpde.arrays import Array
from kanpde.optim.normal import NormalEquations
from kanpde.optim.protocols import Correction, Equations, System

# Columns that LAPACK works on at a time.
_PANEL = 32


@dataclass(frozen=True)
class TrianglePolicy:
    """When J itself is factorised."""

    # Below this damping: rounding makes an error of 1e-16 times some hundreds in J^T J, and least
    # squares keep the damping above it. Poisson's equation with 337 parameters stops at a loss of
    # 2e-17 with J^T J, with R it is 6e-19 after 25 further steps, and the relative L2 error 1.2e-12
    # instead of 9e-12. Rounding of the parameters alone leaves a loss of 8e-31 there.
    damping: float = 1e-13
    # Of more parameters a step takes many seconds.
    most_parameters: int = 2500


TRIANGLE_POLICY = TrianglePolicy()


def sharpen(
    normal: Equations, damping: float, policy: TrianglePolicy = TRIANGLE_POLICY
) -> Equations:
    """The same equations by Q R, where rounding of J^T J matters and its rows are at hand."""
    if type(normal) is not NormalEquations or normal.device.type != "cpu":
        return normal
    if damping >= policy.damping or normal.size > policy.most_parameters:
        return normal
    return TriangularEquations(normal)


class TriangularEquations:
    """Rows whose J is factorised as Q R."""

    def __init__(self, normal: NormalEquations) -> None:
        self.loss, self.residual, self.scale = normal.loss, normal.residual, normal.scale
        self.least_decrease = normal.least_decrease
        columns = np.asfortranarray(normal.jacobian.numpy().T)
        count = columns.shape[1]
        if len(columns) < count:
            columns = np.asfortranarray(np.pad(columns, ((0, count - len(columns)), (0, 0))))
        self._rows, self._count = len(columns), count
        self._reflected, self._factors, *_ = dgeqrf(columns, overwrite_a=True, lwork=_PANEL * count)
        self.triangle = np.asfortranarray(np.triu(self._reflected[:count]))

    def turn(self, residual: Tensor) -> Array:
        """The part of Q^T residual that J reaches, (P,), for a residual (n,)."""
        column = np.zeros((self._rows, 1), order="F")
        column[: len(residual), 0] = residual.numpy()
        turned = dormqr("L", "T", self._reflected, self._factors, column, _PANEL)[0]
        return np.asarray(turned[: self._count, 0])

    def trial(self, system: System, theta: Tensor) -> tuple[Tensor, float]:
        """Residual and half its square at other parameters."""
        residual = system.residual(theta)
        return residual, 0.5 * float(residual @ residual)

    def damped(self, damping: float) -> DampedTriangle:
        """R over sqrt(damping D) as another triangle; always there, since D is positive."""
        return DampedTriangle(self, np.sqrt(damping * self.scale.numpy()))


class DampedTriangle:
    """R over the roots of the damping (P,), as one triangle; a move is that of the parameters."""

    def __init__(self, equations: TriangularEquations, roots: Array) -> None:
        self._equations, self._roots = equations, roots
        panel = min(_PANEL, len(roots))
        below = np.asfortranarray(np.diag(roots))
        upper, self._reflected, self._factors, _ = dtpqrt(
            len(roots), panel, equations.triangle, below
        )
        self._upper = np.triu(upper)

    def start(self) -> Tensor:
        """No change, (P,)."""
        return torch.zeros(len(self._roots), dtype=torch.float64)

    def correct(self, residual: Tensor, move: Tensor) -> Correction:
        """The step that minimises |J step + residual|^2 + mu |move + step|_D^2."""
        top = self._equations.turn(residual)[:, None]
        below = (self._roots * move.numpy())[:, None]
        turned, _, _ = dtpmqrt(
            len(top), self._reflected, self._factors, top, below, side="L", trans="T"
        )
        found = solve_triangular(self._upper, -turned[:, 0], check_finite=False)
        step = torch.from_numpy(np.asarray(found))
        gain = 0.5 * float(turned[:, 0] @ turned[:, 0])
        return Correction(step, float(self._equations.scale @ step**2), gain)

    def parameters(self, move: Tensor) -> Tensor:
        """The move itself."""
        return move
