"""The shipped problems: each reference satisfies its equations, and nothing in them looks wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import sympy

from kanpde.assembly.ansatz import build_ansatz
from kanpde.geometry.box import Face
from kanpde.output.describe import describe
from kanpde.problem.equations import Equation
from kanpde.problem.library import shipped
from kanpde.problem.loading import load_problem
from kanpde.problem.problem import Problem
from kanpde.reference.cavity import cavity_flow
from kanpde.symbols.expression import Expression, FieldSymbol
from kanpde.symbols.functions import d
from kanpde.training.plan import Plan

Array = np.ndarray[Any, np.dtype[np.float64]]
_HALF = 4  # a stencil has nine points along each axis


@dataclass(frozen=True)
class Case:
    """A shipped problem, and how exactly differences of its reference can tell.

    step: between the points of a stencil, as a part of each axis; the reference's finest
        structure is several steps wide, and rounding divided by its powers stays small.
    accuracy: of each residual, relative to its largest term (both as root mean squares).
    other: settings of which this reference is not the answer.
    inner: the part of each axis, in the middle, that is looked at.
    known: what `check` may rightly remark.
    """

    name: str
    accuracy: float
    other: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    step: float = 4e-3
    inner: float = 1.0
    known: str = "none"

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{k}={v}" for k, v in self.settings.items())])

    def problem(self) -> Problem:
        return load_problem(self.name, **self.settings)


# Poisson has no other setting.
CASES = [
    Case("poisson", 1e-8, {}),
    Case("poisson/ten_dimensions", 1e-8, {}, {"dimension": 2}),
    Case("helmholtz", 1e-8, {"modes_y": 3}),
    Case("burgers", 1e-6, {"nu": 0.0033}, step=2e-4),
    Case("allen_cahn", 1e-6, {"diffusion": 1.1e-4}, step=4e-4, inner=0.9, known="kink"),
    Case("kdv", 1e-5, {"dispersion": 0.0225}, step=1e-3),
    Case("wave", 1e-8, {"c": 2.05}),
    Case("heat", 1e-8, {"diffusivity": 0.051}),
    Case("advection", 1e-8, {"c": 30.5}, step=2e-3),
    Case("navier_stokes/kovasznay", 1e-8, {"reynolds": 41.0}),
    *(
        Case("navier_stokes/cavity", 2e-3, {"reynolds": other}, {"reynolds": re}, 1.6e-2, 0.8)
        for re, other in ((100.0, 110.0), (400.0, 440.0), (1000.0, 900.0))
    ),
]


def fields(case: Case, problem: Problem, points: Array) -> dict[str, Array]:
    """The reference's unknowns at points (N, dimension); of the cavity, the stream function."""
    if case.name.endswith("cavity"):
        flow = cavity_flow(float(case.settings.get("reynolds", 100.0)))
        return {"psi": flow.stream_function(*points.T)}
    assert problem.reference is not None
    columns = dict(zip(problem.box.names, points.T, strict=True))
    return {n: np.asarray(v) for n, v in problem.reference.evaluate(**columns).items()}


def weights(position: Array, order: int) -> Array:
    """Of a derivative at positions (N,) from the values at -4, ..., 4: (N, 9)."""
    powers = np.arange(2 * _HALF + 1)
    falling = np.prod([powers - k for k in range(order)], axis=0) if order else 1.0
    right = falling * position[:, None] ** np.maximum(powers - order, 0)
    offsets = np.arange(-_HALF, _HALF + 1)
    return np.linalg.solve(np.vander(offsets, increasing=True).T, right.T).T


def jets(case: Case, problem: Problem, points: Array, symbols: set[FieldSymbol]) -> dict[Any, Any]:
    """Each derivative at points, from a block of stencils that stays inside of the box."""
    box = problem.box
    length = np.array([a.upper - a.lower for a in box.axes])
    step = case.step * length
    low = np.array([a.lower for a in box.axes]) + _HALF * step
    centre = np.clip(points, low, low + length - 2 * _HALF * step)
    position = (points - centre) / step
    offsets = np.arange(-_HALF, _HALF + 1)
    x, y = (centre[:, k, None] + step[k] * offsets for k in range(2))
    shape = (len(points), len(offsets), len(offsets))
    block = np.stack(
        [np.broadcast_to(x[:, :, None], shape), np.broadcast_to(y[:, None, :], shape)], -1
    )
    # Rounding must not push the outermost points out of the box.
    ends = np.array([(a.lower, a.upper) for a in box.axes]).T
    values = fields(case, problem, np.clip(block.reshape(-1, 2), *ends))
    found = {}
    for symbol in symbols:
        first, second = (
            weights(position[:, k], symbol.index[k]) / step[k] ** symbol.index[k] for k in range(2)
        )
        grid = values[symbol.field].reshape(shape)
        found[symbol] = np.einsum("ni,nj,nij->n", first, second, grid)
    return found


