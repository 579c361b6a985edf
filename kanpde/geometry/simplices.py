"""Cells of any kind cut into simplices, and the facets that belong to one cell only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kanpde.geometry.cells import KINDS, IntArray

# The simplices of each kind, by places among its nodes. Nodes of second order cut plane cells
# into more of them, so that a picture bends with its sides; solid cells are cut at their corners.
_HEXAHEDRON = (
    (0, 1, 3, 5), (1, 2, 3, 5), (2, 3, 5, 6), (0, 3, 4, 5), (3, 4, 5, 7), (3, 5, 6, 7)
)  # fmt: skip
SIMPLICES: dict[str, tuple[tuple[int, ...], ...]] = {
    "line": ((0, 1),),
    "line3": ((0, 2), (2, 1)),
    "triangle": ((0, 1, 2),),
    "triangle6": ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),
    "quad": ((0, 1, 2), (0, 2, 3)),
    "quad8": ((0, 4, 7), (4, 1, 5), (5, 2, 6), (6, 3, 7), (4, 5, 6), (4, 6, 7)),
    "quad9": (
        (0, 4, 8), (0, 8, 7), (4, 1, 5), (4, 5, 8), (8, 5, 2), (8, 2, 6), (7, 8, 6), (7, 6, 3),
    ),
    "tetra": ((0, 1, 2, 3),),
    "tetra10": ((0, 1, 2, 3),),
    "hexahedron": _HEXAHEDRON,
    "hexahedron20": _HEXAHEDRON,
    "hexahedron27": _HEXAHEDRON,
    "wedge": ((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5)),
    "pyramid": ((0, 1, 2, 4), (0, 2, 3, 4)),
}  # fmt: skip

# The facets of each kind of cell, by places among its nodes, outward.
_TETRA = ((0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3))
_BRICK = (
    (0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)
)  # fmt: skip
FACETS: dict[str, tuple[tuple[int, ...], ...]] = {
    "triangle": ((0, 1), (1, 2), (2, 0)),
    "triangle6": ((0, 1, 3), (1, 2, 4), (2, 0, 5)),
    "quad": ((0, 1), (1, 2), (2, 3), (3, 0)),
    "quad8": ((0, 1, 4), (1, 2, 5), (2, 3, 6), (3, 0, 7)),
    "quad9": ((0, 1, 4), (1, 2, 5), (2, 3, 6), (3, 0, 7)),
    "tetra": _TETRA,
    "tetra10": ((0, 2, 1, 6, 5, 4), (0, 1, 3, 4, 8, 7), (1, 2, 3, 5, 9, 8), (2, 0, 3, 6, 7, 9)),
    "hexahedron": _BRICK,
    "hexahedron20": (
        (0, 3, 2, 1, 11, 10, 9, 8), (4, 5, 6, 7, 12, 13, 14, 15), (0, 1, 5, 4, 8, 17, 12, 16),
        (1, 2, 6, 5, 9, 18, 13, 17), (2, 3, 7, 6, 10, 19, 14, 18), (3, 0, 4, 7, 11, 16, 15, 19),
    ),
    "hexahedron27": (
        (0, 3, 2, 1, 11, 10, 9, 8, 24), (4, 5, 6, 7, 12, 13, 14, 15, 25),
        (0, 1, 5, 4, 8, 17, 12, 16, 22), (1, 2, 6, 5, 9, 18, 13, 17, 21),
        (2, 3, 7, 6, 10, 19, 14, 18, 23), (3, 0, 4, 7, 11, 16, 15, 19, 20),
    ),
    "wedge": ((0, 2, 1), (3, 4, 5), (0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5)),
    "pyramid": ((0, 3, 2, 1), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)),
}  # fmt: skip
# The kind of a facet, by the dimension of its cell and its number of nodes.
FACET_KINDS = {
    (2, 2): "line", (2, 3): "line3", (3, 3): "triangle", (3, 4): "quad", (3, 6): "triangle6",
    (3, 8): "quad8", (3, 9): "quad9",
}  # fmt: skip
# Corners, without the nodes of second order.
_CORNERS = {
    "vertex": 1, "line": 2, "triangle": 3, "quad": 4, "tetra": 4, "hexahedron": 8, "wedge": 6,
    "pyramid": 5,
}  # fmt: skip
CORNERS = {kind: _CORNERS[kind.rstrip("0123456789")] for kind in KINDS}


def simplices(cells: Mapping[str, IntArray]) -> tuple[IntArray, IntArray]:
    """The simplices (S, corners) of cells of one dimension, and the number (S,) of each one's cell.

    Cells are counted through their kinds, in order.
    """
    found, owners, count = [], [], 0
    for kind, corners in cells.items():
        for places in SIMPLICES[kind]:
            found.append(corners[:, list(places)])
            owners.append(count + np.arange(len(corners)))
        count += len(corners)
    return np.concatenate(found), np.concatenate(owners)


def facets(cells: Mapping[str, IntArray]) -> dict[str, tuple[IntArray, IntArray]]:
    """All facets of cells: by kind the nodes (F, n), outward, and the number (F,) of the cell."""
    found: dict[str, list[tuple[IntArray, IntArray]]] = {}
    count = 0
    for kind, corners in cells.items():
        for places in FACETS[kind]:
            name = FACET_KINDS[KINDS[kind][1], len(places)]
            own = corners[:, list(places)], count + np.arange(len(corners))
            found.setdefault(name, []).append(own)
        count += len(corners)
    return {
        kind: (np.concatenate([c for c, _ in each]), np.concatenate([n for _, n in each]))
        for kind, each in found.items()
    }


def outer_facets(cells: Mapping[str, IntArray]) -> dict[str, tuple[IntArray, IntArray]]:
    """The facets that belong to one cell only, as `facets`: the boundary of the cells."""
    return {
        kind: (corners[single], owners[single])
        for kind, (corners, owners) in facets(cells).items()
        for single in [count_facets(kind, corners) == 1]
        if single.any()
    }


def count_facets(kind: str, corners: IntArray) -> IntArray:
    """How often each facet (F, n) occurs among them, in any order of its corners, (F,)."""
    _, inverse, counts = np.unique(
        facet_keys(kind, corners), axis=0, return_inverse=True, return_counts=True
    )
    return np.asarray(counts[inverse.ravel()])


def facet_keys(kind: str, corners: IntArray) -> IntArray:
    """The sorted corners of each facet, (F, corners): equal for the same facet."""
    return np.sort(corners[:, : CORNERS[kind]], axis=1)
