"""Expressions as text: for people, for files, and for the code that torch runs."""

from __future__ import annotations

import math
from typing import Any

import sympy
from sympy.printing.pycode import PythonCodePrinter

# Before the name of a table in saved expressions: a field or a function may be called like it.
TABLE = "table_"


class Printer(PythonCodePrinter):
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

    def _print_TableValue(self, expr: Any) -> str:
        return str(expr)

    def _print_DiracDelta(self, expr: Any) -> str:
        return "0.0"  # the derivative of a jump, which no collocation point can see


class _ExactPrinter(Printer):
    """Numbers with all digits: a rounded expression would have other derivatives."""

    def _print_Pi(self, expr: Any) -> str:
        return "acos(-1)"  # a field or an axis may have the name pi

    def _print_Exp1(self, expr: Any) -> str:
        return "exp(1)"

    def _print_Float(self, expr: Any) -> str:
        # 20 digits distinguish any two numbers of 60 bits, the precision of `Expression`.
        return str(sympy.Float(expr, 20))

    def _print_DiracDelta(self, expr: Any) -> str:
        return self._print_Function(expr)

    def _print_TableValue(self, expr: Any) -> str:
        label, *at = expr.args
        orders = label.index if any(label.index) else ()
        return f"{TABLE}{label.table.name}({', '.join([*map(self._print, at), *map(str, orders)])})"


SETTINGS = {"fully_qualified_modules": False, "allow_unknown_functions": True}


def code(expression: Any) -> str:
    """An expression as text, which `parse` turns back into the same expression."""
    return str(_ExactPrinter(SETTINGS).doprint(sympy.sympify(expression)))
