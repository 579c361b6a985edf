"""SymPy expressions as fast functions of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sympy
import torch
from torch import Tensor

from kanpde.assembly.table_values import read_table
from kanpde.symbols.printing import SETTINGS, Printer
from kanpde.symbols.sizes import SIZE_POLICY, sympy_time
from kanpde.symbols.tabulated import name_tables

TensorFunction = Callable[..., list[Tensor]]


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        return function(
            torch.as_tensor(value, dtype=torch.float64) if not isinstance(value, Tensor) else value
        )

    return apply


def _where(condition: Any, yes: Any, no: Any) -> Any:
    if not isinstance(condition, Tensor):
        return yes if condition else no
    like = next((v for v in (yes, no) if isinstance(v, Tensor)), None)
    dtype = torch.float64 if like is None else like.dtype
    yes, no = (torch.as_tensor(v, dtype=dtype, device=condition.device) for v in (yes, no))
    return torch.where(condition, yes, no)


_NAMESPACE: dict[str, Any] = {
    name: _unary(getattr(torch, name))
    for name in (
        "sin", "cos", "tan", "exp", "log", "sqrt", "sinh", "cosh", "tanh",
        "asin", "acos", "atan", "erf", "sign",
    )
} | {"Abs": abs, "where": _where}  # fmt: skip


def compile_expressions(arguments: Sequence[Any], expressions: Sequence[Any]) -> TensorFunction:
    """A function of tensors of one shape that returns such a tensor for each expression.

    Each list of expressions is compiled once in a process: half of the time of a short run of the
    cavity went into compiling what was compiled before, by a window or by a run with another seed.
    """
    return _compile(tuple(arguments), tuple(map(sympy.sympify, expressions)))


@lru_cache(maxsize=1024)
def _compile(arguments: tuple[Any, ...], expressions: tuple[Any, ...]) -> TensorFunction:
    dummies = [sympy.Symbol(f"a{k}") for k in range(len(arguments))]
    swap = dict(zip(arguments, dummies, strict=True))
    with sympy_time("the expressions to compile", SIZE_POLICY.whole):
        parts, wholes = _share_parts(expressions, swap)
        named, tables = name_tables([*(part for _, part in parts), *wholes])
        parts = [(s, part) for (s, _), part in zip(parts, named[: len(parts)], strict=True)]
        wholes = named[len(parts) :]
        functions = {name: read_table(label) for name, label in tables.items()}
        function = sympy.lambdify(
            dummies,
            wholes,
            modules=[{**_NAMESPACE, **functions}],
            printer=Printer(SETTINGS),
            cse=lambda same: (parts, same),
            docstring_limit=0,
        )

    def evaluate(*values: Tensor) -> list[Tensor]:
        like = values[0]
        return [
            r.expand_as(like) if isinstance(r, Tensor) else torch.full_like(like, float(r))
            for r in function(*values)
        ]

    return evaluate


def _share_parts(
    expressions: Sequence[Any], swap: dict[Any, Any]
) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Common parts (symbol, part) and the expressions by these, with numbers of 17 digits.

    The parts are found first: the derivatives of the lift of the cavity have 968 different nodes,
    but 30,000 if each is counted where it stands, and numbers are rounded there one by one. Parts
    without coordinates are put back, so that pi^2 / 4 - 1 is rounded as a whole.
    """
    found, wholes = sympy.cse(expressions, symbols=sympy.numbered_symbols("s"), list=False)
    numbers: dict[Any, Any] = {}
    parts: list[tuple[Any, Any]] = []

    def round_numbers(expression: Any) -> Any:
        rest = expression.xreplace({**numbers, **swap})
        return rest.evalf(17) if hasattr(rest, "evalf") else rest

    for symbol, part in found:
        if part.xreplace(numbers).free_symbols:
            parts.append((symbol, round_numbers(part)))
        else:
            numbers[symbol] = part.xreplace(numbers)
    return parts, [round_numbers(each) for each in wholes]
