"""Solids: exact measures, normals by the divergence theorem, names, exact conditions."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
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
    Integral,
    KanpdeError,
    LeastSquares,
    Polygon,
    Problem,
    Rectangle,
    Sector,
    Torus,
    d,
    solve,
)
from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.lift import evaluate_at
from kanpde.assembly.network_for import build_network
from kanpde.assembly.sampler import Sampler
from kanpde.geometry import domain_from_data
from kanpde.geometry.solids.solid import Solid
from kanpde.network.jet import JetSet
from kanpde.problem.serialise import problem_from_data, problem_to_data
from kanpde.problem.wellposed import find_uncovered
from kanpde.solution.integrals import evaluate_integrals
from kanpde.solution.model_file import load_model, save_model
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
@settings(max_examples=15, deadline=None)
def test_the_divergence_theorem_holds(which: int, p: int, q: int, along: bool) -> None:
    """The flux of x^p y^q along one axis through the boundary is the integral of its divergence."""
    solid = PLANE[which][0]
    rim, inside = solid.boundary().quadrature(0, 0), solid.interior.quadrature(2000, 0)
    assert rim.normals is not None
    x, y = rim.points.T
    flux = (x**p * y**q * rim.normals[:, int(along)] * rim.weights).sum()
    x, y = inside.points.T
    slope = q * x**p * y ** max(q - 1, 0) if along else p * x ** max(p - 1, 0) * y**q
    assert flux == pytest.approx((slope * inside.weights).sum(), rel=1e-8, abs=1e-7)


def test_small_holes_get_points_of_their_own() -> None:
    """With weights that still integrate: the mean of 1 / r^2 around the hole."""
    channel = Rectangle(x=(-8, 8), y=(-4, 4)) - Disk(x=0, y=0, radius=0.25)
    sample = channel.interior.sample(4000, 0)
    assert len(sample.points) == 4000
    assert sample.weights.sum() == pytest.approx(channel.content, rel=1e-12)
    r = np.hypot(*sample.points.T)
    near = r < 1
    assert near.mean() > 0.1
    assert sample.weights[near].sum() == pytest.approx(math.pi * (1 - 0.25**2), rel=0.03)
    assert (sample.weights / r**2)[near].sum() == pytest.approx(2 * math.pi * math.log(4), rel=0.03)


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
    ("shape", "count"),
    [
        (SHEET - Disk(x=0, y=1.5, radius=0.5), 1),
        (SHEET - Disk(x=-0.5, y=0, radius=0.5) - Disk(x=0.5, y=0, radius=0.5), 2),
        (SHEET - Disk(x=-0.5, y=0, radius=0.5) - Disk(x=0.51, y=0, radius=0.5), 0),
        (SHEET - Disk(x=0, y=0, radius=2 - 2e-7), 0),
        (SHEET - Rectangle(x=(0, 2), y=(0, 2)), 0),
    ],
)
def test_holes_that_touch_in_a_point_are_told(shape: Solid, count: int) -> None:
    found = [note for note in shape.notes if "touches the rest of the boundary in a point" in note]
    assert len(found) == count


def test_pieces_keep_the_names_that_they_had_before_a_motion() -> None:
    moved = PLATE.moved(x=1).turned(0.4)
    for hole in (HOLE, HOLE.moved(x=1)):
        assert moved.boundary(hole).measure == pytest.approx(math.pi, rel=1e-12)
    assert moved.boundary(SHEET).measure == pytest.approx(16, rel=1e-12)
    for face in (SHEET.face(x=2), SHEET.moved(x=1).face(x=3)):
        side = moved.boundary(face).sample(9, 0)
        assert side.normals is not None
        normal = np.tile([math.cos(0.4), math.sin(0.4)], (len(side.points), 1))
        np.testing.assert_allclose(side.normals, normal, atol=1e-12)
    # A solid that is there as it was named comes first.
    two = PLATE - HOLE.moved(x=1.2)
    assert two.boundary(HOLE).measure == pytest.approx(math.pi, rel=1e-12)


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
        (lambda: Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "the sides 1 and 3 cross each other"),
        (lambda: SHEET.turned("a"), r"turned\(\): the angle must be a number, not 'a'"),
        (lambda: SHEET.moved(x=math.nan), r"moved\(x=...\) must be a finite number, not nan"),
        (lambda: SHEET.scaled("a"), r"scaled\(\): the factor must be a number, not 'a'"),
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
    rim = Condition("rim", PLATE.boundary(), lambda u: u)
    with pytest.raises(KanpdeError, match='derived "flux" holds normal_x, and the normal is known'):
        Problem(PLATE, "u", [rim], derived={"flux": lambda u: PLATE.normal[0] * d(u, x)})


def test_values_hold_exactly_on_the_outer_boundary() -> None:
    posed = problem(
        Condition("sides", PLATE.boundary(SHEET), lambda u: 2 * u - x * y),
        Condition("rim", PLATE.boundary(HOLE), lambda u: u - 3),
    )
    ansatz = build_ansatz(posed)
    assert [e.condition for e in ansatz.exact] == ["sides"]
    lift, mask = ansatz.lift["u"], ansatz.mask["u"]
    points = PLATE.boundary(SHEET).sample(100, 0).points
    data, zero = evaluate_at(PLATE, [lift, mask], points)
    np.testing.assert_allclose(data, points.prod(1) / 2, atol=1e-12)
    assert np.abs(zero).max() < 1e-12
    (size,) = evaluate_at(PLATE, [mask], PLATE.interior.sample(500, 0).points)
    assert (size > 0).all()
    assert 0.2 < size.max() <= 1.2


def test_data_of_pieces_that_do_not_touch_are_blended() -> None:
    """Opposite sides of a strip between two walls whose data are free."""
    posed = problem(
        Condition("left", PLATE.face(x=-2), lambda u: u - y),
        Condition("right", PLATE.face(x=2), lambda u: u - 1),
    )
    ansatz = build_ansatz(posed)
    assert [e.condition for e in ansatz.exact] == ["left", "right"]
    for face in (PLATE.face(x=-2), PLATE.face(x=2)):
        points = face.sample(100, 0).points
        data, zero = evaluate_at(PLATE, [ansatz.lift["u"], ansatz.mask["u"]], points)
        expected = points[:, 1] if face.label == "x = -2" else np.ones(len(points))
        np.testing.assert_allclose(data, expected, atol=1e-12)
        assert np.abs(zero).max() < 1e-12


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


# --- holes, corners, integrals --------------------------------------------------------------


def test_holes_give_the_network_mirrored_coordinates() -> None:
    """Their derivatives are those of R (x - c) / r^2, to any order."""
    (pole,) = PLATE.poles
    assert (pole.centre, pole.radius) == ((0, 0), 0.5)
    posed = problem(Condition("sides", PLATE.boundary(), lambda u: u))
    network = build_network(posed, Plan(widths=(4,)).architecture, 0)
    points = torch.tensor([[0.7, 0.8], [-0.5, 0.9]], dtype=torch.float64, requires_grad=True)
    jets = JetSet.closing([(2, 1)], 2)
    found = network.jet_from(network.inputs_at(points.detach(), jets), jets)
    u = network(points)[:, 0]
    for axis in (0, 0, 1):
        (slopes,) = torch.autograd.grad(u.sum(), points, create_graph=True)
        u = slopes[:, axis]
    np.testing.assert_allclose(found[jets.position[2, 1], 0], u.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("flux", "mirror"),
    [((), False), ((0,), True), ((0, 1), False)],
    ids=["values", "mixed, mirrored", "fluxes"],
)
def test_corners_that_turn_back_are_enriched(flux: tuple[int, ...], mirror: bool) -> None:
    """The functions are harmonic, and vanish on their sides with their value or normal slope."""
    shape = ELBOW.mirrored(x=0.25) if mirror else ELBOW
    a, b = shape.axes
    n = shape.normal
    (corner,) = (c for c in shape.corners if c.angle > 1.1 * math.pi)
    assert corner.angle == pytest.approx(1.5 * math.pi)
    conditions = [Condition("pde", shape, lambda u: d(u, a, a) + d(u, b, b) - 1)]
    for k, side in enumerate(corner.sides):
        residual: Callable[..., Any] = lambda u: u  # noqa: E731
        if k in flux:
            residual = lambda u: n[0] * d(u, a) + n[1] * d(u, b)  # noqa: E731
        conditions.append(Condition(f"side {k}", side, residual))
    posed = Problem(shape, "u", conditions)
    functions = build_ansatz(posed).enrichment["u"]
    assert len(functions) == (4 if len(flux) != 1 else 3)
    inside = shape.interior.sample(200, 0).points
    for function in functions[:2]:
        slopes = [function.diff(s) for s in shape.symbols]
        laplacian = sum(s.diff(v) for s, v in zip(slopes, shape.symbols, strict=True))
        values = evaluate_at(shape, [laplacian, slopes[0].diff(shape.symbols[0])], inside)
        assert np.abs(values[0]).max() < 1e-9 * np.abs(values[1]).max()
        for k, side in enumerate(corner.sides):
            sample = side.sample(50, 0)
            assert sample.normals is not None
            value, along, up = evaluate_at(shape, [function, *slopes], sample.points)
            slope = along * sample.normals[:, 0] + up * sample.normals[:, 1]
            assert np.abs(slope if k in flux else value).max() < 1e-9


def test_an_enriched_network_is_trained_and_read_back(tmp_path: Path) -> None:
    a, b = ELBOW.axes
    posed = Problem(
        ELBOW,
        "u",
        [
            Condition("pde", ELBOW, lambda u: d(u, a, a) + d(u, b, b) - 1),
            Condition("walls", ELBOW.boundary(), lambda u: u),
        ],
        integrals={"mean": Integral(lambda u: u / 3, ELBOW)},
    )
    solution = solve(posed, Plan(widths=(6, 6), stages=(LeastSquares(12),)))
    assert solution.estimate is not None
    assert solution.estimate < 0.1
    save_model(solution, tmp_path / "model")
    again = load_model(tmp_path / "model")
    points = ELBOW.interior.sample(50, 0).points
    np.testing.assert_array_equal(again.evaluate(points)["u"], solution.evaluate(points)["u"])
    assert np.isnan(solution(x=0.5, y=-0.5))
    assert np.isfinite(solution(x=0.0, y=0.0))
    (mean,) = evaluate_integrals(again).values()
    # The torsion of an L: the integral of u is -0.214 (of unit squares; finite differences).
    assert mean.value == pytest.approx(-0.214 / 3, rel=0.1)
    assert mean.quadrature < 1e-5
