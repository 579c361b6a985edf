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

from kanpde.arrays import Array


@dataclass(frozen=True)
class Correction:
    """What to add to a move: its step, (step D step), and the decrease of the damped model."""

    step: Array
    size: float
    gain: float


class Damped(Protocol):
    """J^T J + mu D, factorised; a move is kept in coordinates of its own, at first zeros."""

    unknowns: int

    def correct(self, residual: Tensor, move: Array) -> Correction:
        """The step from `move`, at whose end the residual is `residual`, with J as it is."""

    def parameters(self, move: Array) -> Tensor:
        """The change of the parameters, (P,)."""


class Equations(Protocol):
    """A linearised residual vector: `loss` is half the square of `residual`, (n,)."""

    loss: float

    @property
    def residual(self) -> Tensor: ...

    def damped(self, damping: float) -> Damped | None:
        """None where rounding leaves no positive pivots."""


class NormalEquations:
    """J^T J and J^T r, accumulated from blocks of rows.

    The blocks are kept for products with J: 8 bytes an entry, 24 MB for 1,000 parameters and
    3,000 rows.
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.size, self.device = size, device
        self.loss = 0.0
        self._blocks: list[Tensor] = []
        self._residuals: list[Tensor] = []
        self._on_host = device.type == "cpu"
        self._matrix: Array = np.zeros((size, size) if self._on_host else (0, 0), order="F")
        shape = (0, 0) if self._on_host else (size, size)
        self._tensor = torch.zeros(shape, dtype=torch.float64, device=device)

    def add(self, jacobian: Tensor, residual: Tensor) -> None:
        """Add rows: `jacobian` is transposed, (P, n); `residual` is (n,)."""
        if self._on_host:
            # syrk does half of a general product's work: 62 against 142 ms for 4,000 rows
            # and 1,150 parameters on 2 cores.
            self._matrix = dsyrk(
                1.0, jacobian.numpy().T, beta=1.0, c=self._matrix, trans=1, overwrite_c=1
            )
        else:
            self._tensor.addmm_(jacobian, jacobian.T)
        self.loss += 0.5 * float(residual @ residual)
        self._blocks.append(jacobian)
        self._residuals.append(residual)

    def pull(self, residual: Tensor) -> Tensor:
        """J^T times a vector of rows (n,), in the order in which the rows were added."""
        parts = residual.split([block.shape[1] for block in self._blocks])
        out = torch.zeros(self.size, dtype=torch.float64, device=self.device)
        for block, part in zip(self._blocks, parts, strict=True):
            out += block @ part
        return out

    @property
    def residual(self) -> Tensor:
        """r, (n,)."""
        return torch.cat(self._residuals)

    @property
    def gradient(self) -> Tensor:
        """J^T r, (P,)."""
        return self.pull(self.residual)

    @property
    def scale(self) -> Array:
        """The diagonal of J^T J, with a floor against running away where no residual sees."""
        diagonal = np.diagonal(self.matrix)
        floored: Array = diagonal + 1e-8 * diagonal.max() + 1e-300
        return floored

    @property
    def matrix(self) -> Array:
        """J^T J; only its upper triangle is set."""
        return self._matrix if self._on_host else self._tensor.cpu().numpy()

    def damped(self, damping: float) -> Cholesky | None:
        """J^T J + damping D; None where rounding leaves no positive pivots."""
        scale = self.scale
        matrix = self.matrix.copy(order="F")
        matrix[np.diag_indices_from(matrix)] += damping * scale
        try:
            factor = cho_factor(matrix, lower=False, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return None
        return Cholesky(self, factor, scale, damping)


class Cholesky:
    """The damped normal equations; a move is a change of the parameters."""

    def __init__(self, normal: NormalEquations, factor: Any, scale: Array, damping: float) -> None:
        self.unknowns = normal.size
        self._normal, self._factor, self._scale, self._damping = normal, factor, scale, damping

    def correct(self, residual: Tensor, move: Array) -> Correction:
        """-(J^T J + mu D)^-1 (J^T residual + mu D move)."""
        slope = self._normal.pull(residual).cpu().numpy() + self._damping * self._scale * move
        step = -np.asarray(cho_solve(self._factor, slope, check_finite=False))
        return Correction(step, float(self._scale @ step**2), -0.5 * float(step @ slope))

    def parameters(self, move: Array) -> Tensor:
        """The move itself."""
        return torch.from_numpy(move)


class System(Protocol):
    """A residual vector r(theta); theta is flat, (P,)."""

    def residual(self, theta: Tensor) -> Tensor:
        """r, of shape (n,)."""

    def normal(self, theta: Tensor) -> Equations:
        """r and J, rows in the order of `residual`."""


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

    def step(self, system: System, theta: Tensor, normal: Equations | None = None) -> Step:
        """Try dampings until one lowers the loss; `normal` is of `system` at `theta`, if known."""
        normal = normal or system.normal(theta)
        for _ in range(self.trials):
            damped = normal.damped(self.damping)
            if damped is not None:
                move, loss, rate = self._relax(system, normal, theta, damped)
                if loss < (1 - 1e-8) * normal.loss:
                    self.damping = max(self.damping * _change(rate), self.smallest)
                    return Step(theta + move, normal.loss, loss, True)
            self.damping *= 4.0
            if self.damping > self.largest:
                break
        self.damping = min(self.damping, 1.0)
        return Step(theta, normal.loss, normal.loss, False)

    def _relax(
        self, system: System, normal: Equations, theta: Tensor, damped: Damped
    ) -> tuple[Tensor, float, float]:
        """The damped step and its corrections: the best move, its loss, the rate at the end."""
        move = np.zeros(damped.unknowns)
        correction = damped.correct(normal.residual, move)
        best, loss, rate = theta.new_zeros(len(theta)), np.inf, 0.0
        for _ in range(self.corrections + 1):
            move = move + correction.step
            trial = damped.parameters(move).to(theta)
            residual = system.residual(theta + trial)
            last, size = loss, correction.size
            loss = 0.5 * float(residual @ residual)
            if not loss < last:
                return best, last, max(rate, 1.0)
            best = trial
            correction = damped.correct(residual, move)
            rate = float(np.sqrt(correction.size / max(size, 1e-300)))
            if rate > 1 or correction.gain < 0.02 * (normal.loss - loss):
                break
        return best, loss, rate


def gauss_newton(normal: Equations, damping: float) -> tuple[Array, float] | None:
    """The first step -(J^T J + damping D)^-1 J^T r, (P,), and the share of the loss that it leaves.

    None where rounding leaves no positive pivots at a hundred times the damping either.
    """
    for mu in (damping, 10 * damping, 100 * damping):
        damped = normal.damped(mu)
        if damped is not None:
            first = damped.correct(normal.residual, np.zeros(damped.unknowns))
            # `gain` is that of the damped model; half of mu (step D step) went to the damping.
            gain = first.gain + 0.5 * mu * first.size
            left = float(np.clip(1.0 - gain / max(normal.loss, 1e-300), 0.0, 1.0))
            return damped.parameters(first.step).cpu().numpy(), left
    return None


def _change(rate: float) -> float:
    """The factor for mu: what the corrections' rate of shrinking says of the next step."""
    if rate < 0.15:
        return 0.1
    if rate < 0.4:
        return 0.3
    return 1.0 if rate < 0.7 else 3.0
