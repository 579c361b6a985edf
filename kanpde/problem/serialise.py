"""Expressions and problems as plain data: a saved model is read back without running code."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.assembly.compile import code
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Face, Faces, Points
from kanpde.problem.problem import Condition, Observation, Periodic, Problem, field_symbol
from kanpde.symbols.expression import Expression, symbolic

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


# Powers of integers are computed at once, and 9**9**9 would fill the memory.
_LARGEST_POWER = 1e300


def parse(text: str, box: Box, unknowns: tuple[str, ...]) -> Any:
    """The SymPy expression that `code` printed; arithmetic and known functions only.

    Raises KanpdeError for anything else: nothing in the text is executed.
    """
    try:
        return _Reader(text, box, unknowns).value(ast.parse(text, mode="eval").body)
    except KanpdeError:
        raise
    except (SyntaxError, RecursionError, MemoryError, TypeError, ArithmeticError, ValueError) as e:
        raise KanpdeError(f"`{text[:60]}` is no expression of kanpde") from e


@dataclass(frozen=True)
class _Reader:
    text: str
    box: Box
    unknowns: tuple[str, ...]

    def value(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int(number)):
                return sympy.Integer(number)
            case ast.Constant(value=float(number)) if math.isfinite(number):
                return self._float(node)
            case ast.Name(id=name) if name in self.box.names:
                return sympy.Symbol(name, real=True)
            case ast.Name(id="pi") if "pi" not in self.unknowns:
                return sympy.pi
            case ast.Name(id=name) if self.unknowns:
                return field_symbol(name, self.box, self.unknowns)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return _power(self.value(left), self.value(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _BINARY[type(op)](self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no], keywords=[]):
                pairs = (yes, self.condition(condition)), (no, sympy.true)
                return sympy.Piecewise(*((self.value(v), c) for v, c in pairs))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                return _FUNCTIONS[name](*map(self.value, args))
        raise KanpdeError(f"`{ast.unparse(node)[:60]}` is no expression of kanpde")

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
        raise KanpdeError(f"`{ast.unparse(node)[:60]}` is no condition of kanpde")

    def _float(self, node: ast.Constant) -> Any:
        """A number with all its digits, of which Python's own keeps 17."""
        written = self.text.encode()[node.col_offset : node.end_col_offset].decode()
        plain = node.lineno == 1 and re.fullmatch(r"[0-9.]+(e[+-]?[0-9]+)?", written)
        return sympy.Float(written if plain else node.value, 17)


def _power(base: Any, exponent: Any) -> Any:
    if base.is_number and exponent.is_number and base != 0:
        size = abs(float(exponent) * math.log(abs(float(base))))
        if not size <= math.log(_LARGEST_POWER):
            raise KanpdeError("a power is too large for a number")
    return base**exponent


def problem_to_data(problem: Problem) -> dict[str, Any]:
    """A problem as JSON data, all but its reference (a function)."""
    return {
        "box": {name: list(ends) for name, ends in problem.box.intervals.items()},
        "fields": list(problem.unknowns),
        "conditions": [_condition_to_data(c, problem) for c in problem.conditions],
        "lift": {n: code(symbolic(e)) for n, e in problem.lift.items()},
        "derived": {n: code(e) for n, e in problem.outputs.items()},
        "vectors": {n: list(parts) for n, parts in problem.vectors.items()},
        "units": dict(problem.units),
        "title": problem.title,
    }


def _condition_to_data(
    condition: Condition | Periodic | Observation, problem: Problem
) -> dict[str, Any]:
    match condition:
        case Periodic(axis=axis, name=name):
            return {"periodic": axis.name, "name": name}
        case Observation(name=name, points=points, values=values, weight=weight):
            return {
                "name": name,
                "weight": weight,
                "points": points.coordinates.tolist(),
                "values": {n: v.tolist() for n, v in values.items()},
            }
    own = [e for e in problem.equations if e.condition == condition.name]
    region = condition.region
    data: dict[str, Any] = {"name": condition.name, "weight": condition.weight}
    if isinstance(region, Points):
        data["points"] = region.coordinates.tolist()
    else:
        parts = region.parts if isinstance(region, Faces) else (region,)
        data["parts"] = [dict(part.fixed) for part in parts]
        own = own[:: len(parts)]  # each expression stands on each part
    return data | {"expressions": [code(e.expression) for e in own]}


def problem_from_data(data: Mapping[str, Any]) -> Problem:
    """The problem of `problem_to_data`, without a reference.

    Raises KanpdeError for data that are not of this form.
    """
    try:
        return _problem_from_data(data)
    except Exception as error:
        # The data may come from anywhere: whatever fails to read them is their damage.
        raise KanpdeError(f"the saved problem cannot be read ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, KanpdeError) else f"{type(error).__name__}: {error}"


def _problem_from_data(data: Mapping[str, Any]) -> Problem:
    for name in data["box"]:
        if not name.isidentifier():
            raise KanpdeError(f"{name[:60]!r} is no name of an axis")
    box = Box(**{n: (float(a), float(b)) for n, (a, b) in data["box"].items()})
    fields = tuple(str(n) for n in data["fields"])
    return Problem(
        box,
        fields,
        [_condition_from_data(c, box, fields) for c in data["conditions"]],
        lift={n: Expression(parse(e, box, ())) for n, e in data["lift"].items()},
        derived={n: _returning([parse(e, box, fields)]) for n, e in data["derived"].items()},
        vectors={n: tuple(parts) for n, parts in data["vectors"].items()},
        units=dict(data["units"]),
        title=str(data["title"]),
    )


def _condition_from_data(
    data: Mapping[str, Any], box: Box, fields: tuple[str, ...]
) -> Condition | Periodic | Observation:
    if "periodic" in data:
        (axis,) = (a for a in box.axes if a.name == data["periodic"])
        return Periodic(axis, str(data["name"]))
    name, weight = str(data["name"]), float(data["weight"])
    points = Points(box, np.array(data["points"], float)) if "points" in data else None
    if "values" in data and points is not None:
        values = {n: np.array(v, float) for n, v in data["values"].items()}
        return Observation(name, points, values, weight)
    residual = _returning([parse(e, box, fields) for e in data["expressions"]])
    if points is not None:
        return Condition(name, points, residual, weight)
    parts = tuple(
        Face(box, tuple(sorted((n, float(v)) for n, v in fixed.items()))) if fixed else box
        for fixed in data["parts"]
    )
    return Condition(name, parts[0] if len(parts) == 1 else Faces(parts), residual, weight)


def _returning(expressions: list[Any]) -> Any:
    return lambda: tuple(Expression(e) for e in expressions)
