"""Solving from start to end: other problems than the shipped, all stages and conditions."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import kanpde
from kanpde import (
    LBFGS,
    Adam,
    Box,
    BSpline,
    Chebyshev,
    Condition,
    Extend,
    Fourier,
    GaussianRBF,
    KanpdeError,
    LeastSquares,
    Legendre,
    Periodic,
    Plan,
    Problem,
    Sampling,
    Solution,
    cos,
    d,
    exact,
    exp,
    log,
    observe,
    pi,
    sin,
    sqrt,
)
from kanpde.network.bases.basis import Basis
from kanpde.training.session import Progress

pytestmark = pytest.mark.usefixtures("one_thread")


def heat() -> Problem:
    """A rod, cold at the left end and insulated at the right one, heated by a source."""
    box = Box(x=(0, 2), t=(0, 1))
    x, t = box.axes
    k = 3 * np.pi / 4
    return Problem(
        box,
        "u",
        [
            Condition(
                "heat",
                box,
                lambda u: d(u, t) - 0.2 * d(u, x, x) - (0.2 * k**2 - 1) * exp(-t) * sin(k * x),
            ),
            Condition("start", box.face(t=0), lambda u: u - sin(k * x)),
            Condition("cold", box.face(x=0), lambda u: u),
            Condition("insulated", box.face(x=2), lambda u: d(u, x)),
        ],
        reference=exact(u=lambda x, t: np.exp(-t) * np.sin(k * x)),
    )


def helmholtz() -> Problem:
    """Lap u + 9 u = f, where u = cos(2 x + y) e^(x y / 2)."""
    box = Box(x=(-1, 1), y=(0, 1))
    x, y = box.axes
    answer = cos(2 * x + y) * exp(x * y / 2)
    source = d(answer, x, x) + d(answer, y, y) + 9 * answer
    return Problem(
        box,
        "u",
        [
            Condition("helmholtz", box, lambda u: d(u, x, x) + d(u, y, y) + 9 * u - source),
            Condition("walls", box.faces(), lambda u: u - answer),
        ],
        reference=exact(u=lambda x, y: np.cos(2 * x + y) * np.exp(x * y / 2)),
    )


def wave() -> Problem:
    """A string that starts flat with a velocity."""
    box = Box(x=(0, 1), t=(0, 1.5))
    x, t = box.axes
    return Problem(
        box,
        "u",
        [
            Condition("wave", box, lambda u: d(u, t, t) - d(u, x, x)),
            Condition("flat", box.face(t=0), lambda u: u),
            Condition("velocity", box.face(t=0), lambda u: d(u, t) - pi * sin(pi * x)),
            Condition("ends", box.faces(x), lambda u: u),
        ],
        reference=exact(u=lambda x, t: np.sin(np.pi * t) * np.sin(np.pi * x)),
    )


class Interrupt:
    """Ctrl-C at the first look at which `when` holds."""

    def __init__(self, when: Callable[[Progress], bool]) -> None:
        self.when, self.looks, self.done = when, list[Progress](), False

    def __call__(self, look: Progress) -> None:
        self.looks.append(look)
        if not self.done and self.when(look):
            self.done = True
            raise KeyboardInterrupt


@pytest.mark.parametrize("make", [heat, helmholtz, wave])
def test_the_default_plan_solves_problems_that_are_not_shipped(
    make: Callable[[], Problem],
) -> None:
    stop = Interrupt(lambda look: look.estimate is not None and look.estimate < 1e-4)
    solution = kanpde.solve(make(), replace(Plan(), budget=300), report=stop)
    assert solution.errors["u"].rel_l2 < 1e-3


# --- a small problem for everything else ----------------------------------------------------


def decay(known: bool = True) -> Problem:
    """u' = -u + cos t, u(0) = 1."""
    box = Box(t=(0, 3))
    (t,) = box.axes
    answer = exact(u=lambda t: 0.5 * (np.sin(t) + np.cos(t) + np.exp(-t)))
    return Problem(
        box,
        "u",
        [
            Condition("decay", box, lambda u: d(u, t) + u - cos(t)),
            Condition("start", box.face(t=0), lambda u: u - 1),
        ],
        reference=answer if known else None,
    )


def small(
    *stages: kanpde.training.plan.Stage, basis: Basis | None = None, points: int = 128
) -> Plan:
    # Without a tolerance no stage is left out.
    return Plan(
        widths=(5,),
        basis=basis or Chebyshev(4),
        stages=stages,
        sampling=Sampling(points=points),
        tolerance=0,
    )


