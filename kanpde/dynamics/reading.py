"""Trajectories and tables from CSV and HDF5 files, with messages that name the line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from kanpde.arrays import Array
from kanpde.dynamics.data import TIMES, Trajectories, assemble
from kanpde.errors import KanpdeError
from kanpde.files.hdf5 import read_hdf5
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


def read_field(path: str | Path) -> tuple[Array, Array, Array] | None:
    """u (Nt, Nx), x (Nx,), t (Nt,) of an HDF5 file with these datasets, None for other data.

    A table called `u` with neither `x` nor as many columns as only a field has is one of
    trajectories.

    Raises:
        KanpdeError: there is a field in the file, but an axis is missing or not a row of numbers.
    """
    path = Path(path)
    if path.suffix.lower() not in HDF5 or not path.is_file():
        return None
    with read_hdf5(path) as file:
        datasets = {n: v for n, v in file.items() if isinstance(v, h5py.Dataset)}
        u = datasets.get("u")
        if u is None or u.ndim < 2 or ("x" not in datasets and u.shape[1] < _FIELD):
            return None
        if u.ndim > 2:
            raise KanpdeError(
                f"{path}: u has the shape {u.shape}; a field must be u (times, positions)"
            )
        missing = [n for n in ("x", "t") if n not in datasets]
        if missing:
            raise KanpdeError(
                f"{path}: beside the field u {u.shape} there is no dataset "
                f"`{missing[0]}`; it needs x (positions) and t (times)"
            )
        for name, length in zip(("t", "x"), u.shape, strict=True):
            axis = datasets[name]
            if axis.shape != (length,):
                hint = "; transpose u" if datasets["t"].shape == u.shape[1:] != u.shape[:1] else ""
                raise KanpdeError(
                    f"{path}: {name} has the shape {axis.shape}, and u (times, positions) is "
                    f"{u.shape}: it must be ({length},){hint}"
                )
        for name in ("u", "x", "t"):
            if datasets[name].dtype.kind not in "fiu":
                raise KanpdeError(f"{path}: `{name}` holds something other than real numbers")
        require_memory(f"{path}, u", 8.0 * datasets["u"].size)
        u, x, t = (np.asarray(datasets[name], dtype=float) for name in ("u", "x", "t"))
        return u, x, t


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
