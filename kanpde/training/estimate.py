"""How far a network is from the solution, without a reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kanpde.arrays import Array
from kanpde.assembly.evaluator import Evaluator
from kanpde.assembly.workers import Workers
from kanpde.network.network import Network
from kanpde.optim.least_squares import gauss_newton
from kanpde.optim.protocols import Equations

# The damping of the step that is measured. At 1e-8 a pendulum on a wrong branch was estimated 10
# times too near, at 1e-10 a Poisson solution 5 times too far: soft directions then follow single
# points.
_DAMPING = 1e-9
# A step of the field is taken to its first order, from a move of at most this size.
_SMALL = 1e-4


def newton_change(
    network: Network,
    normal: Equations,
    evaluator: Evaluator,
    points: Array,
    before: Mapping[str, Array],
    workers: Workers,
) -> tuple[dict[str, Array], float] | None:
    """What one Gauss-Newton step adds to the fields at `points`, (N,), and a factor for its size.

    For the factor see `newton_estimate`. None where the step is not defined.
    """
    found = gauss_newton(normal, _DAMPING)
    if found is None or not bool(found[0].isfinite().all()):
        return None
    step, left = found
    theta = network.flat()
    part = min(1.0, _SMALL / max(float(step.abs().max()), 1e-300))
    network.load_flat(theta + part * step.to(theta))
    after = evaluator(network, points, workers)
    network.load_flat(theta)
    change = {n: (after[n] - before[n]) / part for n in before}
    if not all(np.isfinite(c).all() for c in change.values()):
        return None
    return change, max(1.0 - left, 1e-4) ** -0.25


def newton_estimate(
    network: Network,
    normal: Equations,
    evaluator: Evaluator,
    points: Array,
    before: Mapping[str, Array],
    workers: Workers,
) -> float | None:
    """The relative L2 error of `network` at `points`, by one Gauss-Newton step.

    With the error e and L the linearised equations, L e = r: the step solves this in least squares
    among the changes that the network can make, and its size is that of e. The share s of the loss
    that remains after it is a rougher part of the error: the size is divided by (1 - s)^(1/4).
    `normal` must come from points that no step has seen; `before` are the fields of `network` at
    `points`. The largest of them; None where the step is not defined.
    """
    found = newton_change(network, normal, evaluator, points, before, workers)
    if found is None:
        return None
    change, factor = found
    sizes = [
        float(np.linalg.norm(change[n])) / max(float(np.linalg.norm(before[n])), 1e-300)
        for n in before
    ]
    return float(max(sizes) * factor)
