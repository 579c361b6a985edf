"""Weights of readings by their noise, and smaller ones for outliers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kanpde.assembly.terms import BoundTerm
from kanpde.network.network import Network
from kanpde.problem.equations import Equation

# Huber's function: readings beyond so many sigmas lose weight; 95 % efficient with Gaussian noise
# (Huber & Ronchetti, Robust Statistics, 2009, sect. 4.5).
KNEE = 1.345
# The median of the absolute values of Gaussian noise with sigma = 1.
MEDIAN = 0.6745


class NoiseWeights:
    """The factors of readings' residuals: the finest sigma of all over their own."""

    def __init__(self, equations: Sequence[Equation]) -> None:
        stated = [np.asarray(e.sigma, float) for e in equations if e.sigma is not None]
        self.finest = min((float(s.min()) for s in stated), default=1.0)

    def of(self, equation: Equation, like: Tensor) -> Tensor | float:
        """The factors (N,) of one equation; one where no sigma is stated."""
        if equation.sigma is None:
            return 1.0
        return self.finest / torch.as_tensor(equation.sigma).to(like)

    def lessen_outliers(self, rows: BoundTerm, network: Network) -> tuple[Tensor, ...]:
        """The weights of a term's equations, smaller where a reading is far from the network."""
        if not any(e.robust for e in rows.term.equations):
            return rows.weights
        misfits = rows.evaluate(network)[0]
        return tuple(
            weight * _huber(misfit) if e.robust else weight
            for e, weight, misfit in zip(rows.term.equations, rows.weights, misfits, strict=True)
        )


def _huber(misfit: Tensor) -> Tensor:
    """The root of Huber's weight (N,), by the spread of the misfit itself."""
    size = misfit.abs()
    sigma = size.median() / MEDIAN
    return (KNEE * sigma / size.clamp_min(1e-300)).clamp_max(1.0).sqrt()
