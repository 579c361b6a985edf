"""The arrays of tables: from CSV, HDF5 and NumPy files, and rows put in the order of a grid."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.errors import KanpdeError
from kanpde.files.hdf5 import read_hdf5
from kanpde.files.tables import HDF5, read_table
from kanpde.limits import require_memory


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of numbers of a CSV, HDF5 or .npz file, by name.

    Raises:
        KanpdeError: the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in (*HDF5, ".npz"):
        return dict(read_table(path))
    if not path.is_file():
        raise KanpdeError(f"there is no file {path}")
    return _read_hdf5(path) if suffix in HDF5 else _read_npz(path)


def _read_hdf5(path: Path) -> dict[str, Array]:
    found = {}
    with read_hdf5(path) as file:
        for name, item in file.items():
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu":
                require_memory(f"{path}, {name}", 8.0 * item.size)
                found[str(name)] = np.asarray(item, float)
    return found


def _read_npz(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {str(name): file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise KanpdeError(f"{path} cannot be read as an .npz file ({error})") from error
    return {name: a.astype(float) for name, a in arrays.items() if a.dtype.kind in "fiu"}


def arrange(
    place: str, axes: Mapping[str, AnyArray], values: AnyArray
) -> tuple[dict[str, Array], Array]:
    """The points along each axis, increasing, and the values (n_0, .., n_k) on their grid.

    Of rows, each axis has as many numbers as there are values; they are put in order.

    Raises:
        KanpdeError: rows that are not a whole grid.
    """
    if values.ndim == 1 and all(a.shape == values.shape for a in axes.values()):
        return _arrange_rows(place, axes, values)
    found = {}
    for k, (name, points) in enumerate(axes.items()):
        if points.ndim == 1 and len(points) > 1 and points[0] > points[-1] and k < values.ndim:
            points, values = points[::-1], np.flip(values, k)
        found[name] = np.asarray(points, float)
    return found, np.asarray(values, float)


def _arrange_rows(
    place: str, axes: Mapping[str, AnyArray], values: AnyArray
) -> tuple[dict[str, Array], Array]:
    whole = np.logical_and.reduce([np.isfinite(a) for a in (*axes.values(), values)])
    if not whole.all():
        row = int(np.flatnonzero(~whole)[0]) + 1
        raise KanpdeError(f"{place}: row {row} has a gap; a table needs a number in each column")
    points, numbers = {}, []
    for name, column in axes.items():
        points[name], number = np.unique(column, return_inverse=True)
        numbers.append(number.ravel())
    shape = tuple(len(p) for p in points.values())
    count = int(np.prod(shape))
    size = " x ".join(map(str, shape))
    if count > 4 * len(values):
        raise KanpdeError(
            f"{place}: its {len(values)} points do not lie on a grid of {', '.join(axes)} (there "
            f"are {size} different values); interpolate them on a grid, or save a mesh with them"
        )
    flat = np.ravel_multi_index(numbers, shape)
    held = np.bincount(flat, minlength=count)
    if (held != 1).any():
        at = int(np.flatnonzero(held != 1)[0])
        index = np.unravel_index(at, shape)
        where = ", ".join(
            f"{n} = {p[k]:g}" for (n, p), k in zip(points.items(), index, strict=True)
        )
        what = "is missing" if held[at] == 0 else f"is there {held[at]} times"
        raise KanpdeError(
            f"{place}: of a grid of {size} values of {', '.join(axes)} the point {where} {what}"
        )
    grid = np.empty(count)
    grid[flat] = values
    return points, grid.reshape(shape)
