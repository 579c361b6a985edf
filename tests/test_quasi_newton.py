"""Quasi-Newton steps: the search, the update, the rate of convergence, and what stops them."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import kanpde
from kanpde import LBFGS, Adam, Box, Broyden, Condition, Plan, Problem, Sampling, d, exact
from kanpde.optim.line_search import CURVATURE, DECREASE, Trial, wolfe
from kanpde.optim.quasi_newton import SelfScaledBroyden, factors
from kanpde.training.session import Progress

Function = Callable[[Tensor], Tensor]


class Loss:
    """A loss by autograd; it loads what it is asked for into a network, as systems do."""

    def __init__(self, function: Function, start: list[float]) -> None:
        self.function, self.calls = function, 0
        self.network = nn.Module()
        self.network.p = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        self.calls += 1
        at = theta.clone().requires_grad_(True)
        loss = self.function(at)
        (gradient,) = torch.autograd.grad(loss, at)
        with torch.no_grad():
            self.network.p.copy_(theta)
        return float(loss.detach()), gradient

    @property
    def value(self) -> float:
        return float(self.function(self.network.p.detach()))


def rosenbrock(p: Tensor) -> Tensor:
    return (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum()


def quadratic(p: Tensor) -> Tensor:
    """Of condition 1e4."""
    return 0.5 * (torch.logspace(0, 4, len(p), dtype=p.dtype) * p.square()).sum()


def walled(p: Tensor) -> Tensor:
    """A quadratic times a barrier: NaN beyond p = 1 and -1, where the first steps lead."""
    return (100 * (p - 0.9).square() - torch.log(1 - p.square())).sum()


@pytest.mark.parametrize(
    ("function", "start", "steps"),
    [(rosenbrock, [-1.2, 1.0] * 3, 120), (quadratic, [1.0] * 10, 60), (walled, [-0.9, 0.0], 30)],
)
def test_convergence_is_superlinear(function: Function, start: list[float], steps: int) -> None:
    loss = Loss(function, start)
    sizes = []
    for reason in SelfScaledBroyden().steps(loss, loss.network, steps):
        if reason:
            break
        _, gradient = Loss(function, start).gradient(loss.network.p.detach())
        sizes.append(float(gradient.norm()))
    assert min(sizes) < 1e-8 * sizes[0]
    # Superlinear: what a step leaves of the gradient goes to zero, too.
    small = [k for k in range(2, len(sizes)) if sizes[k] < 1e-3 * sizes[0] and sizes[k] > 1e-12]
    rates = [sizes[k] / sizes[k - 1] for k in small]
    assert min(rates[-4:]) < 0.1


@pytest.mark.parametrize("first", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize(
    "line",
    [
        lambda t: (t - 1) ** 2,
        lambda t: (t - 10) ** 4 - t,
        lambda t: -t / (t**2 + 2),  # Moré & Thuente (1994), eq. 5.1
        lambda t: t**4 - 3 * t**3 - t,
        lambda t: -t - torch.log(3 - t),
    ],
)
def test_a_search_meets_the_strong_wolfe_conditions(line: Function, first: float) -> None:
    def along(t: float) -> Trial:
        at = torch.tensor(t, dtype=torch.float64, requires_grad=True)
        value = line(at)
        (slope,) = torch.autograd.grad(value, at)
        return Trial(t, float(value.detach()), np.array([float(slope)]), float(slope))

    start = along(0.0)
    found = wolfe(along, start, first)
    assert found.at > 0
    assert found.loss <= start.loss + DECREASE * found.at * start.slope
    assert abs(found.slope) <= -CURVATURE * start.slope


def test_a_search_that_finds_nothing_says_so() -> None:
    start = Trial(0.0, 1.0, np.zeros(1), -1.0)
    assert wolfe(lambda t: Trial(t, np.nan, np.zeros(1), np.nan), start, 1.0) is start
    assert wolfe(lambda t: Trial(t, 1.0 + t, np.zeros(1), 1.0), start, 1.0) is start


@given(st.integers(0, 999), st.integers(2, 8))
def test_the_inverse_hessian_stays_positive_and_fits_the_last_step(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    run = SelfScaledBroyden()
    run.inverse = np.asfortranarray(root @ root.T + 0.1 * np.eye(size))
    gradient, change = rng.normal(size=(2, size))
    direction = -run.inverse @ gradient
    # A change with a curvature of its own: any that the Wolfe conditions allow.
    change += direction * (rng.uniform(0.01, 10) - change @ direction) / (direction @ direction)
    before = Trial(0.0, 1.0, gradient, float(gradient @ direction))
    run._learn(Trial(0.7, 0.5, gradient + change, 0.0), before, 0.7 * direction)
    assert run.inverse is not None
    np.testing.assert_allclose(run.inverse @ change, 0.7 * direction, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(run.inverse, run.inverse.T, rtol=1e-6, atol=1e-8)
    assert np.linalg.eigvalsh(run.inverse).min() > 0


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.integers(1, 1000))
def test_no_scale_grows_the_inverse_hessian_for_what_is_overestimated(
    b: float, h: float, size: int
) -> None:
    # By Cauchy and Schwarz b h >= 1.
    tau, phi = factors(b, max(h, 1 / b), size)
    assert 0 < tau <= 1
    assert np.isfinite(phi)


def test_what_stops_it() -> None:
    nowhere = Loss(lambda p: p.log().sum(), [-1.0])
    (reason,) = SelfScaledBroyden().steps(nowhere, nowhere.network, 5)
    assert reason is not None
    assert "nan" in reason
    done = Loss(quadratic, [0.0, 0.0])
    (reason,) = SelfScaledBroyden().steps(done, done.network, 5)
    assert reason is not None
    assert "no step" in reason
    assert done.network.p.tolist() == [0, 0]


def test_the_network_holds_the_best_point_after_each_step() -> None:
    loss = Loss(rosenbrock, [-1.2, 1.0, 0.3])
    values = [loss.value]
    for _ in SelfScaledBroyden().steps(loss, loss.network, 30):
        values.append(loss.value)
    assert all(b < a for a, b in pairwise(values))


def test_what_was_learnt_is_carried_to_the_next_points() -> None:
    run, loss = SelfScaledBroyden(), Loss(quadratic, [1.0] * 10)
    # Two steps on each set of points: without what it has learnt that is steepest descent, which
    # leaves 1e-2 of such a loss.
    for _ in range(30):
        list(run.steps(loss, loss.network, 2))
    assert loss.value < 1e-12


def test_it_is_left_out_for_a_network_that_is_too_large() -> None:
    loss = Loss(quadratic, [1.0] * 10_001)
    (reason,) = SelfScaledBroyden().steps(loss, loss.network, 5)
    assert reason is not None
    assert "10001 parameters" in reason
    assert loss.calls == 0


# --- as a stage -----------------------------------------------------------------------------


def decay() -> Problem:
    box = Box(t=(0, 3))
    (t,) = box.axes
    return Problem(
        box,
        "u",
        [
            Condition("decay", box, lambda u: d(u, t) + u * u),
            Condition("start", box.face(t=0), lambda u: u - 1),
        ],
        reference=exact(u=lambda t: 1 / (1 + t)),
    )


def plan(stage: Broyden | LBFGS) -> Plan:
    return Plan(
        widths=(4, 4), stages=(Adam(steps=50, rate=1e-2), stage), sampling=Sampling(points=100)
    )


@pytest.mark.usefixtures("one_thread")
def test_at_equal_steps_it_is_better_than_lbfgs() -> None:
    errors = [
        kanpde.solve(decay(), plan(stage)).errors["u"].rel_l2
        for stage in (Broyden(steps=200), LBFGS(steps=200))
    ]
    assert errors[0] < 3e-5, errors
    assert errors[0] < 0.3 * errors[1], errors


@pytest.mark.usefixtures("one_thread")
def test_an_interrupt_leaves_the_best_network() -> None:
    looks: list[float] = []

    def stop(look: Progress) -> None:
        looks.append(look.errors["u"].rel_l2)
        if look.stage == "Broyden" and look.step == 100:
            raise KeyboardInterrupt

    solution = kanpde.solve(decay(), plan(Broyden(steps=10**6)), report=stop)
    assert solution.outcome.status == "interrupted"
    assert solution.errors["u"].rel_l2 <= looks[0]
    assert torch.isfinite(solution.network.flat()).all()
