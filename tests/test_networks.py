"""Every family of networks: derivatives against autograd, flat parameters, files, and a solve."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import kanpde
from kanpde import (
    MLP,
    Box,
    Chebyshev,
    Condition,
    KanpdeError,
    LeastSquares,
    Plan,
    Problem,
    d,
    exact,
    observe,
    pi,
    sin,
)
from kanpde.assembly.network_for import build_network
from kanpde.network import network_from_data
from kanpde.network.composite import Composite, Part
from kanpde.network.constant import Constant
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet, autograd_jet
from kanpde.network.kan import KAN, KANArchitecture
from kanpde.network.network import Network
from kanpde.network.perceptron import Perceptron
from kanpde.network.separable import Separable

pytestmark = pytest.mark.usefixtures("one_thread")

PLANE = Coordinates((-1.0, 0.0), (2.0, 3.0), (True, False))
LINE = Coordinates((0.0,), (3.0,), (False,))
JETS = JetSet.closing([(2, 0), (1, 1), (0, 3)], 2)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def composite() -> Composite:
    """A field of both axes, one of the second axis alone, and a number, in mixed order."""
    return Composite(
        PLANE,
        [
            KAN(PLANE, (4,), 1, Chebyshev(4), generator=generator()),
            KAN(LINE, (3,), 1, Chebyshev(5), generator=generator()),
            Constant(Coordinates((), (), ()), 1),
        ],
        [Part((0, 1), (1,)), Part((1,), (0,)), Part((), (2,))],
    )


FAMILIES: dict[str, Callable[[], Network]] = {
    "KAN": lambda: KAN(PLANE, (4, 3), 2, Chebyshev(4), generator=generator()),
    "perceptron": lambda: Perceptron(PLANE, (5, 4), 2, generator()),
    "composite": composite,
    "separable": lambda: Separable(PLANE, 3, 4, 2, generator()),
}
every_family = pytest.mark.parametrize("make", FAMILIES.values(), ids=FAMILIES)


def points(count: int = 7) -> Tensor:
    unit = torch.rand(count, 2, generator=generator(), dtype=torch.float64)
    return unit * 3 + torch.tensor([-1.0, 0.0], dtype=torch.float64)


@every_family
def test_jets_equal_nested_autograd(make: Callable[[], Network]) -> None:
    network = make()
    jet = network.jet_from(network.inputs_at(points(), JETS), JETS)
    truth = autograd_jet(network, points(), JETS).transpose(1, 2)  # type: ignore[arg-type]
    torch.testing.assert_close(jet, truth.detach(), rtol=1e-10, atol=1e-10)
    lin = network.linearize_from(network.inputs_at(points(), JETS), JETS)
    torch.testing.assert_close(lin.value, jet, rtol=1e-12, atol=1e-12)


@every_family
def test_jacobians_equal_differences(make: Callable[[], Network]) -> None:
    network = make()
    at = network.inputs_at(points(), JETS)
    lin = network.linearize_from(at, JETS)
    cotangent = torch.randn(lin.value.shape, generator=generator(), dtype=torch.float64)
    jacobian = torch.empty(lin.parameters, len(points()), dtype=torch.float64)
    lin.jacobian(cotangent, jacobian)
    theta, step = network.flat(), 1e-6
    assert lin.parameters == len(theta) == network.parameter_count
    for k in range(0, len(theta), max(1, len(theta) // 12)):
        sides = []
        for sign in (1, -1):
            moved = theta.clone()
            moved[k] += sign * step
            network.load_flat(moved)
            sides.append((network.jet_from(at, JETS) * cotangent).sum((0, 1)))
        torch.testing.assert_close(
            jacobian[k], (sides[0] - sides[1]) / (2 * step), rtol=1e-5, atol=1e-5
        )
    network.load_flat(theta)
    pulled = torch.cat([part.flatten() for part in lin.pullback(cotangent)])
    torch.testing.assert_close(pulled, jacobian.sum(1), rtol=1e-10, atol=1e-10)


@every_family
def test_an_output_is_linear_in_its_head(make: Callable[[], Network]) -> None:
    network = make()
    before = network(points()).detach()
    for k, head in enumerate(network.heads()):
        start = head.clone()
        head.zero_()
        none = network(points()).detach()
        head.copy_(2 * start)
        twice = network(points()).detach()
        head.copy_(start)
        torch.testing.assert_close(twice - none, 2 * (before - none))
        others = [j for j in range(network.outputs) if j != k]
        torch.testing.assert_close(twice[:, others], before[:, others])


@every_family
def test_networks_come_back_from_their_data(make: Callable[[], Network]) -> None:
    network = make()
    weights = dict(network.state_dict())
    again = network_from_data(network.to_data(), network.coordinates, weights)
    assert torch.equal(again.flat(), network.flat())
    assert torch.equal(again(points()), network(points()))
    wrong = {n: torch.zeros(len(w) + 1, dtype=w.dtype) for n, w in weights.items()}
    with pytest.raises(KanpdeError, match="another shape"):
        network_from_data(network.to_data(), network.coordinates, wrong)


def test_a_composite_can_grow() -> None:
    network = composite()
    larger = network.extended(None, points())
    assert larger.parameter_count > network.parameter_count
    torch.testing.assert_close(larger(points()), network(points()), rtol=1e-9, atol=1e-9)


# --- in a solve -----------------------------------------------------------------------------


def poisson() -> Problem:
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes
    source = 2 * pi**2 * sin(pi * x) * sin(pi * y)
    return Problem(
        box,
        "u",
        [
            Condition("poisson", box, lambda u: d(u, x, x) + d(u, y, y) + source),
            Condition("walls", box.faces(), lambda u: u),
        ],
        reference=exact(u=lambda x, y: np.sin(np.pi * x) * np.sin(np.pi * y)),
    )


def test_a_tanh_network_is_a_plan(tmp_path: object) -> None:
    plan = Plan(network=MLP((12, 12)), stages=(LeastSquares(20),), tolerance=0, budget=300)
    solution = kanpde.solve(poisson(), plan)
    assert isinstance(solution.network, Perceptron)
    assert solution.errors["u"].rel_l2 < 1e-4  # 9e-6 was measured


def test_a_tanh_network_is_not_extended() -> None:
    stages = (LeastSquares(3), kanpde.Extend(), LeastSquares(2))
    solution = kanpde.solve(poisson(), Plan(network=MLP((6,)), stages=stages, budget=300))
    assert "grid extension left out: the network has no grid" in solution.notes


@pytest.mark.parametrize("widths", [(), (0,), (2.5,), ("a",)])
def test_a_wrong_perceptron_is_told(widths: tuple[object, ...]) -> None:
    with pytest.raises(KanpdeError, match="MLP"):
        MLP(widths)  # type: ignore[arg-type]


def unknowns() -> Problem:
    """u_t = k u_xx + a(x) with u = (1 + t) sin pi x measured: k = 0.5 and a are asked for."""
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    grid_x, grid_t = np.mgrid[0:1:9j, 0:1:5j]
    at = box.points(x=grid_x, t=grid_t)
    measured = (1 + at.coordinates[:, 1]) * np.sin(np.pi * at.coordinates[:, 0])
    wave = sin(pi * x)
    return Problem(
        box,
        {"u": (x, t), "a": (x,), "k": ()},
        [
            Condition("heat", box, lambda u, a, k: d(u, t) - k * d(u, x, x) - a),
            Condition("known", box.face(t=1), lambda a, k: a - wave * (1 + k * pi**2 * 2)),
            observe("sensors", at, u=measured),
        ],
        reference=exact(
            u=lambda x, t: (1 + t) * np.sin(np.pi * x),
        ),
    )


def test_fields_of_fewer_axes_do_not_vary_along_the_others() -> None:
    problem = unknowns()
    network = build_network(problem, KANArchitecture((4,), Chebyshev(4)), 0)
    assert isinstance(network, Composite)
    values = network(torch.tensor([[0.3, 0.1], [0.3, 0.9], [0.7, 0.9]], dtype=torch.float64))
    a, k = values[:, 1].detach(), values[:, 2].detach()
    assert a[0] == a[1] != a[2]
    assert k[0] == k[1] == k[2]
    heat = problem.equations[0]
    assert {str(s) for s in heat.jets} == {"u_t", "k", "u_xx", "a"}
    with pytest.raises(KanpdeError, match="the field a does not depend on t"):
        problem.field_space.derivative("a_t")


def test_a_number_in_an_equation_is_found() -> None:
    """u' = -k u from three readings of exp(-1.7 t); k is a field without axes."""
    box = Box(t=(0, 1))
    (t,) = box.axes
    times = np.array([0.0, 0.5, 1.0])
    problem = Problem(
        box,
        {"u": (t,), "k": ()},
        [
            Condition("decay", box, lambda u, k: d(u, t) + k * u),
            observe("readings", box.points(t=times), u=np.exp(-1.7 * times)),
        ],
        reference=exact(u=lambda t: np.exp(-1.7 * t), k=lambda t: 1.7 + 0 * t),
    )
    plan = Plan((6,), Chebyshev(6), (LeastSquares(40),), tolerance=1e-9)
    solution = kanpde.solve(problem, plan)
    assert abs(float(solution(t=0.3)["k"]) - 1.7) < 1e-6  # type: ignore[index]
    assert solution.errors["u"].rel_l2 < 1e-6


def test_fields_of_fewer_axes_come_back_from_the_disk(tmp_path) -> None:  # type: ignore[no-untyped-def]
    plan = Plan((4,), Chebyshev(4), (LeastSquares(3),))
    solution = kanpde.solve(unknowns(), plan)
    kanpde.save(solution, tmp_path / "run")
    again = kanpde.load(tmp_path / "run")
    assert again.problem.field_space == solution.problem.field_space
    at = np.random.default_rng(0).random((20, 2))
    for name, value in solution.evaluate(at, ["u_xx", "a_x"]).items():
        np.testing.assert_allclose(again.evaluate(at, ["u_xx", "a_x"])[name], value, rtol=1e-12)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"u": (Box(z=(0, 1)).axes[0],)}, "u depends on z, which is not an axis of the domain"),
        ({"u": ()}, "at least one field of a problem depends on all axes"),
        ({"x": ()}, "x names a field and an axis"),
    ],
)
def test_wrong_axes_of_fields_are_told(fields: dict[str, object], says: str) -> None:
    box = Box(x=(0, 1))
    with pytest.raises(KanpdeError, match=says):
        Problem(box, fields, [Condition("all", box, lambda u: u)])  # type: ignore[arg-type]
