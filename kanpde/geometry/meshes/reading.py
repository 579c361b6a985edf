"""Mesh files: what meshio reads becomes cells with names, or a sentence about what is wrong."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import KINDS, Cells, IntArray
from kanpde.geometry.simplices import FACETS, facet_keys, facets

SUFFIXES = (".msh", ".vtu", ".vtk", ".xdmf", ".inp", ".med", ".mesh", ".bdf", ".nas", ".unv")
# Whole numbers of cells that stand for parts: gmsh's first, then those of other programs.
_TAGS = ("gmsh:physical", "medit:ref", "nastran:ref", "cell_tags")
# The numbers that kanpde's own files have, of facets and of cells.
_OWN_TAGS = {"boundary": -1, "material": 0}
# Of the size of the mesh: what differs by less is equal.
_FLAT = 1e-9
_MOST = 5_000_000


def read_cells(path: Path, scale: float) -> Cells:
    """The cells of a file, of the highest dimension that it has, and the names of parts.

    Raises KanpdeError for a file that is not there, not readable or not of cells in a plane or in
    space.
    """
    return cells_of(path, load_mesh(path), scale)


def cells_of(path: Path, mesh: Any, scale: float) -> Cells:
    """The same of what meshio has read of a file."""
    dimension = max((KINDS[b.type][1] for b in mesh.cells if b.type in KINDS), default=0)
    unknown = sorted({b.type for b in mesh.cells if b.type not in KINDS and len(b.data)})
    if unknown:
        raise KanpdeError(
            f"{path} has cells of the kind {unknown[0]}; save it with cells of first or second "
            "order (gmsh: Mesh.ElementOrder = 2)"
        )
    if dimension < 2:
        raise KanpdeError(
            f"{path} has no triangles, quadrilaterals or solid cells; mesh the area or volume, "
            "not only its outline"
        )
    nodes = np.asarray(mesh.points, float)
    if not np.isfinite(nodes).all():
        at = int(np.flatnonzero(~np.isfinite(nodes).all(1))[0])
        raise KanpdeError(f"{path}: node {at + 1} has coordinates that are not finite")
    if sum(len(b.data) for b in mesh.cells) > _MOST:
        raise KanpdeError(f"{path} has more than {_MOST} cells; take a coarser mesh")
    if dimension == 2:
        nodes = _flatten(path, nodes, mesh)
    names = _name_blocks(mesh)
    cells, materials, regions = _collect(mesh, names, dimension)
    parts = _collect_parts(mesh, names, dimension)
    parts |= {n: p for n, p in _parts_of_nodes(mesh, cells).items() if n not in parts}
    return _keep_used(("x", "y", "z")[:dimension], nodes * scale, cells, parts, materials, regions)


def read_point_data(path: Path) -> tuple[Cells, dict[str, Array]]:
    """The cells of a file and the scalars (nodes,) that it has at their nodes, by name.

    Raises KanpdeError as `read_cells`, and for a file without such scalars.
    """
    cells, scalars, _ = read_mesh_data(path)
    if not scalars:
        raise KanpdeError(f"{path} has no scalar at its nodes; save a field with the mesh")
    return cells, scalars


def read_mesh_data(
    path: Path,
) -> tuple[Cells, dict[str, Array], dict[str, dict[str, Array]]]:
    """The cells of a file, the scalars (nodes,) at their nodes, and those (M,) in cells by kind.

    Raises KanpdeError as `read_cells`.
    """
    mesh = load_mesh(path)
    cells = cells_of(path, mesh, 1.0)
    return cells, *data_of(cells, mesh)


def data_of(cells: Cells, mesh: Any) -> tuple[dict[str, Array], dict[str, dict[str, Array]]]:
    """The scalars at the nodes and in the cells of what meshio has read."""
    blocks = [k for k, b in enumerate(mesh.cells) if b.type in cells.cells and len(b.data)]
    used = np.unique(np.concatenate([mesh.cells[k].data.ravel() for k in blocks]))
    nodal = {
        str(n): np.asarray(v, float).ravel()[used]
        for n, v in mesh.point_data.items()
        if np.size(v) == len(mesh.points)
    }
    whole: dict[str, dict[str, Array]] = {}
    for name, parts in mesh.cell_data.items():
        if all(np.size(parts[k]) == len(mesh.cells[k].data) for k in blocks):
            own: dict[str, list[Array]] = {}
            for k in blocks:
                values = np.asarray(parts[k], float).ravel()
                own.setdefault(mesh.cells[k].type, []).append(values)
            whole[str(name)] = {kind: np.concatenate(each) for kind, each in own.items()}
    return nodal, whole


def load_mesh(path: Path) -> Any:
    """What meshio reads of a file, or a sentence on why it cannot: KanpdeError."""
    import meshio  # slow to import

    if not path.is_file():
        raise KanpdeError(f"there is no mesh file {path}")
    if path.suffix.lower() not in meshio.extension_to_filetypes:
        raise KanpdeError(
            f"{path}: the format of a mesh is known by its ending; take one of "
            f"{', '.join(SUFFIXES)} (surfaces of .stl, .obj, .ply go into Surface)"
        )
    try:
        # meshio prints what it does not know of, and ends the program for some files.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return meshio.read(path)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        words = " ".join(str(error).split())[:200]
        # Some readers of meshio end the program, with a number and no word.
        reason = f" ({words})" if any(c.isalpha() for c in words) else ""
        raise KanpdeError(
            f"{path} cannot be read as a mesh{reason}; save it anew, such as from gmsh as .msh"
        ) from error


def _flatten(path: Path, nodes: Array, mesh: Any) -> Array:
    """The two coordinates of the nodes of a plane mesh."""
    if nodes.shape[1] == 2:
        return nodes
    used = np.unique(np.concatenate([b.data.ravel() for b in mesh.cells]))
    spread = np.ptp(nodes[used], axis=0)
    size = float(spread.max())
    if spread[2] <= _FLAT * size:
        return np.asarray(nodes[:, :2])
    flat = [name for name, width in zip("xyz", spread, strict=True) if width <= _FLAT * size]
    if flat:
        raise KanpdeError(
            f"{path} lies in the plane {flat[0]} = const; turn it into the plane of x and y"
        )
    raise KanpdeError(
        f"{path} has cells of two dimensions whose z goes from {nodes[used, 2].min():g} to "
        f"{nodes[used, 2].max():g}: a plane mesh has one z, and a closed surface goes into "
        "Surface(...)"
    )


def _name_blocks(mesh: Any) -> list[list[str | None]]:
    """For each block of cells the name of the part of each cell; None for none."""
    by_tag = {(int(d), int(t)): str(n) for n, (t, d) in _field_data(mesh).items()}
    found: list[list[str | None]] = [[None] * len(b.data) for b in mesh.cells]
    tags = next((mesh.cell_data[name] for name in _TAGS if name in mesh.cell_data), None)
    for k, block in enumerate(mesh.cells):
        dimension = KINDS[block.type][1]
        if tags is not None:
            numbers = np.asarray(tags[k]).ravel().astype(np.int64).tolist()
            found[k] = [by_tag.get((dimension, t), str(t) if t else None) for t in numbers]
    if tags is None:
        _name_own(mesh, found)
    for name, blocks in mesh.cell_sets.items():
        if name.startswith("gmsh:"):
            continue
        for k, chosen in enumerate(blocks):
            for number in np.asarray(chosen if chosen is not None else [], np.int64).ravel():
                found[k][int(number)] = str(name)
    return found


def _field_data(mesh: Any) -> Mapping[str, Any]:
    pairs = ((name, np.ravel(value)) for name, value in mesh.field_data.items())
    return {name: value[:2] for name, value in pairs if len(value) >= 2}


def _name_own(mesh: Any, found: list[list[str | None]]) -> None:
    """Names by the numbers in files that kanpde wrote: "boundary 1", "material 2"."""
    highest = max(KINDS[b.type][1] for b in mesh.cells)
    for name, below in _OWN_TAGS.items():
        for k, numbers in enumerate(mesh.cell_data.get(name, [])):
            if KINDS[mesh.cells[k].type][1] == highest + below:
                whole = np.asarray(numbers).ravel().astype(np.int64).tolist()
                found[k] = [f"{name} {t}" if t else None for t in whole]


def _blocks(
    mesh: Any, names: list[list[str | None]], dimension: int
) -> Iterator[tuple[str, IntArray, list[str | None]]]:
    for block, own in zip(mesh.cells, names, strict=True):
        if KINDS[block.type][1] == dimension and len(block.data):
            yield block.type, np.asarray(block.data, np.int64), own


def _collect(
    mesh: Any, names: list[list[str | None]], dimension: int
) -> tuple[dict[str, IntArray], dict[str, IntArray], tuple[str, ...]]:
    """Cells by kind, the number of the region of each, and the names of the regions."""
    cells: dict[str, list[IntArray]] = {}
    numbers: dict[str, list[int]] = {}
    regions: dict[str, int] = {}
    for kind, corners, own in _blocks(mesh, names, dimension):
        cells.setdefault(kind, []).append(corners)
        numbers.setdefault(kind, []).extend(
            -1 if name is None else regions.setdefault(name, len(regions)) for name in own
        )
    whole = {kind: np.concatenate(each) for kind, each in cells.items()}
    if not regions:
        return whole, {}, ()
    return whole, {k: np.array(each, np.int64) for k, each in numbers.items()}, tuple(regions)


def _collect_parts(
    mesh: Any, names: list[list[str | None]], dimension: int
) -> dict[str, dict[str, IntArray]]:
    """Facets by the name of their part and by kind."""
    found: dict[str, dict[str, list[IntArray]]] = {}
    for kind, corners, own in _blocks(mesh, names, dimension - 1):
        for name in dict.fromkeys(n for n in own if n is not None):
            chosen = np.array([n == name for n in own])
            found.setdefault(name, {}).setdefault(kind, []).append(corners[chosen])
    return {
        name: {kind: np.concatenate(each) for kind, each in kinds.items()}
        for name, kinds in found.items()
    }


def _parts_of_nodes(mesh: Any, cells: Mapping[str, IntArray]) -> dict[str, dict[str, IntArray]]:
    """Parts that a file gives as sets of nodes: the facets whose corners are all in the set."""
    found: dict[str, dict[str, IntArray]] = {}
    if not mesh.point_sets or any(kind not in FACETS for kind in cells):
        return found
    every = facets(cells)
    for name, numbers in mesh.point_sets.items():
        held = np.zeros(len(mesh.points), bool)
        held[np.asarray(numbers, np.int64)] = True
        for kind, (corners, _) in every.items():
            keys = facet_keys(kind, corners)
            chosen = np.flatnonzero(held[keys].all(1))
            _, first = np.unique(keys[chosen], axis=0, return_index=True)
            if len(first):
                found.setdefault(str(name), {})[kind] = corners[chosen[first]]
    return found


def _keep_used(
    names: tuple[str, ...],
    nodes: Array,
    cells: Mapping[str, IntArray],
    parts: Mapping[str, Mapping[str, IntArray]],
    materials: Mapping[str, IntArray],
    regions: tuple[str, ...],
) -> Cells:
    """Without the nodes that belong to no cell, such as the centres of arcs."""
    used = np.unique(np.concatenate([corners.ravel() for corners in cells.values()]))
    number = np.full(len(nodes), -1, np.int64)
    number[used] = np.arange(len(used))
    kept = {
        name: {kind: number[corners] for kind, corners in kinds.items()}
        for name, kinds in parts.items()
    }
    lone = [n for n, kinds in kept.items() for c in kinds.values() if (c < 0).any()]
    if lone:
        raise KanpdeError(
            f"the part {lone[0]!r} of the boundary has facets that belong to no cell; mesh the "
            "whole geometry at once"
        )
    whole = {kind: number[corners] for kind, corners in cells.items()}
    return Cells(names, nodes[used], whole, kept, materials, regions)
