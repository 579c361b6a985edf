"""Problems that are a minimum: the energy, its Euler-Lagrange equations, and what a solve finds."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import kanpde
from kanpde import (
    Box,
    Broyden,
    Chebyshev,
    Condition,
    Disk,
    Energy,
    KanpdeError,
    LeastSquares,
    Plan,
    Problem,
    Rectangle,
    d,
    exact,
    log,
    pi,
    sin,
    sqrt,
)
from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.network_for import build_network
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.sampling import Sampling
from kanpde.output.describe import describe
from kanpde.training.output_scale import require_finite

pytestmark = pytest.mark.usefixtures("one_thread")


def poisson() -> Problem:
    """-Lap u = f with u = sin pi x sin pi y, as the minimum of |grad u|^2 / 2 - f u."""
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes
    source = 2 * pi**2 * sin(pi * x) * sin(pi * y)
    return Problem(
        box,
        "u",
        [
            Energy("strain", box, lambda u: (d(u, x) ** 2 + d(u, y) ** 2) / 2 - source * u),
            Condition("walls", box.faces(), lambda u: u),
        ],
        reference=exact(u=lambda x, y: np.sin(np.pi * x) * np.sin(np.pi * y)),
    )


def catenary() -> Problem:
    """The curve through (0, cosh 0) and (1, cosh 1) whose surface of revolution is smallest."""
    box = Box(x=(0, 1))
    (x,) = box.axes
    return Problem(
        box,
        "u",
        [
            Energy("area", box, lambda u: u * sqrt(1 + d(u, x) ** 2)),
            Condition("left", box.face(x=0), lambda u: u - 1),
            Condition("right", box.face(x=1), lambda u: u - float(np.cosh(1))),
        ],
        reference=exact(u=lambda x: np.cosh(x)),
    )


def free_end() -> Problem:
    """A rod held at x = 0 and free at x = 1, where u_x = 0 is natural: u = x - x^2 / 2."""
    box = Box(x=(0, 1))
    (x,) = box.axes
    return Problem(
        box,
        "u",
        [
            Energy("strain", box, lambda u: d(u, x) ** 2 / 2 - u),
            Condition("held", box.face(x=0), lambda u: u),
        ],
        reference=exact(u=lambda x: x - x**2 / 2),
    )


PLAN = Plan((6, 6), Chebyshev(4), (LeastSquares(60),), tolerance=0, budget=300)
# The errors that were measured: 3.8e-8, 6.0e-9, 7.2e-9.
CASES = {"poisson": (poisson, 4e-7), "catenary": (catenary, 6e-8), "free end": (free_end, 7e-8)}


@pytest.mark.parametrize(("make", "error"), CASES.values(), ids=CASES)
def test_the_minimum_is_found(make: Callable[[], Problem], error: float) -> None:
    solution = kanpde.solve(make(), PLAN)
    assert solution.errors["u"].rel_l2 < error
    assert solution.estimate is not None


def test_first_order_stages_minimise_energies_too() -> None:
    plan = Plan((6, 6), Chebyshev(4), (Broyden(300),), tolerance=0, budget=300)
    assert kanpde.solve(free_end(), plan).errors["u"].rel_l2 < 1e-2


@pytest.mark.parametrize("make", [poisson, catenary, free_end])
def test_gradients_equal_differences(make: Callable[[], Problem]) -> None:
    problem = make()
    ansatz = build_ansatz(problem)
    network = build_network(problem, PLAN.architecture, 0)
    system = Sampler(problem, ansatz, Sampling(points=50), 0).draw(network)
    theta = network.flat()
    loss, gradient = system.gradient(theta)
    normal = system.normal(theta)
    assert normal.loss == pytest.approx(loss, rel=1e-12)
    torch.testing.assert_close(normal.pull(normal.residual), gradient)  # type: ignore[attr-defined]
    for k in range(0, len(theta), 17):
        sides = []
        for sign in (1, -1):
            moved = theta.clone()
            moved[k] += sign * 1e-6
            sides.append(system.evaluate(moved)[1])
        slope = (sides[0] - sides[1]) / 2e-6
        assert float(gradient[k]) == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_the_metric_of_a_quadratic_density_is_its_hessian() -> None:
    """For |u_x|^2 / 2 - u, linear in the parameters of the last layer, it is exact."""
    problem = free_end()
    network = build_network(problem, Plan((3,), Chebyshev(3)).architecture, 0)
    system = Sampler(problem, build_ansatz(problem), Sampling(points=64), 0).draw(network)
    theta = network.flat()
    matrix = system.normal(theta).matrix.clone()  # type: ignore[attr-defined]
    # The last layer has 3 x 3 coefficients and a bias.
    last = range(len(theta) - 10, len(theta))
    for i in last:
        for j in last:
            if j < i:
                continue
            corners = []
            for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                moved = theta.clone()
                moved[i] += a * 1e-3
                moved[j] += b * 1e-3
                corners.append(system.evaluate(moved)[1])
            second = (corners[0] - corners[1] - corners[2] + corners[3]) / 4e-6
            assert float(matrix[i, j]) == pytest.approx(second, rel=1e-4, abs=1e-6)


def test_the_laws_that_follow_are_shown() -> None:
    problem = poisson()
    told = describe(problem, build_ansatz(problem))
    lines = "\n".join(told.lines)
    assert "integrated, made smallest" in lines
    assert "follows from the energy" in lines
    assert "-u_xx - u_yy" in lines
    assert told.warnings == ()
    assert describe(free_end(), build_ansatz(free_end())).warnings == ()


def test_an_energy_comes_back_from_the_disk(tmp_path) -> None:  # type: ignore[no-untyped-def]
    solution = kanpde.solve(catenary(), Plan((4,), Chebyshev(4), (LeastSquares(5),)))
    kanpde.save(solution, tmp_path / "run")
    again = kanpde.load(tmp_path / "run")
    points = np.linspace(0, 1, 11)[:, None]
    assert list(again.residuals(points)) == ["area"]
    np.testing.assert_allclose(again.residuals(points)["area"], solution.residuals(points)["area"])


@pytest.mark.parametrize(
    ("density", "says"),
    [
        (lambda u: (u, u), "an energy has one density, not 2"),
        (lambda: 1.0, "holds no field"),
        (lambda u: None, "returns None"),
    ],
)
def test_a_wrong_density_is_told(density: Callable[..., object], says: str) -> None:
    box = Box(x=(0, 1))
    with pytest.raises(KanpdeError, match=says):
        Problem(box, "u", [Energy("strain", box, density)])


def test_a_load_on_a_boundary_counts_by_its_length() -> None:
    """A bar of length 4 that is pulled at its end: u = x times the load over the stiffness."""
    bar = Rectangle(x=(0, 4), y=(0, 1))
    x, _ = bar.axes
    problem = Problem(
        bar,
        "u",
        [
            Energy("strain", bar, lambda u: d(u, x) ** 2 / 2),
            Energy("load", bar.face(x=4), lambda u: -u / 2),
            Condition("held", bar.face(x=0), lambda u: u),
        ],
        reference=exact(u=lambda x, y: x / 2),
    )
    solution = kanpde.solve(problem, Plan((3,), Chebyshev(3), (LeastSquares(20),), tolerance=0))
    assert solution.errors["u"].rel_l2 < 1e-4  # 4 times as far off before


def test_points_of_a_shape_move_from_draw_to_draw() -> None:
    region = (Rectangle(x=(0, 4), y=(0, 1)) - Disk(x=1, y=0.5, radius=0.2)).interior
    one, other = (region.quadrature(2000, seed) for seed in (0, 1))
    assert np.abs(one.points[:, 0].min() - other.points[:, 0].min()) > 1e-6
    for each in (one, other):
        assert each.weights.sum() == pytest.approx(region.measure, rel=1e-12)


def test_random_outputs_are_made_so_small_that_an_energy_is_finite() -> None:
    """The logarithm of 1 + u_x, which is negative where random outputs are large."""
    box = Box(x=(0, 1))
    (x,) = box.axes
    problem = Problem(
        box,
        "u",
        [
            Energy("strain", box, lambda u: d(u, x) ** 2 / 2 - log(1 + d(u, x))),
            Condition("held", box.face(x=0), lambda u: u),
        ],
        reference=exact(u=lambda x: (np.sqrt(5) - 1) / 2 * x),
    )
    ansatz = build_ansatz(problem)
    network = build_network(problem, PLAN.architecture, 0)
    with torch.no_grad():
        for head in network.heads():
            head *= 100.0
    sampler = Sampler(problem, ansatz, Sampling(), 0)
    with pytest.raises(KanpdeError, match="not finite"):
        sampler.check(network)
    require_finite(network, sampler)
    sampler.check(network)
    assert kanpde.solve(problem, PLAN).errors["u"].rel_l2 < 1e-6


def test_a_condition_that_an_energy_outweighs_is_named() -> None:
    """A trained end beside an energy "converged" at an estimate of 1e-6, with an error of 2."""
    plan = Plan(
        widths=(5,), stages=(LeastSquares(steps=10),), budget=1e4, tolerance=0, enforce=False
    )
    solution = kanpde.solve(free_end(), plan)
    assert solution.outcome.status is not kanpde.Status.CONVERGED
    assert "the energy outweighs" in solution.outcome.advice
    assert (solution.estimate or 0) > 0.1
