"""Budgets, costs, prospects, freedom, lifts: what a run says and does beside its steps."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde import (
    MLP,
    Box,
    Chebyshev,
    Condition,
    Energy,
    Extend,
    KanpdeError,
    LeastSquares,
    Periodic,
    Plan,
    Problem,
    Sampling,
    cos,
    d,
    exp,
    observe,
    pi,
    sin,
)
from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.compile import compile_expressions
from kanpde.assembly.network_for import build_network
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.workers import Workers
from kanpde.network.jet import JetSet
from kanpde.optim.least_squares import LevenbergMarquardt
from kanpde.problem.wellposed import find_uncovered
from kanpde.solution.measures import grid_points
from kanpde.training.clock import Clock, OutOfTime
from kanpde.training.cost import Cost, describe_costs, estimate_costs, require_affordable
from kanpde.training.freedom import FREEDOM_POLICY
from kanpde.training.prospect import describe_prospect
from kanpde.training.session import Progress
from kanpde.training.smooth_changes import SmoothChanges

pytestmark = pytest.mark.usefixtures("one_thread")

BOX = Box(x=(0, 1), t=(0, 1))
x, t = BOX.axes
SQUARE = Box(x=(0, 1), y=(0, 1))
sx, sy = SQUARE.axes
SMALL = Plan(widths=(6,), stages=(LeastSquares(steps=8),), budget=3600)


def heat(*conditions: Any) -> Problem:
    law = Condition("heat", BOX, lambda u: d(u, t) - d(u, x, x))
    cold = Condition("cold", BOX.faces(x), lambda u: u)
    return Problem(BOX, "u", [law, cold, *conditions])


START = Condition("start", BOX.face(t=0), lambda u: u - sin(pi * x))


# --- the clock ------------------------------------------------------------------------------


@dataclass
class FakeTime:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time_now(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr("kanpde.training.clock.time.perf_counter", fake)
    return fake


def test_a_clock_keeps_time_for_what_follows(time_now: FakeTime) -> None:
    clock = Clock(100.0, after=10.0, started=0.0)
    clock.begin()
    time_now.now = 2.0
    clock.tick()
    assert clock.pace == 2.0
    assert clock.left == 100 - 2 - 10 - 20  # a fifth of the budget at most
    assert clock.has_time_to_close_after(80.0)
    assert not clock.has_time_to_close_after(84.0)
    assert clock.left_to_close == 88.0
    assert Clock(4.0, after=10.0, started=0.0).left_to_close == 0.0  # at most half of a budget
    assert 0 < clock.passed < 1


def test_a_watch_ends_only_what_may_be_given_up(time_now: FakeTime) -> None:
    clock = Clock(10.0, after=2.0, started=0.0)
    workers = Workers(watch=clock.watch)
    time_now.now = 7.8  # too late for a step, not for a last look
    assert workers.map(abs, [-1, 2]) == [1, 2]
    with clock.limit_closing():
        assert workers.map(abs, [-1]) == [1]
    with clock.limit_step(), pytest.raises(OutOfTime):
        workers.map(abs, [-1])
    workers.map(abs, [-1])
    time_now.now = 8.5
    with clock.limit_closing(), pytest.raises(OutOfTime):
        workers.map(abs, [-1])


def test_a_step_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still until the third step, which then never ends by itself."""
    fake, calls = FakeTime(), [0]
    monkeypatch.setattr("kanpde.training.clock.time.perf_counter", fake)
    step = LevenbergMarquardt.step

    def slow(self: LevenbergMarquardt, system: Any, theta: torch.Tensor, normal: Any = None) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            fake.now = 95.0
            while True:
                system.residual(theta + 1.0)
        return step(self, system, theta, normal)

    monkeypatch.setattr(LevenbergMarquardt, "step", slow)
    solution = kanpde.solve(heat(START), replace(SMALL, budget=100.0, reserve=10.0))
    assert solution.steps == 2
    assert solution.outcome.status == "budget"
    assert solution.estimate is not None
    assert np.isfinite(solution(x=0.5, t=0.5)).all()


def test_functions_are_compiled_once() -> None:
    symbols = [a.sympy for a in BOX.axes]
    first = compile_expressions(symbols, [(x * t).sympy])
    assert compile_expressions(symbols, [(x * t).sympy]) is first
    assert compile_expressions(symbols, [(x + t).sympy]) is not first


# --- what more time would do ----------------------------------------------------------------


