"""Periodic evolution equations in one or two dimensions, by Fourier modes and exponential steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.reference.core import Reference, coordinate
from kanpde.reference.etdrk4 import Modes, march
from kanpde.reference.table import NODES, chunks, periodic_stencil, stencil


@dataclass(frozen=True)
class Evolution:
    """f_t = linear(k) f + outer(k) F[remainder(fields)] for each field f, periodic in space.

    Args:
        periods: the axes of space, name -> (lower, upper), one or two.
        until: the final time; the evolution starts at t = 0.
        start: called with one array for each axis of space; returns {field: array of that shape}.
        linear: {field: function of the wave numbers of each axis, array to array}: what the stiff
            linear part multiplies a mode by, such as `lambda k: -d * k**2` for d u_xx.
        remainder: called with one keyword for each field; returns {field: array}, the rest.
        points: along each axis of space.
        steps: in time; one in `every` is kept.
        outer: {field: function of the wave numbers} that multiplies the modes of its remainder,
            such as `lambda k: -(k**2)` where the rest is a second derivative; 1 where left out.

    Raises KanpdeError where these contradict each other.
    """

    periods: Mapping[str, tuple[float, float]]
    until: float
    start: Callable[..., Mapping[str, Array]]
    linear: Mapping[str, Callable[..., Array]]
    remainder: Callable[..., Mapping[str, Array]]
    points: int
    steps: int
    every: int
    outer: Mapping[str, Callable[..., Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.periods) not in (1, 2):
            raise KanpdeError(f"Evolution.periods names {len(self.periods)} axes; give one or two")
        if self.steps // self.every < NODES:
            raise KanpdeError(
                f"Evolution keeps {self.steps // self.every} times; at least {NODES} are needed"
            )
        if stray := set(self.outer) - set(self.linear):
            raise KanpdeError(f"Evolution.outer names {sorted(stray)}, which linear does not")

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.points,) * len(self.periods)

    @cached_property
    def waves(self) -> tuple[Array, ...]:
        """The wave numbers of each axis, on the grid of the modes."""
        lengths = [upper - lower for lower, upper in self.periods.values()]
        last = len(lengths) - 1
        each = [
            2 * np.pi / length * (np.fft.rfftfreq if i == last else np.fft.fftfreq)(n, 1 / n)
            for i, (length, n) in enumerate(zip(lengths, self.shape, strict=True))
        ]
        return tuple(np.meshgrid(*each, indexing="ij"))

    @cached_property
    def table(self) -> Array:
        """Values at all kept times, (times, fields, points of each axis); computed once."""
        grid = np.meshgrid(
            *(np.linspace(a, b, self.points, endpoint=False) for a, b in self.periods.values()),
            indexing="ij",
        )
        start, names = self.start(*grid), tuple(self.linear)
        if set(start) != set(names):
            raise KanpdeError(
                f"Evolution.start gives {sorted(start)}, but linear has the fields {sorted(names)}"
            )
        axes = tuple(range(1, 1 + len(self.shape)))
        # Two thirds of the modes are kept, so that products of two fields are free of aliases.
        keep = np.ones(self.waves[0].shape, dtype=bool)
        for wave in self.waves:
            keep &= np.abs(wave) <= np.abs(wave).max() * 2 / 3
        outer = [
            self.outer[name](*self.waves) if name in self.outer else np.ones(keep.shape)
            for name in names
        ]
        weight = np.stack(outer) * keep

        def remainder(t: float, v: Modes) -> Modes:
            values = np.fft.irfftn(v.reshape(weight.shape), self.shape, axes)
            found = self.remainder(**dict(zip(names, values, strict=True)))
            return (weight * np.fft.rfftn(np.stack([found[n] for n in names]), axes=axes)).ravel()

        first = np.fft.rfftn(np.stack([start[name] for name in names]), axes=axes) * keep
        linear = np.stack([self.linear[name](*self.waves) for name in names])
        states = march(
            linear.ravel(), remainder, first.ravel(), (0.0, self.until), self.steps, self.every
        )
        return np.stack([np.fft.irfftn(v.reshape(weight.shape), self.shape, axes) for v in states])

    def __call__(self, t: Array, *space: Array) -> Array:
        """Values (fields, n) at times and points (n,)."""
        times = len(self.table)
        stencils = [stencil(t / self.until * (times - 1), times)]
        for at, (lower, upper) in zip(space, self.periods.values(), strict=True):
            stencils.append(periodic_stencil((at - lower) / (upper - lower), self.points))
        out = np.zeros((len(self.linear), t.size))
        for which in product(range(NODES), repeat=len(stencils)):
            weight = np.prod([w[:, i] for (_, w), i in zip(stencils, which, strict=True)], axis=0)
            time, *place = (nodes[:, i] for (nodes, _), i in zip(stencils, which, strict=True))
            chosen: tuple[Any, ...] = (time, slice(None), *place)
            out += weight * np.moveaxis(self.table[chosen], 0, 1)
        return out


def evolve(evolution: Evolution, error: float) -> Reference:
    """The reference that an `Evolution` is; computed at the first evaluation, and kept.

    Args:
        evolution: the equations, the start, the resolution.
        error: its relative L2 error, as a comparison with another resolution shows it.
    """
    names = tuple(evolution.linear)

    def evaluate(**at: Array) -> dict[str, Array]:
        time = coordinate("t", at["t"], 0.0, evolution.until)
        points = np.broadcast_arrays(time, *(np.asarray(at[n]) for n in evolution.periods))
        flat = [np.asarray(each, dtype=np.float64).ravel() for each in points]
        parts = [evolution(*(a[i] for a in flat)) for i in chunks(np.arange(flat[0].size))]
        values = np.concatenate(parts, axis=1).reshape(len(names), *points[0].shape)
        return dict(zip(names, values, strict=True))

    return Reference(
        evaluate,
        names,
        "Fourier modes with ETDRK4 (Cox and Matthews 2002; Kassam and Trefethen 2005)",
        error,
    )
