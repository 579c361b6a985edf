"""Solids: exact measures, normals by the divergence theorem, names, exact conditions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kanpde import (
    Ball,
    Box,
    Condition,
    Cone,
    Cuboid,
    Cylinder,
    Disk,
    Ellipse,
    HalfPlane,
    HalfSpace,
    KanpdeError,
    Polygon,
    Problem,
    Rectangle,
    Sector,
    Torus,
    d,
)
from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.lift import evaluate_at
from kanpde.assembly.network_for import build_network
from kanpde.assembly.sampler import Sampler
from kanpde.geometry import domain_from_data
from kanpde.geometry.solids.solid import Solid
from kanpde.problem.serialise import problem_from_data, problem_to_data
from kanpde.problem.wellposed import find_uncovered
from kanpde.symbols.expression import symbolic
from kanpde.training.plan import Plan

SHEET = Rectangle(x=(-2, 2), y=(-2, 2))
HOLE = Disk(x=0, y=0, radius=0.5)
PLATE = SHEET - HOLE
ELBOW = Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
BITE = Disk(x=2, y=0, radius=1)

# A solid, its content and the length or area of its boundary.
PLANE: list[tuple[Solid, float, float]] = [
    (SHEET, 16, 16),
    (HOLE, math.pi / 4, math.pi),
    (PLATE, 16 - math.pi / 4, 16 + math.pi),
    (ELBOW, 3, 8),
    (SHEET - BITE, 16 - math.pi / 2, 14 + math.pi),
    (Rectangle(x=(0, 1), y=(0, 1)) | Rectangle(x=(1, 2), y=(0, 1)), 2, 6),
    (Rectangle(x=(0, 2), y=(0, 1)) | Rectangle(x=(0, 1), y=(0, 2)), 3, 8),
    (Disk(x=0, y=0, radius=1) & HalfPlane((0, 0), (0, 1)), math.pi / 2, 2 + math.pi),
    (Sector(x=0, y=0, radius=2, angles=(0, 1.5 * math.pi)), 3 * math.pi, 4 + 3 * math.pi),
    (HOLE.scaled(2).moved(x=1) - HOLE.moved(x=1), math.pi * 0.75, math.pi * 3),
    (SHEET.turned(0.3).mirrored(x=1) - HOLE.mirrored(x=1), 16 - math.pi / 4, 16 + math.pi),
]  # fmt: skip
SPACE: list[tuple[Solid, float, float]] = [
    (Cuboid(x=(0, 1), y=(0, 1), z=(0, 2)), 2, 10),
    (Ball(x=0, y=1, z=0, radius=2), 32 / 3 * math.pi, 16 * math.pi),
    (Cylinder(x=0, y=0, z=0, radius=1, height=2), 2 * math.pi, 6 * math.pi),
    (Cone(x=0, y=0, z=0, radius=1, height=2), 2 / 3 * math.pi, math.pi * (1 + math.sqrt(5))),
    (Torus(x=0, y=0, z=0, radii=(2, 0.5)), math.pi**2, 4 * math.pi**2),
    (
        Cylinder(x=0, y=0, z=0, radius=1, height=2).turned(0.4, "x").moved(z=1),
        2 * math.pi,
        6 * math.pi,
    ),
    (Ball(x=0, y=0, z=0, radius=1) & HalfSpace((0, 0, 0), (0, 0, 1)), 2 / 3 * math.pi, 3 * math.pi),
]  # fmt: skip


@pytest.mark.parametrize(("solid", "content", "boundary"), PLANE, ids=lambda v: str(v))
def test_areas_and_lengths_are_exact(solid: Solid, content: float, boundary: float) -> None:
    assert solid.content == pytest.approx(content, rel=1e-11)
    assert solid.boundary().measure == pytest.approx(boundary, rel=1e-11)
    assert solid.interior.measure == solid.content
    inside = solid.interior.quadrature(2000, 0)
    assert inside.weights.sum() == pytest.approx(content, rel=1e-9)


@pytest.mark.parametrize(("solid", "content", "boundary"), SPACE, ids=lambda v: str(v))
def test_volumes_and_areas(solid: Solid, content: float, boundary: float) -> None:
    whole = all(f.is_whole for f in solid.facets)
    assert solid.content == pytest.approx(content, rel=1e-10 if whole else 1e-4)
    assert solid.boundary().measure == pytest.approx(boundary, rel=1e-10 if whole else 1e-4)


def test_an_ellipse_is_as_long_as_ramanujan_says() -> None:
    solid = Ellipse(x=0, y=0, radii=(2, 1))
    assert solid.content == pytest.approx(2 * math.pi, rel=1e-11)
    assert solid.boundary().measure == pytest.approx(9.688448220547675, rel=1e-11)


@pytest.mark.parametrize("solid", [s for s, *_ in PLANE + SPACE[:4]], ids=str)
def test_points_lie_where_they_should_with_weights_that_sum_to_the_measure(solid: Solid) -> None:
    size = len(solid.coordinates)
    for region, near in ((solid.interior, math.inf), (solid.boundary(), 1e-9)):
        sample = region.sample(300, 1)
        assert sample.weights.sum() == pytest.approx(region.measure, rel=1e-12)
        assert solid.contains(sample.points).all()
        assert np.abs(solid.level(sample.points)).max() < near
        assert sample.points.shape[1] == size
        np.testing.assert_array_equal(sample.points, region.sample(300, 1).points)
        assert not np.array_equal(sample.points, region.sample(300, 2).points)
    assert sample.normals is not None
    step = 1e-5 * sample.normals
    assert (solid.level(sample.points + step) > 0).all()
    assert (solid.level(sample.points - step) < 0).all()


@given(st.integers(0, len(PLANE) - 1), st.integers(0, 3), st.integers(0, 3), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_divergence_theorem_holds(which: int, p: int, q: int, along: bool) -> None:
    """The flux of x^p y^q along one axis through the boundary is the integral of its divergence."""
    solid = PLANE[which][0]
    rim, inside = solid.boundary().quadrature(0, 0), solid.interior.quadrature(2000, 0)
    assert rim.normals is not None
    x, y = rim.points.T
    flux = (x**p * y**q * rim.normals[:, int(along)] * rim.weights).sum()
    x, y = inside.points.T
    slope = q * x**p * y ** max(q - 1, 0) if along else p * x ** max(p - 1, 0) * y**q
    assert flux == pytest.approx((slope * inside.weights).sum(), abs=1e-7)


def test_a_shape_over_time() -> None:
    domain = PLATE.over(t=(0, 2))
    assert domain.names == ("x", "y", "t")
    assert domain.interior.measure == pytest.approx(2 * PLATE.content)
    start, rim = domain.face(t=0), domain.boundary(HOLE)
    assert start.end == ("t", 0)
    assert (start.dimension, rim.dimension, rim.label) == (2, 2, "disk")
    sample = rim.sample(100, 0)
    assert sample.weights.sum() == pytest.approx(2 * math.pi)
    assert sample.normals is not None
    assert not sample.normals[:, 2].any()
    window = domain.restricted(t=(1, 2))
    assert start.within(window) is None
    assert rim.within(window) == window.boundary(HOLE)
    again = domain_from_data(domain.to_data())
    assert again.key() == domain.key()
    assert again.region_from_data(rim.to_data()).key() == rim.key()


@pytest.mark.parametrize("solid", [s for s, *_ in PLANE + SPACE], ids=str)
def test_solids_are_read_back(solid: Solid) -> None:
    again = domain_from_data(solid.to_data())
    assert again == solid
    assert again.boundary().measure == solid.boundary().measure


def test_boundaries_have_names() -> None:
    assert set(PLATE.boundaries) == {"x = -2", "x = 2", "y = -2", "y = 2", "disk"}
    assert PLATE.boundary("disk") == PLATE.boundary(HOLE)
    assert PLATE.boundary(SHEET.face(x=2)) == PLATE.boundary("x = 2") == PLATE.face(x=2)
    assert PLATE.boundary(SHEET).measure == 16
    named = SHEET - Disk(x=0, y=0, radius=0.5, name="bore")
    assert named.boundary("bore").measure == pytest.approx(math.pi)
    assert (SHEET - BITE).notes == ("disk is subtracted, and reaches over the edge of the shape",)
    assert PLATE.notes == ()


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda: (HOLE - SHEET).boundary(), r"the disk - the rectangle\) is empty"),
        (lambda: HOLE & "disk", "the second is not a solid"),
        (lambda: (HOLE & HOLE.moved(x=9)).axes, "empty: the two do not overlap"),
        (lambda: PLATE.boundary("disc"), "no boundary 'disc'.*did you mean 'disk'"),
        (lambda: PLATE.boundary(HOLE.moved(x=1)), "not one of the solids"),
        (lambda: PLATE.face(x=0), r"face\(x=0\): no side of the shape lies there"),
        (lambda: PLATE.point(x=0, y=0), "x = 0, y = 0 lies outside of the shape"),
        (lambda: Disk(x=0, y=0, radius=-1), "Disk: the radius must be above 0"),
        (lambda: Disk(x=0, radius=1), "Disk needs 2 coordinates"),
        (lambda: Rectangle(x=(1, 0), y=(0, 1)), "the interval is empty"),
        (lambda: Polygon([(0, 0), (2, 2), (2, 0), (0, 1)]), "sides 1 and 3 cross"),
        (lambda: HalfPlane((0, 0), (0, 1)).axes, "has no end; intersect it"),
        (lambda: PLATE.over(x=(0, 1)), "has this axis already"),
        (lambda: HOLE | Disk(r=0, s=0, radius=1), "has the axes x, y, and the disk has r, s"),
        (lambda: HOLE.scaled(0), "must be a positive number"),
        (lambda: HOLE.moved(z=1), "the axes of the solid are x, y"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(mistake: Callable[[], Any], says: str) -> None:
    with pytest.raises(KanpdeError, match=says):
        mistake()


# --- problems on shapes ---------------------------------------------------------------------

x, y = PLATE.axes


def laplace(u: Any) -> Any:
    return d(u, x, x) + d(u, y, y)


def flux(u: Any) -> Any:
    n = PLATE.normal
    return n[0] * d(u, x) + n[1] * d(u, y)


def problem(*conditions: Condition) -> Problem:
    return Problem(PLATE, "u", [Condition("laplace", PLATE, laplace), *conditions])


def test_the_normal_stands_in_residuals() -> None:
    """The flux of x^2 - y^2 + x through the rim of the hole, at points with their normals."""
    free = problem(Condition("rim", PLATE.boundary(HOLE), lambda u: flux(u) - 3 * u))
    again = problem_from_data(problem_to_data(free))
    assert [e.expression for e in again.equations] == [e.expression for e in free.equations]
    ansatz = build_ansatz(again)
    assert [e.condition for e in ansatz.trained] == ["laplace", "rim"]
    network = build_network(again, Plan(widths=(4,)).architecture, 0)
    sampler = Sampler(again, ansatz, Plan().sampling, 0)
    rows = sampler.draw(network).rows[1]
    assert rows.points.shape[1] == 2
    jet = rows.jet(network, slice(None))
    *here, value, along, up = rows.arguments(jet, slice(None))
    normals = rows.points / 0.5
    assert np.allclose(-normals, np.stack([h.numpy() for h in here[2:]], 1))
    expected = (here[2] * along + here[3] * up - 3 * value) * rows.weights[0]
    np.testing.assert_allclose(rows.evaluate(network)[0][0].detach(), expected.detach())
    with pytest.raises(KanpdeError, match="the normal is known on the boundary only"):
        problem(Condition("inside", PLATE, flux))
    with pytest.raises(KanpdeError, match="the normal is known on the boundary only"):
        d(PLATE.normal[0] * x, x)


def test_values_hold_exactly_on_pieces_that_do_not_touch() -> None:
    posed = problem(
        Condition("sides", PLATE.boundary(SHEET), lambda u: u - x * y),
        Condition("rim", PLATE.boundary(HOLE), lambda u: 2 * u - 3),
    )
    ansatz = build_ansatz(posed)
    assert [e.condition for e in ansatz.exact] == ["sides", "rim"]
    lift, mask = ansatz.lift["u"], ansatz.mask["u"]
    for name, wanted in (("sides", lambda p: p[:, 0] * p[:, 1]), ("rim", lambda p: 1.5)):
        (equation,) = posed.equations_of(next(c for c in posed.conditions if c.name == name))
        points = equation.region.sample(100, 0).points
        data, zero = evaluate_at(PLATE, [lift, mask], points)
        np.testing.assert_allclose(data, wanted(points), atol=1e-12)
        assert np.abs(zero).max() < 1e-12
    inside = PLATE.interior.sample(500, 0).points
    (size,) = evaluate_at(PLATE, [mask], inside)
    assert (size > 0).all()
    assert 0.2 < size.max() <= 1


def test_values_that_cannot_hold_exactly_are_trained() -> None:
    """A side of a corner that turns back vanishes inside; other data touch; an angle jumps."""
    u_is_zero = Condition("walls", ELBOW.boundary(), lambda u: u)
    a, b = ELBOW.axes
    elbow = Problem(
        ELBOW, "u", [Condition("pde", ELBOW, lambda u: d(u, a, a) + d(u, b, b)), u_is_zero]
    )
    assert build_ansatz(elbow).exact == ()
    two = problem(
        Condition("left", PLATE.face(x=-2), lambda u: u),
        Condition("others", PLATE.boundary("x = 2", "y = 2", "y = -2"), lambda u: u - 1),
    )
    assert [e.condition for e in build_ansatz(two).exact] == ["others"]
    assert PLATE.vanishing(PLATE.interior) is None


def test_a_start_that_contradicts_the_rim_is_said() -> None:
    domain = HOLE.over(t=(0, 1))
    p, q, t = domain.axes
    posed = Problem(
        domain,
        "u",
        [
            Condition("heat", domain, lambda u: d(u, t) - d(u, p, p) - d(u, q, q)),
            Condition("start", domain.face(t=0), lambda u: u - 1),
            Condition("rim", domain.boundary(), lambda u: u),
        ],
    )
    ansatz = build_ansatz(posed)
    assert [e.condition for e in ansatz.exact] == ["start"]
    assert "contradict each other where they meet" in ansatz.notes[0]
    assert find_uncovered(posed) == []


def test_pieces_without_a_condition_are_named_with_their_length() -> None:
    posed = problem(Condition("sides", PLATE.boundary(SHEET), lambda u: u))
    (said,) = find_uncovered(posed)
    assert "no condition holds on disk (length 3.142)" in said


def test_boxes_have_normals_too() -> None:
    box = Box(x=(0, 1), y=(0, 1))
    a, b = box.axes
    n = box.normal
    posed = Problem(
        box,
        "u",
        [
            Condition("pde", box, lambda u: d(u, a, a) + d(u, b, b)),
            Condition("flux", box.faces(), lambda u: n[0] * d(u, a) + n[1] * d(u, b) - 1),
        ],
    )
    ansatz = build_ansatz(posed)
    network = build_network(posed, Plan(widths=(4,)).architecture, 0)
    rows = Sampler(posed, ansatz, Plan().sampling, 0).draw(network).rows
    assert [r.places.shape[1] for r in rows] == [2, 4, 4, 4, 4]
    assert symbolic(n[0]).axis == "x"
