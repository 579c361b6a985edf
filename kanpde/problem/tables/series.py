"""Tables on the cells of a mesh at several times: splines in time of what lies on the cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells
from kanpde.geometry.meshes.packing import pack, pack_cells, unpack, unpack_cells
from kanpde.problem.tables.cells import CellTable, Locator, check_cells, require_gradient, stencils
from kanpde.problem.tables.grid import ROUNDING, find_jump
from kanpde.symbols.jumps import JumpError
from kanpde.symbols.tabulated import Index, Tabulated


@dataclass(frozen=True, eq=False)
class SeriesTable(Tabulated):
    """Values on cells at times (T,): (T, nodes) at the nodes, or (T, M) in cells by kind.

    The last axis is time, along which values are read by a spline of a degree, as those on a grid
    are; in space they are read as those of a `CellTable`.
    """

    times: Array = field(default_factory=lambda: np.zeros(0))
    cells: Cells = field(default_factory=lambda: Cells((), np.zeros((0, 0)), {}))
    nodal: Array | None = None
    whole: Mapping[str, Array] = field(default_factory=dict)
    degree: int = 3

    @property
    def is_nodal(self) -> bool:
        """Whether its values stand at the nodes."""
        return self.nodal is not None

    @cached_property
    def jump(self) -> tuple[float, float] | None:
        """Two neighbouring times between which the values jump."""
        for values in self._held.values():
            place = find_jump(values, 0)
            if place is not None:
                return float(self.times[place[0]]), float(self.times[place[0] + 1])
        return None

    @cached_property
    def time_degree(self) -> int:
        """The degree along time."""
        return min(1 if self.jump else self.degree, len(self.times) - 1)

    @property
    def _held(self) -> Mapping[str, Array]:
        return self.whole if self.nodal is None else {"": self.nodal}

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.cells)

    @cached_property
    def _splines(self) -> dict[str, list[BSpline]]:
        """By kind of cell (or "" for nodes), the splines in time and their derivatives."""
        found = {}
        for kind, values in self._held.items():
            own = make_interp_spline(self.times, values, self.time_degree, axis=0)
            found[kind] = [own, *(own.derivative(n) for n in range(1, self.time_degree + 1))]
        return found

    def evaluate(self, points: Array, index: Index) -> Array:
        first, last = self.times[0], self.times[-1]
        slack = ROUNDING * (last - first)
        time = points[:, -1]
        inside = (time >= first - slack) & (time <= last + slack)
        places = self._locator.locate(np.ascontiguousarray(points[:, :-1]))
        found = np.full(places.count, np.nan)
        for kind, point, entries, weights in stencils(
            self.cells, places, self.is_nodal, index[:-1]
        ):
            own = inside[point]
            if not own.any():
                continue
            spline = self._splines["" if self.is_nodal else kind][index[-1]]
            at = np.clip(time[point[own]], first, last)
            found[point[own]] = _read_spline(spline, at, entries[own], weights[own])
        return found

    def differentiate(self, index: Index, along: int) -> Index:
        name = self.axes[along]
        if along < len(self.axes) - 1:
            require_gradient(self, self.is_nodal, index[:-1], along)
        elif self.jump is not None:
            low, high = self.jump
            raise JumpError(
                f"{self.place} jumps between {name} = {low:g} and {high:g}, and d(..., {name}) "
                "would lose the jump; write the equation without this derivative of it, or save "
                "more times"
            )
        elif index[-1] >= self.time_degree:
            raise JumpError(
                f"{self.place} is a spline of degree {self.time_degree} along {name}, and its "
                f"derivative of order {index[-1] + 1} is asked for; write the equation without "
                "this derivative of it"
            )
        return tuple(n + (k == along) for k, n in enumerate(index))

    def carries(self, order: int) -> bool:
        return self.is_nodal and order == 0

    def covers(self) -> str:
        times = f"{self.axes[-1]} from {self.times[0]:g} to {self.times[-1]:g}"
        return f"{self._at(0).covers()}, {times}"

    def describe(self) -> str:
        kinds = {1: "linear in time", 3: "cubic splines in time", 5: "quintic splines in time"}
        kind = kinds.get(self.time_degree, "splines in time")
        jumps = f", jumps along {self.axes[-1]}" if self.jump else ""
        name, first, last = self.axes[-1], self.times[0], self.times[-1]
        ends = f"{len(self.times)} times, {name} from {first:g} to {last:g}"
        return f"{self._at(0).describe()}, at {ends}, {kind}{jumps}"

    def to_data(self) -> dict[str, Any]:
        plain = Cells(self.cells.names, self.cells.nodes, self.cells.cells)
        return {
            "kind": "series",
            "axes": list(self.axes),
            "times": pack(self.times),
            "cells": pack_cells(plain),
            "values": None if self.nodal is None else pack(self.nodal),
            "whole": {kind: pack(values) for kind, values in self.whole.items()},
            "degree": self.degree,
        }

    def _at(self, step: int) -> CellTable:
        """The table at one time."""
        nodal = None if self.nodal is None else self.nodal[step]
        whole = {kind: values[step] for kind, values in self.whole.items()}
        return CellTable(self.name, self.axes[:-1], self.given, cells=self.cells, nodal=nodal,
                         whole=whole)  # fmt: skip

    def _content(self) -> list[Array]:
        own = [self.times, self.cells.nodes, np.array([float(self.degree)])]
        own += [corners.astype(float) for corners in self.cells.cells.values()]
        return [*own, *self._held.values()]


def _read_spline(spline: BSpline, at: Array, entries: Array, weights: Array) -> Array:
    """Splines (T, entries) in time at times (n,), summed with the weights of entries (n, K)."""
    count = spline.k + 1
    basis = BSpline.design_matrix(at, spline.t, spline.k)
    rows = basis.indices.reshape(-1, count)
    values = spline.c[rows[:, :, None], entries[:, None, :]]
    return np.asarray(np.einsum("nj,nk,njk->n", basis.data.reshape(-1, count), weights, values))


def series_from_data(name: str, data: Mapping[str, Any]) -> SeriesTable:
    """The table of `SeriesTable.to_data`."""
    table = SeriesTable(
        name,
        tuple(map(str, data["axes"])),
        times=unpack(data["times"]),
        cells=unpack_cells(data["cells"]),
        nodal=None if data["values"] is None else unpack(data["values"]),
        whole={str(kind): unpack(v) for kind, v in data["whole"].items()},
        degree=int(data["degree"]),
    )
    check_series(table)
    return table


def check_series(table: SeriesTable) -> None:
    """Raise KanpdeError for values that do not fit the cells and times, or are not finite."""
    if table.degree not in (1, 3, 5):
        raise KanpdeError(f"{table.place}: its degree is {table.degree}; take 1, 3 or 5")
    times = table.times
    if times.ndim != 1 or len(times) < 2:
        raise KanpdeError(f"{table.place} has one time; a table in time needs two or more")
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise KanpdeError(f"{table.place}: its times must increase")
    held = [table.nodal] if table.nodal is not None else list(table.whole.values())
    if any(values.shape[:1] != times.shape for values in held):
        raise KanpdeError(f"{table.place}: its values do not fit its {len(times)} times")
    for step in range(len(times)):
        check_cells(table._at(step))
