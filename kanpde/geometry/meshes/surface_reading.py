"""Surface files: triangles with the names of their parts, closed, and turned outward."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import IntArray
from kanpde.geometry.triangulation import merge_points

SUFFIXES = (".stl", ".obj", ".ply", ".off")
# Vertices nearer than this, relative to the size, are one: STL repeats them in single precision.
_SAME = 1e-7


def read_triangles(path: Path, scale: float) -> tuple[Array, IntArray, dict[str, IntArray]]:
    """Vertices (V, 3), triangles (F, 3), and the numbers of the triangles of each named part.

    The triangles of each piece that hangs together are turned alike. Raises KanpdeError for a
    file that cannot be read, or a surface that is not closed.
    """
    parts = _load(path)
    starts = np.cumsum([0, *(len(points) for points, _ in parts.values())]).tolist()
    points = scale * np.concatenate([own for own, _ in parts.values()])
    each = [own + start for (_, own), start in zip(parts.values(), starts, strict=False)]
    faces = np.concatenate(each)
    owner = np.repeat(np.arange(len(each)), [len(own) for own in each])
    size = float(np.linalg.norm(np.ptp(points, axis=0)))
    if not (np.isfinite(points).all() and size > 0):
        raise KanpdeError(f"{path}: its points are not finite, or all one")
    merged, numbers = merge_points(points, _SAME * size)
    faces = numbers[faces]
    whole = np.flatnonzero((np.diff(np.sort(faces, axis=1), axis=1) > 0).all(1))
    faces, owner = faces[whole], owner[whole]
    names = {name: np.flatnonzero(owner == k) for k, name in enumerate(parts)}
    _check_closed(path, merged, faces)
    return merged, _turn_alike(path, merged, faces), names if len(parts) > 1 else {}


def _load(path: Path) -> dict[str, tuple[Array, IntArray]]:
    import trimesh  # slow to import

    if not path.is_file():
        raise KanpdeError(f"there is no surface file {path}")
    if path.suffix.lower() not in SUFFIXES:
        raise KanpdeError(
            f"{path}: the format of a surface is known by its ending; take one of "
            f"{', '.join(SUFFIXES)} (meshes of cells go into Mesh)"
        )
    try:
        with contextlib.redirect_stdout(io.StringIO()), path.open("rb") as file:
            kind = path.suffix.lower().removeprefix(".")
            scene = trimesh.load_scene(file, file_type=kind, skip_materials=True)
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise KanpdeError(f"{path} cannot be read as a surface ({reason}); save it anew") from error
    found = {str(n): g for n, g in scene.geometry.items() if hasattr(g, "faces") and len(g.faces)}
    if not found:
        raise KanpdeError(f"{path} has no triangles: save the surface of the part in it")
    return {n: _arrays(g) for n, g in found.items()}


def _arrays(geometry: Any) -> tuple[Array, IntArray]:
    return np.asarray(geometry.vertices, float), np.asarray(geometry.faces, np.int64)


def _edges(faces: IntArray) -> tuple[IntArray, IntArray, Any]:
    """The edges (3 F, 2) of triangles, sorted, their triangles, and which run upward."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.sort(edges, axis=1), np.tile(np.arange(len(faces)), 3), edges[:, 0] < edges[:, 1]


def _check_closed(path: Path, points: Array, faces: IntArray) -> None:
    edges, _, _ = _edges(faces)
    pairs, counts = np.unique(edges, axis=0, return_counts=True)
    opened = pairs[counts == 1]
    if len(opened):
        middle = points[opened].mean(1)
        holes, _ = _count_pieces(opened)
        raise KanpdeError(
            f"{path} is not closed: {len(opened)} edges belong to one triangle only, around "
            f"{holes} {'holes' if holes > 1 else 'hole'}, the first near "
            f"({', '.join(f'{v:.4g}' for v in middle[0])}); close it where it was drawn, or by a "
            "tool that repairs meshes"
        )
    many = pairs[counts % 2 == 1] if not len(opened) else opened
    if len(many):
        middle = points[many].mean(1)
        raise KanpdeError(
            f"{path} is not the surface of a body: {len(many)} edges belong to three triangles or "
            f"more, the first near ({', '.join(f'{v:.4g}' for v in middle[0])}); remove walls "
            "inside of it"
        )


def _count_pieces(edges: IntArray) -> tuple[int, Any]:
    nodes, numbers = np.unique(edges, return_inverse=True)
    ends = numbers.reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (len(nodes), len(nodes)))
    count, label = connected_components(graph, directed=False)
    return int(count), label


def _turn_alike(path: Path, points: Array, faces: IntArray) -> IntArray:
    """The triangles of each connected piece with the same sense of rotation."""
    edges, owners, upward = _edges(faces)
    order = np.lexsort(edges.T[::-1])
    first, second = order[0::2], order[1::2]
    if (edges[first] != edges[second]).any():
        raise KanpdeError(f"{path}: edges of four triangles; separate the bodies that touch there")
    one, other = owners[first], owners[second]
    alike = np.where(upward[first] != upward[second], 1.0, -1.0)
    shape = (len(faces), len(faces))
    graph = coo_matrix((np.ones(len(one)), (one, other)), shape).tocsr()
    signs = coo_matrix((alike, (one, other)), shape).tocsr()
    signs = signs + signs.T
    _, label = connected_components(graph, directed=False)
    turn = np.ones(len(faces))
    for piece in range(int(label.max()) + 1):
        start = int(np.flatnonzero(label == piece)[0])
        row, before = breadth_first_order(graph, start, directed=False)
        for face in row[1:].tolist():
            turn[face] = turn[before[face]] * np.sign(signs[before[face], face])
    turned = faces.copy()
    turned[turn < 0] = turned[turn < 0][:, ::-1]
    return turned