def look(seconds: float, loss: float, estimate: float | None) -> Progress:
    return Progress("s", int(seconds), seconds, 0.0, loss, {}, {}, estimate, 1)


@pytest.mark.parametrize(
    ("losses", "estimates", "words"),
    [
        ((1, 1e-2, 1e-4), (0.5, 0.1, 0.01), "the error was still falling"),
        ((1, 1e-2, 1e-4), (0.5, 0.1, 0.099), "but the error stood still (1.0e-01 at half"),
        ((1, 1e-2, 1e-2), (0.5, 0.05, 0.05), "wider layers or more points"),
        ((1, 0.9, 0.9), (0.9, 0.9, 0.9), "far from a solution"),
        ((1, 1e-2, 1e-4), (None, None, None), "the loss was still falling"),
    ],
)
def test_the_prospect_follows_the_error(
    losses: tuple[float, ...], estimates: tuple[float | None, ...], words: str
) -> None:
    looks = [look(*v) for v in zip((0, 4, 10), losses, estimates, strict=True)]
    assert words in describe_prospect(looks, 0.0, 10.0)


def test_without_a_second_look_a_longer_budget_is_asked_for() -> None:
    assert "no time for a second look" in describe_prospect([look(0, 1.0, 1.0)], 0.0, 10.0)


# --- costs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "plan"),
    [
        (heat(START), Plan()),
        (heat(START), Plan(network=MLP((7, 5)))),
        (heat(START, Periodic(t)), Plan(widths=(4,))),
        (Problem(BOX, {"u": (x, t), "k": (x,), "c": ()}, [
            Condition("law", BOX, lambda u, k, c: d(u, t) - k * d(u, x, x) - c)]), Plan()),
    ],
)  # fmt: skip
def test_parameters_and_rows_are_known_beforehand(problem: Problem, plan: Plan) -> None:
    ansatz = build_ansatz(problem)
    network = build_network(problem, plan.architecture, 0)
    (cost, *_) = estimate_costs(problem, plan, ansatz)
    assert cost.parameters == network.parameter_count
    system = Sampler(problem, ansatz, plan.sampling, 0).draw(network)
    assert cost.rows == sum(rows.count for rows in system.rows)
    assert 0 < cost.seconds < 100
    assert 1e7 < cost.bytes < 3e9


def test_extensions_are_in_the_cost() -> None:
    costs = estimate_costs(heat(START), Plan(), build_ansatz(heat(START)))
    assert len(costs) == 3
    assert costs[0].parameters < costs[1].parameters < costs[2].parameters
    assert "of the last extension" in describe_costs(costs)
    last = Plan(basis=Chebyshev(150), widths=(3,))  # there is no second larger basis
    assert len(estimate_costs(heat(START), last, build_ansatz(heat(START)))) < 3


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(widths=(10_000, 10_000)), "GB, and this machine has"),
        (Plan(sampling=Sampling(points=2_000_000), widths=(60, 60, 60)), "take narrower or fewer"),
    ],
)
def test_absurd_plans_are_refused(plan: Plan, words: str) -> None:
    with pytest.raises(KanpdeError, match=words):
        kanpde.solve(heat(START), plan)


def test_a_step_far_beyond_the_budget_is_refused() -> None:
    with pytest.raises(KanpdeError, match="one step takes about"):
        require_affordable([Cost(10, 10, 1000.0, 1.0)], 1.0)


def test_twenty_axes_are_solved() -> None:
    box = Box(**{f"x{k}": (0, 1) for k in range(20)})
    law = Condition("law", box, lambda u: sum(d(u, a) for a in box.axes) + u)
    start = Condition("start", box.face(x0=0), lambda u: u - 1)
    problem = Problem(box, "u", [law, start])
    assert len(grid_points(problem)[0]) == 16_384
    plan = Plan(widths=(2,), basis=Chebyshev(1), stages=(LeastSquares(steps=2),), budget=3600)
    assert kanpde.solve(problem, plan).steps == 2


def test_an_extension_beyond_the_largest_basis_is_left_out(monkeypatch: Any) -> None:
    def refuse(self: Chebyshev) -> Chebyshev:
        raise KanpdeError("the degree must be at most 4")

    monkeypatch.setattr(Chebyshev, "extended", refuse)
    stages = (LeastSquares(steps=1), Extend(), LeastSquares(steps=1))
    solution = kanpde.solve(heat(START), replace(SMALL, widths=(3,), stages=stages))
    assert any("grid extension left out: the degree" in note for note in solution.notes)
    assert solution.steps == 2


