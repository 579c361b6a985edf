"""References are judged by other formulas, other integrators, and the equations themselves."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp
from scipy.special import roots_hermite

from kanpde.reference import Reference, allen_cahn, cavity, cole_hopf, exact, kdv
from kanpde.reference.burgers import by_quadrature, by_series
from kanpde.reference.core import coordinate
from kanpde.reference.etdrk4 import march
from kanpde.reference.evolution import allen_cahn_table, kdv_table
from kanpde.reference.table import PeriodicTable, Piece, lagrange

Array = np.ndarray


def relative(a: Array, b: Array) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def difference(f: Callable[[Array], Array], at: Array, order: int, h: float) -> Array:
    """A derivative of the given order by nine equidistant points (at least sixth order)."""
    offsets = np.arange(-4, 5)
    powers = np.vander(offsets, 9, increasing=True).T
    right = np.zeros(9)
    right[order] = np.prod(np.arange(1, order + 1)) / h**order
    weights = np.linalg.solve(powers, right)
    return sum(w * f(at + h * j) for w, j in zip(weights, offsets, strict=True))


# --- core ---------------------------------------------------------------------------------------


def test_exact_calls_each_field_with_every_coordinate_and_spreads_constants() -> None:
    reference = exact(u=lambda x, y: x - 2.0 * y, p=lambda x, y: 3.0, gauge=("p",))
    values = reference.evaluate(x=np.array([[1.0, 2.0]]), y=np.array([[0.5, 4.0]]))
    np.testing.assert_array_equal(values["u"], [[0.0, -6.0]])
    np.testing.assert_array_equal(values["p"], [[3.0, 3.0]])
    assert values["p"].shape == (1, 2)
    assert (reference.fields, reference.gauge, reference.error) == (("u", "p"), ("p",), 0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        reference.error = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fields": ()}, "empty"),
        ({"gauge": ("p",)}, "'p'"),
        ({"error": -1.0}, "at least 0, not -1"),
    ],
)
def test_a_contradictory_reference_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(exact(u=lambda x: x), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "measured", "says"),
    [
        (1e-9, 1.23e-9, "1.23e-09"),
        (1e-9, 1e-9, "<= 1e-09 (the reference's own error)"),
        (1e-9, 0.0, "<= 1e-09 (the reference's own error)"),
        (1e-9, np.nan, "nan"),
        (0.0, 0.0, "0.00e+00"),
    ],
)
def test_no_error_below_the_references_own_is_shown(own: float, measured: float, says: str) -> None:
    reference = dataclasses.replace(exact(u=lambda x: x), error=own)
    assert reference.shown(measured) == says


def test_single_precision_boundaries_are_accepted_and_held() -> None:
    bound = np.float32(1.0) + np.float32(2e-7)
    assert coordinate("t", bound, 0.0, 1.0) == 1.0
    with pytest.raises(ValueError, match=r"t from 0.5 to 1.1"):
        coordinate("t", np.array([0.5, 1.1]), 0.0, 1.0)


# --- Burgers ------------------------------------------------------------------------------------

VISCOSITIES = (1e-3, 0.01 / np.pi, 0.05, 0.3, 1.0)


def burgers_points(n: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    x, t = rng.uniform(-1.0, 1.0, n), rng.uniform(0.0, 3.0, n)
    x[: n // 3] *= 0.02  # within the shock
    return x, t


def adaptive_cole_hopf(nu: float, x: float, t: float) -> float:
    """The ratio of integrals by adaptive Gauss-Kronrod quadrature, split at the peaks."""
    spread = np.sqrt(4.0 * nu * t)
    reach = np.sqrt(1.0 / (np.pi * nu) + 40.0)

    def exponent(z: Array) -> Array:
        return -np.cos(np.pi * (x - spread * z)) / (2.0 * np.pi * nu) - z**2

    grid = np.linspace(-reach, reach, 4001)
    values = exponent(grid)
    inner = values[1:-1]
    peaks = grid[1:-1][(inner > values[:-2]) & (inner >= values[2:])]
    top = values.max()
    top_integral, bottom_integral = (
        quad(
            lambda z, g=g: g(z) * np.exp(exponent(z) - top),
            -reach,
            reach,
            points=peaks,
            limit=500,
            epsabs=1e-13,
            epsrel=0.0,
        )[0]
        for g in (lambda z: np.sin(np.pi * (x - spread * z)), lambda z: 1.0)
    )
    return float(-top_integral / bottom_integral)


@pytest.mark.parametrize("nu", VISCOSITIES)
def test_burgers_agrees_with_adaptive_quadrature(nu: float) -> None:
    x, t = burgers_points(45, seed=1)
    expected = np.array([adaptive_cole_hopf(nu, a, b) for a, b in zip(x, t, strict=True)])
    assert relative(cole_hopf(nu).evaluate(x=x, t=t)["u"], expected) < 1e-12


@pytest.mark.parametrize("nu", [1e-3, 0.01 / np.pi])
def test_burgers_agrees_with_gauss_hermite_quadrature(nu: float) -> None:
    """The quadrature of Basdevant et al. (1986), with the largest exponent subtracted."""
    x, t = burgers_points(3000, seed=2)
    z, w = roots_hermite(300)
    y = x[:, None] - np.sqrt(4.0 * nu * t)[:, None] * z
    exponent = -np.cos(np.pi * y) / (2.0 * np.pi * nu) + np.log(w)
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    expected = -np.sum(np.sin(np.pi * y) * weight, axis=1) / np.sum(weight, axis=1)
    reference = cole_hopf(nu)
    assert relative(reference.evaluate(x=x, t=t)["u"], expected) < reference.error


@pytest.mark.parametrize("nu", [0.06, 0.1, 0.4])
def test_the_integrals_and_the_bessel_series_agree(nu: float) -> None:
    x, t = burgers_points(3000, seed=3)
    assert relative(by_quadrature(nu, x, t), by_series(nu, x, t)) < 1e-14


def test_the_series_keeps_relative_accuracy_of_a_decayed_solution() -> None:
    """After a long time one mode is left: u = -4 pi nu (I_1 / I_0) exp(-nu pi^2 t) sin(pi x)."""
    from scipy.special import iv

    nu, t = 1.0, 4.0
    z = 1.0 / (2.0 * np.pi * nu)
    expected = -4.0 * np.pi * nu * iv(1, z) / iv(0, z) * np.exp(-nu * np.pi**2 * t)
    got = cole_hopf(nu).evaluate(x=np.array([0.5]), t=np.array([t]))["u"][0]
    assert got == pytest.approx(expected, rel=1e-13)


def test_burgers_steepest_slope() -> None:
    """Basdevant et al. (1986), table 1: |u_x| = 152.00516 at x = 0 and pi t = 1.6037."""
    u = cole_hopf(0.01 / np.pi).evaluate

    def slope(t: float) -> float:
        at = np.array([0.0])
        return float(-difference(lambda x: u(x=x, t=np.full(1, t))["u"], at, 1, 2e-4)[0])

    times = 1.6037 / np.pi + np.array([-1e-3, 0.0, 1e-3])
    before, best, after = (slope(t) for t in times)
    assert best == pytest.approx(152.00516, abs=2e-5)
    assert best > max(before, after)


@pytest.mark.parametrize("nu", VISCOSITIES)
def test_burgers_satisfies_the_equation_and_its_conditions(nu: float) -> None:
    u = cole_hopf(nu).evaluate
    x = np.linspace(-0.97, 0.97, 40)
    t = np.full_like(x, 0.2)  # before the shock is steep
    h = 4e-3
    rate = difference(lambda s: u(x=x, t=s)["u"], t, 1, h)
    slope = difference(lambda s: u(x=s, t=t)["u"], x, 1, h)
    bend = difference(lambda s: u(x=s, t=t)["u"], x, 2, h)
    value = u(x=x, t=t)["u"]
    scale = np.abs(value * slope).max()
    np.testing.assert_allclose(rate + value * slope, nu * bend, rtol=0, atol=3e-6 * scale)

    start = u(x=x, t=0.0 * x)["u"]
    np.testing.assert_allclose(start, -np.sin(np.pi * x), rtol=0, atol=1e-14)
    times = np.geomspace(1e-3, 3.0, 10)
    for wall in (-1.0, 1.0):
        np.testing.assert_allclose(u(x=0 * times + wall, t=times)["u"], 0.0, atol=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    log_nu=st.floats(-4.0, 1.0),
    x=st.floats(-1.0, 1.0),
    t=st.floats(0.0, 10.0, allow_subnormal=False),
)
def test_burgers_is_odd_and_bounded_by_its_initial_value(log_nu: float, x: float, t: float) -> None:
    u = cole_hopf(min(max(10.0**log_nu, 1e-4), 10.0)).evaluate(x=np.array([x, -x]), t=[t, t])["u"]
    assert np.abs(u[0] + u[1]) <= 1e-12
    assert np.all(np.abs(u) <= 1.0 + 1e-12)
    assert u[0] * x <= 1e-12  # it runs towards the middle from both sides


def test_burgers_keeps_shapes_and_refuses_what_it_cannot_answer() -> None:
    evaluate = cole_hopf(0.01).evaluate
    assert evaluate(x=np.zeros((3, 4)), t=np.ones((3, 4)))["u"].shape == (3, 4)
    assert evaluate(x=np.zeros((0, 2)), t=np.zeros((0, 2)))["u"].shape == (0, 2)
    with pytest.raises(ValueError, match="nu is 0"):
        cole_hopf(0.0)
    with pytest.raises(ValueError, match="t from -1"):
        evaluate(x=np.zeros(1), t=np.array([-1.0]))


# --- exponential time differencing --------------------------------------------------------------


def test_etdrk4_converges_with_fourth_order() -> None:
    """A manufactured solution of a nonlinear system with damped and turning modes."""
    linear = np.array([0.0, -3.0, -8.0j, -30.0 + 5.0j])
    phase = np.arange(4.0)

    def solution(t: float) -> Array:
        return np.cos(2.0 * t + phase) + 1j * np.sin(t)

    def remainder(t: float, v: Array) -> Array:
        rate = -2.0 * np.sin(2.0 * t + phase) + 1j * np.cos(t)
        return rate - linear * solution(t) + v**2 - solution(t) ** 2

    def error(steps: int) -> float:
        *_, last = march(linear, remainder, solution(0.0), (0.0, 1.0), steps)
        return float(np.abs(last - solution(1.0)).max())

    errors = np.array([error(n) for n in (40, 80, 160)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), 4.0, atol=0.25)


def test_etdrk4_is_exact_for_a_constant_force_at_any_stiffness() -> None:
    linear = np.array([-1e6, -1.0, -1e-9, 0.0])
    force = np.array([1.0, 2.0, 3.0, 4.0])
    *_, last = march(linear, lambda t, v: force, np.ones(4), (0.0, 2.0), 3)
    weight = np.array([1e-6, 1.0 - np.exp(-2.0), 2.0, 2.0])
    np.testing.assert_allclose(last, np.exp(2.0 * linear) + weight * force, rtol=1e-8)


def test_march_gives_every_state_asked_for_and_reports_growth() -> None:
    states = list(march(np.array([-1.0]), lambda t, v: 0.0 * v, np.ones(1), (1.0, 2.0), 6, 2))
    np.testing.assert_allclose(np.concatenate(states), np.exp(-np.arange(4) / 3.0), rtol=1e-13)
    with pytest.raises(ValueError, match="groups of 4"):
        list(march(np.zeros(1), lambda t, v: v, np.ones(1), (0.0, 1.0), 6, 4))
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="without bound"):
        list(march(np.zeros(1), lambda t, v: v**3, np.full(1, 10.0), (0.0, 9.0), 20))


# --- tables -------------------------------------------------------------------------------------


@given(s=st.floats(0.0, 7.0), degree=st.integers(0, 7))
def test_lagrange_weights_reproduce_polynomials(s: float, degree: int) -> None:
    weights = lagrange(np.array([s]))[0]
    expected = ((s - 3.0) / 4.0) ** degree
    assert weights @ ((np.arange(8) - 3.0) / 4.0) ** degree == pytest.approx(expected, abs=1e-11)


@given(shift=st.integers(-3, 3), x=st.floats(-1.0, 1.0), t=st.floats(0.0, 3.0))
def test_a_table_reads_across_pieces_and_periods(shift: int, x: float, t: float) -> None:
    def f(x: Array, t: Array) -> Array:
        return np.sin(np.pi * (x - 0.3)) * np.exp(-0.5 * t) + np.cos(2.0 * np.pi * x)

    grid = -1.0 + np.arange(128) / 64.0
    pieces = [
        Piece(start, step, f(grid, (start + step * np.arange(rows))[:, None]))
        for start, step, rows in ((0.0, 0.05, 21), (1.0, 0.1, 21))
    ]
    table = PeriodicTable(-1.0, 2.0, tuple(pieces))
    got = table(np.array([x + 2.0 * shift]), np.array([t]))
    np.testing.assert_allclose(got, f(np.array([x]), np.array([t])), atol=2e-10)


# --- Allen-Cahn ---------------------------------------------------------------------------------


def exact_modes(count: int) -> Array:
    """Cosine coefficients of x^2 cos(pi x) on [-1, 1], by integration by parts."""

    def second_moment(m: Array) -> Array:
        safe = np.where(m == 0, 1, m)
        value = 4.0 * np.where(m % 2, -1.0, 1.0) / (np.pi * safe) ** 2
        return np.where(m == 0, 2.0 / 3.0, value)

    n = np.arange(count)
    a = (second_moment(n - 1) + second_moment(n + 1)) / 2.0
    a[0] /= 2.0
    return a


def test_allen_cahn_agrees_with_an_explicit_method_from_exact_fourier_coefficients() -> None:
    """No splitting of the kink, no exponential steps: 1024 modes by Dormand-Prince 8(5,3)."""
    points, d, r = 2048, 1e-4, 5.0
    k = np.pi * np.arange(points // 2)
    damping = -d * k**2
    even = np.zeros(points // 2 + 1)

    def values(a: Array) -> Array:
        even[:-1] = a * points / 2.0
        even[0] *= 2.0
        return np.fft.irfft(even, points)

    def rate(t: float, a: Array) -> Array:
        u = values(a)
        force = np.fft.rfft(u - u**3).real[:-1] * (2.0 / points)
        force[0] /= 2.0
        return damping * a + r * force

    times = np.array([0.1, 0.4, 1.0])
    start = exact_modes(points // 2)
    run = solve_ivp(rate, (0.0, 1.0), start, "DOP853", times, rtol=1e-10, atol=1e-12)
    x = 2.0 * np.arange(points) / points  # beyond 1 it is the second half of the period
    for t, a in zip(times, run.y.T, strict=True):
        got = allen_cahn().evaluate(x=x, t=np.full_like(x, t))["u"]
        assert relative(got, values(a)) < 2e-8


@pytest.mark.parametrize("t", [1e-3, 0.05, 0.6])
def test_allen_cahn_satisfies_the_equation(t: float) -> None:
    """Also across the initial kink, where the curvature is large for small times."""
    u = allen_cahn().evaluate
    x = np.concatenate([np.linspace(-0.95, 0.95, 60), 1.0 + np.linspace(-0.02, 0.02, 9)])
    time = np.full_like(x, t)
    rate = difference(lambda s: u(x=x, t=s)["u"], time, 1, 0.02 * t)
    bend = difference(lambda s: u(x=s, t=time)["u"], x, 2, max(2e-3 * t**0.5, 1.5e-4))
    value = u(x=x, t=time)["u"]
    residual = rate - 1e-4 * bend - 5.0 * (value - value**3)
    assert np.abs(residual).max() < 2e-4 * np.abs(rate).max()


def test_allen_cahn_starts_exactly_and_its_kink_opens_like_a_square_root() -> None:
    u = allen_cahn().evaluate
    x = np.linspace(-1.0, 1.0, 33)
    np.testing.assert_allclose(u(x=x, t=0 * x)["u"], x**2 * np.cos(np.pi * x), atol=1e-15)
    t = np.array([1e-8, 1e-6])
    opening = u(x=np.ones(2), t=t)["u"] + 1.0
    np.testing.assert_allclose(opening, 4.0 * np.sqrt(1e-4 * t / np.pi), rtol=3e-3)
    np.testing.assert_array_equal(u(x=np.ones(2), t=t)["u"], u(x=-np.ones(2), t=t)["u"])


def scattered(n: int = 4000) -> tuple[Array, Array]:
    rng = np.random.default_rng(7)
    return rng.uniform(-1.0, 1.0, n), rng.uniform(0.0, 1.0, n)


def test_allen_cahn_and_kdv_hardly_change_from_half_the_resolution() -> None:
    x, t = scattered()
    fine, coarse = allen_cahn_table(1e-4, 5.0), allen_cahn_table(1e-4, 5.0, 0.5)
    assert np.linalg.norm(fine(x, t) - coarse(x, t)) / np.sqrt(x.size) < 2e-9
    assert relative(kdv_table(0.022, 0.5)(x, t), kdv_table(0.022)(x, t)) < 1e-7


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: allen_cahn(diffusion=1.0), "diffusion is 1.0"),
        (lambda: allen_cahn(diffusion=2e-5, reaction=20.0), "too thin"),
        (lambda: kdv(0.001), "dispersion is 0.001"),
        (lambda: allen_cahn().evaluate(x=np.zeros(1), t=np.full(1, 1.5)), "t from 1.5"),
    ],
)
def test_limits_of_the_evolution_references(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


# --- Korteweg-de Vries --------------------------------------------------------------------------


@pytest.mark.parametrize("t", [0.1, 0.45, 0.9])
def test_kdv_satisfies_the_equation(t: float) -> None:
    u = kdv().evaluate
    x = np.linspace(-1.3, 1.2, 101)
    time = np.full_like(x, t)
    rate = difference(lambda s: u(x=x, t=s)["u"], time, 1, 2e-4)
    slope = difference(lambda s: u(x=s, t=time)["u"], x, 1, 2e-3)
    third = difference(lambda s: u(x=s, t=time)["u"], x, 3, 2e-3)
    value = u(x=x, t=time)["u"]
    residual = rate + value * slope + 0.022**2 * third
    assert np.abs(residual).max() < 3e-4 * np.abs(value * slope).max()


def test_kdv_starts_from_the_cosine_and_conserves_mass_momentum_and_energy() -> None:
    """The first three invariants (Miura, Gardner and Kruskal 1968)."""
    points = 1024
    x = -1.0 + 2.0 * np.arange(points) / points
    k = np.pi * np.arange(points // 2 + 1)
    invariants = []
    for t in (0.0, 0.3, 0.7, 1.0):
        u = kdv().evaluate(x=x, t=np.full_like(x, t))["u"]
        if t == 0.0:
            np.testing.assert_allclose(u, np.cos(np.pi * x), atol=1e-13)
        u_x = np.fft.irfft(1j * k * np.fft.rfft(u), points)
        energy = u**3 / 3.0 - 0.022**2 * u_x**2
        invariants.append([u.mean(), (u**2).mean(), energy.mean()])
    np.testing.assert_allclose(invariants, np.broadcast_to(invariants[0], (4, 3)), atol=1e-9)


def test_kdv_soliton_train_is_in_order_of_height() -> None:
    """Zabusky and Kruskal (1965): the taller a soliton, the faster; so far the tallest leads."""
    x = -1.0 + 2.0 * np.arange(1024) / 1024
    u = kdv().evaluate(x=x, t=np.ones_like(x))["u"]
    peak = (u > np.roll(u, 1)) & (u > np.roll(u, -1))
    tallest = np.sort(u[peak])[::-1]
    assert 2.0 < tallest[0] < 3.0
    assert np.all(np.diff(tallest[:6]) < -0.1)


# --- all of them --------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [cole_hopf(0.01), allen_cahn(), kdv(), cavity()])
def test_every_reference_names_its_method_fields_and_error(reference: Reference) -> None:
    axes = ("x", "y") if reference.fields == ("u", "v") else ("x", "t")
    values = reference.evaluate(**dict.fromkeys(axes, np.full((2, 3), 0.25)))
    assert tuple(values) == reference.fields
    assert all(v.shape == (2, 3) and v.dtype == np.float64 for v in values.values())
    assert 0.0 < reference.error < 1e-3
    assert any(
        year.isdigit() and len(year) == 4 for year in reference.method.replace(")", " ").split()
    )
