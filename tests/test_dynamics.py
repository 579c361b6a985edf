"""Equations from trajectories: exact terms, honest intervals, derivatives that are right."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import sympy
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import kanpde
from kanpde import KanpdeError
from kanpde.dynamics.data import Trajectories, trajectories
from kanpde.dynamics.discover import DiscoverKeywords, DiscoverOptions
from kanpde.dynamics.intervals import shortest, with_interval
from kanpde.dynamics.kanode.field_kanode import FieldKeywords, FieldOptions
from kanpde.dynamics.kanode.formulas import snap
from kanpde.dynamics.kanode.kanode import forecast, train_kanode
from kanpde.dynamics.kanode.network import NetworkRHS
from kanpde.dynamics.ode import selection as sparse
from kanpde.dynamics.ode.first_guess import best_pair
from kanpde.dynamics.ode.flow import TimeGrid, flow, flow_with_sensitivity
from kanpde.dynamics.ode.library import build_library, polynomial_library
from kanpde.dynamics.ode.policy import SearchPolicy
from kanpde.dynamics.ode.rhs import Formula, RightHandSide, Sparse
from kanpde.dynamics.ode.segments import cut
from kanpde.dynamics.ode.selection import select
from kanpde.dynamics.ode.shooting import Fit, estimate_covariance, shoot
from kanpde.dynamics.ode.smoothing import smooth
from kanpde.dynamics.report import FILES, describe, save_report
from kanpde.dynamics.simulate import Integrator, simulate
from kanpde.network.products import ProductKAN

Array = NDArray[np.float64]
pytestmark = pytest.mark.usefixtures("one_thread")


def lotka_volterra(t: float, s: Array) -> list[float]:
    return [1.5 * s[0] - s[0] * s[1], s[0] * s[1] - 3 * s[1]]


def samples(count: int = 35, end: float = 3.4, noise: float = 0.0, seed: int = 0) -> Trajectories:
    t = np.linspace(0, end, count)
    x = solve_ivp(lotka_volterra, (0, end), [1, 1], t_eval=t, rtol=1e-11, atol=1e-11).y.T
    x = x + noise * x.std(0) * np.random.default_rng(seed).standard_normal(x.shape)
    return trajectories((t, x))


TRUE = {"x": {"x": 1.5, "x*y": -1.0}, "y": {"y": -3.0, "x*y": 1.0}}


@pytest.fixture(scope="module")
def found() -> kanpde.Dynamics:
    return kanpde.discover(samples(60, 6.0, 0.02), waves=False)


@pytest.mark.parametrize(
    ("noise", "degree", "bound"), [(0.0, 3, 1e-5), (0.05, 3, 0.05), (0.1, 2, 0.1)]
)
def test_lotka_volterra_is_found(noise: float, degree: int, bound: float) -> None:
    told = kanpde.discover(samples(noise=noise), degree=degree, holdout=0)
    for state, side in TRUE.items():
        own = {str(e.term): e.value for e in told.estimates if e.state == state}
        assert set(own) == set(side)
        assert all(abs(own[term] / value - 1) < bound for term, value in side.items())


@pytest.mark.parametrize(("seed", "degree"), [(16, 2), (18, 2), (11, 3), (21, 2)])
def test_a_far_first_guess_is_left_behind(seed: int, degree: int) -> None:
    """Seeds at which the regression's guess diverged, or nothing led away from it."""
    told = kanpde.discover(samples(noise=0.05, seed=seed), degree=degree, holdout=0)
    for state, side in TRUE.items():
        assert {str(e.term) for e in told.estimates if e.state == state} == set(side)


