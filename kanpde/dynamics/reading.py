"""Trajectories and tables from CSV and HDF5 files, with messages that name the line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.data import TIMES, Trajectories, assemble
from kanpde.errors import KanpdeError
from kanpde.files.hdf5 import read_hdf5
from kanpde.files.npz import NPZ, read_npz
from kanpde.files.tables import HDF5, Columns, read_datasets, read_table
from kanpde.limits import require_memory

# The columns of one run, and how messages call it.
Run = tuple[Columns, str]
# No library reaches as many states as this: a table so wide is a field.
_FIELD = 25
_GROUPS = ("trajectory", "run", "id", "experiment")


def read_trajectories(
    path: str | Path,
    *,
    states: Sequence[str] = (),
    inputs: Sequence[str] = (),
    time: str | None = None,
    group: str | None = None,
) -> Trajectories:
    """Trajectories from a file.

    CSV: a line of names, then numbers; empty fields and `nan` are gaps; a column `trajectory`
    (or `group`) numbers the runs. HDF5: one dataset (N,) for each column, in the root or in
    one group for each run; a dataset (N, n) stands for n columns.

    Args:
        path: the file.
        states: the columns to be explained; by default all that have no other part.
        inputs: controls and parameters.
        time: the column of times; by default `t` or `time`, otherwise the first.
        group: the column that numbers the runs.

    Raises:
        KanpdeError: for a file that cannot be read as that, with place and mend.
    """
    path = Path(path)
    hdf = path.suffix.lower() in HDF5
    runs = _read_hdf5(path) if hdf else [(read_table(path), f"{path}: ")]
    first = runs[0][0]
    group = group or next((n for n in first if n.lower() in _GROUPS), None)
    name = time or next((n for n in first if n.lower() in TIMES), next(iter(first)))
    if group is not None:
        if group not in first:
            raise KanpdeError(f"{path}: there is no column `{group}`; there are {', '.join(first)}")
        runs = [part for run, where in runs for part in _split_groups(run, group, where)]
    other = {name, group, *inputs}
    chosen = list(states) or [n for n in first if n not in other]
    if not chosen:
        raise KanpdeError(f"{path}: there is a time `{name}` but no other column to explain")
    return assemble(runs, chosen, list(inputs), name)


def _split_groups(run: Columns, group: str, where: str) -> list[Run]:
    labels = run[group]
    parts = []
    for label in dict.fromkeys(labels.tolist()):
        rows = labels == label
        if rows.any():
            columns = {n: v[rows] for n, v in run.items() if n != group}
            parts.append((columns, f"{where}{group} {label:g}: "))
    return parts


def _read_hdf5(path: Path) -> list[Run]:
    if not path.is_file():
        raise KanpdeError(f"there is no file {path}")
    with read_hdf5(path) as file:
        groups = [name for name, item in file.items() if isinstance(item, h5py.Group)]
        places = groups or ["/"]
        runs = [(read_datasets(file[name]), f"{path}, {name}: ") for name in places]
    for columns, where in runs:
        if not columns:
            raise KanpdeError(f"{where}there are no columns of numbers")
    return runs


@dataclass(frozen=True)
class FieldArrays:
    """Fields (Nt, Nx, ...) of a file by name, its axes of space, and its times (Nt,).

    `notes` tell what was done to the arrays on the way in.
    """

    fields: Mapping[str, Array]
    axes: Mapping[str, Array]
    times: Array
    notes: tuple[str, ...] = ()


def read_field(path: str | Path) -> FieldArrays | None:
    """The fields of an HDF5 or NPZ file, None for other data.

    Arrays of two axes and more are fields, rows are axes; t (or time) holds the times. The axes
    of a field are t, x, y, z; x, y, z, t and, after these, fields (the shape of PySINDy) are
    turned. In one dimension the axis is called x, and a table called `u` with neither `x` nor as
    many columns as only a field has is one of trajectories.

    Raises:
        KanpdeError: there is a field in the file, but an axis is missing or not a row of numbers.
    """
    path = Path(path)
    if not path.is_file():
        return None
    if path.suffix.lower() in HDF5:
        with read_hdf5(path) as file:
            arrays = {n: v for n, v in file.items() if isinstance(v, h5py.Dataset)}
            return _read_arrays(path, arrays)
    return _read_arrays(path, read_npz(path)) if path.suffix.lower() == NPZ else None


def _read_arrays(path: Path, arrays: Mapping[str, Any]) -> FieldArrays | None:
    """Fields from arrays, or datasets that are not read yet, by name."""
    tables = {name: each for name, each in arrays.items() if len(each.shape) > 1}
    if not _is_field(arrays, tables):
        return None
    time = next((name for name in arrays if name.lower() in TIMES and name not in tables), None)
    rows = [name for name in arrays if name not in tables and name != time]
    deepest = max(len(each.shape) for each in tables.values())
    axes = ["x"] if deepest == 2 else [n for n in ("x", "y", "z") if n in rows] or rows
    missing = next((n for n in ("x", "t") if n not in (*axes, "t") or n not in arrays), None)
    if time is None or not axes or (deepest == 2 and missing == "x"):
        name, each = next(iter(tables.items()))
        raise KanpdeError(
            f"{path}: beside the field {name} {each.shape} there is no dataset "
            f"`{missing or 't'}`; it needs x (positions) and t (times)"
        )
    fields = {n: each for n, each in tables.items() if n not in axes}
    for name in (*fields, *axes, time):
        if arrays[name].dtype.kind not in "fiu":
            raise KanpdeError(f"{path}: `{name}` holds something other than real numbers")
        require_memory(f"{path}, {name}", 8.0 * float(np.prod(arrays[name].shape)))
    places = {name: np.asarray(arrays[name], dtype=float) for name in axes}
    times = np.asarray(arrays[time], dtype=float)
    for name, row in {**places, time: times}.items():
        if row.ndim != 1:
            shape = next(iter(fields.values())).shape
            raise KanpdeError(
                f"{path}: {name} has the shape {row.shape}, beside a field {shape}: it must be a "
                "row of numbers"
            )
    values: dict[str, Array] = {}
    notes: list[str] = []
    for name, each in fields.items():
        table = np.asarray(each, dtype=float)
        values |= _turn(path, name, table, (len(times), *map(len, places.values())), notes)
    return FieldArrays(values, places, times, tuple(notes))


def _is_field(arrays: Mapping[str, Any], tables: Mapping[str, Any]) -> bool:
    """Whether arrays hold fields, and not the columns of trajectories."""
    if any(len(each.shape) > 2 for each in tables.values()):
        return True
    u = tables.get("u")
    if u is not None:
        return "x" in arrays or u.shape[1] >= _FIELD
    lengths = {math.prod(arrays[name].shape) for name in ("x", "t") if name in arrays}
    return "x" in arrays and any(set(each.shape) == lengths for each in tables.values())


def _turn(
    path: Path, name: str, table: Array, shape: tuple[int, ...], notes: list[str]
) -> dict[str, Array]:
    """Fields (times, positions) of an array, whose times or fields may be last."""
    if table.shape == shape:
        return {name: table}
    last = (*shape[1:], shape[0])
    if table.shape == last:
        notes.append(f"the axes of {name} are {' x '.join(map(str, last))}: its times are last")
        return {name: np.moveaxis(table, -1, 0)}
    if table.ndim == len(shape) + 1 and table.shape[:-1] in (shape, last):
        count = table.shape[-1]
        names = [name] if count == 1 else list("uvw"[:count])
        names = names if count <= 3 else [f"u{k + 1}" for k in range(count)]
        notes.append(f"the last axis of {name} numbers fields: {', '.join(names)}")
        table = table if table.shape[:-1] == shape else np.moveaxis(table, -2, 0)
        return {each: table[..., k] for k, each in enumerate(names)}
    raise KanpdeError(
        f"{path}: {name} has the shape {table.shape}; with these axes a field must be "
        f"(times, positions) = {shape}, or have its times last"
    )


def read_points(path: str | Path, *, sure: bool = False) -> tuple[Array, Array, Array] | None:
    """u, x and t (N,) of a field's samples at scattered points, None for other data.

    A CSV file, or an HDF5 file of datasets (N,), with columns u, x and t. Columns of these
    names alone whose times do not increase are taken as that; with `sure` any such columns.

    Raises:
        KanpdeError: with `sure`, if a column is missing or of another length.
    """
    path = Path(path)
    columns = _read_hdf5(path)[0][0] if path.suffix.lower() in HDF5 else read_table(path)
    named = {name.lower(): values for name, values in columns.items()}
    missing = [name for name in ("u", "x", "t") if name not in named]
    lengths = {len(named[n]) for n in ("u", "x", "t") if n in named}
    if missing or len(lengths) > 1:
        if not sure:
            return None
        raise KanpdeError(
            f"{path}: samples of a field at points need columns u, x and t of one length; "
            + (f"`{missing[0]}` is missing" if missing else f"they have {sorted(lengths)}")
        )
    u, x, t = (named[n] for n in ("u", "x", "t"))
    if not sure and (len(named) != 3 or (np.diff(t[np.isfinite(t)]) > 0).all()):
        return None
    return u, x, t