@pytest.mark.parametrize(
    "basis",
    [
        Chebyshev(4),
        Legendre(4),
        Fourier(2),
        GaussianRBF(5),
        BSpline(3, 4),
        BSpline(3, 4, base=True),
    ],
    ids=str,
)
def test_all_stages_in_one_plan(basis: Basis) -> None:
    plan = small(
        Adam(steps=200, rate=1e-2),
        LBFGS(steps=60),
        LeastSquares(steps=30),
        Extend(),
        LeastSquares(steps=30),
        basis=basis,
    )
    solution = kanpde.solve(decay(), plan)
    assert solution.errors["u"].rel_l2 < 1e-4
    stages = list(dict.fromkeys(s.split(",")[0] for s in solution.trace["stage"]))
    assert stages[:3] == ["Adam", "L-BFGS", "least squares"]
    assert any(note.startswith("grid extension") for note in solution.notes)


@pytest.mark.parametrize("stage", [Adam(steps=400, rate=1e-2), LBFGS(steps=200), LeastSquares(40)])
def test_each_method_alone(stage: kanpde.training.plan.Stage) -> None:
    solution = kanpde.solve(decay(), small(stage))
    assert solution.errors["u"].rel_l2 < {Adam: 0.1, LBFGS: 1e-2, LeastSquares: 1e-4}[type(stage)]


def test_a_given_basis_in_an_extension() -> None:
    solution = kanpde.solve(
        decay(), small(LeastSquares(20), Extend(Chebyshev(9)), LeastSquares(20))
    )
    (note, *_) = [n for n in solution.notes if n.startswith("grid extension")]
    assert "-> widths (5,), Chebyshev(degree=9)" in note


def test_the_same_seed_gives_the_same_answer() -> None:
    plan = small(LeastSquares(steps=10), Adam(steps=20))
    one, same, other = (kanpde.solve(decay(), plan, seed=s) for s in (4, 4, 5))
    at = np.linspace(0, 3, 50)
    assert one(t=at).tolist() == same(t=at).tolist()  # type: ignore[union-attr]
    assert one(t=at).tolist() != other(t=at).tolist()  # type: ignore[union-attr]
    assert one.trace["loss"].tolist() == same.trace["loss"].tolist()


def test_nothing_global_is_changed() -> None:
    def state() -> list[object]:
        return [
            torch.random.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            np.geterr(),
        ]

    before = state()
    kanpde.solve(
        decay(),
        small(Adam(steps=20), LeastSquares(10), Extend(), LeastSquares(10)),
    )
    assert state() == before


def test_float64_whatever_the_default() -> None:
    torch.set_default_dtype(torch.float16)
    try:
        solution = kanpde.solve(decay(), small(LeastSquares(steps=20)))
    finally:
        torch.set_default_dtype(torch.float32)
    assert solution.network.flat().dtype == torch.float64
    assert solution.errors["u"].rel_l2 < 1e-4


# --- NaN, budgets, interrupts ---------------------------------------------------------------


@pytest.mark.parametrize("stages", [(Adam(300, 0.1),), (LBFGS(100),), (LeastSquares(40),)])
def test_a_step_into_nan_is_taken_back(stages: tuple[kanpde.training.plan.Stage, ...]) -> None:
    # u' = log u / sqrt(u) leaves its domain wherever a step makes u negative.
    box = Box(t=(0, 1))
    (t,) = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("growth", box, lambda u: 30 * (d(u, t) + log(u) / sqrt(u) + 20 * u)),
            Condition("start", box.face(t=0), lambda u: u - 1),
        ],
    )
    solution = kanpde.solve(problem, small(*stages))
    at = np.linspace(0, 1, 200)
    values = solution(t=at)
    assert np.isfinite(values).all()
    assert torch.isfinite(solution.network.flat()).all()
    assert np.isfinite(solution.residuals(at[:, None])["growth"]).all()
    # The first step of Adam and L-BFGS already leaves the domain: the start is kept as it was.
    # Least squares rejects such a step and goes on with a shorter one.
    first_order = not isinstance(stages[0], LeastSquares)
    assert np.isnan(solution.trace["loss"]).any() == first_order
    start = kanpde.solve(problem, small(LeastSquares(steps=0)))
    before, after = (
        np.sqrt(np.mean(each.residuals(at[:, None])["growth"] ** 2)) for each in (start, solution)
    )
    assert after == before if first_order else after < 0.5 * before


