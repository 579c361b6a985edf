"""The fields of a run as files: what is sampled, under which names, in which formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kanpde.errors import KanpdeError
from kanpde.output.export import (
    GridData,
    read_vtkhdf,
    write_csv,
    write_vtkhdf,
    write_vtkhdf_xt,
    write_vtu,
    write_xdmf,
)
from kanpde.output.samples import Samples
from kanpde.problem.problem import Problem

FIELDS, IMAGE = "fields.vtkhdf", "fields_xt.vtkhdf"
FORMATS = ("vtkhdf", "vtu", "xdmf", "csv")
# The attribute of FIELDS that tells which model was sampled: its seconds of training.
_STAMP = "seconds_of_training"


def can_be_sampled(problem: Problem) -> bool:
    """Whether its fields go into files: at most three space dimensions."""
    return len(problem.domain.space) <= 3


def even_counts(problem: Problem) -> dict[str, int]:
    """Grid points along each axis for files and pictures."""
    if not problem.domain.space:
        return {"t": 257}
    space = {1: 257, 2: 129}.get(len(problem.domain.space), 41)
    times = 101 if len(problem.domain.space) == 1 else 65
    return {a.name: times if a.is_time else space for a in problem.domain.axes}


def grid_data(samples: Samples) -> GridData:
    """Samples as the writers take them: time first, with errors and residuals as fields.

    Time alone is written as the axis of a line. A residual or an error whose name is taken
    gets a number behind it.
    """
    order = [n for n in samples.axes if n == "t"] + list(samples.space)
    where = [list(samples.axes).index(n) for n in order]
    fields: dict[str, Any] = dict(samples.fields)
    for prefix, more in (("error_", samples.errors), ("residual_", samples.residuals)):
        for label, values in more.items():
            fields[_free_name(prefix + _plain(label), {*fields, *samples.vectors})] = values
    return GridData(
        axes={n: samples.axes[n] for n in samples.space or order},
        fields={n: np.transpose(v, where) for n, v in fields.items()},
        times=samples.axes["t"] if samples.has_time and samples.space else None,
        units=dict(samples.units),
        vectors=dict(samples.vectors),
    )


def _plain(label: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in label).strip("_")


def _free_name(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def write_fields(folder: Path, data: GridData, seconds: float) -> None:
    """FIELDS and, for one space dimension and time, the (x, t) image.

    `seconds` is the training time of the model that was sampled.
    """

    def stamp(file: h5py.File) -> None:
        file["kanpde"].attrs[_STAMP] = seconds

    write_vtkhdf(folder / FIELDS, data, stamp)
    if data.times is not None and len(data.axes) == 1:
        write_vtkhdf_xt(folder / IMAGE, data)


def read_fields(folder: Path, seconds: float) -> GridData | None:
    """What FIELDS holds, if it is of the model with this training time."""
    path = folder / FIELDS
    try:
        with h5py.File(path, "r") as file:
            if file["kanpde"].attrs[_STAMP] != seconds:
                return None
        return read_vtkhdf(path)
    except (OSError, KeyError, KanpdeError):
        return None


def check_format(kind: str) -> None:
    """Raise KanpdeError unless `export_fields` knows the format."""
    if kind not in FORMATS:
        raise KanpdeError(f"--format {kind}: there is no such format; take {', '.join(FORMATS)}")


def export_fields(folder: Path, data: GridData, kind: str, seconds: float) -> Path:
    """Write the fields into `folder` in one of FORMATS; the file to open."""
    match kind:
        case "vtu":
            return write_vtu(folder, data)[0]
        case "xdmf":
            return write_xdmf(folder, data)[0]
        case "csv":
            write_csv(folder / "fields.csv", data)
            return folder / "fields.csv"
        case _:
            write_fields(folder, data, seconds)
            return folder / FIELDS
