"""Levenberg-Marquardt with relaxed steps: the workhorse of small networks in float64.

A step minimises |r(theta + x)|^2 / 2 + mu |x|_D^2 / 2, D the diagonal of J^T J (Marquardt 1963).
The first x is the usual damped one. Residual networks are "sloppy" models, whose valleys are
narrow and curved (Transtrum & Sethna, arXiv:1201.5885): along a long step the residual leaves the
valley's floor, though J has hardly changed. So x is corrected with the same factorised matrix,

    x <- x - (J^T J + mu D)^-1 (J^T r(theta + x) + mu D x)

(chord iterations, as in Shamanskii's method; a step with one of them is Fan's modified
Levenberg-Marquardt, Math. Comp. 81, 2012). Each costs a residual and a product with J, a tenth of
the Jacobian and its factor, and mu may be 30 to 1,000 times smaller. Relative L2 errors after 80
steps: Poisson 1e-10, with the second-order correction of Transtrum & Sethna (eq. 10) alone 7e-8.

mu follows the rate at which the corrections shrink: quick ones ask for a smaller mu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import dsyrk
from torch import Tensor

Array = np.ndarray[Any, np.dtype[np.float64]]


class NormalEquations:
    """J^T J and J^T r, accumulated from blocks of rows.

    The blocks are kept for products with J: 8 bytes an entry, 24 MB for 1,000 parameters and
    3,000 rows. `dense` forms J^T J, (P, P); without it only its diagonal is known,
    for systems of fewer rows than parameters.
    """

    def __init__(self, size: int, device: torch.device, *, dense: bool = True) -> None:
        self.gradient = torch.zeros(size, dtype=torch.float64, device=device)
        self.diagonal: Array = np.zeros(size)
        self.loss = 0.0
        self.dense = dense
        self._blocks: list[Tensor] = []
        self._on_host = device.type == "cpu"
        rows = size if dense else 0
        self._matrix: Array = np.zeros((rows, rows) if self._on_host else (0, 0), order="F")
        shape = (0, 0) if self._on_host else (rows, rows)
        self._tensor = torch.zeros(shape, dtype=torch.float64, device=device)

    def add(self, jacobian: Tensor, residual: Tensor) -> None:
        """Add rows: `jacobian` is transposed, (P, n); `residual` is (n,)."""
        if not self.dense:
            self.diagonal += jacobian.square().sum(1).cpu().numpy()
        elif self._on_host:
            # syrk does half of a general product's work: 62 against 142 ms for 4,000 rows
            # and 1,150 parameters on 2 cores.
            self._matrix = dsyrk(
                1.0, jacobian.numpy().T, beta=1.0, c=self._matrix, trans=1, overwrite_c=1
            )
            self.diagonal = np.diagonal(self._matrix).copy()
        else:
            self._tensor.addmm_(jacobian, jacobian.T)
            self.diagonal = self._tensor.diagonal().cpu().numpy().copy()
        self.gradient += jacobian @ residual
        self.loss += 0.5 * float(residual @ residual)
        self._blocks.append(jacobian)

    def pull(self, residual: Tensor) -> Tensor:
        """J^T times a vector of rows (n,), in the order in which the rows were added."""
        parts = residual.split([block.shape[1] for block in self._blocks])
        out = torch.zeros_like(self.gradient)
        for block, part in zip(self._blocks, parts, strict=True):
            out += block @ part
        return out

    @property
    def scale(self) -> Array:
        """The diagonal of J^T J, with a floor against running away where no residual sees."""
        floored: Array = self.diagonal + 1e-8 * self.diagonal.max() + 1e-300
        return floored

    @property
    def rows(self) -> Array:
        """J, (n, P)."""
        return np.concatenate([block.cpu().numpy().T for block in self._blocks])

    @property
    def matrix(self) -> Array:
        """J^T J; only its upper triangle is set."""
        return self._matrix if self._on_host else self._tensor.cpu().numpy()


class System(Protocol):
    """A residual vector r(theta); theta is flat, (P,)."""

    def residual(self, theta: Tensor) -> Tensor:
        """r, of shape (n,)."""

    def normal(self, theta: Tensor) -> NormalEquations:
        """J^T J, J^T r and J itself, rows in the order of `residual`."""


@dataclass(frozen=True)
class Step:
    """What one iteration did."""

    theta: Tensor
    before: float
    after: float
    accepted: bool


@dataclass
class LevenbergMarquardt:
    """The state of one run: the damping mu adapts from step to step."""

    damping: float = 1e-3
    smallest: float = 1e-18
    largest: float = 1e8
    trials: int = 12
    corrections: int = 8

    def step(self, system: System, theta: Tensor, normal: NormalEquations | None = None) -> Step:
        """Try dampings until one lowers the loss; `normal` is of `system` at `theta`, if known."""
        normal = normal or system.normal(theta)
        scale = normal.scale
        kernel = None if normal.dense else _Kernel(normal, scale)
        for _ in range(self.trials):
            damped = kernel.damped(self.damping) if kernel else _primal(normal, scale, self.damping)
            if damped is not None:
                move, loss, rate = self._relax(system, normal, theta, damped, scale)
                if loss < (1 - 1e-8) * normal.loss:
                    self.damping = max(self.damping * _change(rate), self.smallest)
                    return Step(theta + move, normal.loss, loss, True)
            self.damping *= 4.0
            if self.damping > self.largest:
                break
        self.damping = min(self.damping, 1.0)
        return Step(theta, normal.loss, normal.loss, False)

    def _relax(
        self,
        system: System,
        normal: NormalEquations,
        theta: Tensor,
        damped: _Damped,
        scale: Array,
    ) -> tuple[Tensor, float, float]:
        """The damped step and its corrections: the best move, its loss, the rate at the end."""
        move = np.zeros(len(theta))
        slope = normal.gradient.cpu().numpy()
        step = damped.solve(slope, move)
        best, best_loss = theta.new_zeros(len(theta)), np.inf
        rate, last = 0.0, np.inf
        for _ in range(self.corrections + 1):
            move = move + step
            trial = torch.from_numpy(move).to(theta)
            residual = system.residual(theta + trial)
            loss = 0.5 * float(residual @ residual)
            if not loss < last:
                rate = max(rate, 1.0)
                break
            last = loss
            if loss < best_loss:
                best, best_loss = trial, loss
            size = float(scale @ step**2)
            slope = normal.pull(residual).cpu().numpy()
            step = damped.solve(slope, move)
            rate = float(np.sqrt(scale @ step**2 / max(size, 1e-300)))
            gain = -0.5 * float(step @ (slope + self.damping * scale * move))
            if rate > 1 or gain < 0.02 * (normal.loss - loss):
                break
        return best, best_loss, rate


def gauss_newton(normal: NormalEquations, damping: float) -> tuple[Array, float] | None:
    """The first step -(J^T J + damping D)^-1 J^T r, (P,), and the share of the loss that it leaves.

    None where rounding leaves no positive pivots at a hundred times the damping either.
    """
    scale, slope = normal.scale, normal.gradient.cpu().numpy()
    kernel = None if normal.dense else _Kernel(normal, scale)
    for mu in (damping, 10 * damping, 100 * damping):
        damped = kernel.damped(mu) if kernel else _primal(normal, scale, mu)
        if damped is not None:
            step = damped.solve(slope, np.zeros_like(scale))
            gain = 0.5 * float(mu * (scale @ step**2) - slope @ step)
            return step, float(np.clip(1.0 - gain / max(normal.loss, 1e-300), 0.0, 1.0))
    return None


def _change(rate: float) -> float:
    """The factor for mu: what the corrections' rate of shrinking says of the next step."""
    if rate < 0.15:
        return 0.1
    if rate < 0.4:
        return 0.3
    return 1.0 if rate < 0.7 else 3.0


