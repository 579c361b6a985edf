"""What is wrong with a mesh: said with its place and how it is mended."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells, IntArray
from kanpde.geometry.meshes.cell_set import CellSet
from kanpde.geometry.meshes.elements import element, gauss_rule, nodes_of
from kanpde.geometry.meshes.search import CellSearch
from kanpde.geometry.simplices import CORNERS, facet_keys, facets, outer_facets

# A cell so much smaller than the mean, by its content, is degenerate.
_DEGENERATE = 1e-10
# Sizes of meshes, in their unit, beyond which the unit is doubted.
_SMALL, _LARGE = 1e-5, 1e6
# A point so far outside of a facet, relative to the facet's size, tells what lies behind it.
_BESIDE = 1e-3


def check_cells(place: str, cells: Cells, search: CellSearch) -> None:
    """Raise KanpdeError for cells that are degenerate, folded, flipped or hanging."""
    whole = CellSet(cells.nodes, cells.cells)
    thin = np.flatnonzero(whole.measures <= _DEGENERATE * whole.measures.mean())
    if len(thin):
        raise KanpdeError(
            f"{place}: {_count(len(thin), 'cell')} without content (degenerate), the first near "
            f"{_at(whole.centres[thin[0]])}; remove such cells, or mesh the geometry anew"
        )
    _check_folded(place, cells)
    # Of the corners alone: the middle of a thin bent cell may lie beyond a chord.
    flat = [cells.nodes[c[:, : CORNERS[kind]]].mean(1) for kind, c in cells.cells.items()]
    _check_sides(place, cells, np.concatenate(flat))
    _check_hanging(place, cells, search)


def describe_size(cells: Cells) -> list[str]:
    """A note where the unit of the mesh looks wrong."""
    size = float(np.ptp(cells.nodes, axis=0).max())
    if _SMALL <= size <= _LARGE:
        return []
    return [
        f"the mesh is {size:.2g} long: its unit looks wrong; Mesh(path, scale={1 / size:.0e}) "
        "makes it one long"
    ]


def _check_folded(place: str, cells: Cells) -> None:
    """Cells whose Jacobian changes its sign: quadrilaterals that cross themselves, and worse."""
    for kind, corners in cells.cells.items():
        own = element(kind)
        if own.is_affine:
            continue
        at, _ = gauss_rule(kind, 2)
        nodes = cells.nodes[nodes_of(kind, corners)]
        signs = [
            np.sign(np.linalg.det(np.einsum("ke,nkd->nde", own.slopes(p[None])[0], nodes)))
            for p in at
        ]
        folded = np.flatnonzero(np.ptp(np.array(signs), axis=0) > 0)
        if len(folded):
            raise KanpdeError(
                f"{place}: {_count(len(folded), kind + ' cell')} folded over, the first near "
                f"{_at(nodes[folded[0]].mean(0))}; order its nodes around it, or mesh anew"
            )


def _check_sides(place: str, cells: Cells, centres: Array) -> None:
    """Two cells on one side of the facet between them, and facets of three cells."""
    for kind, (corners, owners) in facets(cells.cells).items():
        keys = facet_keys(kind, corners)
        order = np.lexsort(keys.T[::-1])
        keys, owners = keys[order], owners[order]
        same = (keys[1:] == keys[:-1]).all(1)
        triple = np.flatnonzero(same[1:] & same[:-1])
        if len(triple):
            raise KanpdeError(
                f"{place}: a facet near {_at(cells.nodes[keys[triple[0]]].mean(0))} belongs to "
                "three cells; remove cells that lie upon each other"
            )
        pairs = np.flatnonzero(same)
        one, other = (
            _side(cells.nodes[keys[pairs]], centres[owners[k]]) for k in (pairs, pairs + 1)
        )
        flipped = np.flatnonzero(one * other > 0)
        if len(flipped):
            raise KanpdeError(
                f"{place}: {_count(len(flipped), 'cell')} flipped over onto a neighbour, the first "
                f"near {_at(centres[owners[pairs[flipped[0]]]])}; move its nodes, or mesh anew"
            )


def _side(corners: Array, points: Array) -> Array:
    """On which side of a facet (N, n, d) a point (N, d) lies: a signed content."""
    edges = corners[:, 1 : corners.shape[2]] - corners[:, :1]
    rows = np.concatenate([edges, (points - corners[:, 0])[:, None]], 1)
    return np.asarray(np.linalg.det(rows))


def _check_hanging(place: str, cells: Cells, search: CellSearch) -> None:
    """Facets of one cell only behind which the mesh goes on, without an equal facet there."""
    surface = outer_set(cells)
    at = np.arange(surface.count)
    middle, _ = surface.gauss(1)
    if middle.normals is None or len(middle.points) != len(at):
        return
    length = surface.measures ** (1 / surface.dimension)
    behind = search.locate(middle.points + _BESIDE * length[:, None] * middle.normals) >= 0
    near, _ = cKDTree(middle.points).query(middle.points, k=2)
    alone = near[:, 1] > 1e-6 * length if len(at) > 1 else np.ones(len(at), bool)
    hanging = np.flatnonzero(behind & alone)
    if len(hanging):
        raise KanpdeError(
            f"{place}: {_count(len(hanging), 'facet')} inside of the mesh that do not match the "
            f"cells behind them (hanging nodes), the first near {_at(middle.points[hanging[0]])}; "
            "mesh both sides together, or refine them alike"
        )


def outer_set(cells: Cells) -> CellSet:
    """The facets that belong to one cell only, with the middle of that cell."""

    found = outer_facets(cells.cells)
    centres = CellSet(cells.nodes, cells.cells).centres
    inner = np.concatenate([centres[owners] for _, owners in found.values()])
    return CellSet(cells.nodes, {kind: corners for kind, (corners, _) in found.items()}, inner)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s are' if number > 1 else ' is'}"


def _at(point: Array) -> str:
    return "(" + ", ".join(f"{v:.4g}" for v in point) + ")"


def find_cracks(surface: CellSet) -> IntArray:
    """Facets (F,) that coincide with another one: nodes that are there twice."""
    middle, _ = surface.gauss(1)
    length = surface.measures ** (1 / max(surface.dimension, 1))
    near, _ = cKDTree(middle.points).query(middle.points, k=min(2, len(length)))
    if near.ndim < 2:
        return np.empty(0, np.int64)
    return np.flatnonzero(near[:, 1] <= 1e-6 * length)
