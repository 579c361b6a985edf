"""Fields on cells inside of an HDF5 file: VTK's unstructured grid, and the arrays for h5py.

Format: VTKHDF 2.0, type UnstructuredGrid. The nodes and cells are stored once and every step
points at them; the values of all steps lie one behind the other, (T N[, components]).
"""

from __future__ import annotations

import h5py
import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells
from kanpde.output.export.files import BOUNDARY, HIDDEN, MATERIAL
from kanpde.output.export.layout import blocks, holes, point_data, points
from kanpde.solution.grid_data import COMPONENT, POINT, GridData

# VTK's number for each kind of cell.
_TYPES = {
    "vertex": 1, "line": 3, "triangle": 5, "quad": 9, "tetra": 10, "hexahedron": 12, "wedge": 13,
    "pyramid": 14, "line3": 21, "triangle6": 22, "quad8": 23, "tetra10": 24, "hexahedron20": 25,
    "quad9": 28, "hexahedron27": 29,
}  # fmt: skip
_HIDDEN_POINT = np.uint8(2)  # vtkDataSetAttributes::HIDDENPOINT


def write_unstructured(group: h5py.Group, grid: GridData) -> None:
    """Fill VTK's group with the fields on the cells of a grid that `for_files` has made."""
    found = blocks(grid)
    group.attrs["Version"] = np.array([2, 0])
    group.attrs["Type"] = np.bytes_("UnstructuredGrid")
    corners = [block.corners for block in found]
    sizes = np.concatenate([np.full(len(c), c.shape[1]) for c in corners])
    group["NumberOfPoints"] = np.array(grid.shape)
    group["NumberOfCells"] = np.array([len(sizes)])
    group["NumberOfConnectivityIds"] = np.array([sizes.sum()])
    group["Points"] = points(grid)
    group["Connectivity"] = np.concatenate([c.ravel() for c in corners])
    group["Offsets"] = np.concatenate([[0], np.cumsum(sizes)])
    group["Types"] = np.concatenate(
        [np.full(len(b.corners), _TYPES[b.kind]) for b in found]
    ).astype(np.uint8)
    data = group.create_group("PointData", track_order=True)
    for name, values in point_data(grid):
        data[name] = _flat(grid, values)
    hidden = holes(grid)
    if hidden is not None:
        data[HIDDEN] = _HIDDEN_POINT * hidden.ravel()
    cells = group.create_group("CellData", track_order=True)
    cells[BOUNDARY] = np.concatenate([np.full(len(b.corners), b.boundary) for b in found])
    cells[MATERIAL] = np.concatenate([b.material for b in found])
    if grid.times is not None and len(grid.times) > 1:
        _write_steps(group.create_group("Steps"), grid, list(data))


def _write_steps(steps: h5py.Group, grid: GridData, names: list[str]) -> None:
    assert grid.times is not None
    count = len(grid.times)
    steps.attrs["NSteps"] = count
    steps["Values"] = grid.times
    # Each step has the one part of the grid, at the start of every array of the geometry.
    for name in ("PartOffsets", "PointOffsets"):
        steps[name] = np.zeros(count, np.int64)
    for name in ("CellOffsets", "ConnectivityIdOffsets"):
        steps[name] = np.zeros((count, 1), np.int64)
    steps["NumberOfParts"] = np.ones(count, np.int64)
    offsets = steps.create_group("PointDataOffsets")
    for name in names:
        offsets[name] = np.arange(count) * len(grid.cells.nodes)  # type: ignore[union-attr]
    offsets = steps.create_group("CellDataOffsets")
    for name in (BOUNDARY, MATERIAL):
        offsets[name] = np.zeros(count, np.int64)


def write_cells(group: h5py.Group, grid: GridData, data: h5py.Group) -> None:
    """Fill the group for h5py: nodes, cells, parts of the boundary, fields."""
    cells = grid.cells
    assert cells is not None
    group["nodes"] = cells.nodes
    group["nodes"].attrs["coordinates"] = list(cells.space)
    group["nodes"].attrs["units"] = [grid.units.get(name, "") for name in cells.space]
    group.attrs["names"] = list(cells.names)
    group.attrs["regions"] = list(cells.regions)
    fixed = group.create_group("fixed", track_order=True)
    fixed.attrs.update(cells.fixed)
    _write_kinds(group.create_group("cells", track_order=True), cells.cells)
    _write_kinds(group.create_group("materials", track_order=True), cells.materials)
    parts = group.create_group("boundary", track_order=True)
    for name, facets in cells.parts.items():
        # A name may hold a slash, which is a path to HDF5.
        part = parts.create_group(f"part{len(parts) + 1}", track_order=True)
        part.attrs["name"] = name
        _write_kinds(part, facets)
    fields = group.create_group("fields", track_order=True)
    for name, values in grid.fields.items():
        whole = _flat(grid, values)
        fields[name] = data[name] if data[name].shape == whole.shape else whole
        fields[name].attrs["units"] = grid.units.get(name, "")
        fields[name].attrs["dims"] = grid.dims(name)


def read_cells(group: h5py.Group, time: str | None, times: Array | None) -> Cells:
    """The cells of `write_cells`."""
    return Cells(
        tuple(str(n) for n in group.attrs["names"]),
        np.asarray(group["nodes"], float),
        _read_kinds(group["cells"]),
        {str(part.attrs["name"]): _read_kinds(part) for part in group["boundary"].values()},
        _read_kinds(group["materials"]),
        tuple(str(n) for n in group.attrs["regions"]),
        time,
        times,
        {str(n): float(v) for n, v in group["fixed"].attrs.items()},
    )


def read_on_cells(values: h5py.Dataset, cells: Cells) -> AnyArray:
    """The values of a field, (N,) or (T, N), with one more dimension for components."""
    stored = [str(name) for name in values.attrs["dims"]]
    if POINT not in stored or len(values) != int(np.prod(cells.shape)):
        raise KanpdeError(f"{values.name} has the shape {values.shape}, not one of {cells.shape}")
    tail = values.shape[1:] if stored[-1] == COMPONENT else ()
    return np.asarray(values).reshape(*cells.shape, *tail)


def _flat(grid: GridData, values: AnyArray) -> AnyArray:
    """(T N[, components])."""
    return values.reshape(-1, *values.shape[len(grid.sampled) :])


def _write_kinds(group: h5py.Group, kinds: object) -> None:
    for kind, numbers in dict(kinds).items():  # type: ignore[call-overload]
        group[kind] = numbers


def _read_kinds(group: h5py.Group) -> dict[str, AnyArray]:
    return {str(kind): np.asarray(numbers, np.int64) for kind, numbers in group.items()}
