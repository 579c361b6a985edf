"""Bases are judged by NumPy's polynomials, SciPy's splines and closed forms; refits by rates."""

from math import comb, factorial, prod

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import chebyshev, hermite_e, legendre
from scipy import interpolate
from torch import Tensor

from kanpde.errors import KanpdeError
from kanpde.network.bases.basis import Basis
from kanpde.network.bases.fourier import Fourier
from kanpde.network.bases.gaussians import GaussianRBF
from kanpde.network.bases.polynomials import Chebyshev, Legendre
from kanpde.network.bases.splines import BSpline, adapt_breakpoints, refine_breakpoints
from kanpde.network.kan import KAN
from kanpde.network.layer import KANLayer

Array = np.ndarray
BASES = [
    Chebyshev(6), Legendre(6), Fourier(3), GaussianRBF(6), BSpline(5, 3), BSpline(4, 5, base=True)
]  # fmt: skip
pytestmark = pytest.mark.usefixtures("one_thread")
every_basis = pytest.mark.parametrize("basis", BASES, ids=str)
# Both ends, points close to them, the middle, and points in between.
X = np.concatenate([[-1, -1 + 1e-9, 0, 1 - 1e-9, 1], np.random.default_rng(0).uniform(-1, 1, 40)])


def values(basis: Basis, order: int, x: Array = X, grid: Array | None = None) -> list[Array]:
    """[phi, phi', ...], each (size, N), at one input."""
    breaks = basis.breakpoints(1) if grid is None else torch.from_numpy(grid)[None]
    return [v[:, 0].numpy() for v in basis.derivatives(torch.from_numpy(x)[None], order, breaks)]


def assert_equal_to_scale(value: Array, truth: Array, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(value, truth, rtol=0, atol=tolerance * np.abs(truth).max())


# --- values and derivatives -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("basis", "family"), [(Chebyshev(12), chebyshev.Chebyshev), (Legendre(12), legendre.Legendre)]
)
def test_polynomials_equal_those_of_numpy(basis: Basis, family: type) -> None:
    for m, rows in enumerate(values(basis, 6)):
        for k, row in enumerate(rows, start=1):
            truth = family.basis(k).deriv(m)(X) if m else family.basis(k)(X)
            np.testing.assert_allclose(row, truth, rtol=1e-11, atol=1e-11 * np.abs(rows).max())


@pytest.mark.parametrize("end", [-1.0, 1.0])
def test_polynomials_at_the_ends_have_their_closed_forms(end: float) -> None:
    """T_n^(m)(1) = prod_{k<m} (n^2 - k^2) / (2k + 1); P_n^(m)(1) = (n+m)! / (2^m m! (n-m)!)."""
    cheb, leg = (values(b, 5, np.array([end])) for b in (Chebyshev(9), Legendre(9)))
    for m in range(6):
        for n in range(1, 10):
            t = prod((n * n - k * k) / (2 * k + 1) for k in range(m))
            p = comb(n + m, m) * factorial(n) / factorial(n - m) / 2**m if m <= n else 0.0
            assert cheb[m][n - 1, 0] == pytest.approx(end ** (n + m) * t, rel=1e-12)
            assert leg[m][n - 1, 0] == pytest.approx(end ** (n + m) * p, rel=1e-12)


def test_fourier_modes_have_their_closed_forms() -> None:
    modes = 3
    for m, rows in enumerate(values(Fourier(modes), 6)):
        for k in range(1, modes + 1):
            rate = k * np.pi / 2
            for row, phase in ((rows[k - 1], 1), (rows[modes + k - 1], 0)):
                truth = rate**m * np.sin(rate * X + (m + phase) * np.pi / 2)
                assert_equal_to_scale(row, truth)


def test_gaussians_are_hermite_functions() -> None:
    """The m-th derivative of exp(-z^2/2) is (-1)^m He_m(z) exp(-z^2/2)."""
    centres = np.linspace(-1, 1, 5)
    z = (X - centres[:, None]) / 0.5
    for m, rows in enumerate(values(GaussianRBF(5), 6)):
        he = hermite_e.hermeval(z, np.eye(m + 1)[m])
        assert_equal_to_scale(rows, (-1 / 0.5) ** m * he * np.exp(-z * z / 2))


def scipy_splines(breaks: Array, order: int, x: Array, derivative: int) -> Array:
    """All grid_size + order B-splines on breaks continued evenly on both sides."""
    steps = np.arange(1, order + 1)
    left = breaks[0] - steps[::-1] * (breaks[1] - breaks[0])
    right = breaks[-1] + steps * (breaks[-1] - breaks[-2])
    knots = np.concatenate([left, breaks, right])
    count = len(knots) - order - 1
    return np.stack([interpolate.BSpline(knots, e, order)(x, nu=derivative) for e in np.eye(count)])


