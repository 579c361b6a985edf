"""SymPy expressions as fast functions of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
import torch
from torch import Tensor

from kanpde.symbols.printing import SETTINGS, Printer
from kanpde.symbols.sizes import SIZE_POLICY, sympy_time

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


class Compiler:
    """Compiles each list of expressions once; an ansatz has one, which its windows share.

    Half of the time of a short run of the cavity went into compiling what was compiled before.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[Any, ...], tuple[Any, ...]], TensorFunction] = {}

    def __call__(self, arguments: Sequence[Any], expressions: Sequence[Any]) -> TensorFunction:
        """As `compile_expressions`."""
        key = tuple(arguments), tuple(map(sympy.sympify, expressions))
        if key not in self._known:
            self._known[key] = compile_expressions(*key)
        return self._known[key]

    def __reduce__(self) -> tuple[type[Compiler], tuple[()]]:
        """Copies start empty: compiled functions cannot be pickled."""
        return Compiler, ()


def compile_expressions(arguments: Sequence[Any], expressions: Sequence[Any]) -> TensorFunction:
    """A function of tensors of one shape that returns such a tensor for each expression."""
    dummies = [sympy.Symbol(f"a{k}") for k in range(len(arguments))]
    swap = dict(zip(arguments, dummies, strict=True))
    with sympy_time("the expressions to compile", SIZE_POLICY.whole):
        function = sympy.lambdify(
            dummies,
            [sympy.sympify(e).evalf(17).xreplace(swap) for e in expressions],
            modules=[_NAMESPACE],
            printer=Printer(SETTINGS),
            cse=True,
        )

    def evaluate(*values: Tensor) -> list[Tensor]:
        like = values[0]
        return [
            r.expand_as(like) if isinstance(r, Tensor) else torch.full_like(like, float(r))
            for r in function(*values)
        ]

    return evaluate