def test_a_residual_that_is_nowhere_finite() -> None:
    box = Box(t=(0, 1))
    (t,) = box.axes
    problem = Problem(box, "u", [Condition("bad", box, lambda u: d(u, t) + log(-1 - u**2))])
    with pytest.raises(KanpdeError, match=r'condition "bad".*not finite'):
        kanpde.solve(problem, small(LeastSquares(5)))


def test_a_budget_is_kept() -> None:
    solution = kanpde.solve(decay(), replace(small(Adam(steps=10**6)), budget=0.5))
    assert solution.outcome.status == "budget"
    assert "0.5 s" in solution.outcome.advice
    assert 0 < solution.seconds < 5


def test_an_interrupt_returns_the_best_so_far() -> None:
    stop = Interrupt(lambda look: look.step >= 40)
    solution = kanpde.solve(decay(), small(Adam(steps=10**6)), report=stop)
    assert solution.outcome.status == "interrupted"
    assert "resume" in solution.outcome.advice
    assert solution.errors["u"].rel_l2 <= stop.looks[0].errors["u"].rel_l2


def test_each_better_solution_is_offered_for_saving() -> None:
    saved: list[Solution] = []
    solution = kanpde.solve(decay(), small(LeastSquares(steps=30)), save=saved.append)
    errors = [s.errors["u"].rel_l2 for s in saved]
    assert len(errors) >= 3
    assert errors[-1] < 1e-3 * errors[0]
    at = np.linspace(0, 3, 20)
    np.testing.assert_array_equal(saved[-1](t=at), solution(t=at))


def test_going_on_from_a_solution() -> None:
    first = kanpde.solve(decay(), small(Adam(steps=50)), seed=2)
    second = kanpde.solve(decay(), small(LeastSquares(steps=20)), start=first)
    assert second.steps > first.steps
    assert second.seconds > first.seconds
    assert second.errors["u"].rel_l2 < 0.1 * first.errors["u"].rel_l2
    before = first(t=np.linspace(0, 3, 5))
    kanpde.solve(decay(), small(LeastSquares(steps=20)), start=first)
    np.testing.assert_array_equal(first(t=np.linspace(0, 3, 5)), before)  # it is not changed


def branches(sign: int) -> Problem:
    """u^2 = (1 + x)^2 has two solutions; an easier problem says which one is meant."""
    box = Box(x=(0, 1))
    (x,) = box.axes
    half = Problem(box, "u", [Condition("half", box, lambda u: u - 0.5 * sign * (1 + x))])
    easier = Problem(
        box, "u", [Condition("linear", box, lambda u: u - sign * (1 + x))], continue_from=half
    )
    return Problem(
        box,
        "u",
        [Condition("square", box, lambda u: u**2 - (1 + x) ** 2)],
        reference=exact(u=lambda x: sign * (1 + x)),
        continue_from=easier,
    )


@pytest.mark.parametrize("sign", [-1, 1])
def test_easier_problems_choose_where_to_start(sign: int) -> None:
    seen: list[Progress] = []
    solution = kanpde.solve(branches(sign), small(LeastSquares(steps=30)), report=seen.append)
    assert solution.errors["u"].rel_l2 < 1e-6
    assert list(dict.fromkeys(p.stage.split(",")[0] for p in seen)) == [
        "easier problem 1 of 2", "easier problem 2 of 2", "least squares",
        "looking for what no equation determines",
    ]  # fmt: skip
    assert [p.step for p in seen] == sorted(p.step for p in seen)
    assert all(bool(p.errors) != p.stage.startswith("easier") for p in seen)
    assert set(solution.trace["stage"]) == {seen[-2].stage}


def test_an_interrupt_among_easier_problems() -> None:
    def stop(progress: Progress) -> None:
        if progress.stage.startswith("easier problem 2"):
            raise KeyboardInterrupt

    problem = branches(1)
    solution = kanpde.solve(problem, small(LeastSquares(steps=30)), report=stop)
    assert solution.outcome.status == "interrupted"
    assert solution.problem is problem
    # The solution of the first easier problem, measured by this one.
    np.testing.assert_allclose(solution.errors["u"].rel_l2, 0.5, rtol=1e-3)
    seen: list[Progress] = []
    plan = small(LeastSquares(steps=30))
    resumed = kanpde.solve(problem, plan, start=solution, report=seen.append)
    assert seen[0].stage.startswith("easier problem 1")
    assert resumed.errors["u"].rel_l2 < 1e-6
    kanpde.solve(problem, plan, start=resumed, report=seen.append)
    assert not seen[-1].stage.startswith("easier")


