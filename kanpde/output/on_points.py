"""A solution on the user's own mesh or table of points, in a file of the same kind."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.files.tables import read_table
from kanpde.files.whole import replacing
from kanpde.geometry.meshes.reading import load_mesh
from kanpde.output.export.collection import write_collection
from kanpde.solution.on_mesh import evaluate_near, place_nodes
from kanpde.solution.solution import Solution

# The kinds of files in which meshio writes fields, and how; others hold a mesh alone.
_WRITTEN: dict[str, dict[str, Any]] = {
    ".vtu": {},
    ".vtk": {},
    ".xdmf": {"data_format": "XML"},  # its HDF5 file would be named after a temporary one
    ".msh": {"file_format": "gmsh22", "binary": True},  # readers stumble over NaN as text
}
# Times, where none are asked for.
_TIMES = 11


@dataclass(frozen=True)
class OnPoints:
    """What was written: the file to open, the number of points, and of those outside."""

    path: Path
    count: int
    outside: int

    @property
    def note(self) -> str:
        """A sentence on the points outside; empty where there are none."""
        if not self.outside:
            return ""
        verb = "lies" if self.outside == 1 else "lie"
        return f"{self.outside} of its {self.count} points {verb} outside of the domain: NaN there"


def write_on(
    solution: Solution, source: Path, folder: Path, fields: Sequence[str], times: Sequence[float]
) -> OnPoints:
    """Write the fields of a solution at the nodes of a mesh, or at the points of a CSV file.

    The file is called fields_on_NAME and has the kind of the source; of several times there is one
    for each. `fields` names those to write, for none all; `times` are those of a problem in time,
    where the points do not have their own.

    Raises:
        KanpdeError: the source cannot be read or lacks a coordinate, or there is no such field or
            time.
    """
    problem = solution.problem
    known = (*problem.names, *problem.vectors)
    if stray := [name for name in fields if name not in known]:
        raise KanpdeError(f"--fields {stray[0]}: the run has {', '.join(known)}")
    if times and problem.domain.time is None:
        raise KanpdeError(
            f"--times: the problem has no time, only {', '.join(problem.domain.names)}"
        )
    if not source.is_file():
        raise KanpdeError(f"--on {source}: there is no such file")
    wanted = tuple(fields) or known
    if source.suffix.lower() in (".csv", ".txt", ".dat"):
        return _write_table(
            solution, source, folder / f"fields_on_{source.stem}.csv", wanted, times
        )
    return _write_mesh(solution, source, folder, wanted, times)


def _default_times(solution: Solution, times: Sequence[float]) -> list[float | None]:
    axis = solution.problem.domain.time
    if axis is None:
        return [None]
    return list(times) or np.linspace(axis.lower, axis.upper, _TIMES).tolist()


def _write_table(
    solution: Solution, source: Path, target: Path, wanted: Sequence[str], times: Sequence[float]
) -> OnPoints:
    domain, given = solution.problem.domain, read_table(source)
    time = domain.time
    columns = dict(given)
    if time is not None and (times or time.name not in given):
        if times and time.name in given:
            raise KanpdeError(f"--times: {source} has its own {time.name}; leave --times out")
        every = _default_times(solution, times)
        count = len(next(iter(given.values())))
        columns = {n: np.tile(v, len(every)) for n, v in given.items()}
        columns[time.name] = np.repeat(np.array(every, float), count)
    if lacking := [name for name in domain.names if name not in columns]:
        raise KanpdeError(
            f"--on {source}: there is no column {lacking[0]}; it has {', '.join(given)}, and the "
            f"solution is a function of {', '.join(domain.names)}"
        )
    points = np.stack([columns[name] for name in domain.names], 1)
    values = evaluate_near(solution, points)
    chosen = dict.fromkeys(p for n in wanted for p in solution.problem.vectors.get(n, (n,)))
    if taken := [name for name in chosen if name in columns]:
        raise KanpdeError(f"--on {source} has a column {taken[0]}, as a field is called; rename it")
    table = [*columns.values(), *(values[name] for name in chosen)]
    with replacing(target) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, *chosen])
        writer.writerows(zip(*(column.tolist() for column in table), strict=True))
    return OnPoints(target, len(points), _count_outside(values))


def _write_mesh(
    solution: Solution, source: Path, folder: Path, wanted: Sequence[str], times: Sequence[float]
) -> OnPoints:
    mesh = load_mesh(source)
    suffix = source.suffix.lower() if source.suffix.lower() in _WRITTEN else ".vtu"
    name, every = f"fields_on_{source.stem}", _default_times(solution, times)
    paths, outside = [], 0
    for k, time in enumerate(every):
        points = place_nodes(solution, np.asarray(mesh.points, float), time)
        values = evaluate_near(solution, points)
        outside = max(outside, _count_outside(values))
        mesh.point_data |= _as_point_data(solution, values, wanted)
        number = f"_{k:04}" if len(every) > 1 else ""
        paths.append(folder / f"{name}{number}{suffix}")
        with replacing(paths[-1]) as part:
            _write_quietly(mesh, part, suffix)
    first = paths[0]
    if len(every) > 1 and suffix == ".vtu":
        first = folder / f"{name}.pvd"
        write_collection(first, np.array(every, float), paths)
    return OnPoints(first, len(mesh.points), outside)


def _write_quietly(mesh: Any, path: Path, suffix: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        mesh.write(path, **({"file_format": suffix[1:]} | _WRITTEN[suffix]))


def _as_point_data(
    solution: Solution, values: Mapping[str, Array], wanted: Sequence[str]
) -> dict[str, Array]:
    found = {}
    for name in wanted:
        parts = solution.problem.vectors.get(name)
        if parts is None:
            found[name] = values[name]
        else:
            columns = [values[p] for p in parts[:3]]
            columns += [np.zeros_like(columns[0])] * (3 - len(columns))
            found[name] = np.stack(columns, 1)
    return found


def _count_outside(values: Mapping[str, Array]) -> int:
    return int(np.logical_and.reduce([np.isnan(v) for v in values.values()]).sum())
