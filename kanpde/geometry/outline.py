"""The boundary of a domain as facets with names: what a picture shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from scipy.spatial import cKDTree

from kanpde.arrays import Array
from kanpde.geometry.cells import Cells, IntArray
from kanpde.geometry.simplices import FACETS, outer_facets
from kanpde.symbols.expression import Axis

_KINDS = {1: "line", 2: "quad", 3: "hexahedron"}


def outline_of_box(axes: Sequence[Axis]) -> Cells:
    """A box of up to three axes as one cell, its faces named as in "x = -1"."""
    corners = list(product((0, 1), repeat=len(axes)))
    # The first coordinate goes there and back along each square, as VTK counts.
    ring = {1: [0, 1], 2: [0, 2, 3, 1], 3: [0, 4, 6, 2, 1, 5, 7, 3]}[len(axes)]
    low, high = (np.array([getattr(a, end) for a in axes]) for end in ("lower", "upper"))
    nodes = low + (high - low) * np.array(corners, float)
    kind, own = _KINDS[len(axes)], np.array([ring])
    if len(axes) == 1:
        sides = {
            f"{axes[0].name} = {v[0]:g}": {"vertex": np.array([[k]])} for k, v in enumerate(nodes)
        }
        return Cells((axes[0].name,), nodes, {kind: own}, sides)
    parts: dict[str, dict[str, IntArray]] = {}
    facet = "line" if len(axes) == 2 else "quad"
    for k, axis in enumerate(axes):
        for end in (axis.lower, axis.upper):
            for places in FACETS[kind]:
                side = own[:, list(places)]
                if (nodes[side[0], k] == end).all():
                    parts[f"{axis.name} = {end:g}"] = {facet: side}
    return Cells(tuple(a.name for a in axes), nodes, {kind: own}, parts)


def outline_of_cells(cells: Cells, samples: Mapping[str, Array]) -> Cells:
    """Cells at no time, their outer facets named by the nearest of sampled points (N, d)."""
    still = replace(cells, names=cells.space, time=None, times=None, fixed={})
    if still.parts or not samples:
        return still
    names = list(samples)
    tree = cKDTree(np.concatenate(list(samples.values())))
    owner = np.repeat(np.arange(len(names)), [len(each) for each in samples.values()])
    parts: dict[str, dict[str, IntArray]] = {}
    for kind, (corners, _) in outer_facets(still.cells).items():
        _, near = tree.query(still.nodes[corners].mean(1))
        for k, name in enumerate(names):
            own = corners[owner[near] == k]
            if len(own):
                parts.setdefault(name, {})[kind] = own
    return replace(still, parts=parts)
