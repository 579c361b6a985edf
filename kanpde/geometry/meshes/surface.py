"""`Surface`: a domain inside of a closed surface that is read from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kanpde.arrays import Array
from kanpde.checks import read_path
from kanpde.files.whole import find_beside
from kanpde.geometry.cells import IntArray
from kanpde.geometry.meshes.body_domain import BodyDomain, check_scale
from kanpde.geometry.meshes.packing import unpack
from kanpde.geometry.meshes.surface_body import SurfaceBody
from kanpde.geometry.meshes.surface_reading import read_triangles


class Surface(BodyDomain):
    """The inside of a closed surface of triangles: `Surface("part.stl")`.

    Files of .stl, .obj, .ply or .off, which trimesh reads. Parts of the boundary are the named
    solids or objects of the file, or else its connected pieces, "side 1" being the largest. Of
    nested pieces what lies inside of an odd number is the domain. `scale` multiplies all
    coordinates, such as 1e-3 for millimetres.

    Raises KanpdeError for a file that cannot be read, or a surface that is not closed; it says
    where and by how many edges.
    """

    def __init__(self, path: str | Path, scale: float = 1.0) -> None:
        check_scale("Surface", scale)
        self.given, self.path = read_path("Surface", path), find_beside(path)
        points, faces, named = read_triangles(self.path, float(scale))
        self._set(SurfaceBody(points, faces, named, str(path)), ())

    def __repr__(self) -> str:
        return f"Surface({self.given.name!r})"

    @classmethod
    def of_triangles(
        cls, points: Array, faces: IntArray, parts: Mapping[str, IntArray] | None = None
    ) -> Surface:
        """The surface of vertices (V, 3) and triangles (F, 3) that are made here."""
        surface = cls.__new__(cls)
        surface.given = surface.path = Path()
        surface._set(SurfaceBody(points, faces, parts or {}, "the surface"), ())
        return surface


def surface_from_data(data: Mapping[str, Any]) -> Surface:
    """The surface of `Surface.to_data`."""
    own = data["surface"]
    parts = {str(name): unpack(numbers) for name, numbers in own["parts"].items()}
    return Surface.of_triangles(unpack(own["points"]), unpack(own["faces"]), parts).over_data(data)
