"""Derivatives of fields on a grid: by Fourier modes on rings, by differences elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import factorial, prod

import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.field.term import Orders
from kanpde.dynamics.field.writing import find_period

# Nodes of a difference, and as many of them at each end hold the samples.
_STENCIL, _EDGE = 7, 3


@dataclass(frozen=True)
class Space:
    """The grid of space, by the axes' names, without what repeats on rings.

    `tables` hold a matrix (N, N) for each axis and order of a derivative, `rings` whether an axis
    is one.
    """

    rows: Mapping[str, Array]
    rings: tuple[bool, ...]
    tables: tuple[tuple[Array, ...], ...]

    def cut(self, u: Array) -> Array:
        """A field (Nt, Nx, ...) without what repeats."""
        return u[(slice(None), *(slice(0, len(row)) for row in self.rows.values()))]

    def inner(self, shape: Sequence[int]) -> Array:
        """Where the equations hold: away from ends."""
        out = np.ones(tuple(shape), dtype=bool)
        for axis, ring in enumerate(self.rings):
            if not ring:
                row = np.arange(shape[axis])
                kept = (row >= _EDGE) & (row < shape[axis] - _EDGE)
                out &= kept.reshape([-1 if k == axis else 1 for k in range(len(shape))])
        return out

    def derive(self, u: Array, orders: Orders) -> Array:
        """A derivative of a field (Nx, ...)."""
        for axis, order in enumerate(orders):
            if order:
                u = np.moveaxis(np.tensordot(self.tables[axis][order], u, (1, axis)), 0, axis)
        return u


@dataclass(frozen=True)
class Spectral(Space):
    """A space whose axes are all rings; `waves` hold i k of each, `keep` what is not aliased."""

    waves: tuple[Array, ...]
    keep: Array

    def symbol(self, orders: Orders) -> Array:
        """What a derivative multiplies the modes with."""
        return np.asarray(prod(w**order for w, order in zip(self.waves, orders, strict=True)))

    def derive(self, u: Array, orders: Orders) -> Array:
        if not any(orders):
            return u
        return np.asarray(np.fft.ifftn(self.symbol(orders) * np.fft.fftn(u)).real)


def choose_space(values: Sequence[Array], axes: Mapping[str, Array], highest: int) -> Space:
    """The space of fields (Nt, Nx, ...) with derivatives up to an order."""
    rows, rings, tables = {}, [], []
    for axis, (name, row) in enumerate(axes.items(), 1):
        ring = find_period(values, row, axis)
        rows[name] = row if ring is None else row[: ring.samples]
        rings.append(ring is not None)
        step = float(row[1] - row[0])
        count = len(rows[name])
        make = _wave_table if ring is not None else _difference_table
        tables.append(tuple(make(count, step, order) for order in range(highest + 1)))
    if not all(rings):
        return Space(rows, tuple(rings), tuple(tables))
    waves: list[Array] = []
    keep = np.ones(tuple(map(len, rows.values())), dtype=bool)
    for axis, row in enumerate(rows.values()):
        shape = [-1 if k == axis else 1 for k in range(len(rows))]
        k = np.fft.fftfreq(len(row), 1 / len(row))
        wave = 2j * np.pi * k / (len(row) * float(row[1] - row[0]))
        waves.append(np.asarray(wave.reshape(shape)))
        keep &= (np.abs(k) < len(row) / 3).reshape(shape)
    return Spectral(rows, tuple(rings), tuple(tables), tuple(waves), keep)


def _wave_table(count: int, step: float, order: int) -> Array:
    """Derivatives of periodic samples by their Fourier modes."""
    k = np.fft.fftfreq(count, step) * 2j * np.pi
    return np.asarray(
        np.fft.ifft(k[:, None] ** order * np.fft.fft(np.eye(count), axis=0), axis=0).real
    )


def _difference_table(count: int, step: float, order: int) -> Array:
    """Derivatives by polynomials through the nearest nodes."""
    table = np.zeros((count, count))
    for row in range(count):
        first = int(np.clip(row - _STENCIL // 2, 0, count - _STENCIL))
        nodes = np.arange(first, first + _STENCIL) - row
        powers = np.vander(nodes.astype(float), increasing=True).T
        target = np.zeros(_STENCIL)
        target[order] = factorial(order)
        table[row, first : first + _STENCIL] = np.linalg.solve(powers, target) / step**order
    return table
