"""Rational right-hand sides whose denominators nobody names: enzymes, genes, predators."""

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import kanpde
from kanpde.dynamics.agreement import Agreement
from kanpde.dynamics.data import Trajectories, trajectories
from kanpde.dynamics.ode.fractional import Fractional
from kanpde.dynamics.ode.fractions import (
    Denominator,
    build_scan,
    evaluate_fractions,
    list_fractions,
)
from kanpde.dynamics.ode.integrals import build_integral_form
from kanpde.dynamics.ode.library import polynomial_library
from kanpde.dynamics.ode.policy import FractionPolicy
from kanpde.dynamics.ode.smoothing import smooth
from kanpde.symbolic.subset import search_beam

Array = NDArray[np.float64]
pytestmark = pytest.mark.usefixtures("one_thread")

# Right-hand sides, starts, the final time; the state with a fraction, its variable, power and K.
LAWS: dict[str, tuple[list[str], list[list[float]], float, tuple[int, int, int, float]]] = {
    "michaelis": (["0.6 - 1.5*x/(0.3 + x)"], [[0.05], [2.5]], 5.0, (0, 0, 1, 0.3)),
    "hill": (
        ["0.1 + 2*y**2/(1 + y**2) - x", "x - 0.7*y"],
        [[0.1, 0.2], [2.0, 0.5], [0.5, 2.5]], 10.0, (0, 1, 2, 1.0),
    ),
    "goodwin": (
        ["4/(1 + z**4) - 0.5*x", "x - 0.5*y", "y - 0.5*z"],
        [[0.1, 0.2, 2.5], [1.5, 1.0, 0.3]], 12.0, (0, 2, 4, 1.0),
    ),
    "predator": (
        ["x*(1 - x/4) - x*y/(0.8 + x)", "x*y/(0.8 + x) - 0.4*y"],
        [[1.0, 0.5], [3.0, 1.5]], 20.0, (1, 0, 1, 0.8),
    ),
}  # fmt: skip
SYMBOLS = sympy.symbols("x y z", real=True)


def measure(name: str, noise: float, seed: int = 0) -> Trajectories:
    """Runs of 60 samples, with noise relative to the spread of each state."""
    sides, starts, end, _ = LAWS[name]
    symbols = SYMBOLS[: len(sides)]
    names = {str(symbol): symbol for symbol in SYMBOLS}
    f = sympy.lambdify(symbols, [sympy.sympify(side, locals=names) for side in sides])
    t = np.linspace(0, end, 60)
    runs = [
        solve_ivp(lambda t, s: f(*s), (0, end), start, t_eval=t, rtol=1e-11, atol=1e-12).y.T
        for start in starts
    ]
    size = np.concatenate(runs).std(0)
    rng = np.random.default_rng(seed)
    noisy = [x + noise * size * rng.standard_normal(x.shape) for x in runs]
    return trajectories([(t, x) for x in noisy], states=list("xyz")[: len(sides)])


@pytest.mark.parametrize("power", [1, 2, 4])
def test_values_of_fractions_are_those_of_their_formulas(power: int) -> None:
    below = Denominator(1, power, 0.7)
    points = np.random.default_rng(0).uniform(0.1, 2, (7, 3))
    symbol = sympy.Symbol("K", real=True)
    formulas = [f.subs({symbol: 0.7}) for f in list_fractions(below, ("x", "y", "z"), symbol)]
    expected = [sympy.lambdify(SYMBOLS, f)(*points.T) for f in formulas]
    np.testing.assert_allclose(evaluate_fractions(below, points), expected, rtol=1e-12)


def test_the_derivatives_of_a_right_hand_side_with_fractions() -> None:
    """By differences, of the constants' logarithms too."""
    x, y = sympy.symbols("x y", real=True)
    k = sympy.Symbol("K", positive=True)
    rhs = Fractional(("x", "y"), (), ((0, x**2 / (k**2 + x**2)), (0, y), (1, x * y)), (k,))
    c = np.array([1.5, -0.3, 0.7, np.log(0.8)])
    points, inputs = np.random.default_rng(1).uniform(0.2, 2, (5, 2)), np.zeros((5, 0))
    value, by_state, by_parameter = rhs.linear(points, inputs, c)
    np.testing.assert_allclose(value, rhs.value(points, inputs, c), rtol=1e-13)
    step = 1e-6
    for j in range(rhs.size):
        shift = step * np.eye(rhs.size)[j]
        change = rhs.value(points, inputs, c + shift) - rhs.value(points, inputs, c - shift)
        np.testing.assert_allclose(by_parameter[..., j], change / (2 * step), atol=1e-7)
    for j in range(2):
        shift = step * np.eye(2)[j]
        change = rhs.value(points + shift, inputs, c) - rhs.value(points - shift, inputs, c)
        np.testing.assert_allclose(by_state[..., j], change / (2 * step), atol=1e-7)


def test_a_beam_finds_the_columns_of_a_sum() -> None:
    rng = np.random.default_rng(2)
    table = rng.standard_normal((60, 12))
    right = table[:, 3] - 2 * table[:, 7] + 0.5 * table[:, 11]
    assert search_beam(table, right, range(12), 3, 5)[-3] == [3, 7, 11]
    assert all(7 in rows for rows in search_beam(table, right, [7], 3, 5))


@pytest.mark.parametrize(("name", "noise"), [*((name, 0.0) for name in LAWS), ("hill", 0.01)])
def test_the_scan_finds_the_denominator(name: str, noise: float) -> None:
    """The best of all variables and powers."""
    data = measure(name, noise)
    library = polynomial_library(data.states, 2)
    state, variable, power, constant = LAWS[name][3]
    form = build_integral_form(smooth(data), None)
    prices = np.full(len(library), 12.0)
    scan = build_scan(form, state, library, prices, 20.0, 5.0, FractionPolicy())
    best = scan.propose()[0]
    assert best.score < scan.propose_plain().score
    assert best.denominator is not None
    assert (best.denominator.variable, best.denominator.power) == (variable, power)
    assert best.denominator.constant == pytest.approx(constant, rel=0.5 if noise else 0.02)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_michaelis_and_menten_are_found(noise: float) -> None:
    found = kanpde.discover(measure("michaelis", noise), holdout=0)
    assert found.judgement.agreement is (Agreement.WITHIN_NOISE if noise else Agreement.EXACT)
    x = np.linspace(0.1, 2.4, 50)
    exact = 0.6 - 1.5 * x / (0.3 + x)
    np.testing.assert_allclose(found(x[:, None])[:, 0], exact, atol=0.1 if noise else 1e-4)
    side = sympy.together(found.equations["x"])
    assert sympy.degree(sympy.denom(side), SYMBOLS[0]) == 1
    assert not found.warnings
    assert any("in a denominator" in note for note in found.notes)
    assert len(found.covariance) == len(found.estimates) == 2


def test_fractions_are_not_put_instead_of_polynomials() -> None:
    t = np.linspace(0, 8, 161)
    run = solve_ivp(
        lambda t, s: [1.5 * s[0] - s[0] * s[1] - 0.1 * s[0] ** 2, s[0] * s[1] - 3 * s[1]],
        (0, 8), [1.0, 1.0], t_eval=t, rtol=1e-10,
    )  # fmt: skip
    x = run.y.T * (1 + 0.02 * np.random.default_rng(0).standard_normal(run.y.T.shape))
    found = kanpde.discover((t, x), degree=2, waves=False, holdout=0)
    assert (
        found.estimates
        == kanpde.discover((t, x), degree=2, waves=False, holdout=0, fractions=False).estimates
    )
