"""Data sets by classical solvers: random inputs, and the outputs that a solver finds for them.

Each sample has a random generator of its own, made from (seed, split, number): the same sample
comes out whatever the number of samples or the resolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.operator.data import GridAxis, Pairs
from kanpde.reference.etdrk4 import march

_BATCH = 16  # samples that are stepped in time together
Report = Callable[[int], None]


class Generator(Protocol):
    """A problem with random inputs."""

    title: str

    def splits(self, samples: int, tests: int) -> dict[str, int]:
        """The splits of a data set and their numbers of samples."""

    def generate(
        self, split: str, samples: int, resolution: int, seed: int, report: Report
    ) -> Pairs:
        """The samples of one split; `report` is told how many more are done."""


def sample_generator(seed: int, split: str, number: int) -> np.random.Generator:
    """The random numbers of one sample."""
    return np.random.default_rng([seed, *split.encode(), number])


def _train_and_test(samples: int, tests: int) -> dict[str, int]:
    return {"train": samples, **({"test": tests} if tests else {})}


# --- Darcy ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Darcy:
    """-div(a grad u) = 1 on the unit square, u = 0 on its boundary (Li et al., 2021, section 5.2).

    a is `high` where a Gaussian field of covariance (-lap + 9)^-2 with Neumann conditions is
    positive, `low` elsewhere. Cell-centred finite volumes with harmonic means at the faces.
    """

    low: float = 3.0
    high: float = 12.0
    modes: int = 64
    title = "Darcy flow in a medium of two permeabilities"

    def splits(self, samples: int, tests: int) -> dict[str, int]:
        return _train_and_test(samples, tests)

    def generate(
        self, split: str, samples: int, resolution: int, seed: int, report: Report
    ) -> Pairs:
        a = np.empty((samples, resolution, resolution), dtype=np.float32)
        u = np.empty_like(a)
        for i in range(samples):
            field = self.field(resolution, sample_generator(seed, split, i))
            a[i] = np.where(field > 0, self.high, self.low)
            u[i] = solve_darcy(a[i].astype(np.float64))
            report(1)
        centres = (np.arange(resolution) + 0.5) / resolution
        axes = tuple(GridAxis(name, centres) for name in "xy")
        return Pairs(axes, {"a": a}, {"u": u}, "square")

    def field(self, resolution: int, rng: np.random.Generator) -> Array:
        """The Gaussian field at the cells' centres, by its cosine modes."""
        k = np.arange(self.modes)
        weight = 1 / (np.pi**2 * (k[:, None] ** 2 + k**2) + 9.0)
        weight[0, 0] = 0
        norm = np.where(k == 0, 1.0, math.sqrt(2.0))
        centres = (np.arange(resolution) + 0.5) / resolution
        waves = norm * np.cos(np.pi * k * centres[:, None])
        return np.asarray(waves @ (weight * rng.standard_normal(weight.shape)) @ waves.T)


def solve_darcy(a: Array, source: Array | float = 1.0) -> Array:
    """-div(a grad u) = source on the unit square, u = 0 on its boundary, a (n, n) at the cells."""
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import spsolve

    n = len(a)
    inner = [
        2 * a[1:] * a[:-1] / (a[1:] + a[:-1]),
        2 * a[:, 1:] * a[:, :-1] / (a[:, 1:] + a[:, :-1]),
    ]
    diagonal = np.zeros_like(a)
    for axis, faces in enumerate(inner):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (1, 1)  # half a cell to the boundary
        both = np.pad(faces, pad)
        both[(slice(None),) * axis + (0,)] = 2 * a.take(0, axis)
        both[(slice(None),) * axis + (-1,)] = 2 * a.take(-1, axis)
        low, high = (np.delete(both, end, axis) for end in (-1, 0))
        diagonal += low + high
    along_x = -inner[0].ravel()
    along_y = -np.pad(inner[1], ((0, 0), (0, 1))).ravel()[:-1]
    matrix = n**2 * diags_array(
        [diagonal.ravel(), along_x, along_x, along_y, along_y], offsets=[0, n, -n, 1, -1]
    )
    right = np.broadcast_to(np.asarray(source, dtype=np.float64), a.shape).ravel()
    return np.asarray(spsolve(matrix.tocsc(), right)).reshape(n, n)


# --- evolution on periodic boxes -------------------------------------------------------------


