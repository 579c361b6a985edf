"""From samples and networks to formulas."""

from pathlib import Path

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import j0

import kanpde
from kanpde import Chebyshev, KanpdeError
from kanpde.network.products import ProductKAN
from kanpde.network.small_batch import SmallBatchKAN
from kanpde.symbolic.picture import plot_network
from kanpde.symbolic.search import search
from kanpde.symbolic.subset import Quadratic, backward_path, moves, stepwise
from kanpde.symbolic.suggest import X, suggest
from kanpde.symbolic.symbolify import edges, entropy, symbolify

pytestmark = pytest.mark.usefixtures("one_thread")
POINTS = np.random.default_rng(0).uniform(0.5, 2, (300, 2))

EDGES = {
    "x": 2 * X + 1,
    "x^2": (X - 0.3) ** 2,
    "sin": 0.7 * sympy.sin(3 * X + 0.4),
    "exp": 2 * sympy.exp(-1.3 * X),
    "log": sympy.log(X),
    "1/x": 1 / X,
    "sqrt": 3 * sympy.sqrt(X) - 1,
    "tanh": sympy.tanh(4 * X - 4),
}


@pytest.mark.parametrize(("name", "formula"), EDGES.items())
def test_the_right_function_is_suggested_first(name: str, formula: sympy.Expr) -> None:
    x = np.linspace(0.5, 2, 80)
    best = suggest(x, sympy.lambdify(X, formula, "numpy")(x))[0]
    assert best.name == name
    assert 1 - best.r2 < 1e-9
    there = sympy.lambdify(X, best.formula, "numpy")(x)
    np.testing.assert_allclose(there, sympy.lambdify(X, formula, "numpy")(x), atol=1e-4)


def test_a_flat_edge_is_nothing() -> None:
    assert suggest(np.linspace(0, 1, 20), np.full(20, 3.0))[0].name == "0"


def additive() -> ProductKAN:
    """1.5 x - x y and x y - 3 y, as a network of one layer."""
    network = ProductKAN.around(POINTS, ("x", "y"), 2, basis=Chebyshev(4))
    values, _, jacobian = SmallBatchKAN(network).linear(POINTS, network.kan.flat().numpy())
    x, y = POINTS.T
    target = np.stack([1.5 * x - x * y, x * y - 3 * y], 1)
    design = jacobian.reshape(-1, jacobian.shape[2])
    rest = (target - values).ravel()
    change = np.linalg.lstsq(design, rest, rcond=None)[0]
    network.kan.load_flat(network.kan.flat() + torch.from_numpy(change))
    return network


def test_products_become_products() -> None:
    first, second = symbolify(additive(), POINTS)
    x, y = sympy.symbols("x y", real=True)
    grid = {x: 1.3, y: 0.7}
    assert float(first.subs(grid)) == pytest.approx(1.5 * 1.3 - 1.3 * 0.7, abs=1e-6)
    assert float(second.coeff(x * y)) == pytest.approx(1, abs=1e-5)
    assert float(second.coeff(y, 1).coeff(x, 0)) == pytest.approx(-3, abs=1e-4)


def test_hidden_layers_are_refused() -> None:
    network = ProductKAN.around(POINTS, ("x", "y"), 1, widths=(3,))
    with pytest.raises(KanpdeError, match="hidden layers"):
        symbolify(network, POINTS)


def test_edges_say_what_matters() -> None:
    layer = edges(additive(), POINTS)[0]
    assert len(layer) == 6
    least = min(layer, key=lambda e: e.importance)
    assert (least.output, least.index) in {(0, 1), (1, 0)}
    assert 0 < entropy(layer) < np.log(6)


