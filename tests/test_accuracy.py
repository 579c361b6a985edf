"""How exactly `solve` solves: every shipped problem, and convergence with the size of the network.

Steps are counted instead of seconds, so that a figure is that of the method and not of the machine.
Each bound is three to five times what was measured; a loss of one order fails.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import kanpde
from kanpde import (
    Box,
    Chebyshev,
    Condition,
    LeastSquares,
    LowRank,
    Plan,
    Problem,
    Sampling,
    cos,
    d,
    exact,
    exp,
)

pytestmark = pytest.mark.usefixtures("one_thread")
# An order that is lost shows with one seed; the measured error is that of the worse of two.
SEEDS = (0,)
NEVER = 3600.0  # seconds: no budget ends a run here


def worst_error(problem: Problem, plan: Plan) -> float:
    """The largest relative L2 error of any field with any of the seeds."""
    solutions = [kanpde.solve(problem, plan, seed=seed) for seed in SEEDS]
    return max(error.rel_l2 for each in solutions for error in each.errors.values())


@dataclass(frozen=True)
class Case:
    """A shipped problem with a network that is small enough for a test.

    measured: the error of the worse of two seeds.
    settings: where the default ones need minutes (docs/benchmarks.md has these).
    """

    name: str
    widths: tuple[int, ...]
    degree: int
    steps: int
    measured: float
    settings: dict[str, Any] = field(default_factory=dict)
    enforce: bool = True
    network: LowRank | None = None

    def __str__(self) -> str:
        return self.name

    def plan(self) -> Plan:
        return Plan(
            widths=self.widths,
            basis=Chebyshev(self.degree),
            stages=(LeastSquares(steps=self.steps),),
            budget=NEVER,
            tolerance=0,
            enforce=self.enforce,
            windows=1,
            network=self.network,
        )


CASES = [
    Case("poisson", (6, 6), 6, 15, 1.7e-5),
    Case("helmholtz", (8, 8), 7, 20, 5.6e-5),
    Case("heat", (6, 6), 6, 25, 1.2e-5),
    Case("wave", (8, 8), 6, 30, 7.3e-4, {"c": 1.0}),
    Case("advection", (8, 8), 6, 30, 1.5e-6, {"c": 5.0}),
    Case("burgers", (8, 8), 5, 30, 2.5e-5, {"nu": 0.05}),
    Case("allen_cahn", (8, 8), 5, 40, 1.6e-5, {"diffusion": 5e-3, "reaction": 2.0}),
    Case("kdv", (8, 8), 6, 30, 3.2e-3, {"dispersion": 0.1}),
    Case("navier_stokes/kovasznay", (6, 6), 5, 20, 6.1e-5),
    Case("navier_stokes/cavity", (8, 8), 5, 12, 2.0e-2),
    Case("poisson/ten_dimensions", (1,), 1, 12, 1e-3, {"dimension": 5}, False, LowRank(4, 3)),
    Case("poisson/disk", (6, 6), 5, 12, 3e-4),
    Case("poisson/l_shape", (6, 6), 5, 15, 2e-4),
    Case("laplace/holes", (8, 8), 4, 15, 1e-3),
    Case("elasticity/plate_with_hole", (8, 8), 4, 16, 5e-4, enforce=False),
    Case("fracture/mode_three", (8, 8), 4, 22, 5e-4),
    Case("heat/cooled_plate", (8, 8), 4, 20, 5e-3),
    Case("heat/composite", (6, 6), 4, 12, 3.2e-3),
    Case("helmholtz/scattering", (8, 8), 5, 16, 1.4e-3, {"k": 3.0}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shipped_problem_is_solved(case: Case) -> None:
    error = worst_error(kanpde.load_problem(case.name, **case.settings), case.plan())
    assert error < 4 * case.measured


# --- convergence ----------------------------------------------------------------------------


def smooth() -> Problem:
    """Poisson's equation with the answer exp(x y) cos(2 x - y)."""
    box = Box(x=(-1, 1), y=(-1, 1))
    x, y = box.axes
    answer = exp(x * y) * cos(2 * x - y)
    source = d(answer, x, x) + d(answer, y, y)
    return Problem(
        box,
        "u",
        [
            Condition("poisson", box, lambda u: d(u, x, x) + d(u, y, y) - source),
            Condition("walls", box.faces(), lambda u: u - answer),
        ],
        reference=exact(u=lambda x, y: np.exp(x * y) * np.cos(2 * x - y)),
    )


def smooth_error(width: int, degree: int, sampling: Sampling) -> float:
    plan = Plan(
        widths=(width,),
        basis=Chebyshev(degree),
        stages=(LeastSquares(steps=25),),
        sampling=sampling,
        budget=NEVER,
        tolerance=0,
        enforce=True,
        windows=1,
    )
    return worst_error(smooth(), plan)


EVEN = Sampling(points=500)


def test_the_error_falls_with_the_degree() -> None:
    low, middle, high = (smooth_error(6, degree, EVEN) for degree in (2, 4, 8))
    assert low < 8e-4  # measured: 1.9e-4, 3.6e-6, 4.5e-7
    assert middle < low / 15
    assert high < middle / 2
    assert high < 2e-6


def test_the_error_falls_with_the_width() -> None:
    one, two, four = (smooth_error(width, 6, EVEN) for width in (1, 2, 4))
    assert one < 0.2  # measured: 4.5e-2, 2.4e-4, 3.2e-6
    assert two < one / 50
    assert four < two / 20
    assert four < 1.3e-5


def test_the_error_falls_with_the_points() -> None:
    # The same points in all steps; a network of 77 parameters.
    few, some, many = (
        smooth_error(4, 6, Sampling(points=points, every=10**6)) for points in (12, 50, 400)
    )
    assert few < 0.15  # measured: 3.6e-2, 2.3e-3, 6.0e-6
    assert some < few / 4
    assert many < some / 50
    assert many < 2.4e-5
