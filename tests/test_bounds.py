"""Enclosures: Taylor models hold every value of networks, their derivatives and expressions."""

import math
from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kanpde.bounds import univariate
from kanpde.bounds.edges import expand_chebyshev
from kanpde.bounds.expressions import evaluate, range_of
from kanpde.bounds.field_models import (
    Boxes,
    boxes_between,
    coordinate_models,
    differentiate,
    shrink_of,
)
from kanpde.bounds.monomials import monomials
from kanpde.bounds.network_model import enclose_network
from kanpde.bounds.ranges import bound_mean_square, find_range, integrate
from kanpde.bounds.splines import Spline, SplineSpace
from kanpde.bounds.supremum import Deadline, Models, SearchPolicy, find_suprema
from kanpde.bounds.taylor_model import TaylorModel
from kanpde.errors import KanpdeError
from kanpde.network.bases import Basis, BSpline, Chebyshev, Fourier, GaussianRBF, Legendre
from kanpde.network.composite import Composite, Part
from kanpde.network.constant import Constant
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet, autograd_jet
from kanpde.network.kan import KAN
from kanpde.network.perceptron import Perceptron

BASES: list[Basis] = [Chebyshev(4), Chebyshev(9), Legendre(5), Fourier(3), GaussianRBF(6)]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_boxes(rng: np.random.Generator, dimension: int, count: int, half: float) -> Boxes:
    centres = rng.uniform(-0.9, 0.9, (count, dimension))
    return Boxes(centres, half * rng.uniform(0.3, 1, (count, dimension)))


def place(boxes: Boxes, unit: Any) -> Any:
    return boxes.centres + boxes.halves * unit


def values_of(model: TaylorModel, unit: Any) -> Any:
    """The polynomials at points (N, d) of the unit cube, one in each box."""
    powers = np.prod(unit[:, None] ** model.space.exponents[None], axis=2)
    return (powers * model.coefficients.T).sum(1)


def require_inside(model: TaylorModel, unit: Any, truth: Any) -> None:
    """The truth is within the radius of the polynomial, which is finite."""
    gap = np.abs(values_of(model, unit) - truth)
    assert np.isfinite(model.radius).all()
    # The truth itself is computed in floating-point numbers.
    assert (gap <= model.radius + 1e-13 * (1 + np.abs(truth))).all()


# --- functions of one variable ---------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(univariate.FUNCTIONS))
@pytest.mark.parametrize("degree", [3, 8, 13])
def test_series_hold_the_function_on_discs(name: str, degree: int) -> None:
    rng = np.random.default_rng(3)
    centres, radii = rng.uniform(0.3, 2.5, 20), rng.uniform(0.01, 0.25, 20)
    centres[:10] *= 1 if name == "log" else -1
    series = univariate.FUNCTIONS[name](centres, radii, degree)
    truth = getattr(mpmath, {"log": "log", "atan": "atan"}.get(name, name))
    mpmath.mp.dps = 40
    for k, (c, r) in enumerate(zip(centres, radii, strict=True)):
        for turn in np.linspace(0, 2 * math.pi, 7):
            z = mpmath.mpc(r * math.cos(turn), r * math.sin(turn)) * mpmath.mpf("0.999")
            sum_ = sum(mpmath.mpf(float(a[k])) * z**j for j, a in enumerate(series.coefficients))
            gap = abs(truth(mpmath.mpf(float(c)) + z) - sum_)
            room = sum(float(e[k]) * r**j for j, e in enumerate(series.errors))
            assert gap <= room + float(series.tail[k])
    # The tail is not much larger than the first term that it stands for.
    assert (series.tail <= 100 * radii ** (degree + 1) * 4.0**degree).all()


@pytest.mark.parametrize("exponent", [-2.0, -1.0, 0.5, 1.5, 2.3])
def test_powers_hold_the_function(exponent: float) -> None:
    centre, radius = np.array([0.7, 3.0]), np.array([0.2, 1.0])
    series = univariate.power(centre, radius, 9, exponent)
    for z in np.linspace(-1, 1, 41):
        found = sum(a * (z * radius) ** j for j, a in enumerate(series.coefficients))
        room = sum(e * radius**j for j, e in enumerate(series.errors)) + series.tail
        assert (np.abs((centre + z * radius) ** exponent - found) <= room + 1e-15).all()


