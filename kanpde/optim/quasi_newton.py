"""Self-scaled Broyden steps: quasi-Newton with a dense inverse Hessian, for small networks.

The inverse Hessian H learns from a step s and the change y of the gradient:

    H <- (H - H y y^T H / y^T H y + phi v v^T) / tau + s s^T / y^T s,
    v = (y^T H y)^(1/2) (s / y^T s - H y / y^T H y).

phi and tau are those of Urban, Stefanou & Pons (2025, eq. 13-23, after Al-Baali), who brought the
method to networks; BFGS has phi = tau = 1. H is (P, P), 8 MB for 1,000 parameters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy.linalg.blas import dgemm
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from kanpde.arrays import Array
from kanpde.optim.gradient import Objective, Parametrised
from kanpde.optim.line_search import Trial, wolfe

# Parameters, at 8 bytes for each pair of them: 0.8 GB.
_LARGEST = 10_000


class SelfScaledBroyden:
    """One run: H is kept from one set of points to the next."""

    def __init__(self) -> None:
        self.inverse: Array | None = None

    def steps(
        self, objective: Objective, network: Parametrised, steps: int
    ) -> Iterator[str | None]:
        """Steps with a strong Wolfe search.

        If a search finds no lower loss, H is reset; if the next one fails as well, the iterator
        ends.
        """
        parameters = list(network.parameters())
        size = sum(p.numel() for p in parameters)
        if size > _LARGEST:
            yield f"left out: {size} parameters are more than the {_LARGEST} that it is for"
            return
        start = parameters_to_vector(parameters).detach().clone()
        theta = start.cpu().numpy()
        direction = np.zeros_like(theta)

        def along(length: float) -> Trial:
            point = torch.from_numpy(theta + length * direction).to(start)
            loss, gradient = objective.gradient(point)
            slopes = gradient.cpu().numpy()
            return Trial(length, loss, slopes, float(slopes @ direction))

        here = along(0.0)
        if not math.isfinite(here.loss):
            yield f"stopped, since the loss is {here.loss}"
            return
        for _step in range(steps):
            fresh = self.inverse is None
            direction = -(here.gradient if self.inverse is None else self.inverse @ here.gradient)
            begin = Trial(0.0, here.loss, here.gradient, float(here.gradient @ direction))
            first = min(1.0, 1 / max(np.abs(direction).sum(), 1e-300)) if fresh else 1.0
            found = wolfe(along, begin, first) if begin.slope < 0 else begin
            if found is begin:
                self.inverse = None
            else:
                self._learn(found, begin, found.at * direction)
                theta = theta + found.at * direction
            here = found
            # A copy: the parameters become views of it.
            vector_to_parameters(torch.tensor(theta).to(start), parameters)
            if found is begin and fresh:
                yield "stopped, since no step along the gradient lowers the loss"
                return
            yield None

    def _learn(self, after: Trial, before: Trial, step: Array) -> None:
        change = after.gradient - before.gradient
        curvature = float(change @ step)
        if not curvature > 0:
            return
        if self.inverse is None:
            unit = curvature / float(change @ change)
            self.inverse = np.asfortranarray(unit * np.eye(len(step)))
            stretch = float(step @ step) / unit / curvature
        else:
            # s^T H^-1 s / y^T s, where s = -t H g.
            stretch = -after.at * float(before.gradient @ step) / curvature
        image = self.inverse @ change
        seen = float(change @ image)
        tau, phi = factors(stretch, seen / curvature, len(step))
        # All of it is H / tau and an update of rank two in s and H y.
        along = (1 / curvature + phi * seen / (tau * curvature**2)) * step
        along -= phi / (tau * curvature) * image
        across = (phi - 1) / (tau * seen) * image - phi / (tau * curvature) * step
        left = np.asfortranarray(np.stack([step, image], 1))
        self.inverse = dgemm(
            1.0, left, np.stack([along, across]), 1 / tau, self.inverse, overwrite_c=1
        )


def factors(b: float, h: float, size: int) -> tuple[float, float]:
    """tau and phi from b = s^T H^-1 s / y^T s and h = y^T H y / y^T s.

    Urban, Stefanou & Pons (2025), eq. 13-23. phi is between 0 (DFP) and 1 (BFGS) or beyond, as far
    as H stays positive definite; tau <= 1 enlarges H where it was too small along the step.
    """
    a = max(h * b - 1, 1e-16)
    rho = min(1.0, h * (1 - math.sqrt(a / (1 + a))))
    theta = max((rho - 1) / a, min(1 / rho, (1 - b) / b))
    sigma = 1 + theta * a
    root = sigma ** (-1 / (size - 1)) if size > 1 else 1.0
    tau = min(1.0, 1 / b)
    tau = tau * min(root, 1 / theta) if theta > 0 else min(tau * root, sigma)
    return tau, (1 - theta) / sigma
