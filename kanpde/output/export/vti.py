"""VTK's XML files of a uniform grid: small, and drawn as volumes; any ParaView reads them."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.files.whole import replacing
from kanpde.output.export.collection import write_series
from kanpde.output.export.files import HIDDEN, for_files
from kanpde.output.export.format import Facts, Format
from kanpde.output.export.layout import image_geometry, image_shape
from kanpde.solution.grid_data import GridData

# VTK's names of the types that a grid can hold.
_TYPES = {"f8": "Float64", "f4": "Float32", "i8": "Int64", "i4": "Int32", "u1": "UInt8"}
_DO_NOT_DRAW = 2  # vtkDataSetAttributes::HIDDENPOINT


def write_vti(folder: str | os.PathLike[str], grid: GridData, name: str = "fields") -> list[Path]:
    """Write `name`.vti, or for several times `name`_0000.vti, .. and `name`.pvd, into `folder`.

    The file is an ImageData (VTK file formats, 4.2.1) with its arrays in base64. Points where every
    field is NaN are marked as hidden.

    Returns:
        The files written; the first is the one to open.

    Raises:
        KanpdeError: (a ValueError) the fields are on cells, not on a grid, or `name` is not a plain
            name of a file.
    """
    if grid.cells is not None:
        raise KanpdeError(
            "a vti file holds fields on a box; take vtu or vtkhdf for a shape or mesh"
        )
    return write_series(folder, for_files(grid), name, "vti", _write_step)


def _write(folder: Path, grid: GridData, facts: Facts) -> Path:
    return write_vti(folder, grid)[0]


FORMAT = Format("vti", "any ParaView, VisIt; boxes alone", _write)


def _write_step(path: Path, grid: GridData, data: dict[str, Array], hidden: Array | None) -> None:
    extent = " ".join(f"0 {n - 1}" for n in image_shape(grid))
    origin, spacing = (" ".join(map(repr, v.tolist())) for v in image_geometry(grid))
    root = ElementTree.Element(
        "VTKFile", type="ImageData", version="1.0", byte_order="LittleEndian", header_type="UInt64"
    )
    image = ElementTree.SubElement(
        root, "ImageData", WholeExtent=extent, Origin=origin, Spacing=spacing
    )
    point_data = ElementTree.SubElement(
        ElementTree.SubElement(image, "Piece", Extent=extent), "PointData"
    )
    for name, values in data.items():
        _add_array(point_data, name, values, components=values.ndim > len(grid.shape))
    if hidden is not None:
        mark = (_DO_NOT_DRAW * hidden).astype(np.uint8)
        _add_array(point_data, HIDDEN, mark, components=False)
    with replacing(path) as part:
        ElementTree.ElementTree(root).write(part, encoding="utf-8", xml_declaration=True)


def _add_array(parent: ElementTree.Element, name: str, values: Array, *, components: bool) -> None:
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    kind = _TYPES.get(little.dtype.str[1:])
    if kind is None:
        little, kind = little.astype("<f8"), "Float64"
    element = ElementTree.SubElement(parent, "DataArray", type=kind, Name=name, format="binary")
    if components:
        element.set("NumberOfComponents", str(values.shape[-1]))
    # The number of bytes stands before them, in one piece of base64 of its own or with them.
    raw = little.tobytes()
    element.text = base64.b64encode(np.uint64(len(raw)).tobytes() + raw).decode("ascii")
