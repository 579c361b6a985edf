"""Fields as a table of text."""

import csv
import os
from collections.abc import Iterator
from math import prod

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.files import replacing
from kanpde.output.export.grid import TIME, GridData


def write_csv(path: str | os.PathLike[str], grid: GridData) -> None:
    """Writes a row for each point and time: axes, time and fields, such as x,y,t,u,v.

    The time varies slowest and the last axis fastest. Components of a field u are the columns
    u_0, u_1, ..; numbers have all their digits; NaN is written nan. UTF-8, RFC 4180 quoting.

    Raises:
        KanpdeError: (a ValueError) a component u_0 of u meets another field named u_0.
    """
    space = [values.ravel() for values in np.meshgrid(*grid.axes.values(), indexing="ij")]
    header = [*grid.axes, *([] if grid.times is None else [TIME]), *_header(grid)]
    if len(set(header)) < len(header):
        raise KanpdeError(f"Two columns would have one name in {', '.join(header)}; rename one.")
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for clock, fields in _steps(grid):
            columns = [*space, *clock, *_columns(grid, fields)]
            writer.writerows(zip(*(column.tolist() for column in columns), strict=True))


def _header(grid: GridData) -> Iterator[str]:
    for name in grid.fields:
        components = grid.components(name)
        yield from (f"{name}_{i}" for i in range(*components)) if components else [name]


def _steps(grid: GridData) -> Iterator[tuple[list[Array], dict[str, Array]]]:
    """For each time, or once: the column of the time, if there is one, and the fields."""
    if grid.times is None:
        yield [], grid.fields
        return
    for i, time in enumerate(grid.times):
        fields = {name: values[i] for name, values in grid.fields.items()}
        yield [np.full(grid.shape, time).ravel()], fields


def _columns(grid: GridData, fields: dict[str, Array]) -> Iterator[Array]:
    for values in fields.values():
        yield from values.reshape(prod(grid.shape), -1).T
