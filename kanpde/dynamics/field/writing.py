"""Samples of a function on a grid as a short sum of waves and polynomials, in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.polynomial import chebyshev

from kanpde.arrays import Array

# Waves of a period, degrees of a polynomial, and products of them in a sum, at most.
_WAVES, _DEGREE, _PRODUCTS = 40, 12, 160
# Fourth differences across the seam of a periodic field, beside the largest ones inside.
_SEAM = 2.0


@dataclass(frozen=True)
class Ring:
    """A period, and how many samples it has."""

    period: float
    samples: int


@dataclass(frozen=True)
class Line:
    """An axis: its name, its positions (N,), and its period where it has one."""

    name: str
    positions: Array
    period: float | None = None

    def table(self) -> Array:
        """The values of the functions of the axis, (N, functions)."""
        count = len(self.positions)
        if self.period is None:
            return np.asarray(
                chebyshev.chebvander(self._unit(), min(_DEGREE, max(0, count // 3 - 1)))
            )
        phase = 2 * np.pi * (self.positions - self.positions[0]) / self.period
        columns = [np.ones(count)]
        for k in range(1, min(_WAVES, (count + 1) // 2)):
            columns += [np.cos(k * phase), np.sin(k * phase)]
        return np.stack(columns, 1)

    def _unit(self) -> Array:
        middle, half = self._ends()
        return (self.positions - middle) / half

    def _ends(self) -> tuple[float, float]:
        first, last = float(self.positions[0]), float(self.positions[-1])
        return (first + last) / 2, (last - first) / 2

    def finish(self, table: Array) -> Array:
        """Coefficients (functions, ...) as they are written: polynomials by powers."""
        if self.period is not None:
            return table
        flat = table.reshape(len(table), -1)
        powers = [chebyshev.cheb2poly(column) for column in flat.T]
        out = np.zeros_like(flat)
        for k, column in enumerate(powers):
            out[: len(column), k] = column
        return out.reshape(table.shape)

    def write(self, place: int) -> str:
        """The function at a place of `finish`; nothing for the constant."""
        if place == 0:
            return ""
        if self.period is None:
            middle, half = self._ends()
            return f"(({self.name} - {middle!r}) / {half!r})**{place}"
        number, name = (place + 1) // 2, "cos" if place % 2 else "sin"
        angle = (
            f"{2 * np.pi * number / self.period!r} * ({self.name} - {float(self.positions[0])!r})"
        )
        return f"{name}({angle})"


def write_function(values: Array, lines: Sequence[Line], noise: float) -> str:
    """Samples (N1, N2, ...) as a sum of those products that noise cannot make.

    Args:
        values: on the grid of the lines.
        lines: the axes.
        noise: the deviation of the noise that may be left in the values.
    """
    coefficients = values
    for line in lines:
        # The first axis is taken away, and its functions become the last.
        inverse = np.linalg.pinv(line.table())
        coefficients = np.tensordot(coefficients, inverse, axes=(0, 1))
    size = np.abs(coefficients)
    # The largest of N coefficients that noise makes (Donoho & Johnstone 1994).
    chance = 2 * noise * float(np.sqrt(np.log(values.size) / values.size))
    least = max(1e-6 * float(size.max()), chance)
    least = max(least, float(np.sort(size.ravel())[-_PRODUCTS:][0]))
    kept = np.where(size >= least, coefficients, 0.0)
    for axis, line in enumerate(lines):
        kept = np.moveaxis(line.finish(np.moveaxis(kept, axis, 0)), 0, axis)
    parts = []
    for place in product(*map(range, kept.shape)):
        if kept[place] != 0:
            functions = [line.write(k) for line, k in zip(lines, place, strict=True)]
            parts.append(" * ".join([f"{kept[place]:.10g}", *filter(None, functions)]))
    return " + ".join(parts) or "0.0"


def find_period(values: Sequence[Array], row: Array, axis: int) -> Ring | None:
    """The period along an axis of fields that go on at its other end as smoothly as inside.

    Args:
        values: each field, (Nt, Nx, ...).
        row: the positions (N,) along the axis.
        axis: the place of the axis in the arrays.
    """
    tables = [np.moveaxis(u, axis, -1).reshape(-1, len(row)) for u in values]
    step = float(row[1] - row[0])
    found = {
        count: max(_measure_seam(table[:, :count]) for table in tables)
        for count in (len(row), len(row) - 1)
    }
    samples = min(found, key=lambda count: found[count])
    return Ring(samples * step, samples) if found[samples] <= _SEAM else None


def _measure_seam(row: Array) -> float:
    """Fourth differences across the seam of periodic samples (M, N), beside those inside."""
    seam = np.diff(np.concatenate([row[:, -4:], row[:, :4]], 1), 4, axis=1)
    inside = np.diff(row, 4, axis=1)
    sizes = [float(np.sqrt(np.mean(each**2, axis=0)).max()) for each in (seam, inside)]
    return sizes[0] / max(sizes[1], 1e-12 * float(np.abs(row).max()), 1e-300)
