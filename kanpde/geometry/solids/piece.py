"""Smooth pieces of the boundaries of solids, on parameters in the unit interval or square."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.symbols.expression import exact_number


@dataclass(frozen=True)
class Places:
    """Points (N, d) of a piece, their outward unit normals (N, d), and the stretch (N,).

    The stretch is the length or area of the image of a unit of the parameters.
    """

    points: Array
    normals: Array
    stretch: Array


@dataclass(frozen=True)
class Piece(ABC):
    """A curve in the plane or a surface in space, without corners."""

    name: str

    @property
    @abstractmethod
    def parameters(self) -> int:
        """1 for a curve, 2 for a surface."""

    @abstractmethod
    def place(self, unit: Array) -> Places:
        """The places of parameters (N, parameters) in [0, 1]."""

    def vanishing(self, symbols: Sequence[Any], inside: bool) -> Any:
        """A smooth SymPy expression: zero on the whole curve or surface that the piece is part of.

        Positive on the inner side for `inside`, else on the outer one, with slope one at the
        piece. None where there is none.
        """
        return None


@dataclass(frozen=True)
class Motion:
    """The similarity p = scale * turn q + shift; `turn` is orthogonal and may mirror."""

    turn: tuple[tuple[float, ...], ...]
    scale: float
    shift: tuple[float, ...]

    @staticmethod
    def rest(dimension: int) -> Motion:
        """The motion that leaves everything where it is."""
        return Motion(_rows(np.eye(dimension)), 1.0, (0.0,) * dimension)

    @property
    def matrix(self) -> Array:
        return np.array(self.turn)

    def forth(self, points: Array) -> Array:
        """Where points (N, d) come to lie."""
        return np.asarray(self.scale * points @ self.matrix.T + np.array(self.shift))

    def back(self, points: Array) -> Array:
        """Where points (N, d) came from."""
        return np.asarray((points - np.array(self.shift)) @ self.matrix / self.scale)

    def directions(self, vectors: Array) -> Array:
        """Unit vectors (N, d), turned."""
        return np.asarray(vectors @ self.matrix.T)

    def then(self, other: Motion) -> Motion:
        """First this motion, then the other one."""
        return Motion(
            _rows(other.matrix @ self.matrix),
            other.scale * self.scale,
            tuple(float(v) for v in other.forth(np.array([self.shift]))[0]),
        )

    def pull(self, symbols: Sequence[Any]) -> list[Any]:
        """The coordinates before the motion as expressions of those after it."""
        moved = [s - exact_number(v) for s, v in zip(symbols, self.shift, strict=True)]
        columns = self.matrix.T / self.scale
        return [
            sum(exact_number(float(c)) * m for c, m in zip(column, moved, strict=True))
            for column in columns
        ]


def _rows(matrix: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in matrix)


@dataclass(frozen=True)
class MovedPiece(Piece):
    """A piece after a motion."""

    piece: Piece
    motion: Motion

    @property
    def parameters(self) -> int:
        return self.piece.parameters

    def place(self, unit: Array) -> Places:
        here = self.piece.place(unit)
        return Places(
            self.motion.forth(here.points),
            self.motion.directions(here.normals),
            here.stretch * self.motion.scale**self.parameters,
        )

    def vanishing(self, symbols: Sequence[Any], inside: bool) -> Any:
        found = self.piece.vanishing(self.motion.pull(symbols), inside)
        return None if found is None else exact_number(self.motion.scale) * found