@pytest.mark.parametrize(
    ("name", "centre", "radius"), [("log", 0.1, 0.2), ("tanh", 0.0, 1.6), ("atan", 0.0, 1.1)]
)
def test_a_singularity_on_the_disc_leaves_no_bound(name: str, centre: float, radius: float) -> None:
    series = univariate.FUNCTIONS[name](np.array([centre]), np.array([radius]), 8)
    assert np.isinf(series.tail).all()


def test_chebyshev_series_are_exact_to_their_errors() -> None:
    s = np.linspace(-1, 1, 9)[None]
    a, errors, tails = expand_chebyshev(s, np.full_like(s, 0.1), 12, 6)
    mpmath.mp.dps = 40
    for k in (1, 5, 12):
        for j, point in enumerate(s[0]):
            exact = mpmath.taylor(lambda x, k=k: mpmath.chebyt(k, x), mpmath.mpf(float(point)), 6)
            for order, value in enumerate(exact):
                gap = abs(value - mpmath.mpf(float(a[k - 1, order, 0, j])))
                # mpmath differentiates numerically.
                assert gap <= float(errors[k - 1, order, 0, j]) + 1e-12 * (1 + abs(value))
    assert (tails[:6] == 0).all()
    assert (tails[7:] > 0).all()


# --- networks --------------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    basis=st.sampled_from(BASES),
    dimension=st.integers(1, 3),
    widths=st.lists(st.integers(1, 5), max_size=2),
    degree=st.integers(3, 8),
    periodic=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_models_hold_a_network_and_its_derivatives(
    basis: Basis, dimension: int, widths: list[int], degree: int, periodic: bool, seed: int
) -> None:
    closed = (periodic, *(False,) * (dimension - 1))
    coordinates = Coordinates((-1.0,) * dimension, (1.0,) * dimension, closed)
    network = KAN(coordinates, widths, 2, basis, generator=generator(seed))
    check_derivatives(network, dimension, degree, seed)


@pytest.mark.parametrize("kind", ["perceptron", "constant", "composite"])
def test_models_hold_other_networks(kind: str) -> None:
    coordinates = Coordinates.unit(2)
    one = Coordinates((-1.0,), (1.0,), (False,))
    network: Any = Constant(coordinates, 2)
    if kind == "perceptron":
        network = Perceptron(coordinates, (6, 5), 2, generator(1))
    elif kind == "composite":
        parts = [
            KAN(coordinates, [4], 1, generator=generator(2)),
            KAN(one, [3], 1, generator=generator(3)),
        ]
        network = Composite(coordinates, parts, [Part((0, 1), (1,)), Part((1,), (0,))])
    check_derivatives(network, 2, 7, 5)


def check_derivatives(network: Any, dimension: int, degree: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, dimension, 20, 0.04)
    space, shrink = monomials(dimension, degree), shrink_of(degree)
    whole = enclose_network(network, coordinate_models(space, boxes, 1 / shrink))
    index = [tuple(map(int, 2 * np.eye(dimension)[k])) for k in range(dimension)]
    jets = JetSet.closing([*index, (1,) * dimension], dimension)
    unit = rng.uniform(-1, 1, boxes.centres.shape)
    unit[0] = 1
    truth = autograd_jet(network, torch.from_numpy(place(boxes, unit)), jets).detach().numpy()
    for a, each in enumerate(jets.indices):
        for output in range(2):
            own = TaylorModel(space, whole.coefficients[:, output], whole.radii[:, output])
            model = differentiate(own, each, boxes.halves / shrink, shrink)
            finite = np.isfinite(model.radius)
            assert finite.mean() > 0.5
            gap = np.abs(values_of(model, unit) - truth[a, :, output])
            slack = 1e-11 * (1 + np.abs(truth[a, :, output]))
            assert (gap <= model.radius + slack)[finite].all()


