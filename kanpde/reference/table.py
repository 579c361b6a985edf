"""Tabulated functions of (x, t), periodic in x, read between the samples by high-order Lagrange."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.reference.etdrk4 import Modes

_POINTS = 8
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Piece:
    """Samples at equal time steps: values[i, j] at start + i * step and grid point j."""

    start: float
    step: float
    values: Array


@dataclass(frozen=True)
class PeriodicTable:
    """Consecutive pieces in time over one periodic grid that begins at `left`.

    Between samples it reads with polynomials of degree 7 in x and in t. The grid is finer than
    the Fourier method needs (`refine`), so this equals the trigonometric interpolant to
    about 1e-11, at a cost that does not grow with the number of modes.
    """

    left: float
    period: float
    pieces: tuple[Piece, ...]

    def __call__(self, x: Array, t: Array) -> Array:
        """Values at points (n,), t within the pieces."""
        result = np.empty(x.shape)
        starts = np.array([piece.start for piece in self.pieces])
        owner = np.clip(np.searchsorted(starts, t, side="right") - 1, 0, None)
        for k, piece in enumerate(self.pieces):
            for part in _chunks(np.flatnonzero(owner == k)):
                result[part] = self._read(piece, x[part], t[part])
        return result

    def _read(self, piece: Piece, x: Array, t: Array) -> Array:
        rows, columns = piece.values.shape
        s = (t - piece.start) / piece.step
        row = np.clip(np.floor(s).astype(int) - _POINTS // 2 + 1, 0, rows - _POINTS)
        p = np.mod(x - self.left, self.period) * (columns / self.period)
        column = np.floor(p).astype(int) - _POINTS // 2 + 1
        in_time = lagrange(s - row)
        in_space = lagrange(p - column)
        where = (column[:, None] + np.arange(_POINTS)) % columns
        result = np.zeros(x.shape)
        for j in range(_POINTS):
            line = piece.values[(row + j)[:, None], where]
            result += in_time[:, j] * np.einsum("ij,ij->i", in_space, line)
        return result


def refine(states: Iterable[Modes], points: int, columns: int) -> Array:
    """Fourier coefficients (numpy's rfft of `points` samples) to values on `columns` >= points."""
    return np.array([np.fft.irfft(v, columns) * (columns / points) for v in states])


def lagrange(s: Array) -> Array:
    """Weights (n, 8) that interpolate at position s (n,) from the nodes 0, 1, ..., 7."""
    nodes = np.arange(_POINTS)
    weights = np.ones((s.size, _POINTS))
    for j in nodes:
        for m in nodes[nodes != j]:
            weights[:, j] *= (s - m) / (j - m)
    return weights


def _chunks(indices: np.ndarray) -> Iterable[np.ndarray]:
    return (indices[i : i + _CHUNK] for i in range(0, indices.size, _CHUNK))
