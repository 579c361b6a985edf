"""Cells or facets in space: their measures, even points in them, Gauss points, normals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.cells import KINDS, IntArray
from kanpde.geometry.meshes.elements import Element, element, gauss_rule, nodes_of

# Gauss points along each side of a cell that measure it; one is exact for linear simplices.
_MEASURING = 3
# The cosine of the angle, 35 degrees, from which on two facets meet in an edge of the part.
_EDGE = 0.82


@dataclass(frozen=True, eq=False)
class Places:
    """Points (N, d) in cells, their stretch (N,) from the reference element, and unit normals."""

    points: Array
    stretch: Array
    normals: Array | None


@dataclass(frozen=True, eq=False)
class CellSet:
    """Cells of one dimension; `inner` (M, d) are points on the inner side of facets.

    Cells are numbered through their kinds, in order.
    """

    nodes: Array
    cells: Mapping[str, IntArray]
    inner: Array | None = None

    @property
    def count(self) -> int:
        return sum(len(corners) for corners in self.cells.values())

    @property
    def dimension(self) -> int:
        """That of the cells."""
        return max((KINDS[kind][1] for kind in self.cells), default=0)

    @cached_property
    def measures(self) -> Array:
        """The length, area or volume of each cell, (M,)."""
        found = []
        for kind, numbers in self._numbers():
            points = 1 if element(kind).is_affine else _MEASURING
            at, weights = gauss_rule(kind, points)
            total = np.zeros(len(numbers))
            for place, weight in zip(at, weights, strict=True):
                reference = np.broadcast_to(place, (len(numbers), len(place)))
                total += weight * self._place(kind, numbers, reference).stretch
            found.append(total)
        return np.concatenate(found) if found else np.zeros(0)

    @cached_property
    def measure(self) -> float:
        return float(self.measures.sum())

    @cached_property
    def centres(self) -> Array:
        """The middle of each cell, (M, d): where the centre of its element is mapped to."""
        found = []
        for kind, corners in self.cells.items():
            own = element(kind)
            shares = own.values(own.nodes.mean(0)[None])[0]
            found.append(np.einsum("k,mkd->md", shares, self.nodes[nodes_of(kind, corners)]))
        return np.concatenate(found)

    def subset(self, chosen: IntArray) -> CellSet:
        """The cells with these numbers."""
        cells = {kind: own for kind, own, _ in self._split(np.sort(chosen))}
        inner = None if self.inner is None else self.inner[np.sort(chosen)]
        return CellSet(self.nodes, cells, inner)

    def sample(self, cube: Array) -> tuple[Places, Array]:
        """A point for each point (N, dimension) of the unit cube, and weights (N,).

        The first coordinate runs through the cells, those that are near each other one after the
        other; so points that are even in the cube are even in the cells. The weights sum to the
        measure.
        """
        measures = self.measures[self._order]
        ends = np.cumsum(measures)
        level = cube[:, 0] * ends[-1]
        place = np.minimum(np.searchsorted(ends, level, side="right"), len(ends) - 1)
        share = (level - (ends[place] - measures[place])) / measures[place]
        chosen = self._order[place]
        inside = np.column_stack([np.clip(share, 0, 1), cube[:, 1:]])
        places = self._place_all(chosen, inside)
        if places.normals is not None:
            places = replace(places, normals=self._smooth_normals(chosen, inside, places.normals))
        weights = places.stretch / self.measures[chosen]
        return places, weights * (self.measure / weights.sum())

    def gauss(self, count: int) -> tuple[Places, Array]:
        """`count` Gauss points along each side of every cell, and their weights (N,)."""
        found, weights = [], []
        for kind, numbers in self._numbers():
            at, shares = gauss_rule(kind, count)
            places = self._place(kind, np.repeat(numbers, len(at)), np.tile(at, (len(numbers), 1)))
            found.append(places)
            weights.append(np.tile(shares, len(numbers)) * places.stretch)
        return _join(found), np.concatenate(weights)

    # --- normals of smooth sides in flat facets ----------------------------------------

    def _smooth_normals(self, chosen: IntArray, cube: Array, normals: Array) -> Array:
        """Normals (N, d) that turn from facet to facet as those of the smooth side they stand for.

        With those of the facets a flux of zero on a hole of 32 facets contradicts itself by a tenth
        of the tangential slope, and least squares made the whole field 14 % too small.
        """
        found = normals.copy()
        for kind, _, at in self._split(chosen):
            if not kind[-1].isdigit():
                shares = element(kind).values(element(kind).from_cube(cube[at]))
                own = self._corner_normals[kind][chosen[at] - self._starts[kind]]
                mean = np.einsum("nk,nkd->nd", shares, own)
                found[at] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return found

    @cached_property
    def _corner_normals(self) -> dict[str, Array]:
        """By kind, at each node of each facet, the mean normal of the facets there (M, n, d).

        Of those that are turned by less than `_EDGE` from the facet itself: the others lie behind
        an edge of the part.
        """
        middle, _ = self.gauss(1)
        assert middle.normals is not None
        normal, size = middle.normals, self.measures[:, None]
        facet = np.concatenate(
            [np.repeat(n, self.cells[kind].shape[1]) for kind, n in self._numbers()]
        )
        node = np.concatenate([corners.ravel() for corners in self.cells.values()])
        order = np.argsort(node, kind="stable")
        _, first, count = np.unique(node[order], return_index=True, return_counts=True)
        each = np.repeat(count, count)  # how many facets meet at the node of each place
        one = np.repeat(np.arange(len(order)), each)
        inside = np.arange(len(one)) - np.repeat(np.cumsum(each) - each, each)
        other = np.repeat(np.repeat(first, count), each) + inside
        mine, its = facet[order[one]], facet[order[other]]
        near = (normal[mine] * normal[its]).sum(1) > _EDGE
        total = np.zeros((len(order), normal.shape[1]))
        np.add.at(total, order[one[near]], (size * normal)[its[near]])
        total /= np.linalg.norm(total, axis=1, keepdims=True)
        ends = np.cumsum([corners.size for corners in self.cells.values()])[:-1]
        parts = zip(self.cells.items(), np.split(total, ends), strict=True)
        return {kind: part.reshape(*corners.shape, -1) for (kind, corners), part in parts}

    # --- cells, kind by kind -----------------------------------------------------------

    @cached_property
    def _starts(self) -> dict[str, int]:
        ends = np.cumsum([0, *(len(c) for c in self.cells.values())])
        return dict(zip(self.cells, ends.tolist(), strict=False))

    def _numbers(self) -> Iterator[tuple[str, IntArray]]:
        for kind, corners in self.cells.items():
            yield kind, self._starts[kind] + np.arange(len(corners))

    def _split(self, chosen: IntArray) -> Iterator[tuple[str, IntArray, IntArray]]:
        """By kind: the corners of the chosen cells, and where they stand in `chosen`."""
        for kind, corners in self.cells.items():
            start = self._starts[kind]
            at = np.flatnonzero((chosen >= start) & (chosen < start + len(corners)))
            if len(at):
                yield kind, corners[chosen[at] - start], at

    def _place_all(self, chosen: IntArray, cube: Array) -> Places:
        found, order = [], []
        for kind, _, at in self._split(chosen):
            own = element(kind)
            content = _scaled(self._place(kind, chosen[at], own.from_cube(cube[at])), own)
            found.append(content)
            order.append(at)
        back = np.argsort(np.concatenate(order))
        whole = _join(found)
        normals = None if whole.normals is None else whole.normals[back]
        return Places(whole.points[back], whole.stretch[back], normals)

    def _place(self, kind: str, numbers: IntArray, reference: Array) -> Places:
        """Points of cells of one kind at reference points (N, dimension)."""
        own = element(kind)
        corners = nodes_of(kind, self.cells[kind])[numbers - self._starts[kind]]
        nodes = self.nodes[corners]
        points = np.einsum("nk,nkd->nd", own.values(reference), nodes)
        tangents = np.einsum("nke,nkd->nde", own.slopes(reference), nodes)
        space, size = tangents.shape[1:]
        if size == space:
            return Places(points, np.abs(np.linalg.det(tangents)), None)
        normals = _across(tangents)
        stretch = np.linalg.norm(normals, axis=1)
        normals = normals / np.maximum(stretch, 1e-300)[:, None]
        if self.inner is not None:
            normals = normals * self._turns[numbers][:, None]
        return Places(points, stretch, normals)

    @cached_property
    def _turns(self) -> Array:
        """1 or -1 for each facet, (M,): what turns the normal of its element outward.

        Seen from the middle of the facet: at the end of a bent one the tangent plane may have the
        middle of a thin cell on its other side.
        """
        assert self.inner is not None
        found = []
        for kind, corners in self.cells.items():
            own = element(kind)
            tangents = np.einsum(
                "ke,mkd->mde", own.slopes(own.nodes.mean(0)[None])[0], self.nodes[corners]
            )
            found.append(_across(tangents))
        outward = ((self.centres - self.inner) * np.concatenate(found)).sum(1)
        return np.where(outward < 0, -1.0, 1.0)

    @cached_property
    def _order(self) -> IntArray:
        """The cells so that neighbours in space are near each other in the row."""
        if self.dimension == 1:
            return _walk(np.concatenate([c[:, :2] for c in self.cells.values()]))
        return _morton(self.centres)


def _scaled(places: Places, own: Element) -> Places:
    return Places(places.points, places.stretch * own.content, places.normals)


def _join(parts: list[Places]) -> Places:
    normals = [p.normals for p in parts if p.normals is not None]
    return Places(
        np.concatenate([p.points for p in parts]),
        np.concatenate([p.stretch for p in parts]),
        np.concatenate(normals) if len(normals) == len(parts) else None,
    )


def _across(tangents: Array) -> Array:
    """Normals (N, d) to tangents (N, d, d - 1), as long as the cell is stretched."""
    if tangents.shape[1] == 2:
        t = tangents[:, :, 0]
        return np.stack([t[:, 1], -t[:, 0]], 1)
    return np.cross(tangents[:, :, 0], tangents[:, :, 1])


def _walk(ends: IntArray) -> IntArray:
    """Lines (M, 2) in the order of chains from end to end."""
    at: dict[int, list[int]] = {}
    for number, pair in enumerate(ends.tolist()):
        for node in pair:
            at.setdefault(node, []).append(number)
    free = np.ones(len(ends), bool)
    # Open chains begin at their ends, closed ones anywhere.
    starts = [n for n, lines in at.items() if len(lines) == 1] + list(at)
    order: list[int] = []
    for node in starts:
        while True:
            following = next((k for k in at[node] if free[k]), None)
            if following is None:
                break
            free[following] = False
            order.append(following)
            first, second = ends[following].tolist()
            node = second if node == first else first
    return np.array(order, np.int64)


def _morton(points: Array) -> IntArray:
    """The order of points along Morton's curve."""
    low, extent = points.min(0), np.maximum(np.ptp(points, 0).max(), 1e-300)
    bits = 60 // points.shape[1]
    whole = ((points - low) / extent * (2**bits - 1)).astype(np.int64)
    code = np.zeros(len(points), np.int64)
    for bit in range(bits):
        for k in range(points.shape[1]):
            code |= ((whole[:, k] >> bit) & 1) << (bit * points.shape[1] + k)
    return np.argsort(code, kind="stable")
