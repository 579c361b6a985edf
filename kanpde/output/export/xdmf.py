"""XDMF version 3: an XML file that describes the arrays of an HDF5 file beside it.

The grid is a 3DCoRectMesh in each case, with one point along an axis that it does not have, so
that one order of axes (z, y, x) serves all. (meshio's writer of time series is
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
from kanpde.files import replacing
from kanpde.output.export.files import check_file_name, for_files
from kanpde.output.export.format import Facts, Format
from kanpde.output.export.hdf5 import new_hdf5
from kanpde.output.export.layout import image_geometry, image_shape, time_steps
from kanpde.solution.grid_data import GridData

Element = ElementTree.Element

SERIES = {"GridType": "Collection", "CollectionType": "Temporal"}
KINDS = {(): "Scalar", (1,): "Scalar", (3,): "Vector", (9,): "Tensor"}


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
    size = image_shape(grid)[::-1]
    origin, spacing = image_geometry(grid)
    step = _add(parent, "Grid", Name=group.name.strip("/"), GridType="Uniform")
    _add(step, "Topology", TopologyType="3DCoRectMesh", Dimensions=_row(size))
    geometry = _add(step, "Geometry", GeometryType="ORIGIN_DXDYDZ")
    for values in (origin, spacing):
        item = _add(
            geometry, "DataItem", Dimensions="3", NumberType="Float", Precision="8", Format="XML"
        )
        item.text = _row(values[::-1].tolist())
    for i, (name, values) in enumerate(data.items()):
        components = values.shape[len(grid.space) :]
        kind = KINDS.get(components, "Matrix")
        attribute = _add(step, "Attribute", Name=name, AttributeType=kind, Center="Node")
        # Paths are numbered: a reader splits them at characters that a name may have.
        # Of the integers, readers keep the size of the signed one of 8 bytes only.
        number = values if values.dtype.kind == "f" else values.astype(np.int64)
        stored = group.create_dataset(f"field{i}", data=number.reshape(*size, *components))
        item = _add(
            attribute,
            "DataItem",
            Dimensions=_row(stored.shape),
            NumberType="Float" if number.dtype.kind == "f" else "Int",
            Precision=str(number.dtype.itemsize),
            Format="HDF",
        )
        item.text = f"{file}:{stored.name}"
    return step


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _row(values: npt.ArrayLike) -> str:
    return " ".join(map(repr, np.asarray(values).tolist()))
