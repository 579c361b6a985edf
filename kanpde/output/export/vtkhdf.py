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

The fields are hard links to VTK's arrays wherever these are equal, so nothing is stored twice.
"""

import os
from collections.abc import Callable

import h5py
import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.files import replacing
from kanpde.output.export.grid import COMPONENT, HIDDEN, TIME, GridData
from kanpde.output.export.layout import (
    holes,
    image_geometry,
    image_shape,
    point_data,
    to_vtk_order,
    vtk_order,
)

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
    """Writes the grid for ParaView 5.12 and later and for h5py (see the module's text).

    Points where every field is NaN are also marked as hidden, so that holes are cut out.
    A single time makes a picture without steps, which is what VTK takes it for.

    Args:
        path: the file, by custom with the ending .vtkhdf; it is replaced as a whole.
        grid: what to write.
        extra: called with the open file before it is closed, to add groups of its own
            beside /VTKHDF and /kanpde.
    """
    with replacing(path) as part, h5py.File(part, "w") as file:
        image = file.create_group("VTKHDF")
        _write_image(image, grid)
        _write_raw(file.create_group("kanpde"), grid, image["PointData"])
        if extra is not None:
            extra(file)


def write_vtkhdf_xt(path: str | os.PathLike[str], grid: GridData) -> None:
    """Writes one space axis and the time as the two axes of one image without steps.

    The times must be uniform; both axes keep their true values and may differ in scale.

    Raises:
        KanpdeError: (a ValueError) not one space axis, fewer than two times, or uneven times.
    """
    if len(grid.axes) != 1 or grid.times is None or len(grid.times) < 2:
        raise KanpdeError(
            "An (x, t) image needs one space axis and at least two times; this grid has the axes "
            f"{', '.join(grid.axes)} and {0 if grid.times is None else len(grid.times)} times."
        )
    plane = GridData(
        axes={**grid.axes, TIME: grid.times},
        fields={name: values.swapaxes(0, 1) for name, values in grid.fields.items()},
        units=grid.units,
        vectors=grid.vectors,
    )
    write_vtkhdf(path, plane)


def read_vtkhdf(path: str | os.PathLike[str]) -> GridData:
    """Reads back what `write_vtkhdf` wrote, from the group /kanpde.

    Raises:
        FileNotFoundError: there is no such file.
        KanpdeError: (a ValueError) it is not an HDF5 file, or not one that this version reads.
    """
    if os.path.exists(path) and not h5py.is_hdf5(path):
        raise KanpdeError(f"{os.fspath(path)} is not an HDF5 file.")
    with h5py.File(path, "r") as file:
        group = file.get("kanpde")
        if group is None:
            raise KanpdeError(
                f"{os.fspath(path)} has no group /kanpde: it was not written by write_vtkhdf."
            )
        if group.attrs["version"] > VERSION:
            raise KanpdeError(f"{os.fspath(path)} is from a newer kanpde: upgrade to read it.")
        return _read_raw(group)


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
    axes = group.create_group("axes", track_order=True)
    for name, values in grid.axes.items():
        axes[name] = values
        axes[name].attrs["units"] = grid.units.get(name, "")
    if grid.times is not None:
        group["times"] = grid.times
        group["times"].attrs["units"] = grid.units.get(TIME, "")
    fields = group.create_group("fields", track_order=True)
    for name, values in grid.fields.items():
        ordered = to_vtk_order(grid, values)
        fields[name] = data[name] if data[name].shape == ordered.shape else ordered
        fields[name].attrs["units"] = grid.units.get(name, "")
        dims = grid.dims(name)
        fields[name].attrs["dims"] = [dims[i] for i in vtk_order(grid, values.ndim)]
    vectors = group.create_group("vectors", track_order=True)
    for name, parts in grid.vectors.items():
        vector = vectors.create_group(name)
        vector.attrs["components"] = list(parts)
        vector.attrs["units"] = grid.units.get(name, "")


def _read_raw(group: h5py.Group) -> GridData:
    named = {**group["axes"], **group["fields"], **group["vectors"]}
    times = group.get("times")
    if times is not None:
        named[TIME] = times
    units = {name: item.attrs["units"] for name, item in named.items()}
    return GridData(
        axes={name: values[()] for name, values in group["axes"].items()},
        fields={
            name: _index_order(values, list(group["axes"]))
            for name, values in group["fields"].items()
        },
        times=None if times is None else times[()],
        units={name: unit for name, unit in units.items() if unit},
        vectors={
            name: tuple(vector.attrs["components"]) for name, vector in group["vectors"].items()
        },
    )


def _index_order(values: h5py.Dataset, axes: list[str]) -> Array:
    stored = list(values.attrs["dims"])
    steps = [name for name in stored[:1] if name not in axes]
    components = [name for name in stored[-1:] if name == COMPONENT]
    wanted = steps + axes + components
    return np.asarray(values).transpose([stored.index(name) for name in wanted])
