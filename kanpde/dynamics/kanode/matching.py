"""Derivative matching: a network's values against the slopes of a smooth curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.dynamics.ode.rhs import RightHandSide
from kanpde.optim.minimise import Quiet, minimise
from kanpde.optim.normal import NormalEquations


@dataclass(frozen=True)
class Matching:
    """f(x) - x' at points of a smooth curve, as a system for least squares."""

    rhs: RightHandSide
    x: Array
    u: Array
    slopes: Array
    weights: Array
    prior: Array

    def residual(self, theta: Tensor) -> Tensor:
        """The weighted misfit, then the prior's rows."""
        misfit = (self.rhs.value(self.x, self.u, theta.numpy()) - self.slopes) * self.weights
        return torch.from_numpy(np.concatenate([misfit.ravel(), self.prior * theta.numpy()]))

    def normal(self, theta: Tensor) -> NormalEquations:
        """J^T J, J^T r and J."""
        _, _, by_parameter = self.rhs.linear(self.x, self.u, theta.numpy())
        rows = (by_parameter * self.weights[:, :, None]).reshape(-1, len(theta))
        jacobian = np.concatenate([rows.T, np.diag(self.prior)], 1)
        normal = NormalEquations(len(theta), theta.device)
        normal.add(torch.from_numpy(np.ascontiguousarray(jacobian)), self.residual(theta))
        return normal


def match_slopes(
    rhs: RightHandSide, theta: Tensor, x: Array, u: Array, v: Array, prior: float, steps: int = 60
) -> Array:
    """The parameters (p,) whose values at x (N, n), u (N, m) come nearest to the slopes v (N, n).

    `theta` is where to start; `prior` weighs each coefficient beside a row of weight 1.
    """
    size = np.sqrt(np.mean(v**2, axis=0))
    weights = np.broadcast_to(1 / np.maximum(size, 1e-3 * size.max()), v.shape)
    priors = np.full(len(theta), prior / np.sqrt(np.mean(v**2)))
    system = Matching(rhs, x, u, v, weights, priors)
    return np.asarray(minimise(system, theta, Quiet(steps, gain=1e-4, patience=1)).theta.numpy())
