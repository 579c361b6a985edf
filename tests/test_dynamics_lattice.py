"""KAN-ODEs of fields: one network at every node."""

import numpy as np
import pytest
import torch

from kanpde import Chebyshev, KanpdeError
from kanpde.dynamics.kanode.field_kanode import FieldODE, train_field_kanode
from kanpde.dynamics.kanode.lattice import Lattice
from kanpde.dynamics.ode.flow import TimeGrid, flow_with_sensitivity
from kanpde.network.products import ProductKAN

pytestmark = pytest.mark.usefixtures("one_thread")
NODES = 16
ONE = np.eye(NODES)
K = np.fft.fftfreq(NODES, 1 / NODES)
BEND = np.fft.ifft(-(K[:, None] ** 2) * np.fft.fft(ONE, axis=0), axis=0).real


def lattice() -> Lattice:
    points = np.random.default_rng(0).uniform(-1, 1, (50, 4))
    network = ProductKAN.around(
        points, ("p", "p_xx", "q", "q_xx"), 2, products=[(0, 0, 2), (0, 1)], widths=(3,),
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    known = np.random.default_rng(1).standard_normal((2 * NODES, 2 * NODES))
    return Lattice(network, np.stack([ONE, 0.01 * BEND]), known)


def test_linearisation_of_a_lattice() -> None:
    rhs = lattice()
    rng = np.random.default_rng(2)
    x, u = rng.uniform(-0.5, 0.5, (3, 2 * NODES)), np.zeros((3, 0))
    c = rhs.network.kan.flat().numpy()
    f, by_state, by_parameter = rhs.linear(x, u, c)
    np.testing.assert_allclose(f, rhs.value(x, u, c), atol=1e-12)
    dx, dc, step = rng.standard_normal(x.shape), rng.standard_normal(c.shape), 1e-6
    along = (rhs.value(x + step * dx, u, c) - rhs.value(x - step * dx, u, c)) / (2 * step)
    np.testing.assert_allclose(np.einsum("bij,bj->bi", by_state, dx), along, rtol=1e-5, atol=1e-6)
    along = (rhs.value(x, u, c + step * dc) - rhs.value(x, u, c - step * dc)) / (2 * step)
    np.testing.assert_allclose(by_parameter @ dc, along, rtol=1e-5, atol=1e-6)


def test_sensitivities_by_parameters_alone() -> None:
    rhs = lattice()
    x, c = np.random.default_rng(3).uniform(-0.3, 0.3, (2, 2 * NODES)), rhs.network.kan.flat()
    times = np.array([[0.0, 0.01, 0.02]] * 2)
    grid = TimeGrid(times, np.zeros((2, 2, 6, 2, 0)), 2)
    path, whole = flow_with_sensitivity(rhs, x, c.numpy(), grid)
    again, part = flow_with_sensitivity(rhs, x, c.numpy(), grid, by_start=False)
    np.testing.assert_array_equal(path, again)
    np.testing.assert_allclose(whole[..., 2 * NODES :], part, atol=1e-14)


def rotating() -> tuple[np.ndarray, np.ndarray]:
    """p_t = -r q, q_t = r p with r = p^2 + q^2, at every node for itself."""
    x = 2 * np.pi * np.arange(NODES) / NODES
    start = (1 + 0.3 * np.cos(x)) * np.exp(1j * x)
    t = np.linspace(0, 2, 81)
    psi = start * np.exp(1j * np.abs(start) ** 2 * t[:, None])
    return np.stack([psi.real, psi.imag], 1), t


def test_a_cubic_law_is_learnt_read_and_forecast() -> None:
    data, t = rotating()
    model = train_field_kanode(
        data[:41], t[:41], {"": ONE}, names=("p", "q"), products=[(0, 0, 1), (0, 1, 1)],
        basis=Chebyshev(3),
    )  # fmt: skip
    assert isinstance(model, FieldODE)
    ahead = model.simulate(data[40], t[40:])
    assert np.linalg.norm(ahead - data[40:]) < 1e-4 * np.linalg.norm(data[40:])
    p, q = model.formulas()
    here = {"p": 0.4, "q": -0.7}
    numbers = {s: here[s.name] for s in p.free_symbols | q.free_symbols}
    assert float(p.subs(numbers)) == pytest.approx(0.7 * (0.16 + 0.49), rel=1e-3)
    assert float(q.subs(numbers)) == pytest.approx(0.4 * (0.16 + 0.49), rel=1e-3)


def test_a_known_part_is_left_to_itself() -> None:
    data, t = rotating()
    turn = np.block([[0 * ONE, -ONE], [ONE, 0 * ONE]])
    model = train_field_kanode(data[:41], t[:41], {"": ONE}, known=turn, widths=(), steps=2)
    zero = train_field_kanode(data[:41], t[:41], {"": ONE}, widths=(), steps=2)
    there = model(data[5]) - zero(data[5])
    assert np.abs(there).max() < 0.2


def test_what_grows_without_bound_is_nan() -> None:
    rhs = Lattice(lattice().network, np.stack([ONE, 0.01 * BEND]), 40 * np.eye(2 * NODES))
    model = FieldODE(rhs, rhs.network.kan.flat().numpy(), 0.0, np.zeros((1, 4)))
    path = model.simulate(np.ones((2, NODES)), np.linspace(0, 5, 20))
    assert np.isfinite(path[0]).all()
    assert np.isnan(path[-1]).all()


@pytest.mark.parametrize(
    ("shape", "matrix", "message"),
    [
        ((81, 2), ONE, "must be \\(times, fields, nodes\\)"),
        ((5, 2, NODES), ONE, "at least 8 times"),
        ((81, 2, NODES), np.eye(3), "there are 16 nodes"),
    ],
)
def test_shapes_that_do_not_fit_are_told(
    shape: tuple[int, ...], matrix: np.ndarray, message: str
) -> None:
    t = np.linspace(0, 2, 81)
    with pytest.raises(KanpdeError, match=message):
        train_field_kanode(np.ones(shape), t[: shape[0]], {"": matrix})
