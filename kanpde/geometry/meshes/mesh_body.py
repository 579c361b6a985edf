"""The body of a mesh: its inside is made of cells."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from kanpde.arrays import AnyArray, Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells, IntArray
from kanpde.geometry.meshes.body import Body, sobol_points
from kanpde.geometry.meshes.cell_set import CellSet
from kanpde.geometry.meshes.checking import check_cells, describe_size, find_cracks
from kanpde.geometry.meshes.packing import pack_cells
from kanpde.geometry.meshes.search import CellSearch
from kanpde.geometry.simplices import CORNERS, facet_keys, facets


class MeshBody(Body):
    """Cells in a plane or in space; raises KanpdeError for cells that are no domain.

    `place` names the mesh in what is said of it.
    """

    def __init__(self, cells: Cells, place: str) -> None:
        self.cells, self.names = cells, cells.names
        self.search = CellSearch(cells)
        check_cells(place, cells, self.search)
        self.inside = CellSet(cells.nodes, cells.cells)
        self.surface, self.outer, named = _find_surface(cells)
        sides = _name_sides(self.surface, self.outer, named)
        self.parts = {**named, **sides}
        self.notes = (*describe_size(cells), *self._describe_names(named, sides))
        cracks = find_cracks(self.surface.subset(np.flatnonzero(self.outer)))
        if len(cracks):
            self.notes += (
                f"{len(cracks)} facets of the boundary lie upon each other: a crack, or nodes that "
                "are there twice and must be merged (gmsh: Coherence Mesh)",
            )

    @property
    def regions(self) -> tuple[str, ...]:
        return self.cells.regions

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        return self.cells.nodes.min(0), self.cells.nodes.max(0)

    def bounds_of(self, regions: tuple[str, ...]) -> tuple[Array, Array]:
        used = np.unique(np.concatenate([c.ravel() for c in self._set(regions).cells.values()]))
        return self.cells.nodes[used].min(0), self.cells.nodes[used].max(0)

    def measure(self, regions: tuple[str, ...] | None) -> float:
        return self._set(regions).measure

    def sample(
        self,
        regions: tuple[str, ...] | None,
        count: int,
        further: int,
        random: np.random.Generator,
    ) -> tuple[Array, Array, Array]:
        cube = sobol_points(self.dimension + further, count, random)
        places, weights = self._set(regions).sample(cube[:, : self.dimension])
        return places.points, cube[:, self.dimension :], weights

    def quadrature(
        self, regions: tuple[str, ...] | None, count: int, seed: int
    ) -> tuple[Array, Array]:
        chosen = self._set(regions)
        along = max(1, round((count / chosen.count) ** (1 / self.dimension)))
        if along == 1 and count < chosen.count:
            # Fewer points than cells: even ones, a Gauss point in each would be too many.
            points, _, weights = self.sample(regions, count, 0, np.random.default_rng(seed))
            return points, weights
        places, weights = chosen.gauss(max(2, along))
        return places.points, weights

    def contains(self, points: Array, regions: tuple[str, ...] | None = None) -> Array:
        # A point on the interface of two regions lies in both.
        search = self.search if regions is None else self._search(regions)
        return np.asarray(search.locate(points) >= 0)

    def find_contact(self, one: tuple[str, ...], other: tuple[str, ...]) -> CellSet:
        centres, chosen = self.inside.centres, (self._belongs(one), self._belongs(other))
        kinds, inner = {}, []
        for kind, (corners, owners) in facets(self.cells.cells).items():
            order = np.lexsort(facet_keys(kind, corners).T)
            keys = facet_keys(kind, corners)[order]
            pairs = np.flatnonzero((keys[1:] == keys[:-1]).all(1))
            both = np.stack([order[pairs], order[pairs + 1]])
            # Each pair in both senses: seen from the first region.
            both = np.concatenate([both, both[::-1]], 1)
            own = owners[both]
            kept = both[0, chosen[0][own[0]] & chosen[1][own[1]]]
            if len(kept):
                kinds[kind] = corners[kept]
                inner.append(centres[owners[kept]])
        if not kinds:
            return CellSet(self.cells.nodes, {})
        return CellSet(self.cells.nodes, kinds, np.concatenate(inner))

    def _search(self, regions: tuple[str, ...]) -> CellSearch:
        if regions not in self._searches:
            own = self._set(regions).cells
            self._searches[regions] = CellSearch(Cells(self.cells.names, self.cells.nodes, own))
        return self._searches[regions]

    @cached_property
    def _searches(self) -> dict[tuple[str, ...], CellSearch]:
        return {}

    def make_cells(self, spacing: float) -> Cells:
        return self.cells

    def to_data(self) -> dict[str, Any]:
        return {"mesh": pack_cells(self.cells)}

    def _identity(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"nodes": self.cells.nodes}
        groups = {"cells": self.cells.cells, "materials": self.cells.materials}
        groups |= {f"part {name}": kinds for name, kinds in self.cells.parts.items()}
        for group, kinds in groups.items():
            found |= {f"{group} {kind}": numbers for kind, numbers in kinds.items()}
        found["regions " + repr(self.regions)] = np.zeros(0)
        return found

    # --- regions -----------------------------------------------------------------------

    def _set(self, regions: tuple[str, ...] | None) -> CellSet:
        if regions is None:
            return self.inside
        if regions not in self._region_sets:
            chosen = np.flatnonzero(self._belongs(regions))
            self._region_sets[regions] = self.inside.subset(chosen)
        return self._region_sets[regions]

    @cached_property
    def _region_sets(self) -> dict[tuple[str, ...], CellSet]:
        return {}

    def _belongs(self, regions: tuple[str, ...]) -> AnyArray:
        """Which cells are of these regions, (M,), bool."""
        numbers = np.concatenate([self.cells.materials[kind] for kind in self.cells.cells])
        return np.isin(numbers, [self.regions.index(name) for name in regions])

    def _describe_names(
        self, named: Mapping[str, IntArray], sides: Mapping[str, IntArray]
    ) -> tuple[str, ...]:
        if not sides:
            return ()
        if not named:
            return (
                f"the mesh names no part of its boundary (gmsh: Physical Curve or Surface); its "
                f"pieces are called {', '.join(sides)}",
            )
        return (f"parts of the boundary without a name are called {', '.join(sides)}",)


def _find_surface(cells: Cells) -> tuple[CellSet, Any, dict[str, IntArray]]:
    """All outer and all named facets, which of them are outer, and the numbers of the named."""
    centres = CellSet(cells.nodes, cells.cells).centres
    kinds, inner, outer = {}, [], []
    chosen: dict[str, list[IntArray]] = {name: [] for name in cells.parts}
    start = 0
    for kind, (corners, owners) in facets(cells.cells).items():
        keys, first, counts = _unique(facet_keys(kind, corners))
        wanted = counts == 1
        numbers = {}
        for name, part in cells.parts.items():
            if kind in part:
                numbers[name] = _look_up(keys, facet_keys(kind, part[kind]), name)
                wanted[numbers[name]] = True
        place = start + np.cumsum(wanted) - 1
        for name, own in numbers.items():
            chosen[name].append(place[own])
        kinds[kind] = corners[first[wanted]]
        inner.append(centres[owners[first[wanted]]])
        outer.append(counts[wanted] == 1)
        start += int(wanted.sum())
    kept = {kind: corners for kind, corners in kinds.items() if len(corners)}
    surface = CellSet(cells.nodes, kept, np.concatenate(inner))
    named = {name: np.unique(np.concatenate(each)) for name, each in chosen.items() if each}
    lacking = [name for name in cells.parts if name not in named]
    if lacking:
        raise KanpdeError(f"the part {lacking[0]!r} has facets of another order than the cells")
    return surface, np.concatenate(outer), named


def _unique(keys: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    found, first, counts = np.unique(keys, axis=0, return_index=True, return_counts=True)
    return found, first, counts


def _look_up(known: IntArray, keys: IntArray, name: str) -> IntArray:
    """The place of each key (K, n) in the sorted rows `known`; raises KanpdeError for others."""
    both, inverse = np.unique(np.concatenate([known, keys]), axis=0, return_inverse=True)
    if len(both) > len(known):
        raise KanpdeError(
            f"the part {name!r} of the boundary has facets that are not sides of the cells; mesh "
            "the whole geometry at once"
        )
    return np.asarray(inverse.ravel()[len(known) :])


def _name_sides(
    surface: CellSet, outer: AnyArray, named: Mapping[str, IntArray]
) -> dict[str, IntArray]:
    """Pieces of the boundary that hang together, without those that have a name: "side 1", ..."""
    free = outer.copy()
    for facets_of_part in named.values():
        free[facets_of_part] = False
    numbers = np.flatnonzero(free)
    if not len(numbers):
        return {}
    corners = [
        (start + np.repeat(np.arange(len(c)), CORNERS[kind]), c[:, : CORNERS[kind]].ravel())
        for (kind, c), start in zip(
            surface.cells.items(),
            np.cumsum([0, *(len(c) for c in surface.cells.values())]).tolist(),
            strict=False,
        )
    ]
    facet, node = (np.concatenate(each) for each in zip(*corners, strict=True))
    kept = free[facet]
    shape = (len(free), len(surface.nodes))
    touch = coo_matrix((np.ones(int(kept.sum())), (facet[kept], node[kept])), shape).tocsr()
    _, label = connected_components(touch @ touch.T, directed=False)
    groups = [numbers[label[numbers] == k] for k in np.unique(label[numbers])]
    groups.sort(key=lambda g: -float(surface.measures[g].sum()))
    taken = {f"side {k + 1}": group for k, group in enumerate(groups)}
    return {name: group for name, group in taken.items() if name not in named}
