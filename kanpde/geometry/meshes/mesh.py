"""`Mesh`: a domain that is read from the file of a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kanpde.checks import read_path
from kanpde.files.whole import find_beside
from kanpde.geometry.cells import Cells
from kanpde.geometry.meshes.body_domain import BodyDomain, check_scale
from kanpde.geometry.meshes.mesh_body import MeshBody
from kanpde.geometry.meshes.packing import unpack_cells
from kanpde.geometry.meshes.reading import read_cells


class Mesh(BodyDomain):
    """A domain from a mesh file: `Mesh("bracket.msh")`, in two or three dimensions.

    What meshio reads: .msh of gmsh (2 and 4), .vtu, .xdmf, .inp, .med and others, with cells of
    first and second order. The names of physical groups are those of parts of the boundary and of
    regions. `scale` multiplies all coordinates, such as 1e-3 for millimetres.

    Raises KanpdeError for a file that cannot be read, or cells that are no domain.
    """

    def __init__(self, path: str | Path, scale: float = 1.0) -> None:
        check_scale("Mesh", scale)
        self.given, self.path = read_path("Mesh", path), find_beside(path)
        self._set(MeshBody(read_cells(self.path, float(scale)), str(path)), ())

    def __repr__(self) -> str:
        return f"Mesh({self.given.name!r})"

    @classmethod
    def of_cells(cls, cells: Cells) -> Mesh:
        """The mesh of cells that are made here: `Mesh.of_cells(triangulate(...))`."""
        mesh = cls.__new__(cls)
        mesh.given = mesh.path = Path()
        mesh._set(MeshBody(cells, "the mesh"), ())
        return mesh


def mesh_from_data(data: Mapping[str, Any]) -> Mesh:
    """The mesh of `Mesh.to_data`."""
    return Mesh.of_cells(unpack_cells(data["mesh"])).over_data(data)
