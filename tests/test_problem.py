"""Problems: what tracing understands, and what it answers to mistakes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box
from kanpde.problem.conditions.condition import Condition
from kanpde.problem.conditions.observation import Observation, observe
from kanpde.problem.conditions.periodic import Periodic
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import FieldSymbol
from kanpde.symbols.functions import d, exp, sin, where

BOX = Box(x=(-1, 1), t=(0, 1))
x, t = BOX.axes
(y,) = Box(y=(0, 1)).axes
HEAT = Condition("heat", BOX, lambda u: d(u, t) - d(u, x, x))
INITIAL = Condition("initial", BOX.face(t=0), lambda u: u - sin(math.pi * x))


def problem(*conditions: Any, fields: str | Sequence[str] = "u", **options: Any) -> Problem:
    return Problem(BOX, fields, conditions, **options)


def only(residual: Callable[..., Any], fields: str = "u") -> Problem:
    return problem(Condition("only", BOX, residual), fields=fields)


# --- what is understood ---------------------------------------------------------------------


def test_a_problem_is_traced_into_equations() -> None:
    walls = Condition("walls", BOX.faces(x), lambda u: u, weight=3)
    traced = problem(HEAT, INITIAL, walls)
    assert [
        (e.condition, e.region.label, str(e.expression), e.weight) for e in traced.equations
    ] == [
        ("heat", "the interior", "u_t - u_xx", 1),
        ("initial", "t = 0", "u - sin(pi*x)", 1),
        ("walls", "x = -1", "u", 3),
        ("walls", "x = 1", "u", 3),
    ]
    assert [e.is_interior for e in traced.equations] == [True, False, False, False]
    assert traced.unknowns == traced.names == ("u",)
    assert traced.equations[0].jets == (
        FieldSymbol("u", ("x", "t"), (0, 1)), FieldSymbol("u", ("x", "t"), (2, 0))
    )  # fmt: skip


@pytest.mark.parametrize("fields", ["u v p", "u, v,p", ("u", "v", "p"), ["u", "v", "p"]])
def test_fields_are_passed_by_name_or_in_order(fields: str | Sequence[str]) -> None:
    conditions = [
        Condition("by name", BOX, lambda p, u: (d(u, x), d(p, t))),
        Condition("in order", BOX, lambda a, b, c: a + 2 * b + 3 * c),
        Condition("one", BOX, lambda v, scale=5: scale * v),
    ]
    traced = Problem(BOX, fields, conditions)
    assert traced.unknowns == ("u", "v", "p")
    text = [str(e.expression) for e in traced.equations]
    assert text == ["u_x", "p_t", "3*p + u + 2*v", "5*v"]
    jets = [{(s.field, s.index) for s in e.jets} for e in traced.equations]
    assert jets[:2] == [{("u", (1, 0))}, {("p", (0, 1))}]


def test_a_residual_returns_one_expression_or_several() -> None:
    for several in (lambda u: (u, d(u, x)), lambda u: [u, d(u, x)]):
        assert [str(e.expression) for e in only(several).equations] == ["u", "u_x"]


@pytest.mark.parametrize(
    ("residual", "linear"),
    [
        (lambda u, v: d(u, t) + d(v, x, x) - sin(x) * u, True),
        (lambda u, v: exp(-t) * d(u, x) + v + 3, True),
        (lambda u, v: where(x > 0, u, v), True),
        (lambda u, v: d(u, t) + u * d(u, x) + v, False),
        (lambda u, v: u * v, False),
        (lambda u, v: d(u, x) + v**2, False),
        (lambda u, v: exp(u) + v, False),
        (lambda u, v: d(u * v, x), False),
    ],
)
def test_linear_equations_are_recognised(residual: Callable[..., Any], linear: bool) -> None:
    (equation,) = only(residual, "u v").equations
    assert equation.is_linear is linear


def test_derived_outputs_follow_the_fields() -> None:
    traced = problem(HEAT, derived={"flux": lambda u: -d(u, x), "twice": lambda u: 2 * u})
    assert traced.names == ("u", "flux", "twice")
    assert [str(e) for e in traced.outputs.values()] == ["-u_x", "2*u"]


def test_periodic_axes_are_named() -> None:
    assert problem(HEAT, Periodic(x)).periodic == ("x",)
    assert problem(HEAT).periodic == ()


def test_observations_become_equations_with_their_values() -> None:
    points = BOX.points(x=[0, 0.5], t=[1, 0])
    data = observe("sensors", points, u=[1, 2], v=np.array([[3.0], [4.0]]), weight=7)
    traced = Problem(BOX, "u v", [Condition("pde", BOX, lambda u, v: (u, v)), data])
    first, second = traced.equations[2:]
    assert (str(first.expression), str(second.expression)) == ("u", "v")
    assert first.region is second.region is points
    assert first.weight == second.weight == 7
    np.testing.assert_array_equal(first.observed, [1, 2])
    np.testing.assert_array_equal(second.observed, [3, 4])


def test_derivatives_are_observed_too() -> None:
    data = observe("gauge", BOX.points(x=[0, 0.5], t=[1, 0]), v_xt=[1, 2])
    traced = Problem(BOX, "u v", [Condition("pde", BOX, lambda u, v: (u, v)), data])
    (jet,) = traced.equations[2].jets
    assert (jet.field, jet.index) == ("v", (1, 1))


# --- mistakes in a residual -----------------------------------------------------------------


def forgot_return(u: Any) -> None:
    d(u, t)


@pytest.mark.parametrize(
    ("residual", "says"),
    [
        (forgot_return, r"returns None; it must return an expression.*is a `return` missing\?"),
        (lambda u: "u_t", "returns 'u_t'"),
        (lambda u: d(u, t) == 0, "returns False"),
        (lambda u: (d(u, t), None), "returns None"),
        (lambda u: (), "returns nothing"),
        (lambda u: [], "returns nothing"),
        (lambda u: np.ones(3), r"a residual holds a ndarray.*observe\("),
        (lambda u: {"u": u}, "holds a dict"),
        (lambda u: x - 1, "the residual is x - 1, which holds no field"),
        (lambda u: 0, "the residual is 0, which holds no field"),
        (lambda u: u - u, "holds no field"),
        (lambda u: u - y, "y is not an axis of the problem's box"),
        (lambda u: sin(y) * d(u, x), "y is not an axis of the problem's box"),
        (lambda u: math.sin(u), r"`u` is not a number; use.*in a residual use kanpde's functions"),
        (lambda u: u() + 1, "called like a function"),
        (lambda w, z: w + z, r"takes \(w, z\); name the fields that it needs among u"),
        (lambda: 1, "the residual is 1, which holds no field"),
        (3, "the residual is not a function but 3"),
        (lambda u, *, k: u, "the residual takes k, which names no field"),
    ],
)
def test_a_wrong_residual_is_answered_with_the_condition_named(residual: Any, says: str) -> None:
    with pytest.raises(KanpdeError, match=rf'condition "only": .*({says})'):
        only(residual)


@pytest.mark.parametrize(
    ("residual", "says"),
    [
        (lambda u: u if u > 0 else -u, r"has no truth value.*where\(condition, a, b\)"),
        (lambda u: u * np.ones(3), r"a residual holds a ndarray.*observe\("),
        (lambda u: math.nan * u, "the number nan stands in a residual"),
        (lambda u: np.maximum(u, 0), "the function maximum cannot be used in a residual"),
        (lambda u: d(u, "x"), "derivatives are taken along the axes of the box"),
    ],
)
def test_a_mistake_inside_of_a_residual_is_answered(residual: Any, says: str) -> None:
    with pytest.raises(KanpdeError, match=f'condition "only": .*{says}'):
        only(residual)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"lift": {"u": math.nan}}, 'lift "u": the number nan stands in a residual'),
        ({"lift": {"u": "x"}}, 'lift "u": a residual holds a str'),
        ({"derived": {"x": lambda u: u}}, 'derived "x" has the name of an axis'),
        ({"derived": {"u": lambda u: u}}, 'derived "u" has the name of a field'),
        ({"derived": {"q": lambda u: u / 0 * math.inf}}, 'derived "q": the number inf'),
    ],
)
def test_a_mistake_beside_the_conditions_is_answered(options: Any, says: str) -> None:
    with pytest.raises(KanpdeError, match=says):
        problem(HEAT, INITIAL, **options)


def test_a_line_of_the_users_own_that_fails_is_shown() -> None:
    def residual(u: Any) -> Any:
        return u / {}["missing"]

    with pytest.raises(KeyError, match="missing") as caught:
        only(residual)
    assert caught.traceback[-1].name == "residual"


# --- mistakes in a problem ------------------------------------------------------------------

OTHER = Box(x=(-1, 1), t=(0, 2))
POINTS = BOX.points(x=[0, 0.5], t=0)


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda: problem(INITIAL), r"no condition holds in the interior: the PDE is missing"),
        (lambda: problem(), "the PDE is missing"),
        (lambda: problem(HEAT, fields="u v"), "no condition mentions the field v"),
        (lambda: problem(HEAT, HEAT), "have the name 'heat'"),
        (lambda: problem(HEAT, observe("heat", POINTS, u=[1, 2])), "have the name 'heat'"),
        (lambda: problem(HEAT, fields=""), 'needs fields: fields="u"'),
        (lambda: problem(HEAT, fields="u u"), "named twice: u, u"),
        (lambda: problem(HEAT, fields="x"), "x names a field and an axis"),
        (lambda: problem(HEAT, fields=("u 1",)), "'u 1' is not a Python name"),
        (lambda: problem(HEAT, Condition("far", OTHER.face(t=0), lambda u: u)), "another domain"),
        (lambda: problem(HEAT, Condition("all", "box", lambda u: u)), "'box' is not a region"),  # type: ignore[arg-type]
        (lambda: problem(HEAT, Condition("w", BOX, lambda u: u, weight=0)), '"w": the weight must'),
        (lambda: problem(HEAT, Condition("w", BOX, lambda u: u, weight=math.nan)), "not nan"),
        (lambda: problem(HEAT, Periodic(y)), r"Periodic\(y\): the box has no such axis"),
        (lambda: problem(HEAT, observe("data", POINTS, w=[1, 2])), '"data": there is no field w'),
        (lambda: problem(HEAT, derived={"u": lambda u: 2 * u}), '"u" has the name of a field'),
        (lambda: problem(HEAT, derived={"w": lambda u: None}), '"w": the residual returns None'),
        (lambda: Problem("box", "u", [HEAT]), "starts with a Box or a shape, not with 'box'"),  # type: ignore[arg-type]
        (lambda: problem(Condition("a", BOX, lambda u: u.diff(x))), "`u` has no attribute diff"),
        (lambda: problem(Condition("a", BOX, lambda *u: u[0])), r'"a": the residual takes \*u'),
        (lambda: problem(Condition("a", BOX, lambda **f: f["u"])), r"the residual takes \*\*f"),
        (lambda: problem(Condition("a", BOX, int)), '"a": the residual is .* does not say what'),
        (lambda: problem(Condition("a", BOX, lambda u: where("u>0", u, 1))), "is text; write it"),
        (lambda: problem(HEAT, continue_from=0.1), "continue_from takes a Problem, not 0.1"),
        (
            lambda: problem(HEAT, Periodic(x), continue_from=problem(HEAT)),
            "the easier problem has other periodic axes",
        ),
        (lambda: observe("data", POINTS, u=[1, 2, 3]), 'u has 3 values for 2 points'),
        (lambda: observe("data", POINTS, u=["a", "b"]), "u holds a value that is not a real"),
        (lambda: observe("data", [[0, 1]], u=[1]), r"second argument must be box\.points"),  # type: ignore[arg-type]
        (lambda: problem(HEAT, observe("data", POINTS, u_=[1, 2])), "there is no field u_"),
        (lambda: problem(HEAT, observe("data", POINTS, u=[1, 2], weight=0)), "the weight must"),
        (lambda: problem(HEAT, observe("data", OTHER.points(x=0, t=2), u=[1])), "another domain"),
        (lambda: observe("data", POINTS, u=[1, math.nan]), "u holds a value that is not finite"),
        (lambda: observe("data", POINTS), r'observe\("data", points, \.\.\.\) needs values'),
    ],
)  # fmt: skip
def test_a_wrong_problem_is_answered_in_a_sentence(mistake: Callable[[], Any], says: str) -> None:
    with pytest.raises(KanpdeError, match=says):
        mistake()


def test_a_forgotten_field_is_named() -> None:
    pde = Condition("pde", BOX, lambda u: d(u, t))
    with pytest.raises(KanpdeError, match="no condition mentions the field v, w"):
        problem(pde, fields="u v w")
    wall = Condition("wall", BOX.face(x=1), lambda v: v)
    with pytest.raises(KanpdeError, match="no condition mentions the field w"):
        problem(pde, wall, fields="u v w")


def test_two_periodic_axes_need_no_names() -> None:
    box = Box(x=(0, 1), y=(0, 1))
    conditions = [Condition("pde", box, lambda u: u), *(Periodic(a) for a in box.axes)]
    assert Problem(box, "u", conditions).periodic == ("x", "y")


def test_an_observation_is_plain_data() -> None:
    data = observe("sensors", POINTS, u=[1, 2])
    assert isinstance(data, Observation)
    assert (data.name, data.weight, list(data.values)) == ("sensors", 1.0, ["u"])