def test_radii_fall_with_the_size_of_boxes() -> None:
    """By the power p + 1 of the size for the network: 2^9 for half the size at degree 8."""
    network = KAN(2, [6, 6], 1, Chebyshev(6), generator=generator(0))
    rng = np.random.default_rng(0)
    space = monomials(2, 8)
    radii = []
    for half in (0.04, 0.02):
        boxes = Boxes(rng.uniform(-0.8, 0.8, (50, 2)) * 0 + 0.3, np.full((50, 2), half))
        model = enclose_network(network, coordinate_models(space, boxes))
        radii.append(model.radii[-1].max())
    assert 2**7 < radii[0] / radii[1] < 2**11


def test_splines_as_edges_are_refused_by_name() -> None:
    network = KAN(1, [2], 1, BSpline(4, 3), generator=generator(0))
    boxes = Boxes(np.zeros((1, 1)), np.full((1, 1), 0.1))
    with pytest.raises(KanpdeError, match="BSpline"):
        enclose_network(network, coordinate_models(monomials(1, 4), boxes))


# --- expressions -----------------------------------------------------------------------------

X, Y = sympy.symbols("x y", real=True)
EXPRESSIONS = [
    sympy.sin(sympy.pi * X) * sympy.cos(Y) + X**3 / 7,
    sympy.exp(-(X**2)) / (2 + Y),
    sympy.sqrt(3 + X * Y) * sympy.log(2 + X),
    sympy.tanh(3 * X) + sympy.atan(Y) - sympy.erf(X + Y),
    sympy.Abs(X - 0.1) * sympy.sign(Y - 0.2),
    sympy.Piecewise((X**2, X < 0.13), (sympy.cosh(Y), True)),
    (2 + X) ** Y + sympy.tan(X / 2) + sympy.sinh(Y),
    (1 + X**2 + Y**2) ** sympy.Rational(-3, 2),
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_models_hold_expressions(expression: Any) -> None:
    rng = np.random.default_rng(1)
    boxes = random_boxes(rng, 2, 60, 0.1)
    space = monomials(2, 6)
    known = dict(zip((X, Y), coordinate_models(space, boxes), strict=True))
    model = evaluate(expression, known, space, len(boxes))
    function = sympy.lambdify((X, Y), expression, ["scipy", "numpy"])
    for _ in range(20):
        unit = rng.uniform(-1, 1, (60, 2))
        require_inside(model, unit, function(*place(boxes, unit).T))


@pytest.mark.parametrize("expression", [1 / X, sympy.log(X), sympy.sqrt(X)], ids=str)
def test_a_singularity_in_a_box_leaves_no_bound(expression: Any) -> None:
    boxes = Boxes(np.array([[0.05, 0.0]]), np.array([[0.1, 0.1]]))
    space = monomials(2, 6)
    known = dict(zip((X, Y), coordinate_models(space, boxes), strict=True))
    with np.errstate(all="ignore"):
        low, high = range_of(evaluate(expression, known, space, 1))
    assert np.isinf(high - low).all()


def test_a_function_without_enclosure_is_named() -> None:
    boxes = Boxes(np.zeros((1, 2)), np.full((1, 2), 0.1))
    space = monomials(2, 4)
    known = dict(zip((X, Y), coordinate_models(space, boxes), strict=True))
    with pytest.raises(KanpdeError, match="asin"):
        evaluate(sympy.asin(X), known, space, 1)


# --- ranges, integrals, splines --------------------------------------------------------------


def random_polynomials(dimension: int, degree: int, count: int) -> TaylorModel:
    rng = np.random.default_rng(5)
    space = monomials(dimension, degree)
    return TaylorModel(space, rng.normal(size=(space.count, count)), np.zeros((degree + 2, count)))


@pytest.mark.parametrize(("dimension", "degree"), [(1, 6), (2, 5), (3, 3)])
def test_ranges_hold_all_values_and_reach_some(dimension: int, degree: int) -> None:
    model = random_polynomials(dimension, degree, 12)
    found = find_range(model)
    lines = [np.linspace(-1, 1, 41)] * dimension
    unit = np.stack([g.ravel() for g in np.meshgrid(*lines)], 1)
    powers = np.prod(unit[:, None] ** model.space.exponents[None], axis=2)
    values = powers @ model.coefficients
    assert (values >= found.lower).all()
    assert (values <= found.upper).all()
    variation = np.ptp(values, axis=0)
    assert (found.upper - values.max(0) <= 0.15 * variation).all()  # measured: at most 0.05
    assert (found.reached <= np.abs(values).max(0) * 1.2).all()


def test_integrals_and_mean_squares_are_those_of_quadrature() -> None:
    model = random_polynomials(2, 5, 3)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    unit = np.stack([g.ravel() for g in np.meshgrid(nodes, nodes)], 1)
    w = np.outer(weights, weights).ravel()
    powers = np.prod(unit[:, None] ** model.space.exponents[None], axis=2)
    values = powers @ model.coefficients
    halves = np.array([[0.5, 0.25], [1.0, 1.0], [0.1, 2.0]])
    low, high = integrate(model, halves)
    truth = float((w @ values) @ np.prod(halves, axis=1))
    assert low <= truth <= high
    assert high - low < 1e-12
    assert bound_mean_square(model) == pytest.approx(w @ values**2 / 4, rel=1e-5)
    assert (bound_mean_square(model) >= w @ values**2 / 4 * (1 - 1e-14)).all()


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("index", [(0, 0), (1, 0), (0, 2), (1, 1)])
def test_models_of_splines_are_the_splines(periodic: bool, index: tuple[int, int]) -> None:
    space = SplineSpace((0.0, -1.0), (2.0, 1.0), (5, 8), (periodic, False))
    rng = np.random.default_rng(2)
    spline = Spline(space, rng.normal(size=space.shape))
    boxes = space.cells()
    model = spline.model(monomials(2, 16), boxes, index)
    unit = rng.uniform(-0.9, 0.9, boxes.centres.shape)
    points, step = place(boxes, unit), 1e-4
    truth = np.zeros(len(points))
    stencils: dict[int, Sequence[tuple[int, float]]] = {
        0: [(0, 1.0)],
        1: [(-1, -0.5), (1, 0.5)],
        2: [(-1, 1.0), (0, -2.0), (1, 1.0)],
    }
    for i, a in stencils[index[0]]:
        for j, b in stencils[index[1]]:
            truth += a * b * spline.values(points + step * np.array([i, j]))
    truth /= step ** sum(index)
    error = np.abs(values_of(model, unit) - truth).max()
    assert error < 1e-4 * np.abs(truth).max()


# --- suprema ---------------------------------------------------------------------------------


@settings(max_examples=2)
@given(seed=st.integers(0, 1000), basis=st.sampled_from([Chebyshev(4), Chebyshev(8)]))
def test_the_proven_supremum_is_above_the_sampled_one(seed: int, basis: Basis) -> None:
    """Of a second derivative of a random network at 100,000 points, by at most the half."""
    network = KAN(2, [4, 4], 1, basis, generator=generator(seed))
    space, shrink = monomials(2, 8), shrink_of(8)

    def second(boxes: Boxes) -> Models:
        whole = enclose_network(network, coordinate_models(space, boxes, 1 / shrink))
        own = TaylorModel(space, whole.coefficients[:, 0], whole.radii[:, 0])
        model = differentiate(own, (2, 0), boxes.halves / shrink, shrink)
        return Models({"second": model}, whole)

    start = boxes_between([np.linspace(-1, 1, 9)] * 2)
    policy = SearchPolicy(ratio=1.2)
    found = find_suprema(second, start, "second", Deadline(600), print, policy)["second"]
    jets = JetSet.closing([(2, 0)], 2)
    points = torch.rand(100_000, 2, generator=generator(7), dtype=torch.float64) * 2 - 1
    jet = network.jet_from(network.inputs_at(points, jets), jets)
    sampled = float(jet[jets.position[2, 0]].abs().max())
    assert found.complete
    assert sampled * (1 - 1e-12) <= found.upper <= 1.5 * sampled
    assert found.lower <= found.upper


def no_look(_: Boxes) -> Models:
    pytest.fail("no box is looked at")


def test_a_search_without_time_has_no_upper_bound() -> None:
    start = Boxes(np.zeros((1, 1)), np.ones((1, 1)))
    found = find_suprema(no_look, start, "f", Deadline(0), print)["f"]
    assert not found.is_known
    assert not found.complete
