"""Expressions read from text, without running it."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from kanpde.errors import KanpdeError
from kanpde.symbols.expression import NORMAL, NormalSymbol, derivative_symbol
from kanpde.symbols.printing import TABLE
from kanpde.symbols.sizes import (
    SIZE_POLICY,
    SizePolicy,
    exponential,
    power,
    sympy_time,
    whole_number,
)
from kanpde.symbols.tabulated import TableLabel, TableValue, Tabulated

_FUNCTIONS = {
    name: getattr(sympy, name)
    for name in (
        "sin", "cos", "tan", "exp", "log", "sqrt", "sinh", "cosh", "tanh",
        "asin", "acos", "atan", "erf", "sign", "Abs", "DiracDelta",
    )
}  # fmt: skip
_BINARY = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}  # fmt: skip
_LOGIC = {ast.BitAnd: sympy.And, ast.BitOr: sympy.Or}
_COMPARE = {ast.Lt: sympy.Lt, ast.LtE: sympy.Le, ast.Gt: sympy.Gt, ast.GtE: sympy.Ge}


def parse(
    text: str,
    axes: Sequence[str],
    fields: Sequence[str] = (),
    support: Mapping[str, tuple[str, ...]] | None = None,
    *,
    tables: Mapping[str, Tabulated] | None = None,
    policy: SizePolicy = SIZE_POLICY,
) -> Any:
    """The SymPy expression that `code` printed; arithmetic and known functions only.

    Args:
        text: of coordinates, numbers and, where there are fields, their derivatives ("u_xx").
        axes: the names of the coordinates.
        fields: the names of the fields.
        support: the axes that each field depends on, where not on all.
        tables: those that it may hold, by name.
        policy: how large and how slow it may be.

    Raises:
        KanpdeError: for anything else, and for what is too large or takes SymPy too long; nothing
            in the text is executed.
    """
    if len(text) > policy.characters:
        raise KanpdeError(
            f"`{text[:60]}...` has {len(text)} characters; at most {policy.characters} are read"
        )
    try:
        body = ast.parse(text, mode="eval").body
        if _depth(body) > policy.depth:
            raise KanpdeError(f"`{text[:60]}...` is nested more than {policy.depth} deep")
        with sympy_time(f"`{text[:60]}`", policy.each):
            return _Reader(text, tuple(axes), tuple(fields), support, tables or {}).value(body)
    except KanpdeError:
        raise
    except (SyntaxError, RecursionError, MemoryError, TypeError, ArithmeticError, ValueError) as e:
        raise KanpdeError(f"`{text[:60]}` is not an expression of kanpde") from e


def _depth(node: ast.AST) -> int:
    """How deeply calls, powers and comparisons are nested; sums and products are flat."""
    deepest, waiting = 0, [(node, 0)]
    while waiting:
        each, depth = waiting.pop()
        flat = isinstance(each, ast.BinOp) and not isinstance(each.op, ast.Pow)
        depth += isinstance(each, ast.expr) and not flat
        deepest = max(deepest, depth)
        waiting += [(below, depth) for below in ast.iter_child_nodes(each)]
    return deepest


@dataclass(frozen=True)
class _Reader:
    text: str
    axes: tuple[str, ...]
    fields: tuple[str, ...]
    support: Mapping[str, tuple[str, ...]] | None
    tables: Mapping[str, Tabulated]

    def value(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int(number)):
                return whole_number(number)
            case ast.Constant(value=float(number)) if math.isfinite(number):
                return self._float(node)
            case ast.Name(id=name) if name in self.axes:
                return sympy.Symbol(name, real=True)
            case ast.Name(id="pi") if "pi" not in self.fields:
                return sympy.pi
            case ast.Name(id=name) if self._is_normal(name):
                return NormalSymbol(name.removeprefix(NORMAL))
            case ast.Name(id=name) if self.fields:
                return derivative_symbol(name, self.axes, self.fields, self.support)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return power(self.value(left), self.value(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _BINARY[type(op)](self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no], keywords=[]):
                pairs = (yes, self.condition(condition)), (no, sympy.true)
                return sympy.Piecewise(*((self.value(v), c) for v, c in pairs))
            case ast.Call(func=ast.Name(id="exp" | "sinh" | "cosh" as name), args=[argument]):
                return exponential(_FUNCTIONS[name], self.value(argument))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                return _FUNCTIONS[name](*map(self.value, args))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if (
                name.removeprefix(TABLE) in self.tables
            ):
                return self._read_table(self.tables[name.removeprefix(TABLE)], args)
        raise KanpdeError(f"`{ast.unparse(node)[:60]}` is not an expression of kanpde")

    def condition(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=bool(value)):
                return sympy.true if value else sympy.false
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                return _COMPARE[type(op)](self.value(left), self.value(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _LOGIC:
                return _LOGIC[type(op)](self.condition(left), self.condition(right))
            case ast.Call(func=ast.Name(id="where"), args=[_, _, _] as args, keywords=[]):
                return sympy.ITE(*map(self.condition, args))
        raise KanpdeError(f"`{ast.unparse(node)[:60]}` is not a condition of kanpde")

    def _read_table(self, table: Tabulated, args: Sequence[ast.expr]) -> Any:
        """A table at a place, behind which stand the orders of a derivative, if it is one."""
        count = len(table.axes)
        orders = [each.value for each in args[count:] if isinstance(each, ast.Constant)]
        label = TableLabel(table, (0,) * count)
        for k, order in enumerate(orders):
            for _ in range(int(order)):  # type: ignore[arg-type]
                label = label.raised(k)
        if len(args) != count + len(orders) or len(orders) not in (0, count):
            raise KanpdeError(f"the table {table.name} takes {', '.join(table.axes)}")
        return TableValue(label, *map(self.value, args[:count]))

    def _is_normal(self, name: str) -> bool:
        """Whether it is a component of the normal, and not a derivative of a field."""
        known = name.startswith(NORMAL) and name.removeprefix(NORMAL) in self.axes
        return known and NORMAL[:-1] not in self.fields

    def _float(self, node: ast.Constant) -> Any:
        """A number with all its digits; Python's float would keep 17."""
        written = self.text.encode()[node.col_offset : node.end_col_offset].decode()
        plain = node.lineno == 1 and re.fullmatch(r"[0-9.]+(e[+-]?[0-9]+)?", written)
        return sympy.Float(written if plain else node.value, 17)
