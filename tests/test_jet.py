"""Jets are judged by nested autograd, and their combinatorics by identities from textbooks."""

from collections.abc import Sequence
from functools import cache
from itertools import product
from math import comb, perm, prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kanpde.errors import KanpdeError
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.fourier import Fourier
from kanpde.network.bases.gaussians import GaussianRBF
from kanpde.network.bases.polynomials import Chebyshev, Legendre
from kanpde.network.bases.splines import BSpline, adapt_breakpoints
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet, autograd_jet, bell, compose, leibniz
from kanpde.network.kan import KAN
from kanpde.network.pushforward import LayeredLinearization, push, tanh_derivatives

BASES = {
    "Chebyshev": Chebyshev(6),
    "Legendre": Legendre(6),
    "Fourier": Fourier(3),
    "GaussianRBF": GaussianRBF(5),
    "BSpline": BSpline(4, order=5),
    "BSpline with base": BSpline(3, order=6, base=True),
    "BSpline on an uneven grid": BSpline(5, order=5),
}
BOXES = {
    "1D": Coordinates((-1.0,), (0.5,), (False,)),
    "1D periodic": Coordinates((-1.0,), (2.0,), (True,)),
    "2D": Coordinates((0.0, -2.0), (1.0, 1.0), (False, False)),
    "2D half periodic": Coordinates((-1.0, 0.0), (1.0, 2.0), (True, False)),
    "3D": Coordinates((-1.0, 0.0, 0.0), (1.0, 1.0, 2.0), (False, False, False)),
    "3D periodic": Coordinates((-1.0, 0.0, 0.0), (1.0, 2.0, 1.0), (True, False, True)),
}
pytestmark = pytest.mark.usefixtures("one_thread")
every_basis = pytest.mark.parametrize("name", BASES)
# A basis enters through its functions of one variable, a box through its coordinates: each basis
# in two boxes, and each box with two bases.
PAIRS = [
    (basis, box)
    for basis in BASES
    for box in BOXES
    if basis in ("Chebyshev", "BSpline") or box in ("1D", "2D half periodic")
]
every_pair = pytest.mark.parametrize(
    ("name", "coordinates"),
    [(basis, BOXES[box]) for basis, box in PAIRS],
    ids=["-".join(pair) for pair in PAIRS],
)


def up_to(order: int, dimension: int) -> JetSet:
    """All multi-indices up to an order."""
    every = product(range(order + 1), repeat=dimension)
    return JetSet.closing([a for a in every if sum(a) <= order], dimension)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network_and_points(
    name: str, coordinates: Coordinates, widths: Sequence[int], outputs: int, count: int
) -> tuple[KAN, Tensor]:
    """A network with random biases (and breakpoints) and points all over its box."""
    rng = generator(1)
    network = KAN(coordinates, widths, outputs, BASES[name], generator=rng)
    for layer in network.stack:
        with torch.no_grad():
            layer.bias += 0.3 * torch.randn(layer.outputs, generator=rng, dtype=torch.float64)
        if "uneven" in name:
            spread = torch.rand(layer.inputs, 50, generator=rng, dtype=torch.float64) ** 2
            layer.grid = adapt_breakpoints(2 * spread - 1, BASES[name])  # type: ignore[arg-type]
    low, high = (
        torch.tensor(v, dtype=torch.float64) for v in (coordinates.lower, coordinates.upper)
    )
    unit = torch.rand(count, coordinates.dimension, generator=rng, dtype=torch.float64)
    return network, low + (high - low) * unit


@cache
def oracle(name: str, coordinates: Coordinates) -> tuple[KAN, Tensor, JetSet, Tensor]:
    """A network, points, all multi-indices up to order 4, and the jet with its graph."""
    # Nested autograd of order 4 takes seconds for two hidden layers in two dimensions.
    widths, outputs = ([3, 2], 2) if coordinates.dimension == 1 else ([2], 1)
    network, points = network_and_points(name, coordinates, widths, outputs, count=4)
    jets = up_to(4, coordinates.dimension)
    return network, points, jets, autograd_jet(network, points, jets)


def relative_error(value: Tensor, truth: Tensor) -> Tensor:
    """The largest error for each index of the first dimension, relative to the largest value."""
    flat, exact = value.flatten(1), truth.flatten(1)
    return (flat - exact).abs().amax(1) / exact.abs().amax(1)


