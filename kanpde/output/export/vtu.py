"""VTK's XML files of an unstructured grid, and the PVD collection that lists their times."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

from kanpde.arrays import AnyArray as Array
from kanpde.files import replacing
from kanpde.output.export.files import check_file_name, for_files
from kanpde.output.export.format import Facts, Format
from kanpde.output.export.layout import cells, points, time_steps
from kanpde.solution.grid_data import GridData


def write_vtu(folder: str | os.PathLike[str], grid: GridData, name: str = "fields") -> list[Path]:
    """Write `name`.vtu, or for several times `name`_0000.vtu, .. and `name`.pvd, into `folder`.

    Cells are lines, quadrilaterals or hexahedra. A cell with a corner where every field is NaN
    is left out, so that holes are cut out; the points stay, with their NaN.

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

    kind, corners = cells(grid)
    if hidden is not None:
        corners = corners[~hidden.ravel()[corners].any(axis=1)]
    mesh = meshio.Mesh(
        points(grid),
        [(kind, corners)],
        point_data={
            name: values.reshape(-1, *values.shape[len(grid.space) :])
            for name, values in data.items()
        },
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
