"""Tabulated functions of (x, t), periodic in x, read between the samples by high-order Lagrange."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.reference.etdrk4 import Modes

# Samples that a value is read from along each axis: by polynomials of degree 7.
NODES = 8
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
            for part in chunks(np.flatnonzero(owner == k)):
                result[part] = self._read(piece, x[part], t[part])
        return result

    def _read(self, piece: Piece, x: Array, t: Array) -> Array:
        rows, columns = piece.values.shape
        row, in_time = stencil((t - piece.start) / piece.step, rows)
        where, in_space = periodic_stencil((x - self.left) / self.period, columns)
        result = np.zeros(x.shape)
        for j in range(NODES):
            line = piece.values[row[:, j, None], where]
            result += in_time[:, j] * np.einsum("ij,ij->i", in_space, line)
        return result


def refine(states: Iterable[Modes], points: int, columns: int) -> Array:
    """Fourier coefficients (numpy's rfft of `points` samples) to values on `columns` >= points."""
    return np.array([np.fft.irfft(v, columns) * (columns / points) for v in states])


def stencil(s: Array, count: int) -> tuple[AnyArray, Array]:
    """Of `count` samples the 8 about each position s (n,), and their weights; both (n, 8)."""
    first = np.clip(np.floor(s).astype(int) - NODES // 2 + 1, 0, count - NODES)
    return first[:, None] + np.arange(NODES), lagrange(s - first)


def periodic_stencil(share: Array, count: int) -> tuple[AnyArray, Array]:
    """The same of samples on a ring, at shares of its length."""
    p = np.mod(share, 1.0) * count
    first = np.floor(p).astype(int) - NODES // 2 + 1
    return (first[:, None] + np.arange(NODES)) % count, lagrange(p - first)


def lagrange(s: Array) -> Array:
    """Weights (n, 8) that interpolate at position s (n,) from the nodes 0, 1, ..., 7."""
    nodes = np.arange(NODES)
    weights = np.ones((s.size, NODES))
    for j in nodes:
        for m in nodes[nodes != j]:
            weights[:, j] *= (s - m) / (j - m)
    return weights


def chunks(indices: np.ndarray) -> Iterable[np.ndarray]:
    """The indices in parts that are read at once."""
    return (indices[i : i + _CHUNK] for i in range(0, indices.size, _CHUNK))
