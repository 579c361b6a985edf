"""A series of files for VTK's readers: one for each time, and the collection that lists them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from kanpde.arrays import AnyArray as Array
from kanpde.files.whole import replacing
from kanpde.output.export.files import check_file_name
from kanpde.output.export.layout import time_steps
from kanpde.solution.grid_data import GridData

# Writes one time: the file, the grid, the point data by name, and where nothing is drawn.
WriteStep = Callable[[Path, GridData, dict[str, Array], Array | None], None]


def write_series(
    folder: str | os.PathLike[str], grid: GridData, name: str, kind: str, write: WriteStep
) -> list[Path]:
    """Write `name`.`kind`, or for several times a file each and `name`.pvd; the first is to open.

    `grid` is one that `for_files` has made.

    Raises:
        KanpdeError: (a ValueError) `name` is not a plain name of a file.
    """
    check_file_name(name)
    folder = Path(folder)
    steps = time_steps(grid)
    if grid.times is None:
        path = folder / f"{name}.{kind}"
        write(path, grid, *next(steps))
        return [path]
    width = max(4, len(str(len(grid.times) - 1)))
    paths = [folder / f"{name}_{i:0{width}}.{kind}" for i in range(len(grid.times))]
    for path, step in zip(paths, steps, strict=True):
        write(path, grid, *step)
    collection = folder / f"{name}.pvd"
    write_collection(collection, grid.times, paths)
    return [collection, *paths]


def write_collection(path: Path, times: Array, paths: list[Path]) -> None:
    """The PVD file of some times, each with its file."""
    root = ElementTree.Element("VTKFile", type="Collection", version="0.1")
    collection = ElementTree.SubElement(root, "Collection")
    for time, step in zip(times.tolist(), paths, strict=True):
        ElementTree.SubElement(
            collection, "DataSet", timestep=repr(time), group="", part="0", file=step.name
        )
    ElementTree.indent(root)
    with replacing(path) as part:
        ElementTree.ElementTree(root).write(part, encoding="utf-8", xml_declaration=True)
