"""Make the STL file of problems/electrostatics/stl.py: two spheres, the inner one a hollow.

python tests/references/make_spheres.py [FOLDER]

Vertices lie a little outside of their sphere, so that the mean distance of the triangles' points
from the centre is the radius: what the flat triangles change is then of second order.
"""

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.spatial import ConvexHull

Array = np.ndarray[Any, Any]

RADII, FINE = (1.0, 2.0), 3


def sphere(fine: int) -> tuple[Array, Array]:
    """Vertices on the unit sphere and triangles of a refined icosahedron."""
    golden = (1 + 5**0.5) / 2
    flat = [(0.0, s, t * golden) for s in (-1.0, 1.0) for t in (-1.0, 1.0)]
    points = np.array([np.roll(p, k) for p in flat for k in range(3)])
    faces = ConvexHull(points).simplices.astype(np.int64)
    for _ in range(fine):
        corners = points[faces]
        every = np.concatenate([corners, (corners + np.roll(corners, -1, 1)) / 2], 1)
        whole = every.reshape(-1, 3)
        _, first, number = np.unique(
            np.round(whole, 9), axis=0, return_index=True, return_inverse=True
        )
        points = whole[first] / np.linalg.norm(whole[first], axis=1, keepdims=True)
        a, b, c, ab, bc, ca = number.reshape(-1, 6).T
        parts = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
        faces = np.concatenate([np.stack(part, 1) for part in parts])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    turned = (normals * corners.mean(1)).sum(1) < 0
    faces[turned] = faces[turned][:, ::-1]
    return points, faces


def mean_radius(corners: Array) -> float:
    """The mean distance of the points of triangles from the origin."""
    shares = np.random.default_rng(0).dirichlet(np.ones(3), 400)
    radius = np.linalg.norm(np.einsum("sk,fkd->sfd", shares, corners), axis=2).mean(0)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.average(radius, weights=np.linalg.norm(normals, axis=1)))


def main(folder: Path) -> None:
    points, faces = sphere(FINE)
    out = []
    for k, radius in enumerate(RADII):
        size = brentq(
            lambda s, r=radius: mean_radius(s * points[faces]) - r, 0.9 * radius, 1.1 * radius
        )
        corners = size * points[faces]
        out.append(corners if k else corners[:, ::-1])
    whole = np.concatenate(out).astype("<f4")
    data = [b"two spheres".ljust(80), struct.pack("<I", len(whole))]
    data += [np.zeros(3, "<f4").tobytes() + c.tobytes() + b"\0\0" for c in whole]
    (folder / "spheres.stl").write_bytes(b"".join(data))
    print(f"{len(whole)} triangles")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "problems/electrostatics"))