def sampled(case: Case, equation: Equation) -> Array:
    assert isinstance(equation.region, Face)
    unit = np.random.default_rng(7).uniform(size=(120, equation.region.dimension))
    return equation.region.place(0.5 + case.inner * (unit - 0.5))


def resolvable(problem: Problem) -> list[Equation]:
    """The equations, of the cavity without the pressure, which its reference does not give.

    The momentum equations' common factor is that of the pressure's slopes; their curl is left.
    """
    if "psi" not in problem.unknowns:
        return list(problem.equations)
    along_x, along_y = (e for e in problem.equations if e.is_interior)
    x, y = problem.box.axes
    slope_x, slope_y = (FieldSymbol("p", ("x", "y"), index) for index in ((1, 0), (0, 1)))
    factor = along_x.expression.diff(slope_x)
    assert sympy.simplify(factor - along_y.expression.diff(slope_y)) == 0
    curl = d(Expression(along_x.expression / factor), y) - d(
        Expression(along_y.expression / factor), x
    )
    vorticity = replace(along_x, expression=factor * sympy.expand(curl.sympy))
    return [
        vorticity,
        *(e for e in problem.equations if e.jets[0].field == "psi" and not e.is_interior),
    ]


def defect(case: Case, problem: Problem, equation: Equation) -> float:
    """The residual of `problem`'s equation for the reference of `case`, by its largest term."""
    points = sampled(case, equation)
    # On faces are low derivatives, in boundary layers, and stencils stand on one side.
    case = case if equation.is_interior else replace(case, step=case.step / 4)
    values = jets(case, case.problem(), points, set(equation.jets))
    values |= {a.sympy: points[:, k] for k, a in enumerate(problem.box.axes)}
    expression = sympy.expand(equation.expression)
    terms = [
        sympy.lambdify(list(values), term, "numpy")(*values.values()) + np.zeros(len(points))
        for term in sympy.Add.make_args(expression)
    ]
    largest = max(float(np.sqrt(np.mean(t**2))) for t in terms)
    return float(np.sqrt(np.mean(sum(terms) ** 2))) / max(largest, 1.0)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_reference_satisfies_every_equation(case: Case) -> None:
    problem = case.problem()
    found = {e: defect(case, problem, e) for e in resolvable(problem)}
    assert {str(e.expression): f"{d:.1e}" for e, d in found.items() if not d <= case.accuracy} == {}


@pytest.mark.parametrize("case", [c for c in CASES if c.other], ids=str)
def test_the_reference_is_no_answer_to_other_parameters(case: Case) -> None:
    other = load_problem(case.name, **case.other)
    interior = [e for e in resolvable(other) if e.is_interior]
    assert max(defect(case, other, e) for e in interior) > 5 * case.accuracy


@pytest.mark.parametrize("case", [c for c in CASES if c.problem().periodic], ids=str)
def test_the_reference_of_a_periodic_problem_is_periodic(case: Case) -> None:
    problem = case.problem()
    (name,) = problem.periodic
    along = problem.box.names.index(name)
    axis = problem.box.axes[along]
    index = tuple(int(k == along) for k in range(2))
    slope = FieldSymbol(problem.unknowns[0], problem.box.names, index)
    value = FieldSymbol(problem.unknowns[0], problem.box.names, (0, 0))
    times = np.linspace(0.1, 1.0, 30)
    ends = []
    for end in (axis.lower, axis.upper):
        points = np.empty((len(times), 2))
        points[:, along], points[:, 1 - along] = end, times
        ends.append(jets(case, problem, points, {value, slope}))
    low, high = ends
    np.testing.assert_allclose(low[value], high[value], atol=1e-9)
    np.testing.assert_allclose(
        low[slope], high[slope], atol=1e-4 * max(1, np.abs(low[slope]).max())
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_check_has_nothing_to_warn_of(case: Case) -> None:
    problem = case.problem()
    told = describe(problem, build_ansatz(problem, enforce=Plan().enforce))
    assert [line for line in told.warnings if case.known not in line] == []


@pytest.mark.parametrize("name", sorted(shipped()))
def test_parameters_have_types_that_the_command_line_can_set(name: str) -> None:
    from kanpde.problem.loading import load_problem_file

    parameters = load_problem_file(name).parameters
    assert all(type(value) in (int, float) for value in parameters.values())
