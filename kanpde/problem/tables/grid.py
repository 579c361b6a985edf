"""Tables on a grid: tensor-product splines through the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.interpolate import NdBSpline, make_interp_spline

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.meshes.packing import pack, unpack
from kanpde.symbols.jumps import JumpError
from kanpde.symbols.tabulated import Index, Tabulated

# A point within this share of an axis beside its end is on it.
ROUNDING = 1e-9


@dataclass(frozen=True)
class JumpPolicy:
    """Which neighbours on a grid stand on both sides of a jump.

    tanh((x - a) / w) is told a jump below w = 0.4 of the spacing, where no interpolation finds its
    slope.
    """

    # A step over this share of all values between two neighbours is a jump.
    whole: float = 0.5
    # So is one over this share, beside which the values hardly change: by less than this share of
    # it.
    least: float = 0.05
    beside: float = 0.1
    # Fewer values along an axis say nothing about jumps.
    fewest: int = 5


JUMP_POLICY = JumpPolicy()


@dataclass(frozen=True, eq=False)
class GridTable(Tabulated):
    """Values (n_0, .., n_k) at the points of a grid, read by a spline of a degree along each axis.

    Tensor products of splines with not-a-knot ends (de Boor, A Practical Guide to Splines, 2001,
    chapters 13 and 17). Where the values jump, the spline is linear, and has no derivative.
    """

    points: Mapping[str, Array] = field(default_factory=dict)
    values: Array = field(default_factory=lambda: np.zeros(0))
    degree: int = 3

    @cached_property
    def jumps(self) -> dict[str, tuple[float, float, float, float]]:
        """For each axis along which the values jump: the neighbours, and their values."""
        found = {}
        for k, name in enumerate(self.axes):
            place = find_jump(self.values, k)
            if place is not None:
                low = self.points[name][place[k] : place[k] + 2]
                after = (*place[:k], place[k] + 1, *place[k + 1 :])
                ends = float(self.values[place]), float(self.values[after])
                found[name] = (float(low[0]), float(low[1]), *ends)
        return found

    @cached_property
    def degrees(self) -> tuple[int, ...]:
        """The degree along each axis."""
        wanted = 1 if self.jumps else self.degree
        return tuple(min(wanted, len(self.points[name]) - 1) for name in self.axes)

    @cached_property
    def _spline(self) -> NdBSpline:
        knots, coefficients = [], self.values
        for k, (name, degree) in enumerate(zip(self.axes, self.degrees, strict=True)):
            along = make_interp_spline(self.points[name], coefficients, degree, axis=k)
            # SciPy puts the axis first.
            coefficients = np.moveaxis(along.c, 0, k)
            knots.append(along.t)
        return NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), self.degrees)

    def evaluate(self, points: Array, index: Index) -> Array:
        low, high = (np.array([self.points[n][end] for n in self.axes]) for end in (0, -1))
        slack = ROUNDING * (high - low)
        within = (points >= low - slack) & (points <= high + slack)
        beyond = ~within & np.array([n in self.fields for n in self.axes]) & ~np.isnan(points)
        inside = (within | beyond).all(1)
        found = np.full(len(points), np.nan)
        if inside.any():
            found[inside] = self._spline(np.clip(points[inside], low, high), nu=index)
        # Beyond its ends it is constant.
        found[(beyond & (np.array(index) > 0)).any(1) & inside] = 0.0
        return found

    def differentiate(self, index: Index, along: int) -> Index:
        name, degree = self.axes[along], self.degrees[along]
        if name in self.jumps:
            raise JumpError(self._describe_jump(name))
        if index[along] >= degree:
            more = (
                f"; table(..., degree={degree + 2}) has more"
                if self.degree < 5 and len(self.points[name]) > degree + 2
                else "; write the equation without this derivative of it"
            )
            raise JumpError(
                f"{self.place} is a spline of degree {degree} along {name}, which has "
                f"{degree} derivatives, and its derivative of order {index[along] + 1} is asked "
                f"for{more}"
            )
        return tuple(n + (k == along) for k, n in enumerate(index))

    def slope(self, index: Index, along: int) -> Index | None:
        if index[along] >= self.degrees[along]:
            return None
        return tuple(n + (k == along) for k, n in enumerate(index))

    def _describe_jump(self, name: str) -> str:
        low, high, before, after = self.jumps[name]
        told = (
            f"{self.place} jumps between {name} = {low:g} and {high:g}, from {before:g} to "
            f"{after:g}, and "
        )
        flux = f"make the flux a field of its own, Condition(..., lambda u, q: (q - {self.name}"
        if name in self.fields:
            arguments = ", ".join(self.axes)
            return (
                f"{told}a derivative of {self.name}({arguments}) would lose the jump; {flux}"
                f"({arguments}) * d(u, x), d(q, x) + f)), or tabulate it more finely"
            )
        return (
            f"{told}d(..., {name}) would lose the jump; {flux} * d(u, {name}), d(q, {name}) "
            "+ f)), give each material its value by piecewise(...), or tabulate it more finely"
        )

    def carries(self, order: int) -> bool:
        return not self.jumps and all(order < degree for degree in self.degrees)

    def covers(self) -> str:
        return ", ".join(f"{n} from {p[0]:g} to {p[-1]:g}" for n, p in self.points.items())

    def describe(self) -> str:
        sizes = " x ".join(str(n) for n in self.values.shape)
        words = {1: "linear between them", 3: "cubic splines", 5: "quintic splines"}
        kind = words.get(max(self.degrees), "splines")
        jumps = f", jumps along {', '.join(self.jumps)}" if self.jumps else ""
        beyond = f", constant beyond these of {', '.join(self.fields)}" if self.fields else ""
        return f"{sizes} values, {self.covers()}, {kind}{jumps}{beyond}"

    def to_data(self) -> dict[str, Any]:
        fields = {"fields": list(self.fields)} if self.fields else {}
        return {
            "kind": "grid",
            "axes": {name: pack(self.points[name]) for name in self.axes},
            "values": pack(self.values),
            "degree": self.degree,
            **fields,
        }

    def _content(self) -> list[Array]:
        return [*self.points.values(), self.values, np.array([float(self.degree)])]


def grid_from_data(name: str, data: Mapping[str, Any]) -> GridTable:
    """The table of `GridTable.to_data`."""
    points = {str(n): unpack(p) for n, p in data["axes"].items()}
    table = GridTable(
        name,
        tuple(points),
        points=points,
        values=unpack(data["values"]),
        degree=int(data["degree"]),
        fields=tuple(map(str, data.get("fields", ()))),
    )
    check_grid(table)
    return table


def check_grid(table: GridTable) -> None:
    """Raise KanpdeError for values that are not those of a grid."""
    for name, points in table.points.items():
        if points.ndim != 1 or len(points) < 2:
            raise KanpdeError(f"{table.place} has one value along {name}; leave that axis out")
        if not (np.isfinite(points).all() and (np.diff(points) > 0).all()):
            raise KanpdeError(f"{table.place}: the values of {name} must increase")
    shape = tuple(len(p) for p in table.points.values())
    if table.values.shape != shape:
        order = ", ".join(table.points)
        raise KanpdeError(
            f"{table.place} has the shape {table.values.shape}, and its axes ({order}) have "
            f"{shape} points; the first dimension is that of {table.axes[0]}"
            + ("; transpose it" if table.values.shape == shape[::-1] else "")
        )
    if not np.isfinite(table.values).all():
        place = np.argwhere(~np.isfinite(table.values))[0]
        where = ", ".join(
            f"{n} = {p[k]:g}" for (n, p), k in zip(table.points.items(), place, strict=True)
        )
        raise KanpdeError(f"{table.place} has no finite value at {where}; fill its gaps")
    if table.degree not in (1, 3, 5):
        raise KanpdeError(f"{table.place}: its degree is {table.degree}; take 1, 3 or 5")


def find_jump(
    values: Array, along: int, policy: JumpPolicy = JUMP_POLICY
) -> tuple[int, ...] | None:
    """The place before the largest jump along an axis; None without one."""
    if values.shape[along] < policy.fewest:
        return None
    steps = np.abs(np.diff(np.moveaxis(values, along, -1), axis=-1))
    size = float(np.ptp(values))
    if size == 0:
        return None
    # At an end the next two: the last one beside a maximum is small, too.
    before = np.concatenate([steps[..., 2:3], steps[..., :-1]], -1)
    after = np.concatenate([steps[..., 1:], steps[..., -3:-2]], -1)
    beside = np.maximum(before, after)
    lone = (steps > policy.least * size) & (beside < policy.beside * steps)
    jumps = np.where((steps > policy.whole * size) | lone, steps, 0.0)
    if not jumps.any():
        return None
    *others, place = np.unravel_index(int(jumps.argmax()), jumps.shape)
    return tuple(int(n) for n in (*others[:along], place, *others[along:]))
