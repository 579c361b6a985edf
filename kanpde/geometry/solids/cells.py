"""Triangles and tetrahedra in shapes, for files and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import Delaunay

from kanpde.arrays import Array
from kanpde.geometry.cells import Cells
from kanpde.geometry.triangulation import triangulate

if TYPE_CHECKING:
    from kanpde.geometry.solids.facet import Facet
    from kanpde.geometry.solids.shape import Shape
    from kanpde.geometry.solids.solid import Solid

# Sides of a full circle at least, and the spacing of points in space for that of an even grid.
_TURN, _COARSER = 48, 1.5


def make_cells(shape: Shape, counts: Mapping[str, int]) -> Cells:
    """Cells of about the size of an even grid's with so many points along each axis.

    In the plane a conforming triangulation; in space Delaunay's tetrahedra whose centres lie in
    the shape, with corners on its boundary. Over time the same at even times; a parameter has the
    value in the middle of its axis.
    """
    solid = shape.solid
    gaps = [(a.upper - a.lower) / max(counts[a.name] - 1, 1) for a in solid.axes]
    spacing = max(gaps)
    cells = (
        _triangles(solid, spacing) if len(solid.coordinates) == 2 else _tetrahedra(solid, spacing)
    )
    return shape.cells_over(cells, 0 if shape.time is None else counts[shape.time.name])


def _triangles(solid: Solid, spacing: float) -> Cells:
    curves = {
        name: [_polyline(facet, low, high, spacing) for low, high in facet.intervals]
        for name, facet in zip(solid.facet_names, solid.facets, strict=True)
    }
    first, second = solid.coordinates
    return triangulate((first, second), curves, spacing)


def _polyline(facet: Facet, low: float, high: float, spacing: float) -> Array:
    fine = np.linspace(low, high, 257)
    places = facet.place(fine[:, None])
    length = float(np.trapezoid(places.stretch, fine))
    turned = float(np.abs(np.diff(np.unwrap(np.arctan2(*places.normals.T[::-1])))).sum())
    count = max(1, math.ceil(length / spacing), math.ceil(_TURN * turned / (2 * math.pi)))
    points = facet.place(np.linspace(low, high, count + 1)[:, None]).points
    if np.linalg.norm(points[0] - points[-1]) < 1e-9 * length:
        points[-1] = points[0]
    return points


def _tetrahedra(solid: Solid, spacing: float) -> Cells:
    step = _COARSER * spacing
    lower, upper = solid.bounds
    lines = [np.arange(a + step / 2, b, step) for a, b in zip(lower, upper, strict=True)]
    lattice = np.stack(np.meshgrid(*lines, indexing="ij"), -1).reshape(-1, 3)
    inside = lattice[solid.level(lattice) < -step / 3]
    parts = []
    for number, facet in enumerate(solid.facets):
        count = max(16, math.ceil(facet.measure / step**2))
        parts.append(solid.boundary_piece(number).sample(count, 0).points)
    nodes = np.concatenate([inside, *parts])
    corners = Delaunay(nodes).simplices
    centres = nodes[corners].mean(1)
    edges = nodes[corners[:, 1:]] - nodes[corners[:, :1]]
    volume = np.abs(np.linalg.det(edges))
    kept = (solid.level(centres) < 0) & (volume > 1e-6 * step**3)
    used, numbers = np.unique(corners[kept], return_inverse=True)
    return Cells(solid.coordinates, nodes[used], {"tetra": numbers.reshape(-1, 4)})
