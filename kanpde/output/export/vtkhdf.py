"""One HDF5 file that ParaView opens as VTKHDF and that Python reads without VTK.

Format: VTKHDF 2.0, type ImageData (https://docs.vtk.org, "VTKHDF format specification").
Arrays are (steps, nz, ny, nx[, components]); an axis that the grid does not have is left out
of the arrays, where a length of 1 would be refused. VTK 9.3 (ParaView 5.12) is the first that
reads the steps of an image.

Beside VTK's group lies `/kanpde`, which VTK ignores:

    /kanpde                   attributes: about, version
    /kanpde/axes/x            (nx,), attribute units; one a space axis, in index order
    /kanpde/times             (T,), attribute units; absent without time
    /kanpde/fields/u          (T, nz, ny, nx[, components]), attributes units and dims;
                              dims names each dimension, e.g. ["t", "y", "x"]
    /kanpde/vectors/velocity  a group without members; attributes components (the names of
                              its fields) and units

On a domain that is not a box VTK's type is UnstructuredGrid, with the cell data `boundary` (the
number of a part of the boundary, from 1, and 0 inside) and `material`, and in /kanpde lie

    /kanpde/nodes             (N, space dimension), attributes coordinates and units
    /kanpde/cells/triangle    (M, 3), numbers of the nodes; one a kind of cell
    /kanpde/boundary/part1    facets as in cells; attribute name
    /kanpde/materials         the number of the region of each cell, by kind
    /kanpde/fields/u          (N[, components]), or (T N[, components]) with the time slowest

The fields are hard links to VTK's arrays wherever these are equal, so nothing is stored twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.limits import require_memory
from kanpde.output.export.files import HIDDEN, for_files, is_even
from kanpde.output.export.format import Facts, Format
from kanpde.output.export.hdf5 import new_hdf5
from kanpde.output.export.layout import (
    holes,
    image_geometry,
    image_shape,
    point_data,
    to_vtk_order,
    vtk_order,
)
from kanpde.output.export.unstructured import (
    read_cells,
    read_on_cells,
    write_cells,
    write_unstructured,
)
from kanpde.solution.grid_data import COMPONENT, GridData

FIELDS, IMAGE = "fields.vtkhdf", "fields_xt.vtkhdf"
VERSION = 1  # of the group /kanpde
HIDDEN_POINT = np.uint8(2)  # vtkDataSetAttributes::HIDDENPOINT
ABOUT = (
    "Fields on a uniform grid. axes/<name>: coordinates, in index order. times: the time of "
    "each step. fields/<name>: values, whose attribute dims names each dimension. "
    "vectors/<name>: the attribute components names the fields that are the vector's."
)


def write_vtkhdf(
    path: str | os.PathLike[str],
    grid: GridData,
    extra: Callable[[h5py.File], None] | None = None,
) -> None:
    """Write the grid for ParaView 5.12 and later and for h5py (see the module's text).

    Points where every field is NaN are also marked as hidden, so that holes are cut out.
    A single time makes a picture without steps, which is what VTK takes it for.

    Args:
        path: the file, by custom with the ending .vtkhdf; it is replaced as a whole.
        grid: what to write.
        extra: called with the open file before it is closed, to add groups of its own
            beside /VTKHDF and /kanpde.
    """
    grid = for_files(grid)
    with new_hdf5(path) as file:
        group = file.create_group("VTKHDF")
        (_write_image if grid.cells is None else write_unstructured)(group, grid)
        _write_raw(file.create_group("kanpde"), grid, group["PointData"])
        if extra is not None:
            extra(file)


def write_vtkhdf_xt(path: str | os.PathLike[str], grid: GridData) -> None:
    """Write one space axis and the time as the two axes of one image without steps.

    The times must be uniform; both axes keep their true values and may differ in scale.

    Raises:
        KanpdeError: (a ValueError) not one space axis, fewer than two times, or uneven times.
    """
    grid = for_files(grid)
    times = grid.times
    if len(grid.space) != 1 or times is None or len(times) < 2:
        raise KanpdeError(
            "an (x, t) image needs one space axis and at least two times; this grid has the axes "
            f"{', '.join(grid.space)} and {0 if times is None else len(times)} times"
        )
    plane = replace(
        grid,
        axes={name: grid.axes[name] for name in [*grid.space, str(grid.time)]},
        fields={name: values.swapaxes(0, 1) for name, values in grid.fields.items()},
        time=None,
    )
    write_vtkhdf(path, plane)


def read_vtkhdf(path: str | os.PathLike[str]) -> GridData:
    """Read back what `write_vtkhdf` wrote, from the group /kanpde.

    Raises:
        FileNotFoundError: there is no such file.
        KanpdeError: (a ValueError) it is not an HDF5 file, not one that this version reads, or
            its arrays do not fit together.
    """
    where = os.fspath(path)
    if os.path.exists(path) and not h5py.is_hdf5(path):
        raise KanpdeError(f"{where} is not an HDF5 file")
    with h5py.File(path, "r") as file:
        group = file.get("kanpde")
        if group is None:
            raise KanpdeError(f"{where} has no group /kanpde: it was not written by write_vtkhdf")
        if group.attrs["version"] > VERSION:
            raise KanpdeError(f"{where} is from a newer kanpde: upgrade to read it")
        return _read_raw(group)


def read_facts(path: str | os.PathLike[str]) -> dict[str, float]:
    """The numbers that were written beside the fields; empty for a file that holds none.

    Raises:
        OSError: there is no such file, or it is not an HDF5 file.
    """
    with h5py.File(path, "r") as file:
        held = file["kanpde"].attrs if "kanpde" in file else {}
        return {n: float(v) for n, v in held.items() if isinstance(v, (int, float, np.number))}


def _write(folder: Path, grid: GridData, facts: Facts) -> Path:
    """FIELDS and, for one space axis and time, the (x, t) image."""
    write_vtkhdf(folder / FIELDS, grid, lambda file: file["kanpde"].attrs.update(facts))
    times = grid.times
    if len(grid.space) == 1 and times is not None and len(times) > 1 and is_even(times):
        write_vtkhdf_xt(folder / IMAGE, grid)
    return folder / FIELDS


FORMAT = Format("vtkhdf", "ParaView 5.12 and later, VTK 9.3 and later, h5py", _write)


def _write_image(image: h5py.Group, grid: GridData) -> None:
    nx, ny, nz = image_shape(grid)
    origin, spacing = image_geometry(grid)
    image.attrs["Version"] = np.array([2, 0])
    # VTK 9.3 refuses a string of varying length, which h5py makes of a str.
    image.attrs["Type"] = np.bytes_("ImageData")
    image.attrs["WholeExtent"] = np.array([0, nx - 1, 0, ny - 1, 0, nz - 1])
    image.attrs["Origin"] = origin
    image.attrs["Spacing"] = spacing
    image.attrs["Direction"] = np.eye(3).ravel()

    data = image.create_group("PointData", track_order=True)
    # Of one step, VTK 9.3 to 9.7 announce no time and then fail on the dimension of the steps.
    single = grid.times is not None and len(grid.times) == 1
    for name, values in point_data(grid):
        data[name] = values[0] if single else values
    hidden = holes(grid)
    if hidden is not None:
        data[HIDDEN] = HIDDEN_POINT * (hidden[0] if single else hidden)
    if grid.times is not None and not single:
        _write_steps(image.create_group("Steps"), grid.times, list(data))


def _write_steps(steps: h5py.Group, times: Array, names: list[str]) -> None:
    steps.attrs["NSteps"] = len(times)
    steps["Values"] = times
    offsets = steps.create_group("PointDataOffsets")
    for name in names:
        offsets[name] = np.arange(len(times))


def _write_raw(group: h5py.Group, grid: GridData, data: h5py.Group) -> None:
    group.attrs["about"] = ABOUT
    group.attrs["version"] = VERSION
    if grid.time is not None:
        group["times"] = grid.times
        group["times"].attrs["units"] = grid.units.get(grid.time, "")
    (_write_fields if grid.cells is None else write_cells)(group, grid, data)
    vectors = group.create_group("vectors", track_order=True)
    for name, parts in grid.vectors.items():
        vector = vectors.create_group(name)
        vector.attrs["components"] = list(parts)
        vector.attrs["units"] = grid.units.get(name, "")


def _write_fields(group: h5py.Group, grid: GridData, data: h5py.Group) -> None:
    """The axes and the fields of a grid."""
    axes = group.create_group("axes", track_order=True)
    for name, values in grid.space.items():
        axes[name] = values
        axes[name].attrs["units"] = grid.units.get(name, "")
    fields = group.create_group("fields", track_order=True)
    for name, values in grid.fields.items():
        ordered = to_vtk_order(grid, values)
        fields[name] = data[name] if data[name].shape == ordered.shape else ordered
        fields[name].attrs["units"] = grid.units.get(name, "")
        dims = grid.dims(name)
        fields[name].attrs["dims"] = [dims[i] for i in vtk_order(grid, values.ndim)]


def _read_raw(group: h5py.Group) -> GridData:
    axes = dict(group.get("axes", {}))
    time = None
    if "times" in group:
        # Its name is the first among the dimensions of each field.
        time = str(next(iter(group["fields"].values())).attrs["dims"][0])
        axes = {time: group["times"], **axes}
    named = {**axes, **group["fields"], **group["vectors"]}
    held = (*axes.values(), *group["fields"].values())
    require_memory(group.file.filename, 8.0 * sum(values.size for values in held))
    units = {name: item.attrs["units"] for name, item in named.items()}
    cells = None
    if "nodes" in group:
        cells = read_cells(group, time, axes[time][()] if time else None)
        units |= dict(zip(cells.space, group["nodes"].attrs["units"], strict=True))
    return GridData(
        axes={name: values[()] for name, values in axes.items()},
        fields={
            name: _index_order(values, list(axes))
            if cells is None
            else read_on_cells(values, cells)
            for name, values in group["fields"].items()
        },
        time=time,
        units={name: unit for name, unit in units.items() if unit},
        cells=cells,
        vectors={
            name: tuple(vector.attrs["components"]) for name, vector in group["vectors"].items()
        },
    )


def _index_order(values: h5py.Dataset, axes: list[str]) -> Array:
    stored = list(values.attrs["dims"])
    if values.ndim != len(stored):
        raise KanpdeError(
            f"{values.name} has the shape {values.shape} for the dimensions {', '.join(stored)}"
        )
    components = [name for name in stored[-1:] if name == COMPONENT]
    return np.asarray(values).transpose([stored.index(name) for name in [*axes, *components]])
