"""The equations of fields: coefficients with errors, in words and in SymPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.dynamics.agreement import UNTESTED, Agreement, Judgement
from kanpde.dynamics.field.term import PLAIN, Notation, Piece, Term
from kanpde.dynamics.intervals import signed_interval


@dataclass(frozen=True)
class FieldEquation:
    """d^order u / dt^order = sum of c times terms, u the field at the place `own`.

    `noise` is the estimated standard deviation of its samples; `judgement` says whether it is all
    that the equation leaves.
    """

    order: int
    terms: tuple[Term, ...]
    values: Array
    covariance: Array
    noise: float
    known: Mapping[Term, float]
    judgement: Judgement = UNTESTED
    notation: Notation = PLAIN
    own: int = 0

    @property
    def errors(self) -> Array:
        return np.sqrt(np.maximum(np.diagonal(self.covariance), 0))

    @property
    def name(self) -> str:
        """The field's name."""
        return self.notation.fields[self.own]

    @property
    def left(self) -> str:
        """What is explained: u_t, u_tt."""
        return f"{self.name}_{'t' * self.order}"

    def coefficients(self) -> dict[tuple[int, int] | str, float]:
        """The coefficients, known ones included.

        Of one field of one dimension by (m, j) for d^j(u^m)/dx^j, else by the term as it is
        written.
        """
        single = len(self.notation.fields) == len(self.notation.axes) == 1
        return {
            (each.pair if single and each.pair else each.name): value
            for each, value in self.values_by_term().items()
        }

    def values_by_term(self) -> dict[Term, float]:
        """The coefficients, known ones included."""
        own = dict(zip(self.terms, map(float, self.values), strict=True))
        return {**dict(self.known), **own}

    def text(self) -> str:
        """The equation with 95 % intervals; u_x, (u^2)_xx."""
        known = write_known(self.known)
        side = " + ".join(part for part in (known, self.side()) if part).replace("+ -", "-")
        return f"{self.left} = {side or '0'}"

    def side(self) -> str:
        """The terms that were found with 95 % intervals; nothing where there are none."""
        parts = [
            f"{signed_interval(float(value), float(error))} {term.name}".rstrip()
            for term, value, error in zip(self.terms, self.values, self.errors, strict=True)
        ]
        return " ".join(parts).removeprefix("+ ")

    def sympy(self) -> sympy.Expr:
        """The right-hand side, with the fields as functions of space and t."""
        return sympy.Add(
            *(
                sympy.Float(c) * piece.weight * _write_piece(piece, self.notation)
                if piece.weight != 1
                else sympy.Float(c) * _write_piece(piece, self.notation)
                for term, c in self.values_by_term().items()
                for piece in term.pieces
            )
        )

    @property
    def order_in_space(self) -> int:
        """The highest order of a derivative in space."""
        return max((term.order for term in self.values_by_term()), default=0)


@dataclass(frozen=True)
class FieldSystem:
    """The equations of several fields, in the order of the fields that were to be explained."""

    equations: tuple[FieldEquation, ...]
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.equations)

    @property
    def judgement(self) -> Judgement:
        """That of the equation which explains least."""
        return max((each.judgement for each in self.equations), key=_rank)

    def __getitem__(self, name: str) -> FieldEquation:
        """The equation of a field."""
        return self.equations[self.names.index(name)]

    def text(self) -> str:
        """A line for each equation."""
        return "\n".join(each.text() for each in self.equations)

    def sympy(self) -> dict[str, sympy.Expr]:
        """The right-hand sides."""
        return {each.name: each.sympy() for each in self.equations}


def _rank(judgement: Judgement) -> int:
    order = (Agreement.EXACT, Agreement.WITHIN_NOISE, Agreement.UNTESTED, Agreement.OUTSIDE)
    return order.index(judgement.agreement)


def _write_piece(piece: Piece, notation: Notation) -> sympy.Expr:
    """A piece without its weight."""
    space = [sympy.Symbol(name, real=True) for name in notation.axes]
    t = sympy.Symbol("t", real=True)
    inside = sympy.Integer(1)
    for factor in piece.factors:
        name = notation.fields[factor.field]
        u = sympy.Symbol(name, real=True) if name in (*notation.axes, "t") else None
        u = sympy.Function(name)(*space, t) if u is None else u
        inside *= _derive(u, space, factor.derivative)
    return _derive(inside, space, piece.outer)


def _derive(
    expression: sympy.Expr, space: list[sympy.Symbol], orders: tuple[int, ...]
) -> sympy.Expr:
    for symbol, order in zip(space, orders, strict=True):
        expression = sympy.diff(expression, symbol, order) if order else expression
    return expression


def write_known(known: Mapping[Term, float]) -> str:
    """Known terms as `read_terms` reads them: 0.1 u_xx -3 (u^2)_x."""
    return " ".join(f"{v:+g} {term.name}".rstrip() for term, v in known.items()).removeprefix("+")
