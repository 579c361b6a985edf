"""Laws of the solution: in equations, as networks, found, as formulas, saved and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde import Box, Condition, KanpdeError, LeastSquares, Plan, Problem, d, law, observe
from kanpde.assembly.network_for import build_network
from kanpde.network import network_from_data
from kanpde.network.jet import JetSet
from kanpde.output.summary import summarize, summary_text
from kanpde.problem.serialise import problem_from_data, problem_to_data
from kanpde.problem.substitute import substitute_law
from kanpde.solution.laws import LawFormula
from kanpde.symbolic.suggest import X as VARIABLE
from kanpde.symbols.unknown import unknown

BOX = Box(x=(0, 1))
(X,) = BOX.axes
# (k(u) u')' = 0 with k = 1 + u^2: u + u^3 / 3 is linear.
PLACES = np.linspace(0.02, 0.98, 40)


def rod(k: Any = None, noise: float = 0.005, **options: Any) -> Problem:
    """Heat flows through a rod; the flux at its end is known, else k is known up to a factor."""
    k = law("k") if k is None else k
    heights = np.linspace(0, 1.5, 2001)
    exact = np.interp(PLACES * (1.5 + 1.5**3 / 3), heights + heights**3 / 3, heights)
    readings = exact + np.random.default_rng(0).normal(0, noise, len(PLACES))
    return Problem(
        BOX,
        "u",
        [
            Condition("conduction", BOX, lambda u: d(k(u) * d(u, X), X)),
            Condition("cold end", BOX.face(x=0), lambda u: u),
            Condition("flux", BOX.face(x=1), lambda u: k(u) * d(u, X) - 1.5 - 1.5**3 / 3),
            observe("sensors", BOX.points(x=PLACES), u=readings, sigma=noise),
        ],
        **options,
    )


# --- statements ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: law("2k"), "not a Python name"),
        (lambda: law("k", start="a"), 'law "k": start'),
        (lambda: law("k", range=(1, 0)), "range is"),
        (lambda: law("k")(3.0), "a law takes fields or their derivatives"),
        (lambda: rod(law("u")), 'law "u" has the name of a field'),
        (lambda: rod(law("k", range=((0, 1), (0, 1)))), "2 ranges and 1 arguments"),
        (lambda: rod(lift={"u": X}), "a law is taken of u, which cannot have a lift"),
    ],
)
def test_bad_statements(make: Any, message: str) -> None:
    with pytest.raises(KanpdeError, match=message):
        make()


def test_a_law_needs_readings_and_one_list_of_arguments() -> None:
    k = law("k")
    ends = Condition("ends", BOX.faces(X), lambda u: u)
    with pytest.raises(KanpdeError, match="the law k has no measured values"):
        Problem(BOX, "u", [Condition("law", BOX, lambda u: k(u) * d(u, X, X) - 1), ends])
    twice = Condition("law", BOX, lambda u: k(u) * d(u, X, X) - k(d(u, X)))
    with pytest.raises(KanpdeError, match=r"is taken of u.* and of u"):
        Problem(BOX, "u", [twice, ends, observe("s", BOX.points(x=0.5), u=1.0)])
    slope = Condition("law", BOX, lambda u: d(u, X, X) - k(d(u, X)))
    problem = Problem(BOX, "u", [slope, ends, observe("s", BOX.points(x=0.5), u=1.0)])
    with pytest.raises(KanpdeError, match=r"no readings of u_x .* range=\(low, high\)"):
        build_network(problem, Plan().architecture, 0)


def test_as_data_and_back() -> None:
    problem = rod()
    again = problem_from_data(json.loads(json.dumps(problem_to_data(problem))))
    assert again.laws == problem.laws
    assert again.unknowns == problem.unknowns == ("u", "k")
    assert [str(e.expression) for e in again.equations] == [
        str(e.expression) for e in problem.equations
    ]


def test_a_law_that_is_a_formula_leaves_the_same_equation() -> None:
    a = unknown("a", start=2.0)
    problem = substitute_law(rod(), "k", VARIABLE, 1 + a.sympy * VARIABLE**2, [a])
    known = rod(lambda u: 1 + a * u**2)
    for one, other in zip(problem.equations, known.equations, strict=True):
        assert (one.expression - other.expression).expand() == 0


# --- the network -----------------------------------------------------------------------------


@pytest.mark.parametrize("several", [False, True])
def test_jets_and_pullbacks_of_laws_are_exact(several: bool) -> None:
    """Against differences, along points and along each parameter."""
    k = law("k", range=((-1, 1), (-2, 2)) if several else (-1, 1))
    arguments = (lambda u: (u, d(u, X))) if several else (lambda u: (u,))
    problem = Problem(
        BOX,
        "u",
        [
            Condition("law", BOX, lambda u: d(k(*arguments(u)) * d(u, X), X)),
            observe("s", BOX.points(x=0.5), u=1.0),
        ],
    )
    network = build_network(problem, Plan(widths=(3,)).architecture, 0)
    theta = network.flat() + 0.1 * torch.randn(
        network.parameter_count, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    network.load_flat(theta)
    jets, points = JetSet.closing([(1,)], 1), torch.linspace(0.1, 0.9, 5).double()[:, None]

    def jet(at: torch.Tensor) -> torch.Tensor:
        return network.jet_from(network.inputs_at(at, jets), jets)

    step = 1e-6
    slope = (jet(points + step)[0] - jet(points - step)[0]) / (2 * step)
    assert torch.allclose(jet(points)[1], slope, atol=1e-6)
    found = network.linearize_from(network.inputs_at(points, jets), jets)
    assert torch.allclose(found.value, jet(points))
    cotangent = torch.randn(found.value.shape, dtype=torch.float64)
    each = torch.empty(len(theta), 5, dtype=torch.float64)
    found.jacobian(cotangent, each)
    pulled = torch.cat([part.flatten() for part in found.pullback(cotangent)])
    assert torch.allclose(each.sum(1), pulled)
    for k_, slope_ in enumerate(pulled):
        moved = []
        for sign in (1, -1):
            other = theta.clone()
            other[k_] += sign * step
            network.load_flat(other)
            moved.append(float((cotangent * jet(points)).sum()))
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(float(slope_), abs=1e-5)
    network.load_flat(theta)
    again = network_from_data(network.to_data(), network.coordinates, network.state_dict())
    assert torch.equal(again.jet_from(again.inputs_at(points, jets), jets), jet(points))


# --- solves ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> kanpde.Solution:
    plan = Plan(widths=(5,), stages=(LeastSquares(30),), budget=1e4, tolerance=0)
    return kanpde.solve(rod(), plan, progress=False)


@pytest.fixture(scope="module")
def formulated(found: kanpde.Solution) -> kanpde.Solution:
    return kanpde.formulate(found)


def test_a_law_is_a_curve_within_its_error_bars(found: kanpde.Solution) -> None:
    k = found.laws["k"]
    ((low, high),) = k.ranges
    assert low < 0.3
    assert high > 1.2
    u = np.linspace(low, high, 20)
    miss = np.abs(k(u) - 1 - u**2)
    assert np.median(miss / k.deviations(u)) < 3
    assert np.max(miss / (1 + u**2)) < 0.2
    # Nothing is claimed of values that the rod does not take.
    assert np.isnan(k([-1.0, 3.0])).all()
    with pytest.raises(KanpdeError, match="k is a law of u; give each"):
        k(1.0, 2.0)


def test_a_law_is_found_as_a_formula_with_intervals(formulated: kanpde.Solution) -> None:
    formula = formulated.laws["k"].formula
    assert formula is not None
    assert "u**2" in formula.text
    assert sorted(round(n.value, 1) for n in formula.numbers.values()) == [1.0, 1.0]
    assert all(n.interval is not None for n in formula.numbers.values())
    text = summary_text(formulated, "rod")
    assert "k(u) = " in text
    assert "for u from " in text
    data = json.loads(json.dumps(summarize(formulated, "rod")["laws"]))
    assert LawFormula.from_data(data["k"]["formula"]) == formula


def test_laws_are_saved_drawn_and_written(found: kanpde.Solution, tmp_path: Path) -> None:
    folder = kanpde.save(found, tmp_path / "run")
    assert (folder / "laws.png").is_file()
    header, *rows = (folder / "law_k.csv").read_text(encoding="utf-8").splitlines()
    assert header == "u,k,k_sd"
    assert len(rows) == 201
    again = kanpde.load(folder)
    u = np.linspace(0.3, 1.2, 4)
    assert again.laws["k"](u) == pytest.approx(found.laws["k"](u))
    assert again.laws["k"].deviations(u) == pytest.approx(found.laws["k"].deviations(u))


def test_windows_are_refused() -> None:
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    k = law("k")
    problem = Problem(
        box,
        "u",
        [
            Condition("heat", box, lambda u: d(u, t) - d(k(u) * d(u, x), x)),
            Condition("start", box.face(t=0), lambda u: u - x),
            Condition("ends", box.faces(x), lambda u: u - x),
            observe("s", box.points(x=[0.2, 0.5], t=[0.5, 0.5]), u=[0.2, 0.5]),
        ],
    )
    with pytest.raises(KanpdeError, match="the unknown k is the same at all times"):
        kanpde.solve(problem, Plan(windows=4))


def test_the_shipped_problem_is_complete() -> None:
    problem = kanpde.load_problem("inverse/nonlinear_heat")
    assert problem.laws["k"].arguments == ("u",)
    truth = problem.reference
    assert truth is not None
    # It keeps its ends and its start.
    x = np.linspace(0, 1, 7)
    start = truth.evaluate(x=x, t=0 * x)
    assert start["u"] == pytest.approx(np.sin(np.pi * x) + x, abs=1e-9)
    assert start["k"] == pytest.approx(1 + start["u"] ** 2)