def test_without_a_reference_there_is_an_estimate() -> None:
    plan = small(LeastSquares(steps=40))
    known, unknown = kanpde.solve(decay(), plan), kanpde.solve(decay(known=False), plan)
    assert unknown.errors == {}
    assert unknown.estimate is not None
    assert 0.1 < unknown.estimate / known.errors["u"].rel_l2 < 10


def pendulum(end: float) -> Problem:
    """u'' + sin u = 0, released at u = 2, over more than four periods."""
    box = Box(t=(0, end))
    (t,) = box.axes
    return Problem(
        box,
        "u",
        [
            Condition("pendulum", box, lambda u: d(u, t, t) + sin(u)),
            Condition("start", box.face(t=0), lambda u: (u - 2, d(u, t))),
        ],
    )


def test_trained_conditions_take_over_where_exact_ones_lead_nowhere() -> None:
    plan = Plan(widths=(8, 8), basis=Chebyshev(5), stages=(LeastSquares(steps=100),), budget=60)
    seen: list[Progress] = []
    saved: list[Solution] = []
    solution = kanpde.solve(pendulum(40), plan, report=seen.append, save=saved.append)
    t = np.linspace(0, 40, 400)
    truth = solve_ivp(
        lambda t, w: [w[1], -np.sin(w[0])], (0, 40), [2, 0], t_eval=t, rtol=1e-12, atol=1e-12
    ).y[0]
    assert np.linalg.norm(solution(t=t) - truth) < 1e-5 * np.linalg.norm(truth)
    assert solution.ansatz.exact == ()
    assert any(n.endswith("the latter are kept") for n in solution.notes)
    # Time and steps go on, and what is saved last is of the kind that was chosen.
    assert [p.step for p in seen] == sorted(p.step for p in seen)
    assert [p.seconds for p in seen] == sorted(p.seconds for p in seen)
    assert saved[-1].ansatz.exact == ()
    # Going on from it keeps the form; a plan that asks for the other has it.
    again = kanpde.solve(pendulum(40), small(LeastSquares(steps=2)), start=solution)
    assert again.ansatz.exact == ()
    forced = replace(small(LeastSquares(steps=2)), enforce=True)
    assert len(kanpde.solve(pendulum(40), forced).ansatz.exact) == 2


def test_what_has_converged_is_not_extended() -> None:
    plan = Plan(widths=(6,), tolerance=1e-4, stages=(LeastSquares(), Extend(), LeastSquares()))
    seen: list[Progress] = []
    solution = kanpde.solve(decay(), plan, report=seen.append)
    assert solution.outcome.status == "converged"
    stages = {p.stage for p in seen if p.stage.startswith("least squares")}
    assert stages == {f"least squares, {solution.parameters} parameters"}


def test_the_estimate_tells_a_wrong_branch() -> None:
    """Van der Pol's oscillator: training stalls far from it, at a loss below one."""
    box = Box(t=(0, 10))
    (t,) = box.axes
    oscillator = Problem(
        box,
        "u",
        [
            Condition("van der pol", box, lambda u: d(u, t, t) - 2 * (1 - u**2) * d(u, t) + u),
            Condition("start", box.face(t=0), lambda u: (u - 2, d(u, t))),
        ],
    )
    solution = kanpde.solve(oscillator, Plan(stages=(LeastSquares(steps=25),)))
    assert solution.trace["loss"].min() < 1
    assert solution.estimate is not None
    # A trajectory that was solved to 1e-3 may be found one day: then this asks for another case.
    assert solution.estimate > 0.5


def test_the_budget_tells_whether_more_time_helps() -> None:
    box = Box(x=(0, 1))
    (x,) = box.axes
    impossible = Problem(
        box,
        "u",
        [
            Condition("poisson", box, lambda u: d(u, x, x) - 1),
            Condition("both flat", box.faces(x), lambda u: d(u, x)),
        ],
    )
    plan = Plan(widths=(4,), stages=(LeastSquares(patience=10**6),), budget=3)
    advice = kanpde.solve(impossible, plan).outcome.advice
    assert "the loss stood still" in advice
    assert "have a solution, and only one" in advice
    lucky = kanpde.solve(heat(), replace(plan, widths=(6, 6), budget=1, tolerance=0))
    assert "still falling" in lucky.outcome.advice


def test_what_is_no_problem() -> None:
    with pytest.raises(KanpdeError, match="needs a Problem, not str"):
        kanpde.solve("burgers")  # type: ignore[arg-type]