def test_the_best_pair_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((12, 9))
    rows[:, 4] = rows[:, 3]
    right = rng.standard_normal(12)

    def misfit(pair: list[int]) -> float:
        weights = np.linalg.lstsq(rows[:, pair], right, rcond=None)[0]
        return float(np.sum((rows[:, pair] @ weights - right) ** 2))

    every = [[i, j] for i in range(9) for j in range(i) if {i, j} != {3, 4}]
    assert misfit(best_pair(rows, right)) == pytest.approx(min(map(misfit, every)))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    library = polynomial_library(("x", "y"), 2)
    pairs = tuple(
        (i, [str(t) for t in library.terms].index(term))
        for i, side in enumerate(TRUE.values())
        for term in side
    )
    model = Sparse(library, pairs, 2)
    truth = np.array([v for side in TRUE.values() for v in side.values()])
    inside = []
    for seed in range(12):
        data = samples(30, 3.4, 0.05, seed)
        fit = shoot(model, cut(smooth(data), 29), truth, data.scale)
        assert fit is not None
        errors = np.sqrt(np.diagonal(estimate_covariance(fit)))
        inside += list(np.abs(fit.c - truth) < 1.96 * errors)
    assert 0.85 < np.mean(inside) <= 1.0
    assert np.median(errors / truth) < 0.05


def test_a_frictional_pendulum_has_a_sine() -> None:
    t = np.linspace(0, 12, 400)
    x = solve_ivp(
        lambda t, s: [s[1], -np.sin(s[0]) - 0.1 * s[1]], (0, 12), [2.5, 0], t_eval=t, rtol=1e-10
    ).y.T
    x = x + 0.01 * np.random.default_rng(1).standard_normal(x.shape)
    told = kanpde.discover({"t": t, "angle": x[:, 0], "rate": x[:, 1]})
    terms = {(e.state, str(e.term)) for e in told.estimates}
    assert terms == {("angle", "rate"), ("rate", "sin(angle)"), ("rate", "rate")}


def test_units_far_apart_do_not_matter() -> None:
    t = np.linspace(0, 6, 150)
    data = trajectories({"t": t, "a": 1e9 * np.cos(t), "b": 1e-9 * np.sin(t)})
    told = kanpde.discover(data, degree=1, holdout=0)
    values = {(e.state, str(e.term)): e.value for e in told.estimates}
    assert values[("a", "b")] == pytest.approx(-1e18, rel=1e-4)
    assert values[("b", "a")] == pytest.approx(1e-18, rel=1e-4)


def test_controls_act_and_gaps_and_runs_are_used() -> None:
    runs = []
    for k, start in enumerate((0.0, 2.0)):
        t = np.sort(np.random.default_rng(k).uniform(0, 8, 90))
        u = np.sin(0.7 * t + k)
        x = solve_ivp(
            lambda s, y, k=k: [-0.8 * y[0] + 2 * np.sin(0.7 * s + k)],
            (0, 8),
            [start],
            t_eval=t,
            rtol=1e-10,
            atol=1e-10,
        ).y[0]
        x = x + 0.01 * np.random.default_rng(k).standard_normal(len(x))
        x[20:25] = np.nan
        runs.append({"t": t, "x": x, "u": u})
    told = kanpde.discover(runs, inputs=["u"], degree=2, holdout=0)
    values = {str(e.term): e.value for e in told.estimates}
    assert set(values) == {"x", "u"}
    assert values["x"] == pytest.approx(-0.8, rel=0.05)
    assert values["u"] == pytest.approx(2, rel=0.05)
    assert told(np.array([1.0]), np.array([0.5])) == pytest.approx([0.2], abs=0.05)


# --- derivatives ----------------------------------------------------------------------------


def right_hand_sides() -> dict[str, tuple[RightHandSide, Array]]:
    library = polynomial_library(("x", "y"), 3, waves=("x",))
    sparse = Sparse(library, ((0, 1), (0, 4), (1, 2), (1, len(library) - 1)), 2)
    x, y = sympy.symbols("x y", real=True)
    a, b = sympy.symbols("a b", real=True)
    formula = Formula(("x", "y"), (), (a * y, -sympy.sin(b * x)), (a, b))
    box = np.array([[-2.0, -2.0], [2.0, 2.0]])
    network = ProductKAN.around(
        box, ("x", "y"), 2, widths=(3,), generator=torch.Generator().manual_seed(0)
    )
    return {
        "sparse": (sparse, np.array([0.3, -0.2, -0.4, 0.5])),
        "formula": (formula, np.array([0.7, 1.3])),
        "network": (NetworkRHS(network), network.kan.flat().numpy()),
    }