@given(
    st.lists(st.floats(0.1, 1.0), min_size=1, max_size=6).map(np.array),
    st.integers(1, 6),
)
def test_splines_equal_those_of_scipy_on_any_grid(steps: Array, order: int) -> None:
    breaks = np.concatenate([[0], np.cumsum(steps)])
    breaks = 2 * breaks / breaks[-1] - 1
    breaks[-1] = 1
    x = np.concatenate([X, breaks])
    for m, rows in enumerate(values(BSpline(len(steps), order), order - 1, x, breaks)):
        # The one left out follows from the partition of unity.
        assert_equal_to_scale(rows, scipy_splines(breaks, order, x, m)[1:], 1e-11)


def test_beyond_its_continuous_derivatives_a_spline_gives_the_piecewise_ones() -> None:
    breaks, x = np.linspace(-1, 1, 5), X[(np.abs(X) < 1) & (X != 0)]
    rows = values(BSpline(4, 3), 5, x)
    assert_equal_to_scale(rows[3], scipy_splines(breaks, 3, x, 3)[1:])
    assert not rows[4].any()
    assert not rows[5].any()


def test_the_base_of_a_spline_is_silu() -> None:
    x = sympy.Symbol("x")
    silu = x / (1 + sympy.exp(-x))
    with_base, without = values(BSpline(4, 6, base=True), 5), values(BSpline(4, 6), 5)
    for m, rows in enumerate(with_base):
        np.testing.assert_array_equal(rows[:-1], without[m])
        assert_equal_to_scale(rows[-1], sympy.lambdify(x, silu.diff(x, m), "numpy")(X))


@pytest.mark.parametrize("width", [1, 3])
@every_basis
def test_inputs_do_not_mix(basis: Basis, width: int) -> None:
    x = torch.linspace(-1, 1, 7 * width, dtype=torch.float64).view(width, 7)
    together = basis.derivatives(x, 2, basis.breakpoints(width))
    for m, whole in enumerate(together):
        assert whole.shape == (basis.size, width, 7)
        for i in range(width):
            alone = basis.derivatives(x[i : i + 1], 2, basis.breakpoints(1))[m]
            torch.testing.assert_close(whole[:, i : i + 1], alone, rtol=1e-14, atol=1e-13)


# --- what a basis spans ---------------------------------------------------------------------


def misfit(basis: Basis, target: Array, x: Array) -> float:
    """Relative residual of the least-squares fit by the basis and the constant."""
    design = np.concatenate([values(basis, 0, x)[0], np.ones((1, len(x)))]).T
    left = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return float(np.linalg.norm(left) / np.linalg.norm(target))


@pytest.mark.parametrize(
    "basis", [Chebyshev(5), Legendre(5), BSpline(4, 5), BSpline(7, 5)], ids=str
)
def test_polynomials_up_to_the_degree_lie_in_the_span_and_no_others(basis: Basis) -> None:
    x = np.linspace(-1, 1, 101)
    assert max(misfit(basis, x**k, x) for k in range(6)) < 1e-13
    assert misfit(basis, x**6, x) > 1e-6


@every_basis
def test_functions_with_the_constant_are_independent(basis: Basis) -> None:
    """The layer's bias carries the constant: if it lay in the span, J^T J would be singular.

    Measured: 3 to 300, but 7e6 with a base, which splines of degree 5 nearly reproduce.
    """
    design = np.concatenate([values(basis, 0, np.linspace(-1, 1, 201))[0], np.ones((1, 201))])
    assert np.linalg.cond(design) < 1e8


@every_basis
def test_decay_starts_from_functions_that_get_no_larger(basis: Basis) -> None:
    decay = basis.decay()
    assert decay.shape == (basis.size,)
    assert bool((decay > 0).all())
    assert bool((decay <= 1).all())
    larger = basis.extended()
    assert type(larger) is type(basis)
    assert larger.size > basis.size


# --- refitting ------------------------------------------------------------------------------

NESTED = [
    Chebyshev(4), Legendre(4), Fourier(2), BSpline(4, 3), BSpline(3, 5), BSpline(4, 3, base=True)
]  # fmt: skip


def network(basis: Basis, seed: int = 0) -> KAN:
    return KAN(2, [5, 4], 3, basis, generator=torch.Generator().manual_seed(seed))


def grid_points(count: int = 33) -> Tensor:
    line = torch.linspace(-1, 1, count, dtype=torch.float64)
    return torch.cartesian_prod(line, line)


def change(old: KAN, new: KAN) -> float:
    with torch.no_grad():
        before, after = (k(grid_points()) for k in (old, new))
    return float((after - before).norm() / before.norm())