@dataclass(frozen=True)
class Burgers:
    """u_t + u u_x = viscosity u_xx on [0, 1), periodic; u0 ~ N(0, 625 (-lap + 25)^-2).

    (Li et al., 2021, section 5.1.) Fourier modes, exponential time steps. The output is u(x, t).
    """

    viscosity: float = 0.01
    times: int = 17
    end: float = 1.0
    title = "Burgers' equation, from u0 to u(x, t)"

    def __post_init__(self) -> None:
        _check(self.times, self.end, viscosity=self.viscosity)

    def splits(self, samples: int, tests: int) -> dict[str, int]:
        return _train_and_test(samples, tests)

    def generate(
        self, split: str, samples: int, resolution: int, seed: int, report: Report
    ) -> Pairs:
        finer = math.ceil(max(2.0, 4 / self.viscosity / resolution))
        u = _evolve(
            split, samples, (resolution,), finer, self.times, seed, self.initial, self.solve, report
        )
        return _periodic_pairs("u", u, self.end, "shifts")

    def initial(self, points: int, rng: np.random.Generator) -> Array:
        """A random u0 (points,), by 64 modes."""
        k = np.arange(1, 65)
        scale = 25 / ((2 * np.pi * k) ** 2 + 25) * math.sqrt(2)
        parts = scale * rng.standard_normal((2, 64))
        angle = 2 * np.pi * k[:, None] * np.arange(points) / points
        return np.asarray(parts[0] @ np.cos(angle) + parts[1] @ np.sin(angle))

    def solve(self, start: Array, refinement: float = 1.0) -> Iterator[Array]:
        """The states (B, n) at each time, from `start` (B, n)."""
        n = start.shape[-1]
        k = 2 * np.pi * np.arange(n // 2 + 1)
        kept = np.arange(n // 2 + 1) < n / 3

        def remainder(t: float, v: Array) -> Array:
            u = np.fft.irfft(v * kept, n)
            return np.asarray(-0.5j * k * kept * np.fft.rfft(u * u))

        # Half a spacing a step for |u| = 2, which is rare; the same for each batch of samples.
        every = math.ceil(refinement * 4 * n * self.end / (self.times - 1))
        steps = every * (self.times - 1)
        states = march(
            -self.viscosity * k**2, remainder, np.fft.rfft(start), (0.0, self.end), steps, every
        )
        return (np.fft.irfft(v, n) for v in states)


@dataclass(frozen=True)
class NavierStokes:
    """w_t + v . grad w = viscosity lap w + f on the periodic unit square (Li et al., section 5.3).

    w is the vorticity of the velocity v, f = 0.1 (sin 2 pi (x + y) + cos 2 pi (x + y)), and
    w0 ~ N(0, 7^1.5 (-lap + 49)^-2.5). Pseudo-spectral with the 2/3 rule, exponential time steps.
    The test samples are recorded over twice the time.
    """

    viscosity: float = 1e-3
    times: int = 11
    end: float = 10.0
    title = "Forced Navier-Stokes in vorticity form"

    def __post_init__(self) -> None:
        _check(self.times, self.end, viscosity=self.viscosity)

    def splits(self, samples: int, tests: int) -> dict[str, int]:
        return _train_and_test(samples, tests)

    def generate(
        self, split: str, samples: int, resolution: int, seed: int, report: Report
    ) -> Pairs:
        finer = math.ceil(64 / resolution)
        longer = 1 if split == "train" else 2
        count, end = longer * (self.times - 1) + 1, longer * self.end

        def initial(n: int, rng: np.random.Generator) -> Array:
            return periodic_field(n, 7**0.75, 49.0, 1.25, rng)

        w = _evolve(
            split, samples, (resolution, resolution), finer, count, seed, initial,
            lambda start: self.solve(start, count, end), report,
        )  # fmt: skip
        return _periodic_pairs("w", w, end, "none")

    def solve(
        self, start: Array, times: int, end: float, refinement: float = 1.0
    ) -> Iterator[Array]:
        """The states (B, n, n) at each time, from `start` (B, n, n)."""
        n = start.shape[-1]
        kx, ky, square = _wavenumbers(n)
        kept = (np.abs(kx) < 2 * np.pi * n / 3) & (np.abs(ky) < 2 * np.pi * n / 3)
        inverse = np.where(square == 0, 0.0, 1 / np.where(square == 0, 1.0, square))
        x = np.arange(n) / n
        phase = 2 * np.pi * (x[:, None] + x)
        force = np.fft.rfft2(0.1 * (np.sin(phase) + np.cos(phase)))

        def remainder(w: Array) -> Array:
            w = w * kept
            stream = inverse * w  # -lap psi = w; velocity (psi_y, -psi_x)
            u, v, wx, wy = np.fft.irfft2(
                np.stack([1j * ky * stream, -1j * kx * stream, 1j * kx * w, 1j * ky * w]), (n, n)
            )
            return np.asarray(force - kept * np.fft.rfft2(u * wx + v * wy))

        every = math.ceil(refinement * n * end / (times - 1))
        return _march(-self.viscosity * square, remainder, start, times, end, every)


@dataclass(frozen=True)
class AllenCahn:
    """u_t = width^2 lap u + u - u^3 on the periodic unit square, from random smooth fields.

    Phases +1 and -1 separate, with fronts of the given width that straighten slowly. Fourier
    modes, exponential time steps. The test samples are recorded over twice the time.
    """

    width: float = 0.05
    times: int = 11
    end: float = 10.0
    title = "Allen-Cahn: the separation of two phases"

    def __post_init__(self) -> None:
        _check(self.times, self.end, width=self.width)

    def splits(self, samples: int, tests: int) -> dict[str, int]:
        return _train_and_test(samples, tests)

    def generate(
        self, split: str, samples: int, resolution: int, seed: int, report: Report
    ) -> Pairs:
        finer = math.ceil(max(1.0, 4 / self.width / resolution))
        longer = 1 if split == "train" else 2
        count, end = longer * (self.times - 1) + 1, longer * self.end

        def initial(n: int, rng: np.random.Generator) -> Array:
            field = periodic_field(n, 1.0, 400.0, 1.25, rng)
            return np.asarray(0.5 * field / field.std())

        u = _evolve(
            split, samples, (resolution, resolution), finer, count, seed, initial,
            lambda start: self.solve(start, count, end), report,
        )  # fmt: skip
        return _periodic_pairs("u", u, end, "shifts")

    def solve(
        self, start: Array, times: int, end: float, refinement: float = 1.0
    ) -> Iterator[Array]:
        """The states (B, n, n) at each time, from `start` (B, n, n)."""
        n = start.shape[-1]
        _, _, square = _wavenumbers(n)

        def remainder(v: Array) -> Array:
            u = np.fft.irfft2(v, (n, n))
            return np.asarray(np.fft.rfft2(u - u**3))

        every = math.ceil(refinement * 20 * end / (times - 1))
        return _march(-(self.width**2) * square, remainder, start, times, end, every)


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


def _wavenumbers(n: int) -> tuple[Array, Array, Array]:
    kx = 2 * np.pi * np.fft.fftfreq(n, 1 / n)[:, None]
    ky = 2 * np.pi * np.arange(n // 2 + 1)[None]
    return kx, ky, kx**2 + ky**2


def _march(
    linear: Array,
    remainder: Callable[[Array], Array],
    start: Array,
    times: int,
    end: float,
    every: int,
) -> Iterator[Array]:
    """Fields (B, n, n) at each time, of v' = linear v + remainder(v) for their modes."""
    n, shape = start.shape[-1], (len(start), *linear.shape)

    def flat(t: float, v: Array) -> Array:
        return remainder(v.reshape(shape)).reshape(len(start), -1)

    first = np.fft.rfft2(start).reshape(len(start), -1)
    states = march(linear.ravel(), flat, first, (0.0, end), every * (times - 1), every)
    return (np.fft.irfft2(v.reshape(shape), (n, n)) for v in states)


def _evolve(
    split: str,
    samples: int,
    shape: tuple[int, ...],
    finer: int,
    times: int,
    seed: int,
    initial: Callable[[int, np.random.Generator], Array],
    solve: Callable[[Array], Iterator[Array]],
    report: Report,
) -> Array:
    """Trajectories (samples, times, *shape), on grids of `finer` times the points along an axis."""
    out = np.empty((samples, times, *shape), dtype=np.float32)
    coarse = (slice(None), *(slice(None, None, finer) for _ in shape))
    for chunk in _chunks(samples):
        draws = [initial(shape[0] * finer, sample_generator(seed, split, i)) for i in chunk]
        for k, state in enumerate(solve(np.stack(draws))):
            out[chunk, k] = state[coarse]
        report(len(chunk))
    return out


def _periodic_pairs(name: str, values: Array, end: float, symmetry: str) -> Pairs:
    n, dimension = values.shape[-1], values.ndim - 2
    space = [GridAxis(axis, np.arange(n) / n, periodic=True) for axis in "xy"[:dimension]]
    t = GridAxis("t", np.linspace(0, end, values.shape[1]))
    return Pairs((t, *space), {f"{name}0": values[:, :1]}, {name: values}, symmetry)


def _chunks(samples: int) -> Iterator[Any]:
    return (np.arange(i, min(i + _BATCH, samples)) for i in range(0, samples, _BATCH))


def _check(times: int, end: float, **positive: float) -> None:
    if times < 2:
        raise KanpdeError(f"{times} times are too few: the first and the last are needed")
    for name, value in {"end": end, **positive}.items():
        if not 0 < value < math.inf:
            raise KanpdeError(f"{name} must be a positive number, not {value:g}")
