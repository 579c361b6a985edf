"""The columns of a table that a fit is made of, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.arrays import AnyArray, Array
from kanpde.checks import read_reals, require_scale
from kanpde.errors import KanpdeError

_FEWEST_ROWS = 10


@dataclass(frozen=True)
class Samples:
    """Complete rows: x (N, V), y (N,), and the names of the V variables and of y."""

    names: tuple[str, ...]
    target: str
    x: Array
    y: Array

    @property
    def spread(self) -> float:
        """The standard deviation of y."""
        return float(self.y.std())


def select_columns(table: Mapping[str, Any], target: str, variables: Sequence[str]) -> Samples:
    """The target and its variables (all other columns by default) where all are finite.

    Raises:
        KanpdeError: for columns that are missing, not numbers, of different lengths or constant,
            or fewer than 10 complete rows.
    """
    require_columns(table)
    names = tuple(variables) or tuple(n for n in table if n != target)
    for name in (target, *names):
        if name not in table:
            raise KanpdeError(f"there is no column `{name}`; there are {', '.join(table)}")
    if not names:
        raise KanpdeError(f"there is no column beside `{target}` that could explain it")
    columns = {name: _read_numbers(table, name) for name in (target, *names)}
    if len({len(c) for c in columns.values()}) > 1:
        raise KanpdeError("the columns have different lengths")
    for name, column in columns.items():
        if np.isinf(column).any():
            row = int(np.argmax(np.isinf(column))) + 1
            raise KanpdeError(f"column `{name}` is infinite in row {row}: leave that row out")
    whole = np.all([np.isfinite(c) for c in columns.values()], axis=0)
    columns = {n: c[whole] for n, c in columns.items()}
    if whole.sum() < _FEWEST_ROWS:
        raise KanpdeError(
            f"{whole.sum()} complete rows are too few to fit; give at least {_FEWEST_ROWS}"
        )
    for name, column in columns.items():
        require_scale(f"column `{name}`", column)
        if np.ptp(column) <= 1e-13 * np.abs(column).max():
            mend = "there is nothing to explain" if name == target else "leave it out"
            raise KanpdeError(f"column `{name}` is constant ({column[0]:g}): {mend}")
    return Samples(names, target, np.stack([columns[n] for n in names], 1), columns[target])


def select_variables(
    table: Mapping[str, Any], target: str, variables: Sequence[str]
) -> tuple[Array, AnyArray, tuple[str, ...]]:
    """x (N, V), the labels (N,) of a target column of words or numbers, and the variables' names.

    Rows without a label or with a gap are left out.

    Raises:
        KanpdeError: as `select_columns`.
    """
    require_columns(table)
    if target not in table:
        raise KanpdeError(f"there is no column `{target}`; there are {', '.join(table)}")
    labels = np.asarray(table[target]).ravel()
    if labels.dtype == object:
        labels = labels.astype(str)
    words = labels.dtype.kind in "US"
    there = labels != "" if words else np.isfinite(labels.astype(float))
    if not words and there.any() and (labels[there] == np.round(labels[there])).all():
        labels = np.where(there, labels, 0).astype(int)
    _, place = np.unique(labels, return_inverse=True)
    codes = np.where(there, place, np.nan).astype(float)
    if len(set(codes[there])) < 2:
        raise KanpdeError(f"column `{target}` names fewer than two classes; give two or more")
    samples = select_columns({**table, target: codes}, target, variables)
    kept = samples.y.astype(int)
    return samples.x, np.unique(labels)[kept], samples.names


def require_columns(table: Any) -> None:
    """Raise KanpdeError unless a table maps names to columns."""
    if not hasattr(table, "keys"):
        raise KanpdeError(
            f"a table maps names to columns, {{'x': ..., 'y': ...}}; this is a "
            f"{type(table).__name__}"
        )


def _read_numbers(table: Mapping[str, Any], name: str) -> Array:
    return read_reals(f"column `{name}`", table[name]).ravel()