@pytest.mark.parametrize("basis", NESTED, ids=str)
def test_extension_in_a_nested_family_changes_nothing(basis: Basis) -> None:
    old = network(basis)
    for new in (old.extended(), old.extended().extended()):
        assert new.basis.size > old.basis.size
        assert change(old, new) < 1e-10


def test_extension_of_gaussians_changes_little() -> None:
    """Their spaces are not nested: the width halves. Measured: 4e-3 to 6e-3, 8 to 15 centres."""
    changes = [
        change(network(GaussianRBF(8), k), network(GaussianRBF(8), k).extended()) for k in range(3)
    ]
    assert max(changes) < 1e-2


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_refits_by_splines_converge_at_the_order_of_approximation(order: int) -> None:
    """Error h^(order + 1) for a smooth function (de Boor, 1978, chapter XII)."""
    smooth = KANLayer(2, 3, Fourier(2), squash=False, generator=torch.Generator().manual_seed(0))
    x = torch.linspace(-1, 1, 301, dtype=torch.float64).repeat(2, 1)
    errors = [
        float((smooth.refitted(BSpline(grid, order))(x) - smooth(x)).detach().abs().max())
        for grid in (16, 32)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order + 1, abs=0.4)


@pytest.mark.parametrize("family", [Chebyshev, Legendre])
def test_refits_by_polynomials_converge_faster_than_any_power(family: type[Basis]) -> None:
    smooth = KANLayer(2, 3, Fourier(2), squash=False, generator=torch.Generator().manual_seed(0))
    x = torch.linspace(-1, 1, 301, dtype=torch.float64).repeat(2, 1)
    errors = [
        float((smooth.refitted(family(degree))(x) - smooth(x)).detach().abs().max())  # type: ignore[call-arg]
        for degree in (4, 8, 12, 20)
    ]
    assert errors[0] > 1e-3
    assert errors[1] < 1e-2 * errors[0]
    assert errors[2] < 1e-3 * errors[1]
    assert errors[3] < 1e-12


@pytest.mark.parametrize("size", [9, 16, 40])
def test_a_finer_grid_that_follows_the_activations_changes_nothing(size: int) -> None:
    old = network(BSpline(8, 3))
    new = old.extended(BSpline(size, 3), grid_points(17))
    assert change(old, new) < 1e-12
    for before, after in zip(old.stack, new.stack, strict=True):
        assert before.grid is not None
        assert after.grid is not None
        assert after.grid.shape == (before.inputs, size + 1)
        assert after.grid.diff().min() > 0
        for coarse, fine in zip(before.grid.tolist(), after.grid.tolist(), strict=True):
            assert set(coarse) <= set(fine)


def test_intervals_are_halved_where_the_activations_are() -> None:
    grid = torch.linspace(-1, 1, 5, dtype=torch.float64).repeat(2, 1)
    even = torch.linspace(-1, 1, 1001, dtype=torch.float64)
    fine = refine_breakpoints(grid, torch.stack([even, 0.5 + 0.4 * even.abs()]), 8, blend=0.2)
    torch.testing.assert_close(fine[0], torch.linspace(-1, 1, 9, dtype=torch.float64))
    assert (fine[1] > 0.5).sum() > (fine[1] < 0).sum() + 2


@given(st.integers(0, 1000), st.integers(1, 12), st.floats(0.01, 1.0))
def test_adapted_grids_increase_from_end_to_end(seed: int, size: int, blend: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    activations = 2 * torch.rand(3, 40, generator=rng, dtype=torch.float64) ** 3 - 1
    basis = BSpline(size, 3)
    grid = adapt_breakpoints(activations, basis, blend)
    assert grid.shape == (3, size + 1)
    assert bool((grid[:, 0] == -1).all())
    assert bool((grid[:, -1] == 1).all())
    assert bool((grid.diff(dim=1) >= 0.999 * blend * 2 / size).all())


def test_adapted_grids_follow_the_activations() -> None:
    """Activations crowded at -1 draw the breakpoints there; even ones leave an even grid."""
    even = torch.linspace(-1, 1, 401, dtype=torch.float64)
    crowded = 2 * ((even + 1) / 2) ** 3 - 1
    basis = BSpline(8, 3)
    grid = adapt_breakpoints(torch.stack([even, crowded]), basis, blend=0.0)
    truth = torch.linspace(0, 1, 9, dtype=torch.float64)
    torch.testing.assert_close(grid, torch.stack([2 * truth - 1, 2 * truth**3 - 1]))
    torch.testing.assert_close(
        adapt_breakpoints(torch.stack([crowded]), basis, 1.0), basis.breakpoints(1)
    )


# --- mistakes -------------------------------------------------------------------------------


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(KanpdeError, match="at least 2, not 1"):
        GaussianRBF(1)
    for grid_size, order in ((0, 3), (4, 0)):
        with pytest.raises(KanpdeError, match="must be at least 1, not 0"):
            BSpline(grid_size, order)
