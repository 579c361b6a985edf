"""Tables of numbers with named columns, from CSV and HDF5 files; messages name the line."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.files.hdf5 import read_hdf5
from kanpde.limits import require_memory

Columns = dict[str, Array]
# How the names of HDF5 files end.
HDF5 = (".h5", ".hdf5")


def read_columns(path: str | Path) -> Columns:
    """The columns of a CSV file, or the datasets in the root of an HDF5 file.

    Raises:
        KanpdeError: there is no such file, or no columns of numbers in it.
    """
    path = Path(path)
    if path.suffix.lower() not in HDF5:
        return read_table(path)
    if not path.is_file():
        raise KanpdeError(f"there is no file {path}")
    with read_hdf5(path) as file:
        columns = read_datasets(file)
    if not columns:
        raise KanpdeError(f"{path}: there are no columns of numbers")
    return columns


def read_table(path: str | Path, words: str = "", only: Collection[str] = ()) -> Columns:
    """The named columns of a CSV file, NaN where a field is empty.

    Args:
        path: of the file.
        words: a column that may hold words; it is an array of text where it does.
        only: columns beside which all others are read as gaps, whatever they hold.

    Raises:
        KanpdeError: there is no such file, no table in it, or a field that is not a number.
    """
    path = Path(path)
    if not path.is_file():
        raise KanpdeError(f"there is no file {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise KanpdeError(f"{path} cannot be read as text ({error})") from error
    lines = [(k, s) for k, s in enumerate(text.splitlines(), 1) if s.strip() and s[0] != "#"]
    if not lines:
        raise KanpdeError(f"{path} is empty; it needs a line of names and lines of numbers")
    rows = [(k, _split(line, _find_delimiter(lines[0][1]))) for k, line in lines]
    header = rows[0][1]
    if all(_read_number(field) is not None for field in header):
        names = ["t", *(f"x{k}" for k in range(1, len(header)))]
    else:
        names, rows = [field or f"column{k + 1}" for k, field in enumerate(header)], rows[1:]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise KanpdeError(f"{path}: two columns are called `{twice}`")
    if only:
        _clear(rows, names, [k for k, name in enumerate(names) if name not in only])
    place = names.index(words) if words in names else -1
    texts = [fields[place] for _, fields in rows if place >= 0 and len(fields) == len(names)]
    if all(_read_number(text) is not None for text in texts):
        return _fill_columns(path, names, rows)
    _clear(rows, names, [place])
    columns: dict[str, Any] = dict(_fill_columns(path, names, rows))
    return {**columns, words: np.array(texts)}


def _clear(rows: list[tuple[int, list[str]]], names: list[str], places: Collection[int]) -> None:
    """Empty the fields of some columns in all lines that are whole."""
    for _, fields in rows:
        if len(fields) == len(names):
            for place in places:
                fields[place] = ""


def _fill_columns(path: Path, names: list[str], rows: list[tuple[int, list[str]]]) -> Columns:
    table = np.full((len(rows), len(names)), np.nan)
    for row, (line, fields) in enumerate(rows):
        if len(fields) != len(names):
            raise KanpdeError(
                f"{path}, line {line}: {len(fields)} fields, but {len(names)} names in line 1"
            )
        for column, field in enumerate(fields):
            value = _read_number(field)
            if value is None:
                mend = "leave a gap empty, and a column of words out of the file"
                if re.fullmatch(r"[-+]?\d+,\d+", field):
                    mend = "write a point for the decimal comma"
                raise KanpdeError(
                    f"{path}, line {line}: {field[:30]!r} in column `{names[column]}` is not "
                    f"a number; {mend}"
                )
            table[row, column] = value
    if not len(rows):
        raise KanpdeError(f"{path} has names but no line of numbers")
    return {name: table[:, k] for k, name in enumerate(names)}


def _find_delimiter(line: str) -> str | None:
    return next((mark for mark in (",", ";", "\t") if mark in line), None)


def _split(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    return [field.strip() for field in next(csv.reader([line], delimiter=delimiter))]


def _read_number(field: str) -> float | None:
    if field.lower() in ("", "na", "nan", "null", "none", "-"):
        return float("nan")
    try:
        return float(field)
    except ValueError:
        return None


def read_datasets(group: h5py.Group) -> Columns:
    """The datasets (N,) of a group as columns, each column of a dataset (N, n) by a number."""
    columns: Columns = {}
    for name, item in group.items():
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.ndim in (1, 2):
            require_memory(f"{group.file.filename}, {item.name}", 8.0 * item.size)
            values = np.asarray(item, dtype=float)
            if values.ndim == 1:
                columns[name] = values
            else:
                columns |= {f"{name}{k + 1}": values[:, k] for k in range(values.shape[1])}
    return columns
