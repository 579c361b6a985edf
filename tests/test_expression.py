"""Expressions: calculus on jet space, the functions of three libraries, and fast evaluation."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import kanpde.symbols.functions as ke
from kanpde.assembly.compile import compile_expressions
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box
from kanpde.symbols.expression import Axis, Expression, FieldSymbol, field
from kanpde.symbols.functions import d, where

BOX = Box(x=(-1, 1), t=(0, 2))
x, t = BOX.axes
u, v = field("u", BOX.names), field("v", BOX.names)

# Concrete functions in the place of the fields.
CONCRETE = {
    "u": sympy.sin(2 * x.sympy) * sympy.exp(-t.sympy / 2),
    "v": x.sympy**3 * t.sympy + sympy.cos(t.sympy),
}


def substituted(expression: Expression) -> Any:
    """The expression with the fields, and their derivatives, replaced by CONCRETE."""
    values = {
        s: sympy.diff(CONCRETE[s.field], x.sympy, s.index[0], t.sympy, s.index[1])
        for s in expression.sympy.atoms(FieldSymbol)
    }
    return expression.sympy.xreplace(values)


def number(expression: Any) -> float:
    """The value at one point."""
    return float(
        expression.xreplace({x.sympy: sympy.Float(0.3, 30), t.sympy: sympy.Float(0.7, 30)})
    )


def smooth(left: Expression, right: Expression) -> st.SearchStrategy[Expression]:
    return st.sampled_from(
        [left + right, left - 2 * right, left * right, ke.sin(left) * right, left / (2 + right**2)]
    )


leaves = st.sampled_from([u, v, d(u, x), d(v, t), d(u, x, t), +x, +t, 0.5 * u, u**3, ke.exp(-v)])
expressions = st.recursive(
    leaves, lambda inner: st.tuples(inner, inner).flatmap(lambda p: smooth(*p)), max_leaves=3
)
axes = st.sampled_from([x, t])


# --- the total derivative -------------------------------------------------------------------


@given(expressions, axes)
def test_d_and_substitution_commute(f: Expression, axis: Axis) -> None:
    own = number(substituted(d(f, axis)))
    truth = number(sympy.diff(substituted(f), axis.sympy))
    assert own == pytest.approx(truth, rel=1e-11, abs=1e-11)


@given(expressions, expressions, axes)
def test_product_rule(f: Expression, g: Expression, axis: Axis) -> None:
    gap = d(f * g, axis) - (d(f, axis) * g + f * d(g, axis))
    assert number(substituted(gap)) == pytest.approx(0, abs=1e-9)


@given(expressions, axes)
def test_chain_rule(f: Expression, axis: Axis) -> None:
    for outer, slope in ((ke.sin, ke.cos), (ke.tanh, lambda w: 1 - ke.tanh(w) ** 2)):
        gap = d(outer(f), axis) - slope(f) * d(f, axis)
        assert number(substituted(gap)) == pytest.approx(0, abs=1e-9)


@settings(max_examples=30)
@given(expressions)
def test_mixed_derivatives_commute(f: Expression) -> None:
    one, other = d(f, x, t), d(f, t, x)
    assert number(substituted(one - other)) == pytest.approx(0, abs=1e-9)
    assert (d(d(f, x), t).sympy - one.sympy).equals(0) is not False


def test_derivatives_of_fields_are_symbols() -> None:
    assert d(u, x, x, t).sympy == FieldSymbol("u", ("x", "t"), (2, 1))
    assert d(u, t, x, x).sympy == d(u, x, t, x).sympy
    assert d(x * t, x).sympy == t.sympy
    assert d(u * 0 + 3.0, x).sympy == 0


def test_symbols_of_different_derivatives_differ() -> None:
    """Two symbols may print alike without being the same: field u_x against u differentiated."""
    assert field("u_x", BOX.names).sympy != d(u, x).sympy
    assert (
        len({u.sympy, d(u, x).sympy, v.sympy, d(d(u, x), x).sympy, field("u", BOX.names).sympy})
        == 4
    )


# --- functions ------------------------------------------------------------------------------

FUNCTIONS = [
    "sin", "cos", "tan", "exp", "log", "sqrt", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan"
]  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_three_libraries_are_one(name: str) -> None:
    own = getattr(ke, name)
    for library in (np, torch):
        assert getattr(library, name)(u).sympy == own(u).sympy
    values = np.array([0.2, 0.7])
    truth = getattr(np, name)(values)
    np.testing.assert_array_equal(own(values), truth)
    np.testing.assert_allclose(own(torch.from_numpy(values)).numpy(), truth, rtol=1e-15)
    assert own(0.7) == truth[1]
    column = torch.from_numpy(values)
    np.testing.assert_allclose(
        compile_expressions([u.sympy], [own(u).sympy])(column)[0], truth, rtol=1e-14
    )


def test_the_error_function() -> None:
    values = np.array([-0.3, 0.7])
    truth = [math.erf(v) for v in values]
    np.testing.assert_allclose(ke.erf(values), truth, rtol=1e-15)
    np.testing.assert_allclose(ke.erf(torch.from_numpy(values)), truth, rtol=1e-15)
    assert torch.erf(u).sympy == ke.erf(u).sympy
    (column,) = compile_expressions([u.sympy], [ke.erf(u).sympy])(torch.from_numpy(values))
    np.testing.assert_allclose(column, truth, rtol=1e-15)


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        (u + np.float64(2), u + 2.0), (np.float64(2) + u, 2.0 + u),
        (np.float64(2) - u, 2.0 - u), (np.float64(2) * u, 2.0 * u),
        (np.float64(2) / u, 2.0 / u), (np.float64(2) ** u, 2.0**u),
        (np.int64(3) * u, 3 * u), (u * torch.tensor(2.0), 2.0 * u),
        (np.square(u), u * u), (np.power(u, 3), u**3), (np.negative(u), -u),
        (np.abs(u), abs(u)), (np.add(u, v), u + v), (np.subtract(1, v), 1 - v),
        (np.multiply(u, v), u * v), (np.divide(u, v), u / v), (+u, u), (1 / u, u**-1),
        (2 - u, -(u - 2)), (where(u > 0, u, 0), torch.where(u > 0, u, 0)),
    ],
    ids=str,
)  # fmt: skip
def test_arithmetic_with_numbers_of_three_libraries(value: Expression, truth: Expression) -> None:
    assert isinstance(value, Expression)
    assert value.sympy == truth.sympy


def test_where_of_arrays_is_that_of_numpy() -> None:
    np.testing.assert_array_equal(where(np.array([True, False]), 1, 2), [1, 2])


# --- mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda: 1 if u > 0 else 2, r"`u > 0` has no truth value.*write `where\("),
        (lambda: u > 0 and u < 1, "has no truth value"),
        (lambda: 0 < u < 1, "has no truth value"),
        (lambda: max(u, 0), "instead of if, and, or, min or max"),
        (lambda: not d(u, x), "`u_x` has no truth value"),
        (lambda: u * np.ones(3), r"a residual holds a ndarray.*observe\("),
        (lambda: np.ones(3) * u, r"a residual holds a ndarray.*observe\("),
        (lambda: u + "1", "a residual holds a str"),
        (lambda: u + None, "a residual holds a NoneType"),
        (lambda: u * 1j, "a residual holds a complex"),
        (lambda: u * True, "a residual holds a bool"),
        (lambda: u * math.nan, "the number nan stands in a residual"),
        (lambda: u + math.inf, "the number inf stands in a residual"),
        (lambda: np.maximum(u, 0), "function maximum cannot be used.*there are abs.*where"),
        (lambda: torch.relu(u), "function relu cannot be used"),
        (lambda: np.add.reduce(u), r"numpy\.add\.reduce cannot be used"),
        (lambda: d(u), r"at least one axis: d\(u, x\)"),
        (
            lambda: d(u, Box(z=(0, 1)).axes[0]),
            r"d\(u, z\): the fields are functions of x, t, and z is an axis of another box",
        ),
        (lambda: d(u, u), r"d\(\.\.\., u\): derivatives are taken along the axes"),
        (lambda: d(u, "x"), r"d\(\.\.\., x\): derivatives are taken along the axes"),
    ],
)  # fmt: skip
def test_mistakes_are_answered_in_a_sentence(mistake: Callable[[], Any], says: str) -> None:
    with pytest.raises(KanpdeError, match=says):
        mistake()


@pytest.mark.parametrize("function", [math.sin, math.exp, float])
def test_functions_of_math_are_answered_with_those_of_kanpde(
    function: Callable[[Any], Any],
) -> None:
    with pytest.raises(TypeError, match="`u` is not a number; use the functions of kanpde"):
        function(u)
    assert function(u * 0 + 2) == function(2.0)


# --- printing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (u, "u"), (d(u, x), "u_x"), (d(u, t, x), "u_xt"), (d(u, x, x), "u_xx"),
        (u * d(u, x), "u*u_x"), (0.1 * u, "0.1*u"), (2.0 * u, "2*u"), (u / 3, "u/3"),
        (0.01 / math.pi * d(u, x, x), "0.0031831*u_xx"), (math.pi**2 * t, "9.8696*t"),
        (ke.sin(ke.pi * x) + t, "t + sin(pi*x)"), (u > 0, "u > 0"), (1e-12 * u, "1.0e-12*u"),
    ],
)  # fmt: skip
def test_expressions_print_as_they_are_read(expression: Expression, text: str) -> None:
    assert str(expression) == repr(expression) == text


# --- compiled expressions -------------------------------------------------------------------


def evaluate(expression: Any, **columns: Any) -> Any:
    """By `compiled`, at columns for u and v."""
    symbols = {"u": u.sympy, "v": v.sympy}
    tensors = [torch.tensor(c, dtype=torch.float64) for c in columns.values()]
    return compile_expressions([symbols[name] for name in columns], [expression])(*tensors)[
        0
    ].numpy()


PLUS, BOTH = [0.1, 0.7, 2.5], [-1.5, 0.2, 3.0]


@pytest.mark.parametrize("power", [0, 1, 2, 3, 4, 5, -1, -2, 0.5, -0.5, 1.5, 2.0, 3.0, 1 / 3])
def test_compiled_powers(power: float) -> None:
    column = BOTH if float(power).is_integer() else PLUS
    np.testing.assert_allclose(
        evaluate((u**power).sympy, u=column), np.array(column) ** power, rtol=1e-14
    )
    # A sum as the base: it must be bracketed, also below a minus.
    np.testing.assert_allclose(
        evaluate((-((u + 4) ** power)).sympy, u=column),
        -((np.array(column) + 4) ** power),
        rtol=1e-14,
    )


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        (where(u > v, u * u, -v), lambda a, b: np.where(a > b, a * a, -b)),
        (where(u >= 0, 1, 2), lambda a, b: np.where(a >= 0, 1, 2)),
        (
            where(u < 0, where(v < 1, u, v), 0),
            lambda a, b: np.where(a < 0, np.where(b < 1, a, b), 0),
        ),
        (abs(u) * v, lambda a, b: np.abs(a) * b),
        (Expression(sympy.sign(u.sympy)) + v, lambda a, b: np.sign(a) + b),
        (Expression(sympy.erf(u.sympy)), lambda a, b: np.array([math.erf(k) for k in a])),
        (Expression(sympy.erf(sympy.Integer(1))) * u, lambda a, b: math.erf(1) * a),
        (2**u, lambda a, b: 2.0**a),
        (ke.sqrt(u * u + 1) / v, lambda a, b: np.sqrt(a * a + 1) / b),
        (1 / (u - v) ** 2, lambda a, b: (a - b) ** -2.0),
        (u * 0 + math.pi, lambda a, b: np.full(3, math.pi)),
        (u * 0 + 1 / 3, lambda a, b: np.full(3, 1 / 3)),
        (d(where(u > 0, u**2, -u), x) / d(u, x), lambda a, b: np.where(a > 0, 2 * a, -1)),
        (d(abs(u), x) / d(u, x), lambda a, b: np.sign(a)),
    ],
    ids=lambda value: "" if callable(value) else str(value),
)
def test_compiled_values(expression: Expression, truth: Callable[[Any, Any], Any]) -> None:
    a, b = np.array(BOTH), np.array([0.3, 4.0, -2.0])
    value = evaluate(sympy.simplify(expression.sympy), u=a, v=b)
    np.testing.assert_allclose(value, truth(a, b), rtol=1e-14)


@settings(max_examples=60)
@given(expressions)
def test_compiled_equals_sympy(f: Expression) -> None:
    symbols = sorted(f.sympy.free_symbols, key=str) or [x.sympy]
    columns = [0.2 + 0.15 * k + np.array([0.0, 0.3]) for k in range(len(symbols))]
    own = compile_expressions(symbols, [f.sympy])(*(torch.from_numpy(c) for c in columns))[0]
    for k in range(2):
        at = {s: sympy.Float(c[k], 30) for s, c in zip(symbols, columns, strict=True)}
        assert float(own[k]) == pytest.approx(
            float(f.sympy.xreplace(at).evalf(30)), rel=1e-12, abs=1e-13
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_keeps_shape_precision_and_order(dtype: torch.dtype) -> None:
    column = torch.rand(4, generator=torch.Generator().manual_seed(0), dtype=dtype)
    outputs = compile_expressions(
        [u.sympy, v.sympy], [e.sympy for e in (v, u * 0 + 2.5, ke.sqrt(u) + 1)]
    )
    values = outputs(column, column + 1)
    assert [(value.shape, value.dtype) for value in values] == [(column.shape, dtype)] * 3
    expected = [column + 1, torch.full_like(column, 2.5), column.sqrt() + 1]
    torch.testing.assert_close(values, expected)
