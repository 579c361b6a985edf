"""Fields as a table of text."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.files.whole import replacing
from kanpde.output.export.files import for_files
from kanpde.output.export.format import Facts, Format
from kanpde.solution.grid_data import GridData


def write_csv(path: str | os.PathLike[str], grid: GridData) -> None:
    """Write a row for each point and time: axes, time and fields, such as x,y,t,u,v.

    The time varies slowest and the last axis fastest. Components of a field u are the columns
    u_0, u_1, ..; numbers have all their digits; NaN is written nan. UTF-8, RFC 4180 quoting.

    Raises:
        KanpdeError: (a ValueError) a component u_0 of u meets another field named u_0.
    """
    grid = for_files(grid)
    space = _places(grid)
    header = [*grid.coordinates, *([] if grid.time is None else [grid.time]), *_header(grid)]
    if len(set(header)) < len(header):
        raise KanpdeError(f"two columns would have one name in {', '.join(header)}; rename one")
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for clock, fields in _steps(grid):
            columns = [*space, *clock, *_columns(grid, fields)]
            writer.writerows(zip(*(column.tolist() for column in columns), strict=True))


def _write(folder: Path, grid: GridData, facts: Facts) -> Path:
    path = folder / "fields.csv"
    write_csv(path, grid)
    return path


FORMAT = Format("csv", "everything else", _write)


def _header(grid: GridData) -> Iterator[str]:
    for name in grid.fields:
        components = grid.components(name)
        yield from (f"{name}_{i}" for i in range(*components)) if components else [name]


def _places(grid: GridData) -> list[Array]:
    """The coordinates of all points in space, an array (N,) for each."""
    if grid.cells is not None:
        return list(grid.cells.nodes.T)
    return [values.ravel() for values in np.meshgrid(*grid.space.values(), indexing="ij")]


def _steps(grid: GridData) -> Iterator[tuple[list[Array], Mapping[str, Array]]]:
    """For each time, or once: the column of the time, if there is one, and the fields."""
    if grid.times is None:
        yield [], grid.fields
        return
    for i, time in enumerate(grid.times):
        fields = {name: values[i] for name, values in grid.fields.items()}
        yield [np.full(grid.shape, time).ravel()], fields


def _columns(grid: GridData, fields: Mapping[str, Array]) -> Iterator[Array]:
    for values in fields.values():
        yield from values.reshape(prod(grid.shape), -1).T
