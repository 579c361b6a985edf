"""Fields that readings determine: their prior, its strength, the networks, the shipped problems."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

import kanpde
from kanpde import Box, Condition, KanpdeError, LeastSquares, Plan, Problem, Smooth, d, observe
from kanpde.network import coordinates_from_data, network_from_data
from kanpde.network.coordinates import Coordinates
from kanpde.network.expansion import Expansion
from kanpde.network.jet import JetSet, autograd_jet
from kanpde.optim.evidence import Prior, choose_strengths
from kanpde.problem.serialise import problem_from_data, problem_to_data
from kanpde.problem.wellposed import find_uncovered
from kanpde.reference import steady_diffusion, transient_diffusion

BOX = Box(x=(0, 1))
(X,) = BOX.axes


def conductivity(x: Any) -> Any:
    return 1 + x**2


def rod(noise: float = 0.01, *statements: Any) -> Problem:
    """(a u')' = 1 with u(0) = 0 and a u' = 1 + x: u' = (1 + x) / (1 + x^2)."""
    places = np.linspace(0.02, 1, 60)
    exact = np.arctan(places) + 0.5 * np.log1p(places**2)
    readings = exact + np.random.default_rng(0).normal(0, noise * np.std(exact), 60)
    return Problem(
        BOX,
        ("u", "a"),
        [
            Condition("conduction", BOX, lambda u, a: d(a * d(u, X), X) - 1),
            Condition("cold end", BOX.face(x=0), lambda u: u),
            Condition("heated end", BOX.face(x=1), lambda u, a: a * d(u, X) - 2),
            observe("sensors", BOX.points(x=places), u=readings),
            *(statements or (Smooth("a"),)),
        ],
        reference=kanpde.exact(
            u=lambda x: np.arctan(x) + 0.5 * np.log1p(x**2), a=lambda x: conductivity(x)
        ),
    )


# --- statements ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (Smooth("b"), "there is no such field; there are u, a"),
        (Smooth("a", weight=-1.0), "the weight"),
    ],
)
def test_bad_statements(statement: Smooth, message: str) -> None:
    with pytest.raises(KanpdeError, match=message):
        rod(0.01, statement)


def test_as_data_and_back() -> None:
    problem = rod()
    again = problem_from_data(json.loads(json.dumps(problem_to_data(problem))))
    assert again.smooth == problem.smooth == ("a",)
    assert [e.expression for e in again.equations] == [e.expression for e in problem.equations]
    assert find_uncovered(problem) == []
    assert "small, as far as the readings allow" in str(kanpde.check(problem))


# --- the network -----------------------------------------------------------------------------


def test_an_expansion_has_exact_jets_and_comes_back() -> None:
    coordinates = Coordinates((0.0, -1.0), (2.0, 1.0), (False, True))
    network = Expansion(coordinates, 4, 2)
    network.load_flat(torch.linspace(-1, 1, network.parameter_count, dtype=torch.float64))
    points = torch.rand(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jets = JetSet.closing([(2, 0), (1, 1)], 2)
    inputs = network.inputs_at(points, jets)
    found = network.linearize_from(inputs, jets)
    assert torch.allclose(found.value, autograd_jet(network, points, jets).transpose(1, 2))
    cotangent = torch.randn(found.value.shape, dtype=torch.float64)
    each = torch.empty(network.parameter_count, 7, dtype=torch.float64)
    found.jacobian(cotangent, each)
    assert torch.allclose(each.sum(1), found.pullback(cotangent)[0].flatten())
    data = network.to_data()
    again = network_from_data(
        data, coordinates_from_data(data["coordinates"]), network.state_dict()
    )
    assert torch.equal(again(points), network(points))
    with pytest.raises(KanpdeError, match="another shape"):
        network_from_data({**data, "degree": 5}, coordinates, network.state_dict())


# --- the evidence ----------------------------------------------------------------------------


def test_the_strength_has_the_largest_likelihood_of_the_readings() -> None:
    """Against the density of the readings, a normal one with S P S^T / strength + 1."""
    rng = np.random.default_rng(3)
    sensitivity = rng.normal(size=(40, 8))
    form = np.diag(np.arange(1.0, 9.0))
    sought = rng.normal(size=8) / np.sqrt(5 * np.diag(form))
    readings = sensitivity @ sought + rng.normal(size=40)
    prior = Prior(form, np.zeros(8), 0.0)
    (found,) = choose_strengths(sensitivity.T @ sensitivity, -sensitivity.T @ readings, [prior])

    def likelihood(strength: float) -> float:
        covariance = np.eye(40) + sensitivity @ np.linalg.inv(form) @ sensitivity.T / strength
        return float(multivariate_normal(cov=covariance).logpdf(readings))

    tried = found * np.geomspace(0.1, 10, 401)
    best = tried[int(np.argmax([likelihood(s) for s in tried]))]
    assert found == pytest.approx(best, rel=0.02)


# --- solves ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> kanpde.Solution:
    plan = Plan(widths=(6,), stages=(LeastSquares(30),), budget=1e4, tolerance=0)
    return kanpde.solve(rod(), plan, progress=False)


def test_a_field_is_found_within_its_error_bars(found: kanpde.Solution) -> None:
    # 6e-3.
    assert found.errors["a"].rel_l2 < 0.05
    points = np.linspace(0.05, 0.95, 19)[:, None]
    miss = np.abs(found.evaluate(points)["a"] - conductivity(points[:, 0]))
    assert np.median(miss / found.deviations(points)["a"]) < 3
    assert any("the readings determine a to an estimated" in note for note in found.notes)
    assert found.estimates["a"] < 0.2


def test_a_field_is_saved_with_its_error_bars(found: kanpde.Solution, tmp_path: Any) -> None:
    again = kanpde.load(kanpde.save(found, tmp_path / "run"))
    points = np.linspace(0, 1, 5)[:, None]
    for name in ("u", "a"):
        assert again.evaluate(points)[name] == pytest.approx(found.evaluate(points)[name])
        assert again.deviations(points)[name] == pytest.approx(found.deviations(points)[name])


# --- shipped problems and their references -----------------------------------------------------


def test_the_references_solve_their_equations() -> None:
    """Against u = sin(pi x) sin(pi y), exact for a = 1 + x: steady, and a single mode in time."""
    x, y = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 7))
    mode = np.sin(np.pi * x) * np.sin(np.pi * y)

    def source(x: Any, y: Any) -> Any:
        return 2 * np.pi**2 * (1 + x) * np.sin(np.pi * x) * np.sin(np.pi * y) - np.pi * np.cos(
            np.pi * x
        ) * np.sin(np.pi * y)

    steady = steady_diffusion(lambda x, y: 1 + x, source)
    assert steady.evaluate(x=x, y=y)["u"] == pytest.approx(mode, abs=1e-10)
    in_time = transient_diffusion(
        lambda x, y: 0.5 + 0 * x, lambda x, y: np.sin(np.pi * x) * np.sin(np.pi * y), 0.2
    )
    t = np.where(x > 0.5, 0.2, 0.1)
    exact = mode * np.exp(-(np.pi**2) * t)
    assert in_time.evaluate(x=x, y=y, t=t)["u"] == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize("name", ["inverse/diffusivity", "inverse/cooling_plate"])
def test_shipped_problems_are_complete(name: str) -> None:
    problem = kanpde.load_problem(name)
    assert problem.smooth == ("a",)
    assert find_uncovered(problem) == []
