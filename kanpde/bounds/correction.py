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
from kanpde.bounds.cover import find_cover
from kanpde.bounds.laws import Law
from kanpde.bounds.normal_equations import Rows, solve_least_squares
from kanpde.bounds.setting import Setting, Value
from kanpde.bounds.splines import Nodes, Spline, SplineSpace, place_nodes, scatter_nodes
from kanpde.bounds.supremum import Deadline, Report
from kanpde.geometry.domain import Region
from kanpde.symbols.expression import jets_in

# By how much a residual beyond the boundary may be larger than inside to be corrected too.
_BEYOND = 3.0


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
    floor: float = 1e-18
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
class LawTarget:
    """What mask * spline shall do at points of a part of the boundary: annul a law's defect."""

    law: Law
    region: Region


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
    targets: Sequence[Target | LawTarget],
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
    targets: Sequence[Target | LawTarget],
    space: SplineSpace,
    policy: CorrectionPolicy,
) -> Corrected:
    jets = setting.equation.jets
    orders = max(max(jet.index) for jet in jets)
    nodes = place_nodes(space, policy.points, orders, {})
    if not setting.problem.domain.is_box:
        nodes = _choose_nodes(setting, approximation, nodes)
    inside = find_cover(setting.problem.domain).near(nodes.points, 0.0)
    residual = approximation.values(setting.equation.expression, nodes.points)
    rows = np.zeros(nodes.columns.shape)
    for jet in jets:
        slope = approximation.values(setting.equation.expression.diff(jet), nodes.points)
        rows += slope[:, None] * approximation.spread(jet.index, nodes)
    scale = np.sqrt(nodes.weights)
    size = float(np.abs(rows).max())
    blocks = [Rows(rows, nodes.columns, -residual, scale)]
    # Of a shape some functions are seen by a few points only: with coefficients of 1e23 they spoilt
    # what is proven at the boundary.
    floor = 0.0 if setting.problem.domain.is_box else policy.floor
    weight = size * policy.face_weight
    for target in targets:
        if isinstance(target, LawTarget):
            blocks.append(_law_rows(approximation, target, space, weight, policy))
        else:
            blocks.append(_face_rows(approximation, target, space, weight, policy))
    coefficients = solve_least_squares(blocks, space, policy.damping, floor)
    left = (rows * coefficients[nodes.columns]).sum(1) + residual
    spline = Spline(space, coefficients.reshape(space.shape))
    corrected = approximation.corrected(spline)
    sizes = (left, residual, corrected.spline_values(nodes.points))
    return Corrected(corrected, *(float(np.abs(v[inside]).max(initial=0.0)) for v in sizes))


def _choose_nodes(setting: Setting, approximation: Approximation, nodes: Nodes) -> Nodes:
    """The nodes in the domain, and those beyond where the residual is not much larger.

    Parts of the elements there are bounded too. In a hole, around whose middle the coordinates of
    the network are mirrored, the residual soon is 1,000,000 times as large.
    """
    cover = find_cover(approximation.piece.domain)
    widths = nodes.space.widths[: len(approximation.piece.domain.space)]
    nodes = nodes.select(cover.near(nodes.points, 0.5 * float(np.min(widths))))
    inside = cover.near(nodes.points, 0.0)
    size = np.abs(approximation.values(setting.equation.expression, nodes.points))
    return nodes.select(inside | (size <= _BEYOND * size[inside].max(initial=0.0)))


def _law_rows(
    approximation: Approximation,
    target: LawTarget,
    space: SplineSpace,
    weight: float,
    policy: CorrectionPolicy,
) -> Rows:
    """Rows of a condition on the boundary, at points that are as dense as those inside."""
    law, domain = target.law, approximation.piece.domain
    spacing = float(np.min(space.widths)) / policy.points
    count = round(target.region.measure / spacing ** (domain.dimension - 1))
    sample = target.region.sample(int(np.clip(count, 64, 20_000)), 0)
    nodes = scatter_nodes(space, sample.points, sample.weights, 0 if law.is_value else 1)
    rows = np.zeros(nodes.columns.shape)
    for jet in jets_in(law.defect):
        factor = approximation.values(law.defect.diff(jet), sample.points, sample.normals)
        rows += factor[:, None] * approximation.spread(jet.index, nodes)
    aims = -approximation.values(law.defect, sample.points, sample.normals)
    thickness = float(space.widths[: len(domain.space)].min())
    # A slope counts as much as a value that it makes within an element.
    own = weight / thickness**0.5 * (1.0 if law.is_value else thickness)
    return Rows(rows, nodes.columns, aims, own * np.sqrt(sample.weights))


def _face_rows(
    approximation: Approximation,
    target: Target,
    space: SplineSpace,
    weight: float,
    policy: CorrectionPolicy,
) -> Rows:
    nodes = place_nodes(space, policy.points, 0, {target.axis: target.end})
    nodes = nodes.select(find_cover(approximation.piece.domain).near(nodes.points, 0.0))
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