@pytest.mark.parametrize("products", [True, False, [(0, 0, 1), (1, 1), (0, 1, 1)]])
@pytest.mark.parametrize("widths", [(), (4,), (3, 5)])
def test_evaluation_agrees_with_the_network(
    widths: tuple[int, ...], products: bool | list[tuple[int, ...]]
) -> None:
    network = ProductKAN.around(
        POINTS, ("x", "y"), 2, widths=widths, products=products,
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    points = torch.from_numpy(POINTS[:7]).requires_grad_(True)
    value = network(points)
    f, slope, by_parameter = SmallBatchKAN(network).linear(POINTS[:7], network.kan.flat().numpy())
    np.testing.assert_allclose(f, value.detach().numpy(), atol=1e-12)
    for k in range(2):
        (gradient,) = torch.autograd.grad(value[:, k].sum(), points, retain_graph=True)
        np.testing.assert_allclose(slope[:, k], gradient.numpy(), atol=1e-10)
    flat = torch.autograd.grad(value[3, 1], list(network.parameters()))
    expected = torch.cat([g.flatten() for g in flat]).numpy()
    np.testing.assert_allclose(by_parameter[3, 1], expected, atol=1e-12)


# --- subsets --------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_gains_of_moves_are_what_refitting_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    design, target = rng.standard_normal((30, 6)), rng.standard_normal(30)
    gram, moment = design.T @ design, design.T @ target
    support = [0, 2, 4]
    c = np.zeros(6)
    c[support] = Quadratic(gram, -moment, c).fitted(support)

    def misfit(rows: list[int]) -> float:
        fit = np.linalg.lstsq(design[:, rows], target, rcond=None)[0]
        return float(np.sum((design[:, rows] @ fit - target) ** 2))

    penalty = np.full(6, 0.5)
    model = Quadratic(gram, gram @ c - moment, c)
    for gain, other in moves(model, support, penalty, keep=20):
        expected = misfit(support) - misfit(other) - 0.5 * (len(other) - len(support))
        assert gain == pytest.approx(expected, abs=1e-8)


def test_stepwise_finds_the_terms() -> None:
    rng = np.random.default_rng(0)
    design = rng.standard_normal((200, 12))
    target = design[:, [2, 7]] @ [1.0, -2.0] + 0.1 * rng.standard_normal(200)
    gram, moment = design.T @ design / 0.01, design.T @ target / 0.01
    assert sorted(stepwise(gram, moment, [0, 5], np.full(12, 10.0))) == [2, 7]
    path = backward_path(Quadratic(gram, -moment, np.zeros(12)))
    assert sorted(path[10][1]) == [2, 7]


# --- tables ---------------------------------------------------------------------------------

FORMULAS = {
    "a*sin(b) + 1": lambda a, b: 1 + a * np.sin(b),
    "(a*b + 1)/(a + 1)": lambda a, b: (1 + a * b) / (1 + a),
    "sqrt(a**2 + b**2)": lambda a, b: np.hypot(a, b),
    "exp(-a**2/(2*b**2))": lambda a, b: np.exp(-(a**2) / (2 * b**2)),
}


@pytest.mark.parametrize(("text", "function"), FORMULAS.items())
def test_closed_forms_are_recovered(text: str, function: object) -> None:
    x = np.random.default_rng(3).uniform(1, 3, (300, 2))
    best = search(x, function(*x.T), ("a", "b"))[0]  # type: ignore[operator]
    a, b = sympy.symbols("a b", real=True)
    fresh = np.random.default_rng(4).uniform(1, 3, (50, 2))
    there = sympy.lambdify((a, b), best.formula, "numpy")(*fresh.T)
    np.testing.assert_allclose(there, function(*fresh.T), rtol=1e-7)  # type: ignore[operator]


def test_bessel_function_with_grid_extension() -> None:
    x = np.linspace(-1, 1, 400)
    fitted = kanpde.fit({"x": x, "y": j0(20 * x)}, "y", formula=False)
    fresh = np.random.default_rng(0).uniform(-1, 1, 2000)
    assert fitted.parameters <= 110
    assert np.sqrt(np.mean((fitted(x=fresh) - j0(20 * fresh)) ** 2)) < 1e-6


def test_noise_gives_no_formula() -> None:
    rng = np.random.default_rng(0)
    table = {"x": rng.random(60), "y": rng.standard_normal(60)}
    fitted = kanpde.fit(table, "y", seconds=0.5)
    assert fitted.formula is None
    assert "no closed form" in fitted.text()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"x": np.arange(20.0), "y": np.ones(20)}, "`y` is constant .* nothing to explain"),
        ({"x": np.arange(5.0), "y": np.arange(5.0)}, "too few"),
        ({"y": np.arange(20.0)}, "no column beside"),
        ({"x": np.arange(20.0)}, "no column `y`"),
        ({"x": ["a"] * 20, "y": np.arange(20.0)}, "not a real number"),
    ],
)
def test_bad_tables_are_told(table: dict[str, object], message: str) -> None:
    with pytest.raises(KanpdeError, match=message):
        kanpde.fit(table, "y")


@pytest.mark.parametrize("name", ["net.png", "net.svg"])
def test_network_is_drawn_where_it_is_told_to(tmp_path: Path, name: str) -> None:
    before = torch.get_rng_state()
    plot_network(additive(), POINTS, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_size > 2000
    assert torch.equal(before, torch.get_rng_state())
