"""Conditions on integrals: each is one row of the system."""

from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde import Box, Condition, Disk, KanpdeError, Plan, Problem, d, integral
from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.network_for import build_network
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.sampling import Sampling
from kanpde.geometry.domain import Domain
from kanpde.output.describe import describe
from kanpde.problem.equations import Kind
from kanpde.problem.serialise import problem_from_data, problem_to_data

BOX = Box(x=(0, 1), y=(0, 2))
X, Y = BOX.axes


def neumann(domain: Domain, *more: Condition) -> Problem:
    """Laplace's equation with the slopes of u = x; a condition on an integral holds the rest."""
    x, y = domain.axes
    n = domain.normal
    edge = domain.faces() if isinstance(domain, Box) else domain.boundary()  # type: ignore[call-arg]
    return Problem(
        domain,
        "u",
        [
            Condition("laplace", domain, lambda u: d(u, x, x) + d(u, y, y)),
            Condition("slopes", edge, lambda u: n[0] * (d(u, x) - 1) + n[1] * d(u, y)),
            *more,
        ],
    )


@pytest.mark.parametrize("domain", [BOX, Disk(x=0.5, y=0, radius=1)], ids=["box", "disc"])
def test_a_mean_fixes_the_constant(domain: Domain) -> None:
    """Measured: 5e-3 in the box, 3e-4 in the disc, with 40 parameters."""
    wanted = 3 * domain.interior.measure
    problem = neumann(domain, Condition("mean", domain, lambda u: integral(u) - wanted))
    assert not describe(problem, build_ansatz(problem)).warnings
    plan = Plan(widths=(3,), stages=(kanpde.LeastSquares(steps=15),), budget=1e4, tolerance=0)
    solution = kanpde.solve(problem, plan)
    middle = 0.5
    found = solution(x=np.array([0.25, 0.75]), y=np.array([0.5, 0.5]))
    np.testing.assert_allclose(found, 3 + np.array([0.25, 0.75]) - middle, atol=3e-2)


def test_its_row_is_the_sum_of_the_rows_at_points() -> None:
    flow = Condition("flow", BOX.face(x=0), lambda u: integral(u**2) - 2, weight=4.0)
    problem = neumann(BOX, flow)
    (equation,) = problem.equations_of(flow)
    assert equation.kind is Kind.AVERAGE
    assert not equation.is_interior
    assert str(equation.expression) == "u**2 - 1.0"  # the side is 2 long
    ansatz = build_ansatz(problem)
    network = build_network(problem, Plan(widths=(4,)).architecture, 0)
    system = Sampler(problem, ansatz, Sampling(points=50), 0).draw(network)
    (rows,) = [r for r in system.rows if r.is_sum]
    assert rows.count == 1
    theta = network.flat()
    (value,), _ = rows.evaluate(network)
    sample = BOX.face(x=0).quadrature(4000, 1)
    mean = network(torch.from_numpy(sample.points)).detach().square().mean() - 1
    assert float(value) == pytest.approx(2 * float(mean), rel=1e-3)
    normal = system.normal(theta)
    direction = torch.randn(len(theta), generator=torch.Generator().manual_seed(0)).double()
    step = 1e-6
    change = system.residual(theta + step * direction) - system.residual(theta - step * direction)
    torch.testing.assert_close(normal.push(direction), change / (2 * step), rtol=1e-5, atol=1e-7)


def test_it_is_saved_and_read() -> None:
    problem = neumann(BOX, Condition("mean", BOX, lambda u: integral(u * X, over=BOX) - 1))
    again = problem_from_data(problem_to_data(problem))
    old, new = problem.equations[-1], again.equations[-1]
    assert (str(old.expression), old.kind) == (str(new.expression), new.kind)
    assert old.region.key() == new.region.key()


@pytest.mark.parametrize(
    ("residual", "reason"),
    [
        (lambda u: integral(u) + u, "make it two conditions"),
        (lambda u: (integral(u), u), "make it two conditions"),
        (lambda u: integral(u) ** 2 - 1, "as a sum with numbers"),
        (lambda u: X * integral(u) - 1, "as a sum with numbers"),
        (lambda u: integral(u) - integral(u, over=BOX.face(x=1)), "take one region for both"),
        (lambda u: integral(u, over=BOX.point(x=0, y=0)), "no length, area or volume"),
        (lambda u: integral(u, over="x"), "name a region"),
        (lambda u: integral(d(u, X) * BOX.normal[0]), "known on the boundary only"),
        (lambda u: integral(X) - 1, "holds no field"),
    ],
)
def test_what_is_not_one_number_is_refused(residual: Any, reason: str) -> None:
    with pytest.raises(KanpdeError, match=reason):
        neumann(BOX, Condition("mean", BOX, residual))
