"""Tetrahedra in a body for files and pictures: Delaunay's, of a lattice and of surface points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from kanpde.arrays import Array
from kanpde.geometry.cells import IntArray

# Lattice points keep this distance, in spacings, from surface points; tetrahedra of less than this
# part of an even one's volume are left out: four points of a flat side make them.
_GAP, _FLAT = 0.55, 1e-4


def fill_with_tetrahedra(
    surface: Array, contains: Callable[[Array], Array], spacing: float
) -> tuple[Array, IntArray]:
    """Nodes, those of the surface (S, 3) first, and tetrahedra (M, 4) whose middles lie inside.

    The lattice is body-centred cubic, whose tetrahedra are nearly regular.
    """
    low, high = surface.min(0), surface.max(0)
    step = spacing * 2 / np.sqrt(3)
    cubes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    corners = np.stack(np.meshgrid(*cubes, indexing="ij"), -1).reshape(-1, 3)
    lattice = np.concatenate([corners, corners + step / 2])
    lattice = lattice[((lattice > low) & (lattice < high)).all(1)]
    distance, _ = cKDTree(surface).query(lattice)
    lattice = lattice[distance > _GAP * spacing]
    nodes = np.concatenate([surface, lattice[contains(lattice)]])
    tetrahedra = np.asarray(Delaunay(nodes).simplices, np.int64)
    edges = nodes[tetrahedra[:, 1:]] - nodes[tetrahedra[:, :1]]
    whole = np.abs(np.linalg.det(edges)) > _FLAT * spacing**3
    tetrahedra = tetrahedra[whole]
    return nodes, tetrahedra[contains(nodes[tetrahedra].mean(1))]
