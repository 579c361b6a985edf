"""Cuts through a grid: which planes and times of a sampled solution a picture shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.output.plot.text import common_power, label, number, plain
from kanpde.output.samples import Samples

Masked = np.ma.MaskedArray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Axis:
    """A name, its coordinates (n,), their power of ten, and a label with that and the unit."""

    name: str
    points: Array
    power: int
    label: str

    @property
    def extent(self) -> float:
        return float(self.points[-1] - self.points[0])

    @property
    def even(self) -> bool:
        gaps = np.diff(self.points)
        return bool(np.allclose(gaps, gaps.mean(), rtol=1e-3, atol=0))


@dataclass(frozen=True, eq=False)
class Plane:
    """Two axes of a grid, with the other axes held at one index each.

    `place` says where the others are held, such as "t = 0.5 s".
    """

    across: Axis
    up: Axis
    index: tuple[int | slice, ...]
    transposed: bool
    place: str
    aspect: Literal["equal", "auto"]

    @property
    def ratio(self) -> float:
        """Height over width of the picture."""
        return self.up.extent / self.across.extent if self.aspect == "equal" else 0.75

    def cut(self, values: Array) -> Array:
        """(up, across) out of an array over all axes."""
        flat = np.asarray(values, dtype=np.float64)[self.index]
        return flat.T if self.transposed else flat


def planes(samples: Samples) -> tuple[Plane, ...]:
    """What to show of samples with two or more axes.

    One space axis and time: the one plane, time across. Two space axes: the plane, at four
    times if there is time. Three and more: the three planes through the middle of the first
    three, at the last time.
    """
    space = samples.space
    if len(space) == 1:
        return (_plane(samples, "t", space[0], {}),)
    if len(space) == 2:
        times = shown_times(samples) if samples.has_time else (None,)
        return tuple(_plane(samples, *space, {} if i is None else {"t": i}) for i in times)
    return tuple(_plane(samples, *pair, {}) for pair in combinations(space[:3], 2))


def shown_times(samples: Samples) -> tuple[int, ...]:
    """Up to four indices of times, from the first to the last."""
    last = len(samples.axes["t"]) - 1
    return tuple(sorted({round(last * part / 3) for part in range(4)}))


def place(name: str, points: Array, index: int, units: Mapping[str, str]) -> str:
    """Such as "t = 0.5 s"."""
    value, extent = float(points[index]), float(points[-1] - points[0])
    value = 0.0 if abs(value) < 1e-9 * abs(extent) else value
    unit = units.get(name)
    return f"{plain(name)} = {number(value)}" + (f" {plain(unit)}" if unit else "")


def axis(samples: Samples, name: str) -> Axis:
    points = np.asarray(samples.axes[name], dtype=np.float64)
    power = common_power(float(points[0]), float(points[-1]))
    return Axis(name, points, power, label(name, samples.units, power))


def check(samples: Samples) -> None:
    """
    Raises:
        KanpdeError: an array has another shape than the axes, an axis has one point only, or a
            vector names no field.
    """
    shape = tuple(len(points) for points in samples.axes.values())
    for name, points in samples.axes.items():
        if len(points) < 2:
            raise KanpdeError(f"Axis {name!r} has {len(points)} points; a picture needs two.")
    for what in ("fields", "exact", "errors", "residuals"):
        for name, values in getattr(samples, what).items():
            if np.shape(values) != shape:
                raise KanpdeError(
                    f"{what}[{name!r}] has the shape {np.shape(values)}; the axes "
                    f"{', '.join(samples.axes)} ask for {shape}."
                )
    for name, parts in samples.vectors.items():
        if not set(parts) <= set(samples.fields):
            raise KanpdeError(f"Vector {name!r} names {parts}, which are not all fields.")


def _plane(samples: Samples, across: str, up: str, held: Mapping[str, int]) -> Plane:
    """The plane of two axes; others are held at `held`, else at their middle (t: its end)."""
    index: list[int | slice] = []
    words = []
    for name, points in samples.axes.items():
        if name in (across, up):
            index.append(slice(None))
            continue
        end = len(points) - 1
        at = held.get(name, end if name == "t" else (end + 1) // 2)
        index.append(at)
        words.append(place(name, points, at, samples.units))
    names = list(samples.axes)
    first, second = axis(samples, across), axis(samples, up)
    return Plane(
        first,
        second,
        tuple(index),
        names.index(across) < names.index(up),
        ", ".join(words),
        _aspect(samples, first, second),
    )


def _aspect(samples: Samples, across: Axis, up: Axis) -> Literal["equal", "auto"]:
    """Equal for two lengths of like size; a time or another unit is no length."""
    like = samples.units.get(across.name) == samples.units.get(up.name)
    near = 1 / 8 <= up.extent / across.extent <= 8
    return "equal" if like and near and "t" not in (across.name, up.name) else "auto"
