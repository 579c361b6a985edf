"""Terms of equations of fields: derivatives of products of fields and of their derivatives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import factorial, prod

# The order of a derivative along each axis of space.
Orders = tuple[int, ...]
# Fields, by their places, as often as they occur: (0, 0, 1) is u^2 v.
Monomial = tuple[int, ...]


@dataclass(frozen=True, order=True)
class Factor:
    """A derivative of the field at a place of the list of fields."""

    field: int
    derivative: Orders


@dataclass(frozen=True)
class Piece:
    """weight D^outer(product of factors)."""

    weight: float
    outer: Orders
    factors: tuple[Factor, ...]

    @property
    def plain(self) -> bool:
        """Whether all derivatives are outer ones, which fall on the bumps."""
        return not any(any(factor.derivative) for factor in self.factors)

    @property
    def order(self) -> int:
        """The highest order of a derivative of a field in it."""
        return sum(self.outer) + max((sum(f.derivative) for f in self.factors), default=0)


@dataclass(frozen=True)
class Term:
    """A sum of pieces with one coefficient, such as a Laplacian, and how it is written."""

    name: str
    pieces: tuple[Piece, ...]

    @property
    def pair(self) -> tuple[int, int] | None:
        """(m, j) where it is d^j(u^m)/dx^j of the first field in one dimension; else None."""
        piece = self.pieces[0]
        if len(piece.outer) != 1 or not piece.plain or len(self.pieces) > 1:
            return None
        if any(factor.field for factor in piece.factors):
            return None
        return len(piece.factors), piece.outer[0]

    @property
    def order(self) -> int:
        """The highest order of a derivative of a field in it."""
        return max(piece.order for piece in self.pieces)


@dataclass(frozen=True)
class Notation:
    """The names of fields and of the axes of space, and the terms that can be made of them."""

    fields: tuple[str, ...] = ("u",)
    axes: tuple[str, ...] = ("x",)

    @property
    def none(self) -> Orders:
        """No derivative."""
        return (0,) * len(self.axes)

    def along(self, axis: int, order: int = 1) -> Orders:
        """A derivative along one axis."""
        return tuple(order if k == axis else 0 for k in range(len(self.axes)))

    def derivatives(self, order: int) -> list[Orders]:
        """All derivatives of an order, in the order of the axes."""
        ranges = [range(order, -1, -1)] * len(self.axes)
        return [each for each in product(*ranges) if sum(each) == order]

    def derive(self, outer: Orders, monomial: Monomial) -> Term:
        """D^outer of a monomial; u^3, (u v)_x, u_xy, and the constant."""
        base = self._write_monomial(monomial)
        suffix = self._write_suffix(outer)
        name = base if not suffix else f"{self._embrace(monomial)}{suffix}"
        return Term(name, (self._piece(1.0, outer, monomial),))

    def laplacian(self, monomial: Monomial, times: int = 1) -> Term:
        """The Laplacian of a monomial, once or twice; in one dimension u_xx."""
        if len(self.axes) == 1:
            return self.derive((2 * times,), monomial)
        name = f"{'lap(' * times}{self._write_monomial(monomial)}{')' * times}"
        pieces = tuple(
            self._piece(
                factorial(times) / prod(factorial(k) for k in half),
                tuple(2 * k for k in half), monomial,
            )
            for half in self.derivatives(times)
        )  # fmt: skip
        return Term(name, pieces)

    def multiply(self, factors: Sequence[Factor]) -> Term:
        """A product of derivatives: v u_x, u_x u_y."""
        counts = Counter(sorted(factors, key=lambda f: (sum(f.derivative), f)))
        parts = [
            f"{self.fields[f.field]}{self._write_suffix(f.derivative)}" + (f"^{n}" if n > 1 else "")
            for f, n in counts.items()
        ]
        return Term(" ".join(parts), (Piece(1.0, self.none, tuple(sorted(factors))),))

    def gradients(self, one: int, other: int) -> Term:
        """grad u . grad v; in one dimension u_x v_x."""
        each = [
            (Factor(one, self.along(k)), Factor(other, self.along(k)))
            for k in range(len(self.axes))
        ]
        if len(each) == 1:
            return self.multiply(each[0])
        u, v = self.fields[one], self.fields[other]
        name = f"|grad({u})|^2" if one == other else f"grad({u}).grad({v})"
        return Term(name, tuple(Piece(1.0, self.none, tuple(sorted(pair))) for pair in each))

    def spread(self, monomial: Monomial, other: int) -> Term:
        """A monomial times the Laplacian of a field: u lap(v), u v_xx."""
        plain = [Factor(k, self.none) for k in monomial]
        each = [Factor(other, self.along(k, 2)) for k in range(len(self.axes))]
        if len(each) == 1:
            return self.multiply([*plain, *each])
        name = f"{self._write_monomial(monomial)} lap({self.fields[other]})"
        pieces = tuple(Piece(1.0, self.none, tuple(sorted([*plain, f]))) for f in each)
        return Term(name, pieces)

    def _piece(self, weight: float, outer: Orders, monomial: Monomial) -> Piece:
        return Piece(weight, outer, tuple(Factor(k, self.none) for k in sorted(monomial)))

    def _write_monomial(self, monomial: Monomial) -> str:
        counts = Counter(sorted(monomial))
        return " ".join(
            self.fields[k] + (f"^{count}" if count > 1 else "") for k, count in counts.items()
        )

    def _embrace(self, monomial: Monomial) -> str:
        text = self._write_monomial(monomial)
        return text if len(monomial) == 1 else f"({text})"

    def _write_suffix(self, orders: Orders) -> str:
        letters = "".join(name * order for name, order in zip(self.axes, orders, strict=True))
        return f"_{letters}" if letters else ""


# One field u of one dimension.
PLAIN = Notation()