@pytest.mark.parametrize("name", right_hand_sides())
def test_sensitivities_are_the_differences(name: str) -> None:
    rhs, c = right_hand_sides()[name]
    start = np.array([[0.5, -0.3], [-0.4, 0.8]])
    times = np.array([[0.0, 0.3, 0.5], [0.0, 0.2, 0.9]])
    grid = TimeGrid(times, np.zeros((2, 2, 6, 2, 0)), 2)
    path, slopes = flow_with_sensitivity(rhs, start, c, grid)
    np.testing.assert_allclose(path, flow(rhs, start, c, grid), rtol=1e-12)
    step = 1e-6
    for k in range(len(c)):
        move = step * np.eye(len(c))[k]
        change = flow(rhs, start, c + move, grid) - flow(rhs, start, c - move, grid)
        np.testing.assert_allclose(slopes[..., 2 + k], change / (2 * step), atol=1e-7)
    for k in range(2):
        move = step * np.eye(2)[k]
        change = flow(rhs, start + move, c, grid) - flow(rhs, start - move, c, grid)
        np.testing.assert_allclose(slopes[..., k], change / (2 * step), atol=1e-7)


def test_the_integrator_is_of_order_five() -> None:
    rhs, c = right_hand_sides()["formula"]
    start = np.array([[1.0, 0.0]])
    times = np.array([[0.0, 2.0]])
    exact = solve_ivp(
        lambda t, s: [0.7 * s[1], -np.sin(1.3 * s[0])], (0, 2), start[0], rtol=1e-13, atol=1e-13
    ).y[:, -1]
    grids = [TimeGrid(times, np.zeros((1, n, 6, 1, 0)), n) for n in (4, 8)]
    errors = [np.abs(flow(rhs, start, c, grid)[0, -1] - exact).max() for grid in grids]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(5, abs=0.6)


def test_segments_cover_every_interval_once() -> None:
    data = samples(31)
    segments = cut(smooth(data), 7)
    assert np.isfinite(segments.values[..., 0]).sum() == 31
    total = np.sum(segments.times[:, -1] - segments.times[:, 0])
    assert total == pytest.approx(data.runs[0].times[-1] - data.runs[0].times[0])


# --- KAN-ODE --------------------------------------------------------------------------------


def test_kan_ode_forecasts_and_becomes_a_formula() -> None:
    data = samples()
    model = train_kanode(data)
    assert model.parameters <= 240
    assert model.misfit < 8e-7
    times = np.linspace(0, 14, 141)
    exact = solve_ivp(lotka_volterra, (0, 14), [1, 1], t_eval=times, rtol=1e-11, atol=1e-11).y.T
    ahead = forecast(model, times)
    assert np.mean((ahead - exact) ** 2) < 1e-3
    np.testing.assert_allclose(forecast(model, times[50:]), ahead[50:], rtol=1e-5)
    with pytest.raises(KanpdeError, match="a forecast begins at the first sample, t = 0"):
        forecast(model, times - 1)
    assert model.run_misfit < 1e-6
    assert "warning" not in model.text()
    assert "forecast of the last" in model.text()
    snapped = snap(model, smooth(data))
    assert snapped is not None
    x, y = sympy.symbols("x y", real=True)
    side = sympy.expand(snapped.equations["x"])
    assert float(side.coeff(x * y)) == pytest.approx(-1, rel=0.01)
    assert float(side.coeff(x, 1).coeff(y, 0)) == pytest.approx(1.5, rel=0.01)


def test_a_network_that_cannot_forecast_says_so() -> None:
    # Two states that no equation of their own moves: their noise alone.
    t = np.linspace(0, 3, 40)
    noisy = np.random.default_rng(0).standard_normal((40, 2))
    model = train_kanode((t, noisy), steps=3)
    # Measured: 1.3; a forecast by the mean is off by 1.
    assert model.held_out is not None
    assert model.held_out.error > 0.25
    assert "warning: do not trust forecasts" in model.text()
    assert "nan" not in model.text()


