"""The body inside of a closed surface of triangles."""

from __future__ import annotations

import math
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
from kanpde.geometry.meshes.box_index import BoxIndex
from kanpde.geometry.meshes.cell_set import CellSet
from kanpde.geometry.meshes.packing import pack
from kanpde.geometry.tetrahedra import fill_with_tetrahedra

# Relative to the size: points so near to the surface are in the body.
_ROUNDING = 1e-9
# A body that fills less of its box than this is not found by points in the box.
_THIN = 1e-3


class SurfaceBody(Body):
    """A body by its surface: vertices (V, 3) and triangles (F, 3), closed, its pieces turned alike.

    The pieces may be nested: what lies inside of an odd number of them is in the body. Raises
    KanpdeError for a body without volume.
    """

    names = ("x", "y", "z")

    def __init__(
        self, points: Array, faces: IntArray, named: Mapping[str, IntArray], place: str
    ) -> None:
        self.points, self.named = points, dict(named)
        self.faces = faces
        pieces = _pieces(points, faces)
        self.faces = self._turn_outward(pieces)
        corners = points[self.faces]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self.content = float(np.einsum("ij,ij->", corners.mean(1), normals) / 6)
        if not self.content > 1e-12 * self.size**3:
            raise KanpdeError(f"{place} encloses no volume; give the surface of a solid part")
        box = float(np.prod(np.ptp(points, axis=0)))
        if self.content < _THIN * box:
            raise KanpdeError(
                f"{place} fills only {self.content / box:.0e} of the box around it: mesh its "
                "inside and take Mesh(...)"
            )
        # On the inner side of each triangle.
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        inner = corners.mean(1) - normals / np.maximum(length, 1e-300) * 1e-3 * np.sqrt(length)
        self.surface = CellSet(points, {"triangle": self.faces}, inner)
        self.outer = np.ones(len(self.faces), bool)
        whole = {f"side {k + 1}": own for k, own in enumerate(pieces)}
        self.parts = self.named or whole
        self.notes = _describe_size(self.size)

    @property
    def regions(self) -> tuple[str, ...]:
        return ()

    @property
    def bounds(self) -> tuple[Array, Array]:
        return self.points.min(0), self.points.max(0)

    def measure(self, regions: tuple[str, ...] | None) -> float:
        return self.content

    def sample(
        self,
        regions: tuple[str, ...] | None,
        count: int,
        further: int,
        random: np.random.Generator,
    ) -> tuple[Array, Array, Array]:
        low, high = self.bounds
        wanted = count * float(np.prod(high - low)) / self.content
        while True:
            cube = sobol_points(3 + further, int(1.05 * wanted) + 64, random)
            points = low + (high - low) * cube[:, :3]
            inside = np.flatnonzero(self._encloses(points))[:count]
            if len(inside) == count:
                break
            wanted *= 1.3
        weights = np.full(count, self.content / count)
        return points[inside], cube[inside, 3:], weights

    def quadrature(
        self, regions: tuple[str, ...] | None, count: int, seed: int
    ) -> tuple[Array, Array]:
        points, _, weights = self.sample(regions, count, 0, np.random.default_rng(seed))
        return points, weights

    def contains(self, points: Array, regions: tuple[str, ...] | None = None) -> Array:
        inside = self._encloses(points)
        rest = np.flatnonzero(np.logical_not(inside))
        inside[rest] = self._touches(points[rest])
        return inside

    def make_cells(self, spacing: float) -> Cells:
        corners = self.points[self.faces]
        longest = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2).max(1)
        more = [self.points]
        # Points inside of triangles that are longer than the spacing, on a lattice of theirs.
        parts = np.maximum(1, np.ceil(longest / spacing)).astype(int)
        for n in np.unique(parts[parts > 1]).tolist():
            i, j = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
            kept = (i + j <= n) & ~((i == 0) & (j == 0)) & (i < n) & (j < n)
            share = np.stack([n - i[kept] - j[kept], i[kept], j[kept]], 1) / n
            more.append(np.einsum("sk,fkd->fsd", share, corners[parts == n]).reshape(-1, 3))
        surface = np.concatenate(more)
        _, first = np.unique(np.round(surface / (1e-7 * self.size)), axis=0, return_index=True)
        extra = np.sort(first[first >= len(self.points)])
        surface = np.concatenate([self.points, surface[extra]])
        nodes, tetrahedra = fill_with_tetrahedra(surface, self._encloses, spacing)
        facets = {n: {"triangle": self.faces[own]} for n, own in self.parts.items()}
        return Cells(self.names, nodes, {"tetra": tetrahedra}, facets)

    def to_data(self) -> dict[str, Any]:
        parts = {name: pack(own) for name, own in self.named.items()}
        return {"surface": {"points": pack(self.points), "faces": pack(self.faces), "parts": parts}}

    def _identity(self) -> Mapping[str, Any]:
        named = {f"part {name}": own for name, own in self.named.items()}
        return {"points": self.points, "faces": self.faces, **named}

    # --- inside and outside ------------------------------------------------------------

    def _encloses(self, points: Array) -> AnyArray:
        """Which points have an odd number of triangles above them, in a turned frame."""
        turned = points @ self._frame.T
        odd = np.zeros(len(points), bool)
        for point, face in self._above.pairs(turned[:, :2]):
            corner = self._turned[face]
            one, other = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
            offset = turned[point] - corner[:, 0]
            area = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
            with np.errstate(divide="ignore", invalid="ignore"):
                a = (offset[:, 0] * other[:, 1] - offset[:, 1] * other[:, 0]) / area
                b = (one[:, 0] * offset[:, 1] - one[:, 1] * offset[:, 0]) / area
                height = a * one[:, 2] + b * other[:, 2] - offset[:, 2]
            hit = (a >= 0) & (b >= 0) & (a + b <= 1) & (height > 0)
            odd ^= np.bincount(point[hit], minlength=len(points)) % 2 == 1
        return odd

    @cached_property
    def _frame(self) -> Array:
        """A rotation about no axis of the part, so that no ray runs along an edge."""
        matrix = np.random.default_rng(20).normal(size=(3, 3))
        return np.asarray(np.linalg.qr(matrix)[0])

    @cached_property
    def _turned(self) -> Array:
        return np.asarray(self.points[self.faces] @ self._frame.T)

    @cached_property
    def _above(self) -> BoxIndex:
        flat = self._turned[:, :, :2]
        return BoxIndex(flat.min(1), flat.max(1))

    @cached_property
    def _near(self) -> BoxIndex:
        corners, slack = self.points[self.faces], _ROUNDING * self.size
        return BoxIndex(corners.min(1) - slack, corners.max(1) + slack)

    def _touches(self, points: Array) -> AnyArray:
        """Which points lie on the surface."""
        found = np.zeros(len(points), bool)
        slack = _ROUNDING * self.size
        for point, face in self._near.pairs(points):
            corner = self.points[self.faces[face]]
            edges = corner[:, 1:] - corner[:, :1]
            offset = points[point] - corner[:, 0]
            gram = np.einsum("nij,nkj->nik", edges, edges)
            right = np.einsum("nij,nj->ni", edges, offset)
            share = np.linalg.solve(gram + 1e-300 * np.eye(2), right[:, :, None])[:, :, 0]
            share = np.clip(share, 0, 1)
            share /= np.maximum(share.sum(1, keepdims=True), 1)
            miss = np.linalg.norm(offset - np.einsum("ni,nij->nj", share, edges), axis=1)
            found[point[miss <= slack]] = True
        return found

    def _turn_outward(self, pieces: list[IntArray]) -> IntArray:
        """The triangles with their normals pointing out of the body."""
        faces = self.faces.copy()
        for own in pieces:
            corners = self.points[faces[own]]
            normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            area = np.maximum(np.linalg.norm(normals, axis=1), 1e-300)
            large = np.argsort(-area)[:9]
            step = 1e-4 * np.sqrt(area[large])[:, None] * normals[large] / area[large][:, None]
            outside = np.logical_not(self._encloses(corners[large].mean(1) + step))
            if 2 * outside.sum() < len(large):
                faces[own] = faces[own][:, ::-1]
        self.__dict__.pop("_turned", None)
        self.__dict__.pop("_above", None)
        return faces


def _pieces(points: Array, faces: IntArray) -> list[IntArray]:
    """The triangles of each connected piece of a surface, the largest area first."""
    count = int(faces.max()) + 1
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (count, count))
    _, label = connected_components(graph, directed=False)
    own = label[faces[:, 0]]
    groups = [np.flatnonzero(own == k) for k in np.unique(own)]
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    return sorted(groups, key=lambda own: -float(areas[own].sum()))


def _describe_size(size: float) -> tuple[str, ...]:
    if 1e-5 <= size <= 1e6 or not math.isfinite(size):
        return ()
    return (
        f"the surface is {size:.2g} long: its unit looks wrong; Surface(path, scale="
        f"{1 / size:.0e}) makes it one long",
    )