# --- losses that are measured alike ---------------------------------------------------------


def test_networks_are_compared_at_the_same_points() -> None:
    problem = heat(START)
    network = build_network(problem, SMALL.architecture, 0)
    sampler = Sampler(problem, build_ansatz(problem), SMALL.sampling, 0)
    one, other = sampler.compare([network, network])
    assert one == other > 0
    assert sampler.compare([network])[0] != one  # other points


# --- kinks ----------------------------------------------------------------------------------

TORUS = Box(x=(0, 1), y=(0, 1), t=(0, 1))
tx, ty, tt = TORUS.axes


@pytest.mark.parametrize(
    ("start", "kinks"),
    [
        (sin(2 * pi * (tx + ty)) / (1.2 + cos(2 * pi * (tx - ty))), 0),  # 35 s of SymPy, and 2
        (exp(sin(2 * pi * tx)) * cos(2 * pi * ty), 0),
        (tx * (1 - tx) * cos(2 * pi * ty), 1),
    ],
)
def test_kinks_of_periodic_data_are_measured(start: Any, kinks: int) -> None:
    law = Condition("heat", TORUS, lambda u: d(u, tt) - d(u, tx, tx) - d(u, ty, ty))
    begin = Condition("start", TORUS.face(t=0), lambda u: u - start)
    ansatz = build_ansatz(Problem(TORUS, "u", [law, begin, Periodic(tx), Periodic(ty)]))
    assert len([note for note in ansatz.notes if "kink" in note]) == kinks
    assert len(ansatz.exact) == 1


# --- what the lift solves -------------------------------------------------------------------


def test_a_problem_that_its_lift_solves_is_told_as_such() -> None:
    line = Box(x=(0, 1))
    (lx,) = line.axes
    law = Condition("law", line, lambda u: d(u, lx, lx))
    ends = [Condition(f"at {e}", line.face(x=e), lambda u, e=e: u - 1 - 2 * e) for e in (0, 1)]
    solution = kanpde.solve(Problem(line, "u", [law, *ends]), SMALL)
    assert solution.steps == 0
    assert solution.outcome.status == "converged"
    assert "(u = 2*x + 1): nothing was trained" in solution.outcome.advice
    np.testing.assert_allclose(solution(x=[0.25, 0.5]), [1.5, 2.0], rtol=1e-12)


def test_trained_data_are_not_a_lift() -> None:
    assert kanpde.solve(heat(START), SMALL).steps == 8


# --- noise ----------------------------------------------------------------------------------


def test_noisy_readings_start_no_trial_of_trained_conditions() -> None:
    random = np.random.default_rng(0)
    at = random.random((2, 60))
    values = np.exp(-(np.pi**2) * at[1]) * np.sin(np.pi * at[0]) + 0.3 * random.normal(size=60)
    readings = observe("probe", BOX.points(x=at[0], t=at[1]), u=values)
    plan = replace(SMALL, stages=(LeastSquares(steps=40, patience=10),))
    solution = kanpde.solve(heat(START, readings), plan)
    assert not any("with trained ones" in note for note in solution.notes)


# --- what no equation determines ------------------------------------------------------------


def test_smooth_changes_have_the_derivatives_of_their_functions() -> None:
    problem = Problem(BOX, {"u": (x, t), "k": (x,)}, [
        Condition("law", BOX, lambda u, k: d(u, t) - k * d(u, x, x)), Periodic(x)])  # fmt: skip
    network = build_network(problem, SMALL.architecture, 0)
    changes = SmoothChanges(problem, network)
    jets = JetSet.closing([(2, 0), (1, 1)], 2)
    points = torch.from_numpy(np.random.default_rng(0).random((5, 2)))
    step = 1e-6
    ahead = points + torch.tensor([step, 0.0])
    for here, there in zip(
        changes.functions(points, jets), changes.functions(ahead, jets), strict=True
    ):
        for lower, higher in (((0, 0), (1, 0)), ((1, 0), (2, 0)), ((0, 1), (1, 1))):
            a, b = jets.position[lower], jets.position[higher]
            slope, size = (there[a] - here[a]) / step, here[b].abs().max() + 1
            assert float((slope - here[b]).abs().max() / size) < 1e-3
    each = [functions.shape[1] for functions in changes.functions(points, jets)]
    assert sum(each) == changes.parameter_count


