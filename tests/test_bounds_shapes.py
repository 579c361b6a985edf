"""Bounds on shapes, and with normal derivatives on boundaries: never below the true error."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde import (
    Box,
    Condition,
    Disk,
    LeastSquares,
    Plan,
    Polygon,
    Problem,
    Rectangle,
    Sampling,
    cos,
    d,
    exact,
    exp,
    sin,
)
from kanpde.bounds.approximation import Approximation
from kanpde.bounds.comparison import read_comparison
from kanpde.bounds.cover import find_cover
from kanpde.bounds.faces import find_patches
from kanpde.bounds.field_models import boxes_between
from kanpde.bounds.laws import NotCovered
from kanpde.bounds.polynomials import PolynomialPolicy, find_slope_barrier
from kanpde.bounds.refinement import bound_law
from kanpde.bounds.setting import read_setting
from kanpde.bounds.supremum import Deadline
from kanpde.network.bases import Chebyshev

# Seconds that a loaded machine may take; on an idle one each takes 1 to 10.
BUDGET = 3000
QUICK = Plan(
    widths=(5,),
    basis=Chebyshev(6),
    stages=(LeastSquares(steps=4),),
    sampling=Sampling(points=200),
    windows=1,
)
HOLED = Rectangle(x=(-1, 1), y=(-1, 1)) - Disk(x=0.4, y=0.3, radius=0.2, name="hole")
CORNERED = Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)])
DIAMOND = Polygon([(0, -1), (1, 0), (0, 1), (-1, 0)])


def rod(share: float) -> Problem:
    """u'' = u + 2 e^x with u_x + share u given at the right end."""
    box = Box(x=(0, 1))
    (x,) = box.axes
    flux = math.e * (2 + share)
    return Problem(
        box,
        "u",
        [
            Condition("law", box, lambda u: d(u, x, x) - u - 2 * exp(x)),
            Condition("left", box.face(x=0), lambda u: u),
            Condition("right", box.face(x=1), lambda u: d(u, x) + share * u - flux),
        ],
        reference=exact(u=lambda x: x * exp(x)),
    )


def heat(share: float) -> Problem:
    """Both ends cooled, or with given fluxes."""
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes

    def answer(x: Any, t: Any) -> Any:
        return exp(-t) * sin(2 * x + 1)

    def slope(x: Any, t: Any) -> Any:
        return 2 * exp(-t) * cos(2 * x + 1)

    return Problem(
        box,
        "u",
        [
            Condition("law", box, lambda u: d(u, t) - 0.1 * d(u, x, x) + 0.6 * answer(x, t)),
            Condition("start", box.face(t=0), lambda u: u - answer(x, 0)),
            Condition(
                "left",
                box.face(x=0),
                lambda u: -d(u, x) + share * u + slope(0, t) - share * answer(0, t),
            ),
            Condition(
                "right",
                box.face(x=1),
                lambda u: d(u, x) + share * u - slope(1, t) - share * answer(1, t),
            ),
        ],
        reference=exact(u=answer),
    )


def plane(shape: Any, *given: str, share: float = 0.0) -> Problem:
    """Poisson's equation; on the named parts du/dn + share u, on the others the value."""
    x, y = shape.axes
    n = shape.normal

    def answer(x: Any, y: Any) -> Any:
        return sin(2 * x) * exp(y)

    def flux(u: Any) -> Any:
        return n[0] * d(u, x) + n[1] * d(u, y) + share * u

    rest = [name for name in shape.boundaries if name not in given]
    conditions = [
        Condition("law", shape, lambda u: d(u, x, x) + d(u, y, y) + 3 * answer(x, y)),
        Condition("values", shape.boundary(*rest), lambda u: u - answer(x, y)),
    ]
    if given:
        own = shape.boundary(*given)
        conditions.append(Condition("fluxes", own, lambda u: flux(u) - flux(answer(x, y))))
    return Problem(shape, "u", conditions, reference=exact(u=answer))


def rim() -> Problem:
    """The value on a circle, which holds by construction."""
    disk = Disk(x=0, y=0, radius=1)
    x, y = disk.axes

    def answer(x: Any, y: Any) -> Any:
        return (1 - x**2 - y**2) * sin(3 * x + 1) * exp(y)

    source = d(answer(x, y), x, x) + d(answer(x, y), y, y)
    return Problem(
        disk,
        "u",
        [
            Condition("law", disk, lambda u: d(u, x, x) + d(u, y, y) - source),
            Condition("rim", disk.boundary(), lambda u: u),
        ],
        reference=exact(u=answer),
    )


def true_error(solution: Any) -> float:
    """The largest at 20,000 random points of the domain and on the grid."""
    problem = solution.problem
    sample = problem.domain.interior.sample(20_000, 1)
    answer = problem.reference.evaluate(
        **dict(zip(problem.domain.names, sample.points.T, strict=True))
    )
    gap = np.abs(solution.evaluate(sample.points)["u"] - answer["u"]).max()
    return max(float(gap), solution.errors["u"].max)


CASES: dict[str, tuple[Callable[[], Problem], bool]] = {
    "rod, flux": (lambda: rod(0.0), True),
    "rod, cooled": (lambda: rod(1.0), False),
    "heat, fluxes": (lambda: heat(0.0), True),
    "heat, cooled": (lambda: heat(1.0), True),
    "disk": (rim, True),
}


