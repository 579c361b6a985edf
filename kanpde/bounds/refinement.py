"""One piece of a solution: its spline, and proven sizes of what remains."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.bounds.approximation import Approximation
from kanpde.bounds.certificate import Bound, Norm
from kanpde.bounds.correction import CORRECTION_POLICY, Corrected, LawTarget, Target, correct
from kanpde.bounds.cover import find_cover
from kanpde.bounds.faces import Patch, find_patches
from kanpde.bounds.field_models import Boxes, boxes_between
from kanpde.bounds.laws import Law
from kanpde.bounds.monomials import UP
from kanpde.bounds.ranges import find_range
from kanpde.bounds.setting import Setting
from kanpde.bounds.supremum import (
    UNKNOWN,
    Deadline,
    Evaluate,
    Models,
    Report,
    SearchPolicy,
    Supremum,
    find_suprema,
)

# Degrees of the models that are tried; the share of the boxes on which, and of the time for it.
_DEGREES = (6, 8, 10, 12)
_TRIAL = 24
# The share of the size of the correction that the rest of a bound may have.
_SLACK = 0.1


@dataclass(frozen=True)
class Refined:
    """A corrected piece w = u + correction, and suprema over its box."""

    approximation: Approximation
    residual: Supremum
    remainder: Supremum
    correction: Supremum


def refine(
    setting: Setting,
    approximation: Approximation,
    targets: Sequence[Target | LawTarget],
    factor: float,
    deadline: Deadline,
    report: Report,
) -> Refined:
    """Correct a piece, and bound its residual before and after.

    `factor` is the K of the theorem |error of w| <= K sup |residual|: the work ends when that is
    small beside the correction.
    """
    policy = replace(CORRECTION_POLICY, factor=factor)
    found = correct(setting, approximation, targets, deadline.part(0.4), report, policy)
    law = setting.equation.expression
    space = found.approximation.spline.space if found.approximation.spline else None
    assert space is not None
    cover = find_cover(setting.problem.domain)
    start = space.cells()
    start = start[cover.meets(start)]
    aim = max(_SLACK * found.size / factor, 1e-300)
    degree = _choose_degree(found, law, start, max(aim, found.left), report)
    evaluate = evaluate_residuals(found.approximation, law, degree)
    search = SearchPolicy(aim=aim, order=degree - 1.0)
    suprema = find_suprema(evaluate, start, "remainder", deadline, report, search, cover)
    names = ("residual", "remainder", "correction")
    return Refined(found.approximation, *(suprema.get(n, UNKNOWN) for n in names))


def evaluate_residuals(approximation: Approximation, law: Any, degree: int) -> Evaluate:
    """The residual of w ("remainder") and of u, and w - u ("correction")."""

    def evaluate(boxes: Boxes) -> Models:
        pair = approximation.evaluation(boxes, [law], degree)
        models = {"remainder": pair.full.of(law), "residual": pair.plain.of(law)}
        if pair.correction is not None:
            models["correction"] = pair.correction
        return Models(models, pair.network)

    return evaluate


def _choose_degree(found: Corrected, law: Any, start: Boxes, target: float, report: Report) -> int:
    """The degree that needs the least time on some boxes, as their radii foretell."""
    rng = np.random.default_rng(0)
    at = rng.choice(len(start), min(_TRIAL, len(start)), replace=False)
    boxes, best, least = start[at], _DEGREES[0], np.inf
    for degree in _DEGREES:
        report(f"trying models of degree {degree}")
        begun = time.monotonic()
        with np.errstate(all="ignore"):
            pair = found.approximation.evaluation(boxes, [law], degree)
            radius = np.nan_to_num(pair.full.of(law).radius, nan=np.inf, posinf=np.inf)
        spent = time.monotonic() - begun
        # A radius falls with the power degree - 1 of the size, and a box becomes 2^d of half size.
        excess = np.maximum(np.minimum(radius, 1e30) / (0.1 * target), 1.0)
        boxes_needed = excess ** (found.approximation.problem.domain.dimension / (degree - 1))
        cost = spent * float(boxes_needed.mean())
        if cost < least:
            best, least = degree, cost
    return best


def bound_on_face(
    approximation: Approximation,
    expression: Any,
    axis: int,
    end: float,
    deadline: Deadline,
    report: Report,
    *,
    aim: float,
) -> Supremum:
    """The largest absolute value of an expression of w on a face of its box."""
    boxes = face_boxes(approximation, axis, end)

    def evaluate(boxes: Boxes) -> Models:
        pair = approximation.evaluation(boxes, [expression], 8)
        return Models({"face": pair.full.of(expression)}, pair.network)

    policy = SearchPolicy(aim=aim, order=8.0)
    cover = find_cover(approximation.problem.domain)
    return find_suprema(evaluate, boxes, "face", deadline, report, policy, cover)["face"]


def bound_law(
    approximation: Approximation, law: Law, deadline: Deadline, report: Report, *, aim: float
) -> float:
    """The largest absolute value of the defect of w in a condition on the boundary."""
    worst = 0.0
    defect, degree = law.defect, 8
    for patch in find_patches(law.region, approximation.piece.domain):

        def evaluate(boxes: Boxes, patch: Patch = patch) -> Models:
            pair = approximation.on_boundary(patch, boxes, defect, degree)
            return Models({"boundary": pair.full.of(defect)}, pair.network)

        largest = float(np.ptp(approximation.piece.domain.bounds, axis=0).max())
        boxes = patch.cut(largest / 32)
        if not patch.lengths.size:  # a point, of which no part is smaller
            with np.errstate(all="ignore"):
                found = find_range(evaluate(boxes).named["boundary"])
            worst = max(worst, float(found.size.max()))
            continue
        policy = SearchPolicy(aim=aim, order=7.0)
        suprema = find_suprema(evaluate, boxes, "boundary", deadline, report, policy)
        worst = max(worst, suprema["boundary"].upper)
    return worst


def bound_difference(
    first: Approximation,
    second: Approximation,
    axis: int,
    end: float,
    deadline: Deadline,
    report: Report,
    *,
    aim: float,
) -> float:
    """The largest difference of two approximations on a face that their boxes share."""
    edges = _edges(first)
    if second.spline is not None:
        edges = second.spline.space.refine(edges)
    u = first.symbol

    def evaluate(boxes: Boxes) -> Models:
        a, b = (each.evaluation(boxes, [u], 8) for each in (first, second))
        return Models({"jump": a.full.of(u) - b.full.of(u)}, a.network)

    policy = SearchPolicy(aim=aim, order=8.0)
    boxes = _face(edges, axis, end)
    cover = find_cover(first.problem.domain)
    return find_suprema(evaluate, boxes, "jump", deadline, report, policy, cover)["jump"].upper


def face_boxes(approximation: Approximation, axis: int, end: float) -> Boxes:
    """A face cut where the elements of the spline end."""
    return _face(_edges(approximation), axis, end)


def elements_of(approximation: Approximation) -> Boxes:
    """The box of a piece cut into parts on which smooth functions are nearly polynomials."""
    domain = approximation.piece.domain
    count = CORRECTION_POLICY.first[domain.dimension - 1] * 2
    return boxes_between([np.linspace(a.lower, a.upper, count + 1) for a in domain.axes])


def _edges(approximation: Approximation) -> list[Array]:
    if approximation.spline is not None:
        return approximation.spline.space.edges
    return [np.linspace(a.lower, a.upper, 17) for a in approximation.piece.domain.axes]


def _face(edges: list[Array], axis: int, end: float) -> Boxes:
    edges = list(edges)
    edges[axis] = np.array([end, end])
    boxes = boxes_between(edges)
    boxes.centres[:, axis], boxes.halves[:, axis] = end, 0.0
    return boxes


def bound_pieces(
    theorem: str,
    norm: Norm,
    parts: Sequence[tuple[Refined, float]],
    constants: Mapping[str, float],
    note: str = "",
) -> Bound:
    """The bound |error| <= |correction| + rest, for the worst of some pieces with their rests."""
    upper = max(UP * (p.correction.upper + rest) for p, rest in parts)
    lower = max((p.correction.lower - rest for p, rest in parts), default=0.0)
    sizes = {
        "sup residual": max(p.residual.upper for p, _ in parts),
        "sup residual after correction": max(p.remainder.upper for p, _ in parts),
    }
    lower = max(lower, 0.0) if math.isfinite(upper) else 0.0
    return Bound(theorem, norm, upper, lower, {**constants, **sizes}, note=note)
