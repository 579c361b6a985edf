"""SymPy expressions as fast functions of tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import sympy
import torch
from sympy.printing.pycode import PythonCodePrinter
from torch import Tensor

Evaluator = Callable[..., list[Tensor]]


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
        "asin", "acos", "atan", "erf", "sign", "heaviside",
    )
    if name != "heaviside"
} | {"Abs": abs, "where": _where}  # fmt: skip


class _Printer(PythonCodePrinter):
    """Plain calls (`sin(x)`) and nested `where` for piecewise expressions."""

    def _print_Function(self, expr: Any) -> str:
        return f"{type(expr).__name__}({', '.join(self._print(a) for a in expr.args)})"

    _print_sin = _print_cos = _print_tan = _print_exp = _print_log = _print_Function
    _print_sinh = _print_cosh = _print_tanh = _print_asin = _print_acos = _print_Function
    _print_atan = _print_erf = _print_sign = _print_Abs = _print_Function

    def _print_Pi(self, expr: Any) -> str:
        return repr(math.pi)

    def _print_Exp1(self, expr: Any) -> str:
        return repr(math.e)

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base = self.parenthesize(expr.base, 100)
        if expr.exp == sympy.Rational(1, 2) or expr.exp == 0.5:
            return f"sqrt({self._print(expr.base)})"
        if expr.exp.is_Integer and 2 <= int(expr.exp) <= 4 and expr.base.is_Symbol:
            # x*x is several times faster than pow on tensors.
            return "(" + "*".join([base] * int(expr.exp)) + ")"
        return f"{base}**{self.parenthesize(expr.exp, 100)}"

    def _print_Piecewise(self, expr: Any) -> str:
        text = "float('nan')"
        for value, condition in reversed(expr.args):
            if condition == sympy.true:
                text = self._print(value)
            else:
                text = f"where({self._print(condition)}, {self._print(value)}, {text})"
        return text

    def _print_And(self, expr: Any) -> str:
        return "(" + " & ".join(f"({self._print(a)})" for a in expr.args) + ")"

    def _print_Or(self, expr: Any) -> str:
        return "(" + " | ".join(f"({self._print(a)})" for a in expr.args) + ")"

    def _print_DiracDelta(self, expr: Any) -> str:
        return "0.0"  # the derivative of a jump, which no collocation point can see


class _ExactPrinter(_Printer):
    """Numbers as they are: an expression rounded to digits has other derivatives."""

    def _print_Pi(self, expr: Any) -> str:
        return "acos(-1)"  # a field or an axis may have the name pi

    def _print_Exp1(self, expr: Any) -> str:
        return "exp(1)"

    def _print_Float(self, expr: Any) -> str:
        # 20 digits tell any two numbers of 60 bits apart, which `Expression` works with.
        return str(sympy.Float(expr, 20))

    def _print_DiracDelta(self, expr: Any) -> str:
        return self._print_Function(expr)


_SETTINGS = {"fully_qualified_modules": False, "allow_unknown_functions": True}


def code(expression: Any) -> str:
    """An expression as text, of which `parse` makes the same expression again."""
    return str(_ExactPrinter(_SETTINGS).doprint(sympy.sympify(expression)))


def compiled(arguments: Sequence[Any], expressions: Sequence[Any]) -> Evaluator:
    """A function of tensors of one shape that returns one tensor of that shape an expression."""
    numeric = [sympy.sympify(e).evalf(17) for e in expressions]
    dummies = [sympy.Symbol(f"a{k}") for k in range(len(arguments))]
    swap = dict(zip(arguments, dummies, strict=True))
    function = sympy.lambdify(
        dummies,
        [e.xreplace(swap) for e in numeric],
        modules=[_NAMESPACE],
        printer=_Printer(_SETTINGS),
        cse=True,
    )

    def evaluate(*values: Tensor) -> list[Tensor]:
        like = values[0]
        return [
            r.expand_as(like) if isinstance(r, Tensor) else torch.full_like(like, float(r))
            for r in function(*values)
        ]

    return evaluate
