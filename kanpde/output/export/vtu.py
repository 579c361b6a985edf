"""VTK's XML files of an unstructured grid, and the PVD collection that lists their times."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.files.whole import replacing
from kanpde.output.export.collection import write_series
from kanpde.output.export.files import BOUNDARY, MATERIAL, for_files
from kanpde.output.export.format import Facts, Format
from kanpde.output.export.layout import blocks, points
from kanpde.solution.grid_data import GridData


def write_vtu(folder: str | os.PathLike[str], grid: GridData, name: str = "fields") -> list[Path]:
    """Write `name`.vtu, or for several times `name`_0000.vtu, .. and `name`.pvd, into `folder`.

    Of a grid cells are lines, quadrilaterals or hexahedra. A cell with a corner where every field
    is NaN is left out, so that holes are cut out; the points stay, with their NaN. Behind the
    cells of a mesh come the facets of its boundary, whose part the cell data `boundary` numbers.

    Returns:
        The files written; the first is the one to open.

    Raises:
        KanpdeError: (a ValueError) `name` is not a plain name of a file.
    """
    return write_series(folder, for_files(grid), name, "vtu", _write_step)


def _write(folder: Path, grid: GridData, facts: Facts) -> Path:
    return write_vtu(folder, grid)[0]


FORMAT = Format("vtu", "any ParaView, VisIt, meshio", _write)


def _write_step(path: Path, grid: GridData, data: dict[str, Array], hidden: Array | None) -> None:
    import meshio  # slow to import, and the other formats do without it

    found = blocks(grid)
    kept = [
        np.ones(len(b.corners), bool) if hidden is None else ~hidden.ravel()[b.corners].any(axis=1)
        for b in found
    ]
    both = [(b, k) for b, k in zip(found, kept, strict=True) if k.any()]
    numbers = {
        BOUNDARY: [np.full(int(k.sum()), b.boundary) for b, k in both],
        MATERIAL: [b.material[k] for b, k in both],
    }
    mesh = meshio.Mesh(
        points(grid),
        [(b.kind, b.corners[k]) for b, k in both],
        point_data={
            name: values.reshape(-1, *values.shape[len(grid.shape) :])
            for name, values in data.items()
        },
        cell_data={} if grid.cells is None else numbers,
    )
    with replacing(path) as part:
        meshio.write(part, mesh, file_format="vtu")