class _Damped(Protocol):
    def solve(self, slope: Array, move: Array) -> Array:
        """-(J^T J + mu D)^-1 (slope + mu D move), with slope = J^T r for some r."""


@dataclass(frozen=True)
class _Primal:
    """By the Cholesky factor of J^T J + mu D."""

    factor: Any
    weight: Array

    def solve(self, slope: Array, move: Array) -> Array:
        return -np.asarray(cho_solve(self.factor, slope + self.weight * move, check_finite=False))


def _primal(normal: NormalEquations, scale: Array, damping: float) -> _Primal | None:
    """None where rounding leaves no positive pivots."""
    matrix = normal.matrix.copy(order="F")
    np.fill_diagonal(matrix, normal.diagonal + damping * scale)
    try:
        factor = cho_factor(matrix, lower=False, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    return _Primal(factor, damping * scale)


class _Kernel:
    """K = J D^-1 J^T, for fewer rows than parameters: the solve in residual space (Woodbury)."""

    def __init__(self, normal: NormalEquations, scale: Array) -> None:
        self.rows, self.scale = normal.rows, scale
        scaled = self.rows / np.sqrt(scale)
        self.matrix: Array = scaled @ scaled.T

    def damped(self, damping: float) -> _Dual | None:
        matrix = self.matrix.copy(order="F")
        matrix[np.diag_indices_from(matrix)] += damping
        try:
            factor = cho_factor(matrix, lower=False, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return None
        return _Dual(factor, self, damping)


@dataclass(frozen=True)
class _Dual:
    """By the Cholesky factor of K + mu.

    (J^T J + mu D)^-1 = (1 - D^-1 J^T (K + mu)^-1 J) D^-1 / mu.
    """

    factor: Any
    kernel: _Kernel
    damping: float

    def solve(self, slope: Array, move: Array) -> Array:
        right = slope + self.damping * self.kernel.scale * move
        first = right / self.kernel.scale
        inner = cho_solve(self.factor, self.kernel.rows @ first, check_finite=False)
        step: Array = (inner @ self.kernel.rows) / self.kernel.scale - first
        return step / self.damping
