"""Expression trees: a variable, a number, or an operation on one or two trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array


@dataclass(frozen=True)
class Operation:
    """A function of one or two arrays, in NumPy and in SymPy.

    `transcendental` ones take and give pure numbers, and are not nested in each other.
    """

    name: str
    arity: int
    numeric: Callable[..., Array]
    symbolic: Callable[..., Any]
    transcendental: bool = False


UNARY = (
    Operation("square", 1, np.square, lambda a: a**2),
    Operation("sqrt", 1, np.sqrt, sympy.sqrt),
    Operation("exp", 1, np.exp, sympy.exp, True),
    Operation("log", 1, np.log, sympy.log, True),
    Operation("sin", 1, np.sin, sympy.sin, True),
    Operation("cos", 1, np.cos, sympy.cos, True),
    Operation("tanh", 1, np.tanh, sympy.tanh, True),
)
BINARY = (
    Operation("add", 2, np.add, lambda a, b: a + b),
    Operation("subtract", 2, np.subtract, lambda a, b: a - b),
    Operation("multiply", 2, np.multiply, lambda a, b: a * b),
    Operation("divide", 2, np.divide, lambda a, b: a / b),
)


@dataclass(frozen=True)
class Tree:
    """A variable (`index`), a number, or an operation on `parts`."""

    operation: Operation | None = None
    parts: tuple[Tree, ...] = ()
    index: int = -1
    number: float = 0.0

    @property
    def size(self) -> int:
        """The number of nodes."""
        return 1 + sum(part.size for part in self.parts)

    def nodes(self) -> list[Tree]:
        """This tree and all trees in it."""
        return [self, *(node for part in self.parts for node in part.nodes())]

    def replace(self, place: int, other: Tree) -> Tree:
        """With another tree for the one at a place in `nodes`."""
        if place == 0:
            return other
        place -= 1
        parts = list(self.parts)
        for k, part in enumerate(parts):
            if place < part.size:
                parts[k] = part.replace(place, other)
                break
            place -= part.size
        return Tree(self.operation, tuple(parts))

    def evaluate(self, x: Array) -> Array:
        """At points (N, V), (N,)."""
        if self.operation is None:
            return x[:, self.index] if self.index >= 0 else np.full(len(x), self.number)
        with np.errstate(all="ignore"):
            return self.operation.numeric(*(part.evaluate(x) for part in self.parts))

    def write(self, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
        """As an expression of the variables' symbols."""
        if self.operation is not None:
            return self.operation.symbolic(*(part.write(symbols) for part in self.parts))
        if self.index >= 0:
            return symbols[self.index]
        whole = float(self.number).is_integer()
        return sympy.Integer(int(self.number)) if whole else sympy.Float(self.number)