@pytest.mark.parametrize("name", CASES)
def test_bounds_are_near_the_error_and_not_below(name: str) -> None:
    make, enforce = CASES[name]
    solution = kanpde.solve(make(), dataclasses.replace(QUICK, enforce=enforce))
    certificate = kanpde.certify(solution, BUDGET)
    error, bound = true_error(solution), certificate.error_bound
    assert bound is not None, certificate.refusals
    assert error <= bound <= 10 * error
    (found,) = (b for b in certificate.bounds if b.upper == bound)
    assert found.lower <= error * 1.01  # the error is sampled


# --- parts -----------------------------------------------------------------------------------


def test_a_barrier_is_near_the_sharp_constant() -> None:
    """For w'' = -1, w(0) = 0, w'(1) = 1 it is 3 / 2; the reaction makes it smaller."""
    found = find_slope_barrier(read_comparison(read_setting(rod(0.0))))
    assert 1.0 <= found.largest <= 1.6


@pytest.mark.parametrize("shape", [HOLED, CORNERED, Disk(x=1, y=2, radius=0.3)], ids=str)
def test_a_cover_misses_nothing(shape: Any) -> None:
    cover = find_cover(shape)
    lower, upper = shape.bounds
    edges = [np.linspace(a, b, 24) for a, b in zip(lower, upper, strict=True)]
    boxes = boxes_between(edges)
    meets, within = cover.meets(boxes), cover.within(boxes)
    points = shape.interior.sample(4000, 0).points
    apart = np.abs(points[:, None] - boxes.centres) <= boxes.halves
    holds = apart.all(2)
    assert meets[holds.any(0)].all()
    assert not meets.all() or shape is CORNERED
    random = np.random.default_rng(0).uniform(-1, 1, (len(boxes), 20, 2))
    inside = boxes.centres[:, None] + random * boxes.halves[:, None]
    assert shape.contains_in_space(inside[within].reshape(-1, 2)).all()
    assert within.sum() > 50


@pytest.mark.parametrize(
    ("make", "share"),
    [(HOLED, 0.0), (HOLED, 2.0), (DIAMOND, None)],
    ids=["flux", "cooled", "diamond"],
)
def test_the_defect_of_a_condition_is_enclosed(make: Any, share: float | None) -> None:
    """Of an untrained network; sides and circles, values and derivatives."""
    problem = plane(make) if share is None else plane(make, "hole", share=share)
    plan = dataclasses.replace(QUICK, stages=(), enforce=False)
    solution = kanpde.solve(problem, plan)
    for law in read_setting(problem).laws:
        approximation = Approximation(problem, solution.pieces[0])
        sample = law.region.sample(2000, 0)
        values = approximation.values(law.defect, sample.points, sample.normals)
        sampled = float(np.abs(values).max())
        found = bound_law(approximation, law, Deadline(BUDGET), print, aim=0.1 * sampled)
        assert sampled * (1 - 1e-9) <= found <= 1.5 * sampled


def test_pieces_of_a_boundary_hold_all_of_it() -> None:
    region = HOLED.boundary()
    lengths = sum(patch.lengths.sum() for patch in find_patches(region, HOLED))
    assert lengths == pytest.approx(region.measure, rel=1e-6)
    assert lengths >= region.measure


# --- refusals --------------------------------------------------------------------------------


def with_condition(law: Callable[[Any, Any, Any], Any]) -> Problem:
    disk = Disk(x=0, y=0, radius=1)
    x, y = disk.axes
    return Problem(
        disk,
        "u",
        [
            Condition("law", disk, lambda u: d(u, x, x) + d(u, y, y) + 1),
            Condition("rim", disk.boundary(), lambda u: law(u, disk, disk.normal)),
        ],
    )


def slope(u: Any, disk: Any, n: Any) -> Any:
    x, y = disk.axes
    return n[0] * d(u, x) + n[1] * d(u, y)


@pytest.mark.parametrize(
    ("law", "reason"),
    [
        (lambda u, disk, n: slope(u, disk, n) - 2 * u, "two signs"),
        (lambda u, disk, n: slope(u, disk, n) + u**2, "bounds know numbers"),
        (lambda u, disk, n: d(u, disk.axes[0]), "normal derivative"),
        (lambda u, disk, n: slope(u, disk, n) + 0.5, "mean"),
    ],
    ids=["sign", "nonlinear", "oblique", "mean"],
)
def test_where_no_theorem_applies_it_says_why(law: Any, reason: str) -> None:
    setting = read_setting(with_condition(law))
    coarse = PolynomialPolicy(degrees=(4, 4, 4), points=(40, 12, 6), boundary=100)
    with pytest.raises(NotCovered, match=reason):
        find_slope_barrier(read_comparison(setting), coarse)


def test_singular_functions_of_corners_are_not_known() -> None:
    solution = kanpde.solve(plane(CORNERED), dataclasses.replace(QUICK, stages=()))
    certificate = kanpde.certify(solution, BUDGET)
    assert certificate.error_bound is None
    assert "singular functions of the corners" in certificate.refusals[0].reason
