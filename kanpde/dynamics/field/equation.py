"""The equation of a field: terms, how they are written and read, coefficients with errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.dynamics.agreement import UNTESTED, Judgement
from kanpde.dynamics.intervals import signed_interval
from kanpde.errors import KanpdeError

Term = tuple[int, int]
_TERM = re.compile(r"\(?u(?:(?:\^|\*\*)(\d))?\)?(?:_(x+))?")
_NUMBER = re.compile(r"[+-]?\s*(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class FieldEquation:
    """d^order u / dt^order = sum of c d^j(u^m)/dx^j; terms are pairs (m, j).

    `noise` is the estimated standard deviation of the samples; `judgement` says whether it is all
    that the equation leaves.
    """

    order: int
    terms: tuple[Term, ...]
    values: Array
    covariance: Array
    noise: float
    known: Mapping[Term, float]
    judgement: Judgement = UNTESTED

    @property
    def errors(self) -> Array:
        return np.sqrt(np.maximum(np.diagonal(self.covariance), 0))

    def coefficients(self) -> dict[Term, float]:
        """The coefficients by term (power, derivative), known ones included."""
        own = dict(zip(self.terms, map(float, self.values), strict=True))
        return {**dict(self.known), **own}

    def text(self) -> str:
        """The equation with 95 % intervals; u_x, (u^2)_xx."""
        known = write_known(self.known)
        side = " + ".join(part for part in (known, self.side()) if part).replace("+ -", "-")
        return f"u_{'t' * self.order} = {side or '0'}"

    def side(self) -> str:
        """The terms that were found with 95 % intervals; nothing where there are none."""
        parts = [
            f"{signed_interval(float(value), float(error))} {term_name(term)}".rstrip()
            for term, value, error in zip(self.terms, self.values, self.errors, strict=True)
        ]
        return " ".join(parts).removeprefix("+ ")

    def sympy(self) -> sympy.Expr:
        """The right-hand side, with u as a function of x and t."""
        x, t = sympy.symbols("x t", real=True)
        u = sympy.Function("u")(x, t)
        return sympy.Add(
            *(
                sympy.Float(c) * (sympy.diff(u**m, x, j) if j else u**m)
                for (m, j), c in self.coefficients().items()
            )
        )


def write_known(known: Mapping[Term, float]) -> str:
    """Known terms as `read_terms` reads them: 0.1 u_xx -3 (u^2)_x."""
    return " ".join(f"{v:+g} {term_name(t)}".rstrip() for t, v in known.items()).removeprefix("+")


def term_name(term: Term) -> str:
    """How a term is written: u, u^3, u_xx, (u^2)_x; nothing for the constant."""
    power, order = term
    if power == 0:
        return ""
    base = "u" if power == 1 else f"u^{power}"
    if order == 0:
        return base
    return f"{base if power == 1 else f'({base})'}_{'x' * order}"


def read_terms(text: str) -> dict[Term, float]:
    """Known terms as they are written: "0.1 u_xx - 3 (u^2)_x" -> {(1, 2): 0.1, (2, 1): -3.0}.

    Raises:
        KanpdeError: there is something else in the text.
    """
    found: dict[Term, float] = {}
    rest = text.strip()
    while rest:
        if found and rest[0] not in "+-":
            raise KanpdeError(_explain_misreading(text, rest))
        number = _NUMBER.match(rest)
        sign = re.match(r"[+-]?", rest)
        assert sign is not None
        value = float(number[0].replace(" ", "")) if number else float(f"{sign[0]}1")
        rest = rest[(number or sign).end() :].lstrip(" *")
        term = _TERM.match(rest)
        key = (int(term[1] or 1), len(term[2] or "")) if term else (0, 0)
        if term is None and (number is None or rest[:1] not in ("", "+", "-")):
            raise KanpdeError(_explain_misreading(text, rest))
        if key in found:
            raise KanpdeError(f"{text!r} names {term_name(key) or 'a constant'} twice")
        found[key] = value
        rest = rest[term.end() :].lstrip() if term else rest
    return found


def _explain_misreading(text: str, rest: str) -> str:
    return (
        f"{text!r} is not understood at {rest[:20]!r}: write known terms as "
        '"0.1 u_xx - 3 (u^2)_x + u"'
    )
