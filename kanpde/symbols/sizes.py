"""How large and how slow an expression may become: what SymPy cannot hold is refused."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sympy

from kanpde.errors import KanpdeError
from kanpde.limits import time_limit


@dataclass(frozen=True)
class SizePolicy:
    """The largest expressions that are built, and the longest time that SymPy may take."""

    # The size of a constant. SymPy keeps integers and powers exactly: 9**9**9 would fill the
    # memory, and to compare exp(exp(exp(20))) with its neighbour it would take days.
    number: float = 1e300
    # The largest x of exp(-x), which is zero then: boundary layers have exp(-1 / 1e-5).
    decay: float = 1e9
    # Characters and nested calls of a text. The longest lift of the shipped problems has 300.
    characters: int = 100_000
    depth: int = 60
    # Nodes of an expression. Navier-Stokes in stream functions has 60.
    nodes: int = 20_000
    # Of a derivative: the factorial of 21 is beyond 64 bits.
    order: int = 20
    # Seconds for one function of an expression, and for all that a problem holds. `where` inside
    # of the condition of `where`, five times over, took minutes; shipped problems take 1 s, and 8
    # times as long on a busy machine.
    each: float = 10.0
    whole: float = 30.0


SIZE_POLICY = SizePolicy()


def sympy_time(what: str, seconds: float = SIZE_POLICY.each) -> AbstractContextManager[None]:
    """Let SymPy think about `what` no longer than these seconds, else KanpdeError."""
    return time_limit(
        seconds,
        f"SymPy has not come to an end with {what} in {seconds:g} s; write it more simply, "
        "with fewer nested functions and conditions",
    )


def require_size(place: str, expression: Any, policy: SizePolicy = SIZE_POLICY) -> None:
    """Raise KanpdeError for an expression that is too large to be compiled and printed."""
    nodes = islice(sympy.preorder_traversal(expression), policy.nodes + 1)
    if sum(1 for _ in nodes) > policy.nodes:
        raise KanpdeError(
            f"{place} has more than {policy.nodes} parts; write it with fewer derivatives of "
            "products, or make a part of it a field of its own"
        )


def power(base: Any, exponent: Any, policy: SizePolicy = SIZE_POLICY) -> Any:
    """`base**exponent`; raises KanpdeError for a constant that is too large."""
    if base.is_number and exponent.is_number and base != 0:
        size = abs(complex(exponent)) * abs(math.log(abs(complex(base)) or 1.0))
        if not size <= math.log(policy.number):
            raise KanpdeError("a power is too large for a number")
    return base**exponent


def exponential(function: Any, argument: Any, policy: SizePolicy = SIZE_POLICY) -> Any:
    """exp, sinh or cosh of an argument; raises KanpdeError for a constant that is too large."""
    if argument.is_number:
        size, both = complex(argument).real, function is not sympy.exp
        most = math.log(policy.number)
        if not (-most if both else -policy.decay) <= size <= most:
            raise KanpdeError(f"{function.__name__}({argument!s:.40}) is too large for a number")
    return function(argument)


def whole_number(value: int, policy: SizePolicy = SIZE_POLICY) -> Any:
    """A SymPy integer; raises KanpdeError for one that is too large."""
    if abs(value) > policy.number:
        raise KanpdeError("a whole number is too large; at most 1e300 can stand in an expression")
    return sympy.Integer(value)