def poisson(*conditions: Any) -> Problem:
    def law(u: Any) -> Any:
        return d(u, sx, sx) + d(u, sy, sy) + 2 * pi**2 * cos(pi * sx) * cos(pi * sy)

    slopes = [
        Condition("left and right", SQUARE.faces(sx), lambda u: d(u, sx)),
        Condition("top and bottom", SQUARE.faces(sy), lambda u: d(u, sy)),
    ]
    return Problem(SQUARE, "u", [Condition("law", SQUARE, law), *slopes, *conditions])


def flow(gauge: Any) -> Problem:
    """A pressure that only its gradient drives."""
    return Problem(
        TORUS,
        "u p",
        [
            Condition("heat", TORUS, lambda u, p: d(u, tt) - d(u, tx, tx) + d(p, tx)),
            Condition("pressure", TORUS, lambda p: (d(p, tx) - cos(tx) * (1 + tt), d(p, ty))),
            Condition("start", TORUS.face(t=0), lambda u: u - sin(pi * tx)),
            Condition("walls", TORUS.faces(tx), lambda u: u),
            Condition("gauge", gauge, lambda p: p),
        ],
    )


def energy(*conditions: Any) -> Problem:
    def density(u: Any) -> Any:
        return 0.5 * (d(u, sx) ** 2 + d(u, sy) ** 2) - cos(pi * sx) * u

    return Problem(SQUARE, "u", [Energy("strain", SQUARE, density), *conditions])


TINY = Plan(widths=(3,), stages=(LeastSquares(steps=2),), budget=3600)
# More parameters than FREEDOM_POLICY.most_parameters: the network's own changes are not asked for.
WIDE = Plan(widths=(26, 26), stages=(LeastSquares(steps=1),), budget=3600)
GAUGE = Condition("gauge", SQUARE.point(x=0.5, y=0.5), lambda u: u)


@pytest.mark.parametrize(
    ("plan", "case", "words"),
    [
        (TINY, poisson, "the mean of u is not determined"),
        (WIDE, poisson, "the mean of u is not determined"),
        (TINY, lambda: poisson(GAUGE), None),
        (TINY, energy, "the mean of u is not determined"),
        (TINY, lambda: energy(Condition("ends", SQUARE.faces(sx), lambda u: u)), None),
        (TINY, lambda: flow(TORUS.point(x=0, y=0, t=0)), "p is determined only up to a function"),
        (TINY, lambda: flow(TORUS.point(x=0, y=0)), None),
    ],
    ids=["tiny", "wide", "gauge", "energy", "held energy", "gauge at one time", "gauge at all"],
)
def test_freedom_is_seen_whatever_the_network(
    plan: Plan, case: Callable[[], Problem], words: str | None
) -> None:
    solution = kanpde.solve(case(), plan)
    assert plan is TINY or solution.parameters > FREEDOM_POLICY.most_parameters
    found = [note for note in solution.notes if "determined" in note]
    assert bool(found) == (words is not None)
    assert words is None or words in found[0]


def test_freedom_is_seen_in_windows_of_time() -> None:
    plan = replace(TINY, stages=(LeastSquares(steps=2),), windows=2, budget=20)
    solution = kanpde.solve(flow(TORUS.point(x=0, y=0, t=0)), replace(plan, widths=(8,)))
    if len(solution.pieces) > 1 or solution.solved_until is None:
        assert any("up to a function of t" in note for note in solution.notes)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (flow(TORUS.point(x=0, y=0, t=0)), "p is held at single times only"),
        (flow(TORUS.face(t=0)), "p is held at single times only"),
        (flow(TORUS.point(x=0.3, y=0)), None),
        (flow(TORUS.points(x=0, y=0, t=[0.0, 0.5, 1.0])), None),
        (poisson(), "no condition holds a value of u"),
        (poisson(GAUGE), None),
        (heat(START), None),
    ],
)
def test_missing_gauges_are_read_off_the_equations(problem: Problem, words: str | None) -> None:
    found = [text for text in find_uncovered(problem) if "determined" in text]
    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def test_a_point_without_a_time_holds_at_all_times() -> None:
    place = TORUS.point(x=0.3, y=1)
    assert place.fixed == {"x": 0.3, "y": 1}
    assert place.dimension == 1
    sample = place.sample(64, 0).points
    assert np.ptp(sample[:, 2]) > 0.9
    with pytest.raises(KanpdeError, match="needs a value for y"):
        TORUS.point(x=0.3)
