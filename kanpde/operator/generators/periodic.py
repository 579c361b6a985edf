"""Evolution on periodic boxes: random initial states, Fourier modes, exponential time steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.operator.data import GridAxis, Pairs
from kanpde.operator.generators.base import (
    Report,
    SplitGenerator,
    check_numbers,
    check_points,
    check_steps,
    sample_generator,
)
from kanpde.reference.etdrk4 import march

_BATCH = 16  # samples that are stepped in time together


class PeriodicGenerator(SplitGenerator):
    """Trajectories of one field on [0, 1)^dimension, periodic, recorded at even times.

    A generator is a frozen dataclass with `times` and `end`, those of the training samples; the
    other splits are recorded over `longer` times the time. It says how to draw a state, how fine
    the solver's grid is, and how states are stepped.
    """

    name: str
    dimension: int
    symmetry: str
    longer: int
    times: int
    end: float

    @abstractmethod
    def refinement(self, resolution: int) -> int:
        """The solver's grid has this many points for each of `resolution` along an axis."""

    def rate(self, points: int) -> float:
        """Steps in time for each unit of it on such a grid; none where states are closed forms."""
        return 0.0

    @abstractmethod
    def initial(self, points: int, rng: np.random.Generator) -> Array:
        """A random state (points, ..)."""

    @abstractmethod
    def states(self, start: Array, times: int, end: float) -> Iterator[Array]:
        """The states (B, n, ..) at each time, from `start` (B, n, ..)."""

    def check(self, split: str, samples: int, resolution: int) -> None:
        """Raise KanpdeError for samples that are too large to be made."""
        points = self.refinement(resolution) * resolution
        check_points(points, self.dimension, f"{self} at the resolution {resolution}")
        end = self._span(split)[1]
        check_steps(self.rate(points) * end, f"{self} at the resolution {resolution}")
        check_numbers((samples, self._span(split)[0], *[resolution] * self.dimension))

    def generate(
        self, split: str, samples: int, resolution: int, seed: int, report: Report
    ) -> Pairs:
        """Initial states and trajectories (samples, times, resolution, ..)."""
        self.check(split, samples, resolution)
        times, end = self._span(split)
        shape, finer = (resolution,) * self.dimension, self.refinement(resolution)
        out = np.empty((samples, times, *shape), dtype=np.float32)
        coarse = (slice(None), *(slice(None, None, finer) for _ in shape))
        for first in range(0, samples, _BATCH):
            chunk = range(first, min(first + _BATCH, samples))
            draws = [
                self.initial(resolution * finer, sample_generator(seed, split, i)) for i in chunk
            ]
            for k, state in enumerate(self.states(np.stack(draws), times, end)):
                out[chunk.start : chunk.stop, k] = state[coarse]
            report(len(chunk))
        return self._pairs(out, end)

    def _span(self, split: str) -> tuple[int, float]:
        """The number of times and the last time of a split."""
        longer = 1 if split == "train" else self.longer
        return longer * (self.times - 1) + 1, longer * self.end

    def _pairs(self, values: Array, end: float) -> Pairs:
        n = values.shape[-1]
        axes = "xy"[: self.dimension]
        space = [GridAxis(axis, np.arange(n) / n, periodic=True) for axis in axes]
        t = GridAxis("t", np.linspace(0, end, values.shape[1]))
        inputs, outputs = {f"{self.name}0": values[:, :1]}, {self.name: values}
        return Pairs((t, *space), inputs, outputs, self.symmetry)


def periodic_field(
    n: int, scale: float, shift: float, power: float, rng: np.random.Generator
) -> Array:
    """A sample (n, n) of N(0, scale^2 (-lap + shift)^(-2 power)) on the periodic unit square.

    Its modes |k| <= 16 are drawn, so that it is the same function on every grid.
    """
    k = np.arange(-16, 17)
    weight = scale * (4 * np.pi**2 * (k[:, None] ** 2 + k**2) + shift) ** -power
    weight[16, 16] = 0
    draw = rng.standard_normal((2, 33, 33))
    waves = np.exp(2j * np.pi * k * np.arange(n)[:, None] / n)
    return np.asarray((waves @ (weight * (draw[0] + 1j * draw[1])) @ waves.T).real)


def wavenumbers(n: int) -> tuple[Array, Array, Array]:
    """k_x (n, 1), k_y (1, n / 2 + 1) and their sum of squares, in the order of `rfft2`."""
    kx = 2 * np.pi * np.fft.fftfreq(n, 1 / n)[:, None]
    ky = 2 * np.pi * np.arange(n // 2 + 1)[None]
    return kx, ky, kx**2 + ky**2


def step_square(
    linear: Array,
    remainder: Callable[[Array], Array],
    start: Array,
    times: int,
    end: float,
    every: int,
) -> Iterator[Array]:
    """Fields (B, n, n) at each time, of v' = linear v + remainder(v) for their modes v.

    `every` time steps are taken from one recorded time to the next.
    """
    n, shape = start.shape[-1], (len(start), *linear.shape)

    def flat(t: float, v: Array) -> Array:
        return remainder(v.reshape(shape)).reshape(len(start), -1)

    first = np.fft.rfft2(start).reshape(len(start), -1)
    states = march(linear.ravel(), flat, first, (0.0, end), every * (times - 1), every)
    return (np.fft.irfft2(v.reshape(shape), (n, n)) for v in states)
