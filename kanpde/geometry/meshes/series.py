"""Values on a mesh at several times: .pvd, time series of .xdmf, a file for each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells
from kanpde.geometry.meshes.reading import cells_of, data_of, load_mesh


@dataclass(frozen=True)
class MeshSeries:
    """Cells that stay, and scalars at times (T,): (T, nodes) at nodes, (T, M) in cells by kind.

    `files` are those that were read.
    """

    times: Array
    cells: Cells
    nodal: Mapping[str, Array]
    whole: Mapping[str, Mapping[str, Array]]
    files: tuple[Path, ...] = field(default_factory=tuple)


def holds_times(path: Path) -> bool:
    """Whether a file holds values at several times."""
    if path.suffix.lower() == ".pvd":
        return True
    if path.suffix.lower() != ".xdmf" or not path.is_file():
        return False
    grids = _read_xml(path).iter("Grid")
    return any(g.get("CollectionType") == "Temporal" for g in grids)


def read_series(path: Path) -> MeshSeries:
    """The values of a .pvd or .xdmf file at its times.

    Raises:
        KanpdeError: the file cannot be read, or its mesh changes in time.
    """
    if path.suffix.lower() == ".xdmf":
        files = [path, *(p for p in [path.with_suffix(".h5")] if p.is_file())]
        return _join(path, list(_read_xdmf(path)), files)
    times, files = [], []
    for each in _read_xml(path).iter("DataSet"):
        named = Path(str(each.get("file", "")))
        # A run folder has copies under their bare names.
        there = path.parent / named
        files.append(there if there.is_file() else path.parent / named.name)
        times.append(_read_time(path, each.get("timestep")))
    if len(set(times)) < len(times):
        raise KanpdeError(
            f"{path} names several files for one time; merge the parts of a mesh into one file"
        )
    found = read_files(files, times, str(path))
    return MeshSeries(found.times, found.cells, found.nodal, found.whole, (path, *found.files))


def read_files(files: Sequence[Path], times: Sequence[float], place: str) -> MeshSeries:
    """The values of a mesh file for each time; raises KanpdeError as `read_series`."""
    if len(files) != len(times):
        raise KanpdeError(f"{place} has {len(files)} files and {len(times)} times; give one each")
    steps = [(float(t), f, load_mesh(f)) for t, f in zip(times, files, strict=True)]
    return _join(Path(place), steps, files)


def _join(path: Path, steps: list[tuple[float, Path, Any]], files: Sequence[Path]) -> MeshSeries:
    if len(steps) < 2:
        raise KanpdeError(f"{path} has {len(steps)} times; a table in time needs two or more")
    steps = sorted(steps, key=lambda step: step[0])
    cells = cells_of(steps[0][1], steps[0][2], 1.0)
    rows = []
    for time, file, mesh in steps:
        own = cells if mesh is steps[0][2] else cells_of(file, mesh, 1.0)
        if not _is_same(cells, own):
            raise KanpdeError(
                f"{path}: the mesh at the time {time:g} is not that of the first time; write all "
                "times on one mesh"
            )
        rows.append(data_of(cells, mesh))
    nodal = {
        n: np.stack([values[n] for values, _ in rows])
        for n in rows[0][0]
        if all(n in values for values, _ in rows)
    }
    whole = {
        n: {kind: np.stack([values[n][kind] for _, values in rows]) for kind in cells.cells}
        for n in rows[0][1]
        if all(n in values for _, values in rows)
    }
    return MeshSeries(np.array([t for t, _, _ in steps]), cells, nodal, whole, tuple(files))


def _is_same(a: Cells, b: Cells) -> bool:
    return (
        a.nodes.shape == b.nodes.shape
        and bool(np.allclose(a.nodes, b.nodes, rtol=0, atol=1e-9 * float(np.ptp(a.nodes))))
        and a.cells.keys() == b.cells.keys()
        and all(np.array_equal(corners, b.cells[kind]) for kind, corners in a.cells.items())
    )


def _read_xdmf(path: Path) -> Iterator[tuple[float, Path, Any]]:
    import meshio  # slow to import
    from meshio.xdmf import TimeSeriesReader

    try:
        with TimeSeriesReader(path) as reader:
            points, cells = reader.read_points_cells()
            for k in range(reader.num_steps):
                time, nodal, whole = reader.read_data(k)
                yield time, path, meshio.Mesh(points, cells, nodal, whole)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise KanpdeError(
            f"{path} cannot be read as a series on a mesh ({reason}); save it anew as .pvd with a "
            ".vtu file for each time, or the values of a grid as .csv or .h5"
        ) from error


def _read_xml(path: Path) -> ElementTree.Element:
    if not path.is_file():
        raise KanpdeError(f"there is no file {path}")
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise KanpdeError(f"{path} cannot be read as XML ({error})") from error


def _read_time(path: Path, text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise KanpdeError(f"{path} has a file without a time: timestep={text!r}") from None