# --- the main claim -------------------------------------------------------------------------


@every_pair
def test_jets_equal_nested_autograd(name: str, coordinates: Coordinates) -> None:
    network, points, jets, truth = oracle(name, coordinates)
    assert len(jets.indices) == comb(4 + coordinates.dimension, 4)
    lin = network.linearize(points, jets)
    assert relative_error(lin.value.transpose(1, 2), truth.detach()).max() < 1e-10
    inner = coordinates.jet(points, jets)
    torch.testing.assert_close(push(inner, network.stack, jets), lin.value, rtol=0, atol=0)


@every_pair
def test_parameter_gradients_equal_autograd(name: str, coordinates: Coordinates) -> None:
    network, points, jets, truth = oracle(name, coordinates)
    weights = torch.randn(truth.shape, generator=generator(2), dtype=torch.float64)
    # Derivatives of high order are large: without this they would hide the others.
    weights /= truth.detach().abs().amax((1, 2), keepdim=True)
    own, expected = (
        torch.autograd.grad((weights * value).sum(), list(network.parameters()), retain_graph=True)
        for value in (network.jet(points, jets), truth)
    )
    for a, b in zip(own, expected, strict=True):
        assert relative_error(a[None], b[None]).max() < 1e-10


@pytest.mark.parametrize(
    "coordinates", [BOXES["1D periodic"], BOXES["2D"], BOXES["3D periodic"]], ids=str
)
@every_basis
def test_each_samples_jacobian_equals_autograd(name: str, coordinates: Coordinates) -> None:
    network, points = network_and_points(name, coordinates, [4, 3], 2, count=4)
    jets = up_to(2, coordinates.dimension)
    lin = network.linearize(points, jets)
    cotangent = torch.randn(lin.value.shape, generator=generator(3), dtype=torch.float64)
    rows = torch.empty(network.parameter_count, len(points), dtype=torch.float64)
    lin.jacobian(cotangent, rows)
    sums = (autograd_jet(network, points, jets).transpose(1, 2) * cotangent).sum((0, 1))
    for own, each in zip(rows.T, sums, strict=True):
        parts = torch.autograd.grad(each, list(network.parameters()), retain_graph=True)
        truth = torch.cat([part.flatten() for part in parts])
        assert relative_error(own[None], truth[None]).max() < 1e-10


@every_basis
def test_the_jacobian_sums_to_the_pullback(name: str) -> None:
    network, points = network_and_points(name, BOXES["2D"], [4, 3], 2, count=9)
    lin: LayeredLinearization = network.linearize(points, up_to(3, 2))
    cotangent = torch.randn(lin.value.shape, generator=generator(4), dtype=torch.float64)
    rows = torch.empty(network.parameter_count, len(points), dtype=torch.float64)
    lin.jacobian(cotangent, rows)
    summed = torch.cat([part.flatten() for part in lin.pullback(cotangent)])
    torch.testing.assert_close(rows.sum(1), summed, rtol=1e-11, atol=1e-11)


indices_3d = st.lists(
    st.tuples(*[st.integers(0, 4)] * 3).filter(lambda a: sum(a) <= 4), min_size=1, max_size=3
)


@given(indices_3d)
def test_a_small_set_gives_the_same_rows_as_the_full_one(indices: list[tuple[int, ...]]) -> None:
    network, points = network_and_points("Chebyshev", BOXES["3D periodic"], [3, 2], 2, count=5)
    few, every = JetSet.closing(indices, 3), up_to(4, 3)
    rows = [every.position[a] for a in few.indices]
    full = network.linearize(points, every).value[rows]
    torch.testing.assert_close(network.linearize(points, few).value, full, rtol=1e-12, atol=1e-12)


# --- what a basis cannot give ---------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_a_spline_gives_its_continuous_derivatives_and_refuses_more(order: int) -> None:
    network = KAN(1, [3], 1, BSpline(4, order=order), generator=generator())
    points = torch.linspace(-1, 1, 5, dtype=torch.float64)[:, None]
    network.jet(points, up_to(order - 1, 1))
    for use in (network.jet, network.linearize):
        with pytest.raises(
            KanpdeError, match=rf"order {order}.*spline of order {order + 1} or more"
        ):
            use(points, up_to(order, 1))


