"""XDMF version 3: an XML file that describes the arrays of an HDF5 file beside it.

A grid is a 3DCoRectMesh in each case, with one point along an axis that it does not have, so
that one order of axes (z, y, x) serves all; cells are a Mixed topology, which all steps share,
with the facets of the boundary behind the cells of the mesh. (meshio's writer of time series is
not used: it puts its HDF5 file into the working directory, meshio issue 1442.)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import h5py
import numpy as np
import numpy.typing as npt

from kanpde.arrays import AnyArray as Array
from kanpde.files.whole import replacing
from kanpde.output.export.files import BOUNDARY, MATERIAL, check_file_name, for_files
from kanpde.output.export.format import Facts, Format
from kanpde.output.export.hdf5 import new_hdf5
from kanpde.output.export.layout import blocks, image_geometry, image_shape, points, time_steps
from kanpde.solution.grid_data import GridData

Element = ElementTree.Element

SERIES = {"GridType": "Collection", "CollectionType": "Temporal"}
KINDS = {(): "Scalar", (1,): "Scalar", (3,): "Vector", (9,): "Tensor"}
# The number of each kind of cell in a Mixed topology; vertices and lines also tell their nodes.
TOPOLOGY = {
    "vertex": (1, 1), "line": (2, 2), "triangle": (4,), "quad": (5,), "tetra": (6,),
    "pyramid": (7,), "wedge": (8,), "hexahedron": (9,), "line3": (34,), "quad9": (35,),
    "triangle6": (36,), "quad8": (37,), "tetra10": (38,), "hexahedron20": (48,),
    "hexahedron27": (50,),
}  # fmt: skip


def write_xdmf(folder: str | os.PathLike[str], grid: GridData, name: str = "fields") -> list[Path]:
    """Write `name`.xdmf and `name`.h5 into `folder`, all times in the one pair.

    The first refers to the second by its bare name: move them together.

    Returns:
        The files written; the first is the one to open.

    Raises:
        KanpdeError: (a ValueError) `name` is not a plain name of a file.
    """
    check_file_name(name)
    grid = for_files(grid)
    light, heavy = Path(folder) / f"{name}.xdmf", Path(folder) / f"{name}.h5"
    root = Element("Xdmf", Version="3.0")
    domain = _add(root, "Domain")
    with new_hdf5(heavy) as file:
        if grid.cells is not None:
            _write_geometry(file, grid)
        parent = domain if grid.times is None else _add(domain, "Grid", Name=name, **SERIES)
        for i, (data, _) in enumerate(time_steps(grid)):
            step = _add_step(parent, file.create_group(f"step{i}"), heavy.name, grid, data)
            if grid.times is not None:
                step.insert(0, Element("Time", Value=repr(float(grid.times[i]))))
    ElementTree.indent(root)
    with replacing(light) as part:
        ElementTree.ElementTree(root).write(part, encoding="utf-8", xml_declaration=True)
    return [light, heavy]


def _write(folder: Path, grid: GridData, facts: Facts) -> Path:
    return write_xdmf(folder, grid)[0]


FORMAT = Format("xdmf", "ParaView (*Xdmf3 Reader*), VisIt", _write)


def _add_step(
    parent: Element, group: h5py.Group, file: str, grid: GridData, data: Mapping[str, Array]
) -> Element:
    """Write the arrays of one time into `group` and describes them below `parent`."""
    step = _add(parent, "Grid", Name=group.name.strip("/"), GridType="Uniform")
    if grid.cells is None:
        size: tuple[int, ...] = image_shape(grid)[::-1]
        _describe_image(step, grid)
    else:
        size = grid.shape
        _describe_cells(step, group.file, file)
    for i, (name, values) in enumerate(data.items()):
        components = values.shape[len(grid.shape) :]
        kind = KINDS.get(components, "Matrix")
        attribute = _add(step, "Attribute", Name=name, AttributeType=kind, Center="Node")
        # Paths are numbered: a reader splits them at characters that a name may have.
        # Of the integers, readers keep the size of the signed one of 8 bytes only.
        number = values if values.dtype.kind == "f" else values.astype(np.int64)
        stored = group.create_dataset(f"field{i}", data=number.reshape(*size, *components))
        _point_at(attribute, stored, file)
    return step


def _describe_image(step: Element, grid: GridData) -> None:
    size = image_shape(grid)[::-1]
    origin, spacing = image_geometry(grid)
    _add(step, "Topology", TopologyType="3DCoRectMesh", Dimensions=_row(size))
    geometry = _add(step, "Geometry", GeometryType="ORIGIN_DXDYDZ")
    for values in (origin, spacing):
        item = _add(
            geometry, "DataItem", Dimensions="3", NumberType="Float", Precision="8", Format="XML"
        )
        item.text = _row(values[::-1].tolist())


def _write_geometry(file: h5py.File, grid: GridData) -> None:
    """The nodes, the cells and the numbers of their parts, once for all steps."""
    found = blocks(grid)
    rows = [
        np.hstack([np.tile(TOPOLOGY[b.kind], (len(b.corners), 1)), b.corners]).ravel()
        for b in found
    ]
    file["points"], file["cells"] = points(grid), np.concatenate(rows)
    file[BOUNDARY] = np.concatenate([np.full(len(b.corners), b.boundary) for b in found])
    file[MATERIAL] = np.concatenate([b.material for b in found])


def _describe_cells(step: Element, file: h5py.File, name: str) -> None:
    count = str(len(file[BOUNDARY]))
    topology = _add(step, "Topology", TopologyType="Mixed", NumberOfElements=count)
    _point_at(topology, file["cells"], name)
    _point_at(_add(step, "Geometry", GeometryType="XYZ"), file["points"], name)
    for each in (BOUNDARY, MATERIAL):
        attribute = _add(step, "Attribute", Name=each, AttributeType="Scalar", Center="Cell")
        _point_at(attribute, file[each], name)


def _point_at(parent: Element, stored: h5py.Dataset, file: str) -> None:
    item = _add(
        parent,
        "DataItem",
        Dimensions=_row(stored.shape),
        NumberType="Float" if stored.dtype.kind == "f" else "Int",
        Precision=str(stored.dtype.itemsize),
        Format="HDF",
    )
    item.text = f"{file}:{stored.name}"


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _row(values: npt.ArrayLike) -> str:
    return " ".join(map(repr, np.asarray(values).tolist()))
