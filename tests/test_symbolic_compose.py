"""Networks with hidden layers: sparse training, pruning, formulas."""

import numpy as np
import pytest
import sympy
import torch

import kanpde
from kanpde import KAN, Chebyshev
from kanpde.symbolic.compose import compose, tidy
from kanpde.symbolic.sparsify import edge_count, prune, sparsify, train

pytestmark = pytest.mark.usefixtures("one_thread")
POINTS = torch.rand(300, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
TARGET = torch.exp(torch.sin(torch.pi * POINTS[:, 0]) + POINTS[:, 1] ** 2)


def network(*widths: int) -> KAN:
    return KAN(2, widths, 1, Chebyshev(6), generator=torch.Generator().manual_seed(1))


def test_pruned_edges_stay_away_in_training() -> None:
    kan = prune(network(4), POINTS, 0.1)
    count = edge_count(kan)
    assert count < 12
    gone = [layer.coefficients.detach().abs().sum(1) == 0 for layer in kan.stack]
    train(kan, POINTS, TARGET, steps=5)
    assert edge_count(kan) == count
    for layer, dead in zip(kan.stack, gone, strict=True):
        assert torch.equal(layer.coefficients.detach().abs().sum(1) == 0, dead)


def test_nodes_without_edges_leave_the_function_as_it_is() -> None:
    kan = network(3)
    with torch.no_grad():
        below, above = kan.stack
        below.coefficients[1] = 0.0
        below.bias[1] = 0.7
    small = prune(kan, POINTS, 0.0)
    assert small.widths == (2,)
    torch.testing.assert_close(small(POINTS), kan(POINTS))
    with torch.no_grad():
        above.coefficients[:, :, 2] = 0.0
    assert prune(kan, POINTS, 0.0).widths == (1,)


def test_sparse_training_leaves_few_edges() -> None:
    plain, sparse = network(4), network(4)
    for kan in (plain, sparse):
        train(kan, POINTS, TARGET, steps=40)
    sparsify(sparse, POINTS, TARGET)

    def small(kan: KAN) -> int:
        sizes = [layer.coefficients.detach().norm(dim=1).flatten() for layer in kan.stack]
        return int(sum((s < 0.02 * s.max()).sum() for s in sizes))

    assert small(sparse) >= small(plain) + 3
    assert train(sparse, POINTS, TARGET, steps=0) < 0.1


def test_training_can_be_repeated_and_draws_nothing_global() -> None:
    before = torch.get_rng_state()
    first, second = network(3), network(3)
    for kan in (first, second):
        sparsify(kan, POINTS, TARGET, rounds=2)
    assert torch.equal(first.flat(), second.flat())
    assert torch.equal(before, torch.get_rng_state())


def test_a_composition_becomes_its_formula() -> None:
    x = POINTS.numpy()
    found = compose(x, TARGET.numpy(), ("a", "b"))
    assert found is not None
    assert found.error < 1e-7
    a, b = sympy.symbols("a b", real=True)
    values = sympy.lambdify((a, b), found.formula, "numpy")(*(0.9 * x.T))
    exact = np.exp(np.sin(np.pi * 0.9 * x[:, 0]) + (0.9 * x[:, 1]) ** 2)
    np.testing.assert_allclose(values, exact, rtol=1e-6)


def test_constants_leave_exponents() -> None:
    x = sympy.Symbol("x", real=True)
    formula = sympy.Float(2) * sympy.exp(sympy.Float(0.5) * (sympy.Float(3) * x + sympy.Float(1)))
    told = tidy(formula)
    assert told.subs(x, 0.2).evalf() == pytest.approx(float(formula.subs(x, 0.2)))
    assert len(told.atoms(sympy.Float)) == 2


def test_fit_tries_a_network_where_the_search_fails() -> None:
    a, b = np.random.default_rng(0).uniform(-1, 1, (2, 500))
    table = {"a": a, "b": b, "y": np.exp(np.sin(np.pi * a) + b**2)}
    fitted = kanpde.fit(table, "y", widths=(3,), basis=Chebyshev(8), steps=30, seconds=0.5)
    assert fitted.formula is not None
    assert fitted.formula.has(sympy.sin)
    assert fitted.formulas[0].error < 1e-7


def test_noise_is_given_no_network() -> None:
    told: list[str] = []
    a, b = POINTS.numpy().T
    noise = np.random.default_rng(0).standard_normal(300)
    kanpde.fit({"a": a, "b": b, "y": noise}, "y", widths=(2,), seconds=0.5, report=told.append)
    assert not any("sparse network" in line for line in told)