@pytest.mark.parametrize(
    "basis", [b for b in BASES.values() if not isinstance(b, BSpline)], ids=str
)
def test_a_smooth_basis_gives_any_derivative(basis: Basis) -> None:
    basis.require(20)


# --- the combinatorics ----------------------------------------------------------------------


@given(indices_3d)
def test_closing_is_the_smallest_downward_closed_set(indices: list[tuple[int, ...]]) -> None:
    jets = JetSet.closing(indices, 3)
    assert jets.indices[0] == (0, 0, 0)
    assert set(indices) <= set(jets.indices)
    for index in jets.indices:
        assert any(all(k <= n for k, n in zip(index, top, strict=True)) for top in indices)
        for axis, n in enumerate(index):
            lower = tuple(k - (i == axis) for i, k in enumerate(index))
            assert n == 0 or lower in jets.position
    assert [jets.indices[k] for k in jets.position.values()] == list(jets.position)
    assert jets.order == max(sum(index) for index in indices)
    assert JetSet.closing(reversed(jets.indices), 3) == jets


def stirling(n: int, m: int) -> int:
    """Partitions of n things into m parts."""
    if n == m:
        return 1
    return 0 if m == 0 or m > n else m * stirling(n - 1, m) + stirling(n - 1, m - 1)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3).filter(lambda a: sum(a) <= 6))
def test_bell_polynomials_count_the_set_partitions(index: list[int]) -> None:
    """Each term of Y_m is a way to part |index| derivatives into m blocks (Hardy, 2006)."""
    order = sum(index)
    for m, polynomial in bell(tuple(index)).items():
        assert sum(polynomial.values()) == stirling(order, m)
        for factors in polynomial:
            assert len(factors) == m
            assert [sum(column) for column in zip(*factors, strict=True)] in (index, [])
    assert sorted(bell(tuple(index))) == list(range(min(order, 1), order + 1))


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=3
    )
)
def test_leibniz_differentiates_a_product_of_monomials(axes: list[tuple[int, int, int]]) -> None:
    """At 1 the n-th derivative of x^p is p! / (p - n)!."""
    index, left, right = zip(*axes, strict=True)

    def derivative(powers: Sequence[int], orders: Sequence[int]) -> int:
        return prod(perm(p, n) for p, n in zip(powers, orders, strict=True))

    total = sum(c * derivative(left, a) * derivative(right, b) for a, b, c in leibniz(index))
    assert total == derivative([p + q for p, q in zip(left, right, strict=True)], index)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_logarithm_of_the_exponential_is_the_same_jet(dimension: int) -> None:
    jets = up_to(5, dimension)
    shape = (len(jets.indices), 2, 6)
    inner = torch.randn(shape, generator=generator(5), dtype=torch.float64)
    image = compose(jets, [torch.exp(inner[0])] * 6, inner)
    y = image[0]
    logarithms = [torch.log(y)] + [(-1) ** (m - 1) * prod(range(1, m)) / y**m for m in range(1, 6)]
    torch.testing.assert_close(compose(jets, logarithms, image), inner, rtol=1e-9, atol=1e-9)


def test_tanh_derivatives_equal_autograd() -> None:
    x = torch.linspace(-2, 2, 11, dtype=torch.float64, requires_grad=True)
    truth = torch.tanh(x)
    for value in tanh_derivatives(x.detach(), 6):
        torch.testing.assert_close(value, truth.detach(), rtol=1e-11, atol=1e-11)
        (truth,) = torch.autograd.grad(truth.sum(), x, create_graph=True)


def test_autograd_jet_of_a_known_function() -> None:
    """The oracle itself, on sin(2 x) exp(3 y) and on x alone."""

    class Known(torch.nn.Module):
        def forward(self, p: Tensor) -> Tensor:
            return torch.stack([torch.sin(2 * p[:, 0]) * torch.exp(3 * p[:, 1]), p[:, 0]], 1)

    points = torch.rand(7, 2, generator=generator(6), dtype=torch.float64)
    jets = up_to(4, 2)
    x, y = points.T
    for (a, b), value in zip(jets.indices, autograd_jet(Known(), points, jets), strict=True):
        wave = 2**a * torch.sin(2 * x + a * torch.pi / 2) * 3**b * torch.exp(3 * y)
        line = x if (a, b) == (0, 0) else torch.full_like(x, float((a, b) == (1, 0)))
        torch.testing.assert_close(value, torch.stack([wave, line], 1))
