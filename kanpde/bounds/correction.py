"""The spline that takes away most of a residual: least squares on the linearised equation.

For any theorem |error of w| <= K sup |F(w)| holds for w = u + mask * spline as it does for u. The
spline is found in floating-point arithmetic; a poor one makes the bound larger, never wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.bounds.approximation import Approximation
from kanpde.bounds.normal_equations import Rows, solve_least_squares
from kanpde.bounds.setting import Setting, Value
from kanpde.bounds.splines import Nodes, Spline, SplineSpace, place_nodes
from kanpde.bounds.supremum import Deadline, Report


@dataclass(frozen=True)
class CorrectionPolicy:
    """How fine splines may be."""

    # Elements along each axis of boxes of one, two and three axes: the first and the finest.
    first: tuple[int, ...] = (32, 16, 6)
    finest: tuple[int, ...] = (512, 128, 12)
    # Points along each axis of an element, its ends included.
    points: int = 5
    # A finer spline is not looked for when `factor` times the residual that is left is below this
    # share of the correction: the bound is then within some percent of the error.
    enough: float = 0.1
    factor: float = 1.0
    # Damping, relative to the diagonal: the mask vanishes on faces, and so do functions there.
    damping: float = 1e-12
    # The weight of values on faces that are not exact, relative to the equation's.
    face_weight: float = 10.0


CORRECTION_POLICY = CorrectionPolicy()


@dataclass(frozen=True)
class Target:
    """Values (N,) that mask * spline shall have at nodes of a face."""

    axis: int
    end: float
    value: Value | None
    earlier: Approximation | None = None


@dataclass(frozen=True)
class Corrected:
    """An approximation with its spline; at the nodes the sizes of its residual, after and before,
    and that of the correction.
    """

    approximation: Approximation
    left: float
    before: float
    size: float


def correct(
    setting: Setting,
    approximation: Approximation,
    targets: Sequence[Target],
    deadline: Deadline,
    report: Report,
    policy: CorrectionPolicy = CORRECTION_POLICY,
) -> Corrected:
    """The best spline that the deadline allows; finer ones are tried while they help."""
    space = _first_space(approximation, policy)
    best: Corrected | None = None
    while True:
        begun = deadline.left
        report(f"spline with {' x '.join(map(str, space.elements))} elements")
        found = _solve(setting, approximation, targets, space, policy)
        spent = begun - deadline.left
        if best is None or found.left < best.left:
            best = found
        finest = policy.finest[space.dimension - 1]
        growth = 2.0 ** max(3 * (space.dimension - 1), 1)
        if (
            policy.factor * best.left <= policy.enough * best.size
            or 2 * max(space.elements) > finest
            or deadline.left < growth * spent
        ):
            return best
        space = space.halved


def _first_space(approximation: Approximation, policy: CorrectionPolicy) -> SplineSpace:
    domain = approximation.piece.domain
    count = policy.first[domain.dimension - 1]
    lower, upper = domain.bounds
    return SplineSpace(
        tuple(map(float, lower)),
        tuple(map(float, upper)),
        (count,) * domain.dimension,
        tuple(name in approximation.problem.periodic for name in domain.names),
    )


def _solve(
    setting: Setting,
    approximation: Approximation,
    targets: Sequence[Target],
    space: SplineSpace,
    policy: CorrectionPolicy,
) -> Corrected:
    jets = setting.equation.jets
    orders = max(max(jet.index) for jet in jets)
    nodes = place_nodes(space, policy.points, orders, {})
    residual = approximation.values(setting.equation.expression, nodes.points)
    rows = np.zeros(nodes.columns.shape)
    for jet in jets:
        slope = approximation.values(setting.equation.expression.diff(jet), nodes.points)
        rows += slope[:, None] * approximation.spread(jet.index, nodes)
    scale = np.sqrt(nodes.weights)
    size = float(np.abs(rows).max())
    blocks = [Rows(rows, nodes.columns, -residual, scale)]
    for target in targets:
        blocks.append(_face_rows(approximation, target, space, size * policy.face_weight, policy))
    coefficients = solve_least_squares(blocks, space, policy.damping)
    left = (rows * coefficients[nodes.columns]).sum(1) + residual
    spline = Spline(space, coefficients.reshape(space.shape))
    corrected = approximation.corrected(spline)
    sizes = (left, residual, corrected.spline_values(nodes.points))
    return Corrected(corrected, *(float(np.abs(v).max()) for v in sizes))


def _face_rows(
    approximation: Approximation,
    target: Target,
    space: SplineSpace,
    weight: float,
    policy: CorrectionPolicy,
) -> Rows:
    nodes = place_nodes(space, policy.points, 0, {target.axis: target.end})
    rows = approximation.spread((0,) * space.dimension, nodes)
    if target.earlier is not None:
        aims = _carried(approximation, target.earlier, nodes)
    else:
        assert target.value is not None
        aims = -approximation.values(target.value.defect, nodes.points)
    # Of the size that the equation has in the interior, per area of the face.
    return Rows(rows, nodes.columns, aims, weight / space.widths[target.axis] ** 0.5
                 * np.sqrt(nodes.weights))  # fmt: skip


def _carried(later: Approximation, earlier: Approximation, nodes: Nodes) -> Array:
    """What the spline of a window has to add at its start."""
    name = later.name
    gap = earlier.evaluate([name], nodes.points)[name] - later.evaluate([name], nodes.points)[name]
    return np.asarray(gap + earlier.spline_values(nodes.points))
