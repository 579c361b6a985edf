"""Candidate terms for a right-hand side: SymPy expressions with fast values and derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.checks import require_scale
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.ode.policy import SearchPolicy
from kanpde.errors import KanpdeError
from kanpde.symbols.parse import parse
from kanpde.symbols.sizes import sympy_time


@dataclass(frozen=True)
class Library:
    """Terms phi_1 ... phi_P of `variables` (states first, then inputs)."""

    variables: tuple[str, ...]
    terms: tuple[sympy.Expr, ...]

    @cached_property
    def symbols(self) -> list[sympy.Symbol]:
        return [sympy.Symbol(name, real=True) for name in self.variables]

    @cached_property
    def _values(self) -> Any:
        return sympy.lambdify(self.symbols, list(self.terms), "numpy", cse=True)

    @cached_property
    def _gradients(self) -> Any:
        # No sample sees the Dirac where a term such as sign(x) jumps.
        partial = [
            sympy.diff(term, s).replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
            for s in self.symbols
            for term in self.terms
        ]
        return sympy.lambdify(self.symbols, partial, "numpy", cse=True)

    def __len__(self) -> int:
        return len(self.terms)

    def values(self, points: Array) -> Array:
        """(N, V) -> (P, N)."""
        return _stack(self._values(*points.T), len(points))

    def gradients(self, points: Array) -> Array:
        """(N, V) -> (V, P, N)."""
        flat = _stack(self._gradients(*points.T), len(points))
        return flat.reshape(len(self.variables), len(self.terms), len(points))

    def subset(self, indices: Sequence[int]) -> Library:
        """The library of some of the terms."""
        return Library(self.variables, tuple(self.terms[k] for k in indices))


def _stack(parts: Sequence[Any], count: int) -> Array:
    out = np.empty((len(parts), count))
    for k, part in enumerate(parts):
        out[k] = part
    return out


def polynomial_library(
    variables: Sequence[str],
    degree: int = 3,
    *,
    waves: Sequence[str] = (),
    extra: Sequence[sympy.Expr] = (),
) -> Library:
    """All monomials up to `degree`, sin and cos of the variables in `waves`, and `extra` terms.

    Raises:
        KanpdeError: there would be more terms than data could distinguish.
    """
    symbols = [sympy.Symbol(name, real=True) for name in variables]
    terms: list[sympy.Expr] = [sympy.Integer(1)]
    for order in range(1, degree + 1):
        terms += [sympy.Mul(*c) for c in combinations_with_replacement(symbols, order)]
    for name in waves:
        s = sympy.Symbol(name, real=True)
        terms += [sympy.sin(s), sympy.cos(s)]
    terms += [term for term in extra if term not in terms]
    if len(terms) > 400:
        raise KanpdeError(
            f"the library has {len(terms)} terms for {len(variables)} variables; choose a lower "
            "degree"
        )
    return Library(tuple(variables), tuple(terms))


def build_library(
    data: Trajectories,
    degree: int,
    *,
    waves: bool = True,
    terms: Sequence[str] = (),
    policy: SearchPolicy | None = None,
) -> Library:
    """The library for measured trajectories.

    Args:
        data: the trajectories, whose states and inputs are the variables.
        degree: of the monomials, 0 to 9.
        waves: whether sin and cos of the states of a fitting amplitude are terms.
        terms: further terms as text, such as "exp(-x)".
        policy: which amplitudes fit.

    Raises:
        KanpdeError: the degree is out of range, or a term cannot be read, or is not a finite real
            number at every sample.
    """
    if not 0 <= degree <= 9:
        raise KanpdeError(f"the degree of the monomials must be 0 to 9, not {degree}")
    low, high = (policy or SearchPolicy()).wave_amplitudes
    names = (*data.states, *data.inputs)
    largest = np.max([np.nanmax(np.abs(run.states), axis=0) for run in data.runs], axis=0)
    swings = [s for s, a in zip(data.states, largest, strict=True) if waves and low < a < high]
    extra = [_read_term(term, names, data) for term in terms]
    return polynomial_library(names, degree, waves=swings, extra=extra)


def _read_term(text: str, variables: tuple[str, ...], data: Trajectories) -> sympy.Expr:
    """The term of a text; raises KanpdeError unless it is finite and real at each whole sample."""
    term = parse(text.replace("^", "**"), variables)
    points = np.concatenate([np.hstack([run.states, run.inputs]) for run in data.runs])
    points = points[np.isfinite(points).all(axis=1)]
    if term.has(sympy.DiracDelta):
        raise KanpdeError(f"the term {text} is zero but for one place; leave it out")
    try:
        with np.errstate(all="ignore"), sympy_time(f"the term {text}"):
            values = Library(variables, (term,)).values(points)
            finite = bool(np.isfinite(values).all())
    # SymPy's infinity, complex numbers, numbers too long for a float, too many brackets
    except (KeyError, TypeError, SyntaxError, ArithmeticError):
        finite = False
    except ValueError as error:
        if isinstance(error, KanpdeError):
            raise
        finite = False
    if finite:
        require_scale(f"the term {text}", values)
    else:
        raise KanpdeError(
            f"the term {text} is not a finite real number at every sample of the data; leave it "
            "out, or change it"
        )
    return term
