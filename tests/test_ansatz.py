"""Conditions by construction: they hold for any network, and nothing else is lost by it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kanpde.assembly.ansatz import Ansatz, build_ansatz
from kanpde.assembly.lift import evaluate_at
from kanpde.assembly.rows import EquationSet
from kanpde.geometry.box import Box, Face
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.kan import KAN
from kanpde.problem.conditions.condition import Condition
from kanpde.problem.conditions.observation import observe
from kanpde.problem.conditions.periodic import Periodic
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Expression
from kanpde.symbols.functions import cos, d, exp, sin, tanh, where

pytestmark = pytest.mark.usefixtures("one_thread")

PLANE = Box(x=(-1, 2), y=(0.5, 1.25))
LINE = Box(x=(-1, 1), t=(0, 3))
SPACE = Box(x=(0, 1), y=(-2, 1), t=(0.3, 0.7))
CUBE = Box(x=(0, 1), y=(-1, 1), z=(2, 5))


def truth(box: Box) -> Expression:
    """A smooth function whose boundary values are the data: so they agree where faces meet."""
    total: Any = 1.5
    for k, axis in enumerate(box.axes):
        total = total * (sin((k + 1) * axis) + exp(-axis / (k + 2))) + axis
    return total  # type: ignore[no-any-return]


def agreeing(box: Box, *parts: Any) -> Problem:
    """A problem whose conditions all hold for `truth`; parts are regions or (face, axis)."""
    g = truth(box)
    conditions = [Condition("pde", box, lambda u: sum(d(u, a, a) for a in box.axes))]
    for k, part in enumerate(parts):
        if isinstance(part, tuple):
            region, axis = part
            residual = lambda u, axis=axis: d(u, axis) - d(g, axis)  # noqa: E731
        else:
            region, residual = part, lambda u: u - g
        conditions.append(Condition(f"part {k}", region, residual))
    return Problem(box, "u", conditions)


(X, Y), (LX, LT), (SX, SY, ST) = PLANE.axes, LINE.axes, SPACE.axes
CASES = {
    "one wall": agreeing(PLANE, PLANE.face(x=2)),
    "opposite walls": agreeing(PLANE, PLANE.faces(Y)),
    "all walls": agreeing(PLANE, PLANE.faces()),
    "three walls": agreeing(PLANE, PLANE.faces(X), PLANE.face(y=1.25)),
    "initial": agreeing(LINE, LINE.face(t=0)),
    "initial and walls": agreeing(LINE, LINE.face(t=0), LINE.faces(LX)),
    "velocity": agreeing(LINE, LINE.face(t=0), (LINE.face(t=0), LT)),
    "velocity and walls": agreeing(LINE, LINE.faces(LX), LINE.face(t=0), (LINE.face(t=0), LT)),
    "both ends in time": agreeing(LINE, LINE.faces(LT), (LINE.face(t=3), LT)),
    "clamped": agreeing(PLANE, PLANE.faces(), (PLANE.faces(X), X), (PLANE.faces(Y), Y)),
    "3D walls": agreeing(CUBE, CUBE.faces()),
    "3D velocity and walls": agreeing(
        SPACE, SPACE.face(t=0.3), (SPACE.face(t=0.3), ST), SPACE.faces()
    ),
    "3D, some walls": agreeing(SPACE, SPACE.face(x=1), SPACE.faces(SY), SPACE.face(t=0.3)),
}
every_case = pytest.mark.parametrize("problem", CASES.values(), ids=CASES.keys())


def network(problem: Problem, seed: int) -> KAN:
    box = problem.box
    rng = torch.Generator().manual_seed(seed)
    low, high = (tuple(i[k] for i in box.intervals.values()) for k in (0, 1))
    flags = tuple(name in problem.periodic for name in box.names)
    model = KAN(
        Coordinates(low, high, flags), [4], len(problem.unknowns), Chebyshev(4), generator=rng
    )
    model.load_flat(2 * torch.randn(model.parameter_count, generator=rng, dtype=torch.float64))
    return model


def violation(problem: Problem, ansatz: Ansatz, seed: int) -> float:
    """The largest residual of the exact conditions for a random network."""
    model, worst = network(problem, seed), 0.0
    for equation in ansatz.exact:
        assert isinstance(equation.region, Face)
        points = torch.from_numpy(equation.region.sample(64, seed).points)
        rows = EquationSet(problem, ansatz, [equation]).at(model, points, [torch.ones(64)])
        worst = max(worst, float(rows.residual(model, weighted=False).abs().max()))
    return worst


# --- what is exact holds --------------------------------------------------------------------


@every_case
def test_every_condition_is_exact_for_any_network(problem: Problem) -> None:
    ansatz = build_ansatz(problem)
    assert ansatz.exact == problem.equations[1:]
    assert ansatz.trained == problem.equations[:1]
    assert not ansatz.contradictions
    # Values and data are of size 1 to 10; measured: at most 2e-14.
    assert violation(problem, ansatz, seed=0) < 1e-12


@every_case
def test_the_solution_stays_within_reach(problem: Problem) -> None:
    """(truth - lift) / mask, which the network must become, is bounded up to the faces."""
    box, ansatz = problem.box, build_ansatz(problem)
    lift, mask = ansatz.lift["u"], ansatz.mask["u"]
    sizes = []
    for distance in (1e-1, 1e-2, 1e-3):
        # Cancellation takes about 1e-16 / distance^order: orders are at most 2.
        unit = np.random.default_rng(0).choice([distance, 0.4, 1 - distance], (200, box.dimension))
        gap, factor = evaluate_at(box, [truth(box).sympy - lift, mask], box.interior.place(unit))
        assert (factor > 0).all()
        sizes.append(np.abs(gap / factor).max())
    assert sizes[2] < 2 * sizes[0] + 1e-3
    middle = evaluate_at(box, [mask], box.interior.place(np.full((1, box.dimension), 0.5)))[0]
    assert 0.05 < float(middle[0]) < 1 + 1e-12, "the mask is to be of size one"


def scaled(box: Box, scale: Callable[[Any], Any]) -> Problem:
    g = truth(box)
    pde = Condition("pde", box, lambda u: d(u, box.axes[0]))
    return Problem(box, "u", [pde, Condition("wall", box.face(x=-1), lambda u: scale(u - g))])


@pytest.mark.parametrize(
    "scale",
    [lambda r: r, lambda r: -r, lambda r: 3 * r, lambda r: r / 7.5, lambda r: 0.1 * r + 0.2 * r],
)
def test_scaled_conditions_are_recognised(scale: Callable[[Any], Any]) -> None:
    problem = scaled(PLANE, scale)
    ansatz = build_ansatz(problem)
    assert [e.condition for e in ansatz.exact] == ["wall"]
    assert violation(problem, ansatz, 0) < 1e-12


def test_fields_have_their_own_conditions() -> None:
    conditions = [
        Condition("pde", LINE, lambda u, v: (d(u, LT) - v, d(v, LT) - d(u, LX, LX))),
        Condition("u", LINE.face(t=0), lambda u: u - sin(LX)),
        Condition("v", LINE.faces(LX), lambda v: v - LT),
        Condition("both", LINE.face(x=1), lambda u, v: u - v),
    ]
    problem = Problem(LINE, "u v", conditions)
    ansatz = build_ansatz(problem)
    assert [e.condition for e in ansatz.exact] == ["u", "v", "v"]
    assert [e.condition for e in ansatz.trained] == ["pde", "pde", "both"]
    assert violation(problem, ansatz, 0) < 1e-12
    assert ansatz.mask["u"].free_symbols == {LT.sympy}
    assert ansatz.mask["v"].free_symbols == {LX.sympy}


def test_periodic_axes_with_an_initial_value() -> None:
    conditions = [
        Condition("pde", LINE, lambda u: d(u, LT) + d(u, LX)),
        Condition("initial", LINE.face(t=0), lambda u: u - cos(np.pi * LX)),
        Periodic(LX),
    ]
    problem = Problem(LINE, "u", conditions)
    ansatz = build_ansatz(problem)
    assert violation(problem, ansatz, 0) < 1e-12
    (pde,) = ansatz.trained
    model = network(problem, 0)
    rows = EquationSet(problem, ansatz, [pde])
    ends = [torch.tensor([[x, t] for t in (0.0, 1.3, 3.0)]).double() for x in (-1, 1)]
    left, right = (rows.at(model, e, [torch.ones(3)]).residual(model) for e in ends)
    torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-11)


@settings(max_examples=12)
@given(st.data(), st.integers(0, 10**6))
def test_any_choice_of_faces_is_exact(data: st.DataObject, seed: int) -> None:
    faces = [CUBE.face(**{a.name: end}) for a in CUBE.axes for end in (a.lower, a.upper)]
    chosen = data.draw(st.lists(st.sampled_from(faces), unique=True, min_size=1))
    problem = agreeing(CUBE, *chosen)
    ansatz = build_ansatz(problem)
    assert len(ansatz.exact) == len(chosen)
    assert violation(problem, ansatz, seed) < 1e-12


# --- what is left to training ---------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        Condition("Neumann", LINE.face(x=1), lambda u: d(u, LX) - 1),
        Condition("Robin", LINE.face(x=1), lambda u: d(u, LX) + 2 * u),
        Condition("tangential", LINE.face(x=1), lambda u: d(u, LT)),
        Condition("second order", LINE.face(t=0), lambda u: d(u, LT, LT)),
        Condition("nonlinear", LINE.face(x=1), lambda u: u**2 - 1),
        Condition("coefficient", LINE.face(x=1), lambda u: LT * u - 1),
        Condition("a jump", LINE.face(t=0), lambda u: u - where(LX > 0, 1, 0)),
        Condition("a kink", LINE.face(t=0), lambda u: u - abs(LX)),
        Condition("a root", LINE.face(t=0), lambda u: u - ((LX - 0.3) ** 2) ** 0.5),
        Condition("interior", LINE, lambda u: u),
        Condition("corner", LINE.face(x=1, t=0), lambda u: u),
        Condition("gauge", LINE.point(x=0.5, t=1), lambda u: u),
        Condition("points", LINE.points(x=[1, 1], t=[0, 1]), lambda u: u),
        observe("data", LINE.points(x=[1, 1], t=[0, 1]), u=[1, 2]),
    ],
    ids=lambda c: c.name,
)
def test_other_conditions_are_trained(condition: Any) -> None:
    pde = Condition("pde", LINE, lambda u: d(u, LT))
    ansatz = build_ansatz(Problem(LINE, "u", [pde, condition]))
    assert (ansatz.exact, ansatz.lift["u"], ansatz.mask["u"]) == ((), 0, 1)
    assert [e.condition for e in ansatz.trained] == ["pde", condition.name]


@pytest.mark.parametrize(
    "data",
    [
        (1 + LX**2) ** 0.5,
        tanh((0.5 - (LX**2) ** 0.5) / 0.02),
        abs(LX) ** 3,
        abs(2 + LX),
    ],
    ids=str,
)
def test_roots_without_a_kink_that_matters_are_exact(data: Expression) -> None:
    conditions = [
        Condition("pde", LINE, lambda u: d(u, LT)),
        Condition("start", LINE.face(t=0), lambda u: u - data),
    ]
    ansatz = build_ansatz(Problem(LINE, "u", conditions))
    assert [e.condition for e in ansatz.exact] == ["start"]


@pytest.mark.parametrize(
    ("data", "gap"), [(LX, "2"), (cos(3.14 * LX / 2) + exp(LX), "2.35"), (cos(2 * LX), None)]
)
def test_data_that_are_not_periodic_are_trained_and_named(
    data: Expression, gap: str | None
) -> None:
    conditions = [
        Condition("pde", LINE, lambda u: d(u, LT)),
        Condition("start", LINE.face(t=0), lambda u: u - data),
        Periodic(LX),
    ]
    ansatz = build_ansatz(Problem(LINE, "u", conditions))
    assert [e.condition for e in ansatz.exact] == ([] if gap else ["start"])
    told = [n for n in ansatz.notes if n.startswith('"start" is not periodic')]
    assert told == (
        [
            f'"start" is not periodic: u differs by {gap} between x = -1 and 1; '
            "it is trained, and cannot hold near there"
        ]
        if gap
        else []
    )


def test_a_normal_derivative_is_exact_only_beside_the_value() -> None:
    slope = (LINE.face(x=1), LX)
    assert build_ansatz(agreeing(LINE, slope)).exact == ()
    assert len(build_ansatz(agreeing(LINE, LINE.face(x=-1), slope)).exact) == 1
    assert len(build_ansatz(agreeing(LINE, LINE.face(x=1), slope)).exact) == 2


def test_nothing_is_enforced_where_that_is_not_wanted() -> None:
    problem = CASES["velocity and walls"]
    ansatz = build_ansatz(problem, enforce=False)
    assert (ansatz.exact, ansatz.trained) == ((), problem.equations)
    assert (ansatz.lift["u"], ansatz.mask["u"]) == (0, 1)


# --- contradictions -------------------------------------------------------------------------


def conflict(*conditions: Condition) -> Problem:
    return Problem(LINE, "u", [Condition("pde", LINE, lambda u: d(u, LT)), *conditions])


def test_conditions_that_contradict_each_other_at_corners_are_named() -> None:
    problem = conflict(
        Condition("start", LINE.face(t=0), lambda u: u - 1),
        Condition("walls", LINE.faces(LX), lambda u: u),
    )
    ansatz = build_ansatz(problem)
    assert [(c.field, c.gap) for c in ansatz.contradictions] == [("u", 1.0), ("u", 1.0)]
    first, second = (str(c) for c in ansatz.contradictions)
    for text, end in ((first, "-1"), (second, "1")):
        assert '"start" and "walls" contradict each other' in text
        assert f"(t = 0, x = {end}): u differs there by 1" in text
    # The condition with the most contradictions gives way to training.
    assert [e.condition for e in ansatz.exact] == ["walls", "walls"]
    assert [e.condition for e in ansatz.trained] == ["pde", "start"]
    assert violation(problem, ansatz, 0) < 1e-12


def test_a_velocity_that_the_walls_do_not_allow_is_named() -> None:
    problem = conflict(
        Condition("start", LINE.face(t=0), lambda u: u),
        Condition("velocity", LINE.face(t=0), lambda u: d(u, LT) - 1),
        Condition("walls", LINE.faces(LX), lambda u: u),
    )
    ansatz = build_ansatz(problem)
    assert {str(c)[:40] for c in ansatz.contradictions} == {
        '"velocity" and "walls" contradict each o'
    }
    assert [e.condition for e in ansatz.exact] == ["start", "walls", "walls"]
    assert violation(problem, ansatz, 0) < 1e-12


def test_a_velocity_leaves_with_the_value_on_its_face() -> None:
    problem = conflict(
        Condition("start", LINE.face(t=0), lambda u: u - 1),
        Condition("velocity", LINE.face(t=0), lambda u: d(u, LT)),
        Condition("walls", LINE.faces(LX), lambda u: u),
    )
    ansatz = build_ansatz(problem)
    assert [e.condition for e in ansatz.exact] == ["walls", "walls"]
    assert [e.condition for e in ansatz.trained] == ["pde", "start", "velocity"]


def test_agreement_at_corners_is_no_contradiction() -> None:
    problem = conflict(
        Condition("start", LINE.face(t=0), lambda u: u - LX),
        Condition("walls", LINE.faces(LX), lambda u: u - LX * exp(-LT)),
    )
    ansatz = build_ansatz(problem)
    assert not ansatz.contradictions
    assert len(ansatz.exact) == 3
