"""References from files of fields on a mesh, such as results of a finite-element program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.files.whole import find_beside
from kanpde.geometry.meshes.reading import read_point_data
from kanpde.geometry.meshes.search import CellSearch
from kanpde.reference import Reference


def read_reference(
    path: str | Path,
    *,
    method: str,
    error: float,
    fields: Sequence[str] = (),
    gauge: tuple[str, ...] = (),
) -> Reference:
    """Fields at the nodes of a mesh file as the reference of a problem that does not know time.

    Between the nodes they are read by the shape functions of the cells.

    Args:
        path: a .vtu, .xdmf or .msh file with scalars at its nodes.
        method: a sentence that says how they were computed.
        error: their relative L2 error, that of the interpolation with it.
        fields: names of the scalars; all that the file has for none.
        gauge: fields known only up to a constant.

    Raises:
        KanpdeError: the file cannot be read, or has no such scalar.
    """
    given, found = Path(path), find_beside(path)
    cells, scalars = read_point_data(found)
    names = tuple(fields) or tuple(scalars)
    for name in names:
        if name not in scalars:
            raise KanpdeError(
                f"{path} has no field {name} at its nodes; it has {', '.join(scalars)}"
            )
    values = {name: scalars[name] for name in names}
    search = CellSearch(cells)

    def evaluate(**coordinates: Array) -> dict[str, Array]:
        columns = np.broadcast_arrays(*(coordinates[name] for name in cells.names))
        points = np.stack([np.ravel(c) for c in columns], 1).astype(float)
        read = search.interpolate(values, points)
        return {name: value.reshape(columns[0].shape) for name, value in read.items()}

    return Reference(evaluate, names, method, error, gauge, {given: found})