# --- conditions of every kind ---------------------------------------------------------------


def solved(problem: Problem, steps: int = 30, points: int = 256) -> float:
    """The largest error of all fields."""
    solution = kanpde.solve(problem, small(LeastSquares(steps), basis=Chebyshev(6), points=points))
    return max(e.rel_l2 for e in solution.errors.values())


def test_neumann_with_a_gauge() -> None:
    box = Box(x=(0, 1))
    (x,) = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("poisson", box, lambda u: d(u, x, x) + pi**2 * cos(pi * x)),
            Condition("insulated", box.faces(x), lambda u: d(u, x)),
            Condition("gauge", box.point(x=0.5), lambda u: u - 2),
        ],
        reference=exact(u=lambda x: 2 + np.cos(np.pi * x)),
    )
    assert solved(problem) < 1e-4


def test_robin_and_radiation() -> None:
    box = Box(x=(0, 1))
    (x,) = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("ode", box, lambda u: d(u, x, x) - u),
            Condition("robin", box.face(x=0), lambda u: d(u, x) + 2 * u - 3),
            # u = e^x; with this sign of u^3 no second solution is near.
            Condition("radiation", box.face(x=1), lambda u: d(u, x) + u**3 - exp(1) - exp(3)),
        ],
        reference=exact(u=lambda x: np.exp(x)),
    )
    assert solved(problem) < 1e-4


def test_periodic() -> None:
    box = Box(x=(0, 2), t=(0, 0.5))
    x, t = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("advection", box, lambda u: d(u, t) + d(u, x)),
            Condition("start", box.face(t=0), lambda u: u - sin(pi * x)),
            Periodic(x),
        ],
        reference=exact(u=lambda x, t: np.sin(np.pi * (x - t))),
    )
    assert solved(problem) < 1e-3


def test_data_in_the_place_of_boundary_conditions() -> None:
    box = Box(x=(-1, 1))
    (x,) = box.axes
    at = np.array([-0.7, 0.2])
    problem = Problem(
        box,
        "u",
        [
            Condition("ode", box, lambda u: d(u, x, x) + 4 * u),
            observe("probe", box.points(x=at), u=np.sin(2 * at + 0.5)),
        ],
        reference=exact(u=lambda x: np.sin(2 * x + 0.5)),
    )
    assert solved(problem) < 1e-4


def test_two_fields_and_three_dimensions() -> None:
    box = Box(x=(0, 1), y=(0, 1), z=(0, 1))
    x, y, z = box.axes
    answer = x * y + z**2
    problem = Problem(
        box,
        "u v",
        [
            Condition(
                "pair",
                box,
                lambda u, v: (sum(d(u, a, a) for a in box.axes) - 2, v - d(u, x) - d(u, z)),
            ),
            Condition("walls", box.faces(), lambda u: u - answer),
        ],
        reference=exact(u=lambda x, y, z: x * y + z**2, v=lambda x, y, z: y + 2 * z),
    )
    assert solved(problem) < 1e-3


def test_contradictions_are_notes() -> None:
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("heat", box, lambda u: d(u, t) - d(u, x, x)),
            Condition("start", box.face(t=0), lambda u: u - 1),
            Condition("ends", box.faces(x), lambda u: u),
        ],
    )
    solution = kanpde.solve(problem, small(LeastSquares(5)))
    assert sum("contradict each other" in note for note in solution.notes) == 2


def test_a_basis_without_the_derivatives_is_refused() -> None:
    with pytest.raises(KanpdeError, match=r"order 2.*BSpline"):
        kanpde.solve(heat(), small(LeastSquares(5), basis=BSpline(5, 2)))


def test_two_sets_of_measurements_at_other_points_are_both_met() -> None:
    """A decay seen by two sensors at times of their own; compared as arrays they once crashed."""
    box = Box(t=(0, 1))
    (t,) = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("decay", box, lambda u: d(u, t, t) + d(u, t)),
            observe("early", box.points(t=[0.0, 0.1]), u=np.exp([-0.0, -0.1])),
            observe("late", box.points(t=[0.6, 0.8, 1.0]), u=np.exp([-0.6, -0.8, -1.0])),
        ],
        reference=exact(u=lambda t: np.exp(-t)),
    )
    plan = Plan((6,), Chebyshev(5), (LeastSquares(steps=40),), tolerance=1e-8)
    assert kanpde.solve(problem, plan).errors["u"].rel_l2 < 1e-7