def test_known_physics_leaves_the_rest_to_the_network() -> None:
    x, y = sympy.symbols("x y", real=True)
    known = Formula(("x", "y"), (), (1.5 * x, -3 * y), ())
    model = train_kanode(samples(), known=known)
    points = samples().runs[0].states
    rest = model.rhs.network(torch.from_numpy(points)).detach().numpy()
    product = points[:, 0] * points[:, 1]
    np.testing.assert_allclose(rest, np.stack([-product, product], 1), atol=1e-3)


def test_divergence_in_the_solver_is_not_fatal() -> None:
    t = np.linspace(0, 0.9, 60)
    model = train_kanode((t, 1 / (1 - t)))
    ahead = model.simulate([1.0], np.linspace(0, 3, 40))
    assert np.isfinite(ahead[:10]).all()
    with pytest.raises(KanpdeError, match="grows without bound before t = "):
        forecast(model, np.linspace(0, 3, 40))
    with pytest.raises(KanpdeError, match="ask for earlier times"):
        model.odeint(torch.tensor([1.0], dtype=torch.float64), torch.tensor([0.0, 30.0]).double())


def test_a_trajectory_can_be_differentiated() -> None:
    """By start and parameters, beside central differences and the simulation."""
    model = train_kanode(samples(), steps=2)
    times = torch.linspace(0, 2, 6, dtype=torch.float64)
    start = torch.tensor([1.2, 0.8], dtype=torch.float64, requires_grad=True)
    c = torch.from_numpy(model.fit.c.copy()).requires_grad_()
    path = model.odeint(start, times, c)
    again = model.simulate([1.2, 0.8], times.numpy())
    np.testing.assert_allclose(path.detach().numpy(), again, rtol=1e-5)
    weights = torch.from_numpy(np.random.default_rng(0).standard_normal(path.shape))
    by_start, by_parameters = torch.autograd.grad((weights * path).sum(), (start, c))
    rng, step = np.random.default_rng(1), 1e-5

    def loss(move: torch.Tensor, along: torch.Tensor) -> float:
        with torch.no_grad():
            return float((weights * model.odeint(start + move, times, c + along)).sum())

    for _ in range(3):
        move = torch.from_numpy(step * rng.standard_normal(2))
        along = torch.from_numpy(step * rng.standard_normal(len(c)))
        change = (loss(move, along) - loss(-move, -along)) / 2
        expected = float(by_start @ move + by_parameters @ along)
        assert change == pytest.approx(expected, rel=1e-3)


def test_simulation_ends_at_the_bound_and_after_its_calls() -> None:
    """x' = x^2 from 1 is 1 / (1 - t)."""
    times = np.linspace(0, 2, 21)
    by = Integrator("DOP853", rtol=1e-10, atol=1e-12, bound=1e3)
    path = simulate(lambda t, x: x**2, np.ones(1), times, by)[:, 0]
    np.testing.assert_allclose(path[:10], 1 / (1 - times[:10]), rtol=1e-8)
    assert np.isnan(path[11:]).all()
    few = replace(by, evaluations=60)
    path = simulate(lambda t, x: -x, np.ones(1), 100 * times, few)[:, 0]
    assert path[0] == 1
    assert np.isnan(path[-1])


def test_a_wrong_option_is_answered_with_those_spelt_alike() -> None:
    run = samples(20).runs[0]
    with pytest.raises(KanpdeError, match=r"no option `degre`; did you mean one of `degree`\?"):
        kanpde.discover((run.times, run.states), degre=2)  # type: ignore[call-arg]
    with pytest.raises(KanpdeError, match=r"no option `width`; did you mean one of `widths`\?"):
        kanpde.train_field_kanode([], [], {}, width=(2,))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("keywords", "options"),
    [(DiscoverKeywords, DiscoverOptions), (FieldKeywords, FieldOptions)],
)
def test_keywords_are_the_options(keywords: type, options: Any) -> None:
    assert list(keywords.__annotations__) == [each.name for each in fields(options)]


# --- what comes out -------------------------------------------------------------------------


