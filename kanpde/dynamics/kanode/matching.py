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

# Slopes are only a start for trajectories: steps that gain less are not worth their time.
_STOP = Quiet(60, gain=1e-4, patience=1)


@dataclass(frozen=True)
class Curve:
    """Points of a smooth curve: states x (N, n), inputs u (N, m), slopes (N, n)."""

    x: Array
    u: Array
    slopes: Array


@dataclass(frozen=True)
class MatchingSystem:
    """f(x) - x' at points of a curve, as a system for least squares.

    `weights` (N, n) weigh the misfit, `prior` (p,) the coefficients.
    """

    rhs: RightHandSide
    curve: Curve
    weights: Array
    prior: Array

    def residual(self, theta: Tensor) -> Tensor:
        """The weighted misfit, then the prior's rows."""
        c = theta.numpy()
        rates = self.rhs.value(self.curve.x, self.curve.u, c)
        misfit = (rates - self.curve.slopes) * self.weights
        return torch.from_numpy(np.concatenate([misfit.ravel(), self.prior * c]))

    def normal(self, theta: Tensor) -> NormalEquations:
        """J^T J, J^T r and J."""
        _, _, by_parameter = self.rhs.linear(self.curve.x, self.curve.u, theta.numpy())
        rows = (by_parameter * self.weights[:, :, None]).reshape(-1, len(theta))
        jacobian = np.concatenate([rows.T, np.diag(self.prior)], 1)
        normal = NormalEquations(len(theta), theta.device)
        normal.add(torch.from_numpy(np.ascontiguousarray(jacobian)), self.residual(theta))
        return normal


def match_slopes(rhs: RightHandSide, theta: Tensor, curve: Curve, prior: float) -> Array:
    """The parameters (p,) whose values come nearest to the slopes of a curve.

    Args:
        rhs: with p parameters.
        theta: where to start, (p,).
        curve: the points and slopes.
        prior: weighs each coefficient, beside a row of weight 1.
    """
    slopes = curve.slopes
    size = np.sqrt(np.mean(slopes**2, axis=0))
    weights = np.broadcast_to(1 / np.maximum(size, 1e-3 * size.max()), slopes.shape)
    priors = np.full(len(theta), prior / np.sqrt(np.mean(slopes**2)))
    system = MatchingSystem(rhs, curve, weights, priors)
    return np.asarray(minimise(system, theta, _STOP).theta.numpy())
