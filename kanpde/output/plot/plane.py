"""What a panel shows of fields: a plane, its axes, and what is known of each field."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.output.plot.text import common_power, label, number, plain
from kanpde.solution.grid_data import GridData


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


class Plane(ABC):
    """A plane of a grid or of cells: what is drawn into one panel.

    `place` says where other coordinates are held, such as "t = 0.5 s".
    """

    across: Axis
    up: Axis
    place: str
    aspect: Literal["equal", "auto"]

    @property
    def ratio(self) -> float:
        """Height over width of the picture."""
        return self.up.extent / self.across.extent if self.aspect == "equal" else 0.75

    @abstractmethod
    def cut(self, values: Array) -> Array:
        """The values of an array over all axes that are drawn."""

    @abstractmethod
    def paint(self, ax: Axes, values: Array, norm: Normalize, colours: Colormap) -> ScalarMappable:
        """Draw what `cut` gave as colours; what is not finite is left out."""

    @abstractmethod
    def on_grid(self, values: Array) -> tuple[Axis, Axis, Array]:
        """What `cut` gave as (up, across) on a grid, NaN outside of the domain, with its axes."""


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


def choose_aspect(
    across: Axis, up: Axis, units: Mapping[str, str], time: str | None
) -> Literal["equal", "auto"]:
    """Equal for two lengths of like size; a time or another unit is not a length."""
    like = units.get(across.name) == units.get(up.name)
    near = 1 / 8 <= up.extent / across.extent <= 8
    return "equal" if like and near and time not in (across.name, up.name) else "auto"
