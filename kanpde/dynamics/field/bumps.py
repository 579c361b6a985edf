"""Bumps on a grid of samples: smooth test functions of time and space that take all derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.polynomial import Polynomial

from kanpde.arrays import Array
from kanpde.dynamics.field.policy import BumpPolicy
from kanpde.dynamics.field.term import Orders

POLICY = BumpPolicy()


def choose_widths(u: Array, axes: Sequence[Array]) -> tuple[int, ...]:
    """Half widths of the bumps in samples, along t and each axis of space.

    Args:
        u: samples (Nt, Nx, ...).
        axes: the rows t (Nt,), x (Nx,), ...
    """
    out = []
    for k, axis in enumerate(axes):
        step = axis[1] - axis[0]
        slope = np.diff(u, axis=k) / step
        scale = np.std(u) / max(float(np.sqrt(np.mean(slope**2))), 1e-300)
        out.append(_bound_width(POLICY.width * scale / step, len(axis)))
    return tuple(out)


def _bound_width(width: float, count: int) -> int:
    """A half width in samples of an axis of `count` samples."""
    return int(np.clip(width, POLICY.least, max(POLICY.least, (count - 1) // 4)))


def spread_widths(
    widths: Sequence[int], counts: Sequence[int], factors: Sequence[float]
) -> list[tuple[int, ...]]:
    """Half widths along t and the axes of space, those of space by each factor, from the least."""
    found = set()
    for factor in factors:
        wide = [round(factor * width) for width in widths[1:]]
        found.add((widths[0], *map(_bound_width, wide, counts[1:])))
    return sorted(found)


@dataclass(frozen=True)
class Bumps:
    """Bumps on a lattice; `tables` hold their rows (bumps, N) by derivative, of t and each axis."""

    halves: tuple[int, ...]
    tables: tuple[tuple[Array, ...], ...]

    @staticmethod
    def on_grid(axes: Sequence[Array], halves: Sequence[int], highest: int = 4) -> Bumps:
        """Bumps of given half widths in samples.

        Args:
            axes: the rows t (Nt,), x (Nx,), ...
            halves: along each of them.
            highest: the highest derivative along an axis of space.
        """
        counts = _count_bumps([len(axis) for axis in axes], halves)
        orders = (2, *(highest for _ in axes[1:]))
        tables = tuple(
            _sample_bumps(axis, half, count, order)
            for axis, half, count, order in zip(axes, halves, counts, orders, strict=True)
        )
        return Bumps(tuple(halves), tables)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many bumps there are along t and along each axis."""
        return tuple(len(table[0]) for table in self.tables)

    def integral(self, field: Array, outer: Orders, order: int = 0) -> Array:
        """The integrals of the bumps times a derivative of a field, by parts, (K,).

        Args:
            field: on the grid, (Nt, Nx, ...).
            outer: the derivative in space.
            order: of the derivative in time.
        """
        value = field
        for table, each in zip(self.tables, (order, *outer), strict=True):
            # The first axis is contracted, and its bumps become the last.
            value = np.tensordot(value, table[each], axes=(0, 1))
        return np.asarray((-1) ** (order + sum(outer)) * value.ravel())

    @property
    def strides(self) -> tuple[int, ...]:
        """Every which sample is enough for sums of squares of bumps, along t and each axis."""
        return tuple(max(1, half // POLICY.fine) for half in self.halves)

    def covariance(
        self, slopes: Sequence[Mapping[Orders, Array]], own: int, order: int,
        noises: Sequence[float],
    ) -> Array:  # fmt: skip
        """The covariance (K, K) of the rows' residuals, from independent noise in every sample.

        Args:
            slopes: for each field d/du of what stands under each derivative in space, at every
                sample that `strides` leave.
            own: the place of the field whose derivative in time is explained.
            order: of that derivative.
            noises: the deviation of each field's noise.
        """
        # A row is psi_t^(order)(t) psi(x) plus psi(t) r(t, x): sums over space first, for each t,
        # then over t for each pair of bumps; as sparse rows of all samples it took 10 times as
        # long.
        thin = [
            [row[:, ::stride] * np.sqrt(stride) for row in table]
            for table, stride in zip(self.tables, self.strides, strict=True)
        ]
        then, first = thin[0][0], -((-1) ** order) * thin[0][order]
        needed = {(0,) * (len(thin) - 1), *(outer for by in slopes for outer in by)}
        space = {
            outer: (-1) ** sum(outer)
            * reduce(np.kron, [thin[k + 1][j] for k, j in enumerate(outer)])
            for outer in needed
        }  # fmt: skip
        still = space[(0,) * (len(thin) - 1)]
        size = (len(then), len(then), len(still), len(still))
        total = np.zeros(size)
        for place, (by, noise) in enumerate(zip(slopes, noises, strict=True)):
            if place == own:
                total += noise**2 * np.einsum("ab,cd->abcd", first @ first.T, still @ still.T)
            if not by or noise == 0:
                continue
            squares = np.zeros((then.shape[1], len(still), len(still)))
            mixed = np.zeros_like(squares)
            for k in range(then.shape[1]):
                rest = sum(slope[k].reshape(1, -1) * space[outer] for outer, slope in by.items())
                squares[k] = rest @ rest.T
                mixed[k] = rest @ still.T
            total += noise**2 * _sum_over_times(then, then, squares)
            if place == own:
                total += noise**2 * _sum_over_times(then, first, mixed)
                total += noise**2 * _sum_over_times(first, then, mixed.transpose(0, 2, 1))
        count = len(then) * len(still)
        return np.asarray(total.transpose(0, 2, 1, 3).reshape(count, count))


def _sum_over_times(left: Array, right: Array, products: Array) -> Array:
    """sum over t of left (A, T), right (A, T) and products (T, B, B), (A, A, B, B)."""
    pairs = (left[:, None] * right).reshape(-1, left.shape[1])
    flat = pairs @ products.reshape(len(products), -1)
    return np.asarray(flat.reshape(len(left), len(right), *products.shape[1:]))


def _count_bumps(counts: Sequence[int], halves: Sequence[int]) -> list[int]:
    """Bumps along each axis: overlapping, and not too many together."""
    wanted = [
        min(POLICY.count, max(4, 3 * (count - 2 * half) // half + 1))
        for count, half in zip(counts, halves, strict=True)
    ]
    while np.prod(wanted) > POLICY.most:
        # The axis where the bumps are closest loses one.
        room = [
            (count - 2 * half) / half / number if number > 4 else np.inf
            for count, half, number in zip(counts, halves, wanted, strict=True)
        ]
        if min(room) == np.inf:
            break
        wanted[int(np.argmin(room))] -= 1
    return wanted


def _sample_bumps(axis: Array, half: int, number: int, orders: int) -> tuple[Array, ...]:
    """(1 - z^2)^p and its derivatives at the grid's points, times the step: (bumps, N) each."""
    count = len(axis)
    step = float(axis[1] - axis[0])
    centres = np.unique(np.linspace(half, count - 1 - half, number).round().astype(int))
    bump = Polynomial([1, 0, -1]) ** POLICY.power
    z = np.arange(-half, half + 1) / half
    out = []
    for order in range(orders + 1):
        shape = bump.deriv(order)(z) if order else bump(z)
        shape = shape * step / (half * step) ** order / (half * step)
        table = np.zeros((len(centres), count))
        for row, centre in enumerate(centres):
            table[row, centre - half : centre + half + 1] = shape
        out.append(table)
    return tuple(out)
