"""Expression trees: pools, links, factors, numbers inside, units, and what is found with them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import kanpde
from kanpde import KanpdeError
from kanpde.symbolic.clock import Deadline
from kanpde.symbolic.find import FindOptions, find_formulas
from kanpde.symbolic.fit import FormulaPolicy
from kanpde.symbolic.fitted import Verdict
from kanpde.symbolic.found import Found, make_symbols, relative_error
from kanpde.symbolic.trees.factors import join_trees
from kanpde.symbolic.trees.inner import InnerPolicy, find_inner
from kanpde.symbolic.trees.links import Rows, make_links, write_link
from kanpde.symbolic.trees.peel import peel
from kanpde.symbolic.trees.pool import PoolPolicy, build_pool
from kanpde.symbolic.trees.tree import BINARY, UNARY, Tree
from kanpde.symbolic.units import combine_units, find_unit, read_unit

pytestmark = pytest.mark.usefixtures("one_thread")
LONG = Deadline(1000.0)
SMALL = PoolPolicy(trees=1000, size=5)


def sample(count: int, variables: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 3, (count, variables))


def rows(x: np.ndarray, y: np.ndarray) -> Rows:
    return Rows(x, y, tuple(make_symbols("abcdef"[: x.shape[1]])), np.ones(len(y)))


# --- trees and pools ------------------------------------------------------------------------


def test_values_of_a_pool_are_those_of_its_trees_and_formulas() -> None:
    x = sample(20, 3)
    pool = build_pool(x, LONG, None, SMALL)
    assert len(pool) == SMALL.trees
    for k in np.random.default_rng(0).integers(0, len(pool), 60):
        np.testing.assert_allclose(pool.trees[k].evaluate(x), pool.values[k], rtol=1e-9)
        formula = pool.trees[k].write(make_symbols("abc"))
        written = sympy.lambdify(make_symbols("abc"), formula, "numpy")(*x.T)
        np.testing.assert_allclose(written, pool.values[k], rtol=1e-9)


def test_no_two_trees_of_a_pool_have_the_same_values() -> None:
    pool = build_pool(sample(20, 2), LONG, None, SMALL)
    unit = np.unique(np.round(pool.values, 10), axis=0)
    assert len(unit) >= 0.99 * len(pool)


def test_a_pool_with_units_adds_only_like_ones() -> None:
    units = [read_unit("m"), read_unit("s")]
    pool = build_pool(sample(20, 2), LONG, units, SMALL)
    names = {str(tree.write(make_symbols("ab"))) for tree in pool.trees}
    assert "a*b" in names
    assert not {"a + b", "exp(a)", "sin(a)"} & names
    assert len(pool) < SMALL.trees


@given(st.integers(0, 8), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_part_of_a_tree_is_replaced(place: int, kind: int) -> None:
    a, b = Tree(index=0), Tree(index=1)
    tree = Tree(BINARY[kind], (Tree(BINARY[0], (a, b)), Tree(UNARY[0], (Tree(BINARY[2], (a, a)),))))
    place = min(place, tree.size - 1)
    new = tree.replace(place, Tree(number=5.0))
    assert new.size == tree.size - tree.nodes()[place].size + 1
    assert Tree(number=5.0) in new.nodes()


# --- links ----------------------------------------------------------------------------------


FORMULAS = {
    "powers of a variable are free": lambda x: x[0] ** 2.5 / x[1] * (x[0] + x[2]) ** 2,
    "two factors": lambda x: (x[0] - 4 * 0 + x[1]) * x[2] / (x[0] ** 2 + x[1] ** 2),
    "a root of a sum": lambda x: np.sqrt(2 * x[0] * x[1] + 3),
    "an exponential": lambda x: x[2] * np.exp(-x[0] / x[1]),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_what_a_link_leaves_free_is_fitted(name: str) -> None:
    x = sample(160, 3)
    y = FORMULAS[name](x.T)
    data = rows(x, y)
    pool = build_pool(x, LONG, None, SMALL)
    errors = []
    for link in make_links(data):
        for _, places in join_trees(link, pool.values)[:3]:
            trees = [pool.trees[k] for k in places]
            for formula in write_link(link, trees, pool.values[places], data):
                errors.append(relative_error(formula, x, y, data.symbols))
    assert min(errors) < 1e-12


def test_a_number_inside_of_a_function_is_found() -> None:
    x = sample(160, 3)
    data = rows(x, x[:, 0] / np.expm1(0.37 * x[:, 1] / x[:, 2]))
    pool = build_pool(x, LONG, None, SMALL)
    product = next(link for link in make_links(data) if link.product and not link.plain)
    best = find_inner(product, pool.values, LONG, InnerPolicy(trees=300, wave_trees=10))[0]
    assert best.left < 1e-7
    assert best.number == pytest.approx(0.37, rel=1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_variables_that_only_multiply_are_divided_out(noise: float) -> None:
    x = sample(400, 4)
    y = x[:, 0] ** 2 / x[:, 1] * (x[:, 2] + np.sin(2 * x[:, 3]) + 1)
    y = y * (1 + noise * np.random.default_rng(1).standard_normal(400))
    data = rows(x, y)
    a, b, c, d = data.symbols
    peeled = peel(data)
    assert peeled.factor == a**2 / b
    assert peeled.rows.symbols == (c, d)
    np.testing.assert_allclose(peeled.rows.y * peeled.rows.weight, y)


# --- units ----------------------------------------------------------------------------------


def test_units_are_read() -> None:
    assert read_unit("m/s^2") == read_unit("m s^-2") == {"m": 1, "s": -2}
    assert read_unit("N") == read_unit("kg*m/s**2")
    assert read_unit("1") == {}
    assert combine_units("sqrt", [read_unit("m^2")]) == read_unit("m")
    with pytest.raises(KanpdeError, match="is not a unit"):
        read_unit("m+s")


@pytest.mark.parametrize(
    ("formula", "unit"),
    [("v*t", "m"), ("sqrt(v**2)", "m/s"), ("exp(v*t/(v*t))*v", "m/s"), ("v/t + v", None),
     ("sin(t)", None), ("2**t", None), ("3", "1")],
)  # fmt: skip
def test_units_of_formulas(formula: str, unit: str | None) -> None:
    v, t = sympy.symbols("v t", positive=True)
    expression = sympy.sympify(formula, locals={"v": v, "t": t}, evaluate=False)
    found = find_unit(expression, {v: read_unit("m/s"), t: read_unit("s")})
    assert found == (None if unit is None else read_unit(unit))


def test_units_of_a_fit_have_to_be_complete() -> None:
    x = sample(40, 2)
    table = {"a": x[:, 0], "b": x[:, 1], "y": x[:, 0] * x[:, 1]}
    with pytest.raises(KanpdeError, match="no units of b, y"):
        kanpde.fit(table, "y", units={"a": "m"})
    with pytest.raises(KanpdeError, match="no such column"):
        kanpde.fit(table, "y", units={"c": "m"})
    units = (read_unit("m"), read_unit("s"), read_unit("m s"))
    best = find_formulas(x, table["y"], "ab", FindOptions(units=units))[0]
    assert str(best.formula) == "a*b"


# --- what is found --------------------------------------------------------------------------


def test_what_sums_of_products_do_not_hold_is_found() -> None:
    def truth(x: np.ndarray) -> np.ndarray:
        return x[:, 2] * (x[:, 0] + x[:, 1]) / np.sqrt(x[:, 0] ** 2 + x[:, 1] ** 2)

    x = sample(200, 3)
    best = find_formulas(x, truth(x), "abc", FindOptions(seconds=60))[0]
    fresh = sample(100, 3, seed=3)
    assert relative_error(best.formula, fresh, truth(fresh), make_symbols("abc")) < 1e-10


def test_time_that_is_up_ends_the_search() -> None:
    ticks = iter(range(10**9))
    x = sample(60, 3)
    y = np.cos(x[:, 0] * np.log(x[:, 1] + np.sqrt(x[:, 2]))) ** 3
    options = FindOptions(seconds=12, clock=lambda: float(next(ticks)))
    assert find_formulas(x, y, "abc", options)
    assert next(ticks) < 200


def test_a_front_falls_with_size() -> None:
    x = sample(80, 2)
    y = x[:, 0] * x[:, 1] + 0.3 * np.sqrt(x[:, 0])
    fitted = kanpde.fit({"a": x[:, 0], "b": x[:, 1], "y": y}, "y", steps=5)
    sizes = [f.complexity for f in fitted.front]
    errors = [f.error for f in fitted.front]
    assert sizes == sorted(set(sizes))
    assert all(after < 0.9 * before for before, after in pairwise(errors))


def test_a_near_formula_is_not_called_exact() -> None:
    policy, nearest = FormulaPolicy(), Found(sympy.Integer(1), 2e-7, structure=0.9)
    assert policy.judge(nearest, 1e-6, given=False) is Verdict.NEAREST
    assert policy.judge(replace(nearest, structure=0.01), 1e-6, given=False) is Verdict.EXACT
    assert policy.judge(replace(nearest, error=1e-14), 1e-6, given=False) is Verdict.EXACT
