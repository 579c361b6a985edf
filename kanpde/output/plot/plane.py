"""What a picture shows of a grid: its planes and times, and what is known of each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.output.plot.text import common_power, label, number, plain
from kanpde.solution.grid_data import GridData

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


def planes(grid: GridData) -> tuple[Plane, ...]:
    """What to show of grid with two or more axes.

    One space axis and time: the one plane, time across. Two space axes: the plane, at four
    times if there is time. Three and more: the three planes through the middle of the first
    three, at the last time.
    """
    space = tuple(grid.space)
    if len(space) == 1:
        assert grid.time is not None
        return (_plane(grid, grid.time, space[0]),)
    if len(space) == 2:
        times = shown_times(grid) if grid.time is not None else (None,)
        return tuple(_plane(grid, *space, moment=i) for i in times)
    return tuple(_plane(grid, *pair) for pair in combinations(space[:3], 2))


def shown_times(grid: GridData) -> tuple[int, ...]:
    """Up to four indices of times, from the first to the last; none without time."""
    if grid.times is None:
        return ()
    last = len(grid.times) - 1
    return tuple(sorted({round(last * part / 3) for part in range(4)}))


def place(name: str, points: Array, index: int, units: Mapping[str, str]) -> str:
    """Such as "t = 0.5 s"."""
    value, extent = float(points[index]), float(points[-1] - points[0])
    value = 0.0 if abs(value) < 1e-9 * abs(extent) else value
    unit = units.get(name)
    return f"{plain(name)} = {number(value)}" + (f" {plain(unit)}" if unit else "")


def axis(name: str, points: Array, units: Mapping[str, str]) -> Axis:
    """An axis with its label; `units` may know its unit."""
    power = common_power(float(points[0]), float(points[-1]))
    return Axis(name, points, power, label(name, units, power))


def check(grid: GridData) -> None:
    """
    Raises:
        KanpdeError: an axis has one point only, or a field has components.
    """
    for name, points in grid.axes.items():
        if len(points) < 2:
            raise KanpdeError(f"axis {name!r} has {len(points)} points; a picture needs two")
    for name in grid.fields:
        if grid.components(name):
            raise KanpdeError(f"field {name!r} has components; a picture shows scalars")


def known(grid: GridData, name: str) -> list[Array]:
    """A field and, if there is one, its reference."""
    return [part[name] for part in (grid.fields, grid.exact) if name in part]


def error(grid: GridData, name: str) -> Array | None:
    """Field less reference as it is given, or computed; None without a reference."""
    if name in grid.errors:
        return grid.errors[name]
    if name not in grid.exact:
        return None
    with np.errstate(invalid="ignore"):  # of two infinities
        return grid.fields[name] - grid.exact[name]


def plane_at(grid: GridData, moment: int) -> Plane:
    """The plane of two space axes at one time."""
    across, up = grid.space
    return _plane(grid, across, up, moment)


def _plane(grid: GridData, across: str, up: str, moment: int | None = None) -> Plane:
    """The plane of two axes; time is held at `moment` or its end, others at their middle."""
    index: list[int | slice] = []
    words = []
    for name, points in grid.axes.items():
        if name in (across, up):
            index.append(slice(None))
            continue
        end = len(points) - 1
        at = (end + 1) // 2
        if name == grid.time:
            at = end if moment is None else moment
        index.append(at)
        words.append(place(name, points, at, grid.units))
    names = list(grid.axes)
    first, second = (axis(name, grid.axes[name], grid.units) for name in (across, up))
    return Plane(
        first,
        second,
        tuple(index),
        names.index(across) < names.index(up),
        ", ".join(words),
        _aspect(grid, first, second),
    )


def _aspect(grid: GridData, across: Axis, up: Axis) -> Literal["equal", "auto"]:
    """Equal for two lengths of like size; a time or another unit is not a length."""
    like = grid.units.get(across.name) == grid.units.get(up.name)
    near = 1 / 8 <= up.extent / across.extent <= 8
    return "equal" if like and near and grid.time not in (across.name, up.name) else "auto"