def test_right_hand_side_is_a_function_for_scipy(found: kanpde.Dynamics) -> None:
    run = solve_ivp(found.function(), (0, 3), [1.0, 1.0], rtol=1e-8)
    assert run.success
    grid = np.random.default_rng(0).random((4, 5, 2))
    assert found(grid).shape == grid.shape
    x, y = grid[..., 0], grid[..., 1]
    np.testing.assert_allclose(found(grid)[..., 0], 1.5 * x - x * y, atol=0.05)


def test_latex_and_text_name_every_state(found: kanpde.Dynamics) -> None:
    assert r"\dot{x}" in found.latex()
    assert "x' = " in found.text()
    assert "±" in found.text()
    assert "forecast of the 12 samples held out" in describe(found)
    assert found.forecast is not None
    assert found.forecast.error < 0.2 * found.forecast.persistence


def test_report_can_be_read_back(found: kanpde.Dynamics, tmp_path: Path) -> None:
    folder = save_report(found, tmp_path / "report", lambda s: np.stack(lotka_volterra(0, s.T), -1))
    assert {p.name for p in folder.iterdir()} == {*FILES, "rhs.png", "problem.py"}
    names = {n: sympy.Symbol(n, real=True) for n in found.states}
    told = json.loads((folder / "equations.json").read_text(encoding="utf-8"))
    for state, text in told.items():
        side = sympy.sympify(text, locals=names)
        point = {names["x"]: 0.7, names["y"]: 1.9}
        assert float(side.subs(point)) == pytest.approx(float(found.equations[state].subs(point)))
    with h5py.File(folder / "discovery.h5") as file:
        np.testing.assert_array_equal(file["run0/x"][:], found.data.runs[0].states[:, 0])
        assert file["covariance"].shape == (len(found.estimates),) * 2


def test_a_report_needs_a_folder(found: kanpde.Dynamics, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(KanpdeError, match="is a file"):
        save_report(found, path)


def test_rounding_stays_within_the_intervals(found: kanpde.Dynamics) -> None:
    rounded = found.rounded()
    assert rounded is not None
    assert {e.value for e in rounded.estimates} == {1.5, -1.0, -3.0, 1.0}


@pytest.mark.parametrize(
    ("value", "width", "short"), [(1.4987, 0.01, 1.5), (2.6661, 0.001, 8 / 3), (0.1, 0.0, 0.1)]
)
def test_shortest_number(value: float, width: float, short: float) -> None:
    assert shortest(value, width) == pytest.approx(short, abs=1e-15)


def test_interval_shows_as_many_digits_as_are_known() -> None:
    assert with_interval(1.49873, 0.0021) == "(1.4987 ± 0.0021)"
    assert with_interval(12.3, 4.0) == "(12.3 ± 4.0)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"holdout": 0.9}, "holdout must be"),
        ({"degree": 12}, "degree of the monomials"),
        ({"terms": ["__import__('os')"]}, "is not an expression"),
        ({"states": ["z"]}, "2"),
    ],
)
def test_bad_options_are_told(options: dict[str, object], message: str) -> None:
    run = samples(20).runs[0]
    with pytest.raises(KanpdeError, match=message):
        kanpde.discover((run.times, run.states), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("term", ["1/0", "log(-1)", "sqrt(x)"])
def test_a_term_without_finite_values_is_refused(term: str) -> None:
    t = np.linspace(0, 6, 60)
    columns = {"t": t, "x": np.cos(t), "y": -np.sin(t)}
    with pytest.raises(KanpdeError, match=rf"^the term {re.escape(term)} is not a finite real"):
        kanpde.discover(columns, terms=["x*y", term])


def test_the_search_ends_when_its_effort_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = np.cumsum(np.random.default_rng(0).standard_normal((61, 2)), 0)
    data = trajectories((np.linspace(0, 6, 61), walk))
    library = build_library(data, 3)
    spent: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Fit | None:
        fit = shoot(*arguments, **options)
        spent.append(0 if fit is None else fit.effort)
        return fit

    monkeypatch.setattr(sparse, "shoot", counted)
    found = select(data, smooth(data), library, SearchPolicy(effort=150))
    assert found is not None
    # What is under way when it is spent may end its step.
    assert sum(spent) < 250
