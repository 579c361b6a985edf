"""VTK's XML files of an unstructured grid, and the PVD collection that lists their times."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.files.whole import replacing
from kanpde.output.export.files import BOUNDARY, MATERIAL, check_file_name, for_files
from kanpde.output.export.format import Facts, Format
from kanpde.output.export.layout import blocks, points, time_steps
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
    check_file_name(name)
    folder, grid = Path(folder), for_files(grid)
    steps = time_steps(grid)
    if grid.times is None:
        path = folder / f"{name}.vtu"
        _write_step(path, grid, *next(steps))
        return [path]
    width = max(4, len(str(len(grid.times) - 1)))
    paths = [folder / f"{name}_{i:0{width}}.vtu" for i in range(len(grid.times))]
    for path, step in zip(paths, steps, strict=True):
        _write_step(path, grid, *step)
    collection = folder / f"{name}.pvd"
    _write_collection(collection, grid.times, paths)
    return [collection, *paths]


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


def _write_collection(path: Path, times: Array, paths: list[Path]) -> None:
    root = ElementTree.Element("VTKFile", type="Collection", version="0.1")
    collection = ElementTree.SubElement(root, "Collection")
    for time, step in zip(times.tolist(), paths, strict=True):
        ElementTree.SubElement(
            collection, "DataSet", timestep=repr(time), group="", part="0", file=step.name
        )
    ElementTree.indent(root)
    with replacing(path) as part:
        ElementTree.ElementTree(root).write(part, encoding="utf-8", xml_declaration=True)
