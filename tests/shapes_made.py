"""Small meshes for tests, made by hand."""

from pathlib import Path
from typing import Any

import meshio
import numpy as np

from kanpde.geometry.cells import Cells
from kanpde.geometry.triangulation import triangulate

Array = np.ndarray[Any, Any]


def circle(x: float, y: float, radius: float, count: int) -> Array:
    """Points of a circle, (count + 1, 2), the last one that of the first."""
    angle = np.linspace(0, 2 * np.pi, count + 1)
    points = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)
    points[-1] = points[0]
    return points


def side(start: tuple[float, float], end: tuple[float, float], count: int) -> Array:
    return np.linspace(start, end, count + 1)


def holed_plate(count: int = 20, hole: int = 40) -> Cells:
    """The unit square with a hole of radius 0.2 in its middle, west and other sides named."""
    corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    sides = [side(a, b, count) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    curves = {"west": sides[3:], "other": sides[:3], "hole": [circle(0.5, 0.5, 0.2, hole)]}
    return triangulate(("x", "y"), curves, 1 / count)


def square(kind: str, count: int = 3) -> Cells:
    """The unit square in cells of one kind."""
    order = 2 if kind[-1].isdigit() else 1
    n = order * count
    x, y = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    nodes = np.stack([x.ravel(), y.ravel()], 1) / n

    def at(i: Array, j: Array) -> Array:
        return i * (n + 1) + j

    i, j = (order * c.ravel() for c in np.meshgrid(np.arange(count), np.arange(count)))
    o, h = order, order // 2
    around = [at(i, j), at(i + o, j), at(i + o, j + o), at(i, j + o)]
    middles = [at(i + h, j), at(i + o, j + h), at(i + h, j + o), at(i, j + h)]
    centre = at(i + h, j + h)
    if kind == "quad":
        cells = np.stack(around, 1)
    elif kind == "quad8":
        cells = np.stack(around + middles, 1)
    elif kind == "quad9":
        cells = np.stack([*around, *middles, centre], 1)
    elif kind == "triangle":
        a, b, c, d = around
        cells = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    else:
        a, b, c, d = around
        south, east, north, west = middles
        lower = np.stack([a, b, c, south, east, centre], 1)
        upper = np.stack([a, c, d, centre, north, west], 1)
        cells = np.concatenate([lower, upper])
    used = np.unique(cells)
    number = np.full(len(nodes), -1)
    number[used] = np.arange(len(used))
    return Cells(("x", "y"), nodes[used], {kind: number[cells]})


def cube(kind: str, count: int = 2) -> Cells:
    """The unit cube in cells of one kind."""
    line = np.linspace(0, 1, count + 1)
    nodes = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    i, j, k = (c.ravel() for c in np.meshgrid(*[np.arange(count)] * 3, indexing="ij"))

    def at(a: int, b: int, c: int) -> Array:
        return ((i + a) * (count + 1) + j + b) * (count + 1) + k + c

    corners = [at(a, b, c) for c in (0, 1) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    if kind == "hexahedron":
        parts = [tuple(range(8))]
    elif kind == "wedge":
        parts = [(0, 1, 3, 4, 5, 7), (1, 2, 3, 5, 6, 7)]
    elif kind == "pyramid":
        middle = len(nodes) + np.arange(len(i))
        nodes = np.concatenate([nodes, np.mean([nodes[c] for c in corners], 0)])
        corners.append(middle)
        faces = (
            (0, 1, 2, 3), (7, 6, 5, 4), (4, 5, 1, 0), (5, 6, 2, 1), (6, 7, 3, 2), (7, 4, 0, 3)
        )  # fmt: skip
        parts = [(*face, 8) for face in faces]
    else:
        parts = [(0, 1, 2, 6), (0, 2, 3, 6), (0, 3, 7, 6), (0, 7, 4, 6), (0, 4, 5, 6), (0, 5, 1, 6)]
    cells = np.concatenate([np.stack([corners[p] for p in part], 1) for part in parts])
    if kind == "tetra10":
        nodes, cells = _with_middles(nodes, cells)
    return Cells(("x", "y", "z"), nodes, {kind: cells})


def _with_middles(nodes: Array, tetra: Array) -> tuple[Array, Array]:
    """Tetrahedra with a node in the middle of each edge."""
    pairs = [(0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3)]
    edges = np.sort(np.concatenate([tetra[:, list(p)] for p in pairs]), axis=1)
    own, number = np.unique(edges, axis=0, return_inverse=True)
    middles = len(nodes) + number.reshape(6, -1).T
    return np.concatenate([nodes, nodes[own].mean(1)]), np.concatenate([tetra, middles], 1)


def ring(kind: str, around: int = 16) -> Cells:
    """The ring 1 <= r <= 2 in cells of second order whose sides are bent like the circles."""
    flat = square(kind, around)
    turn, radius = 2 * np.pi * flat.nodes[:, 1], 1 + flat.nodes[:, 0]
    nodes = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
    first, last = np.isclose(flat.nodes[:, 1], 0), np.isclose(flat.nodes[:, 1], 1)
    number = np.arange(len(nodes))
    for k in np.flatnonzero(last):
        number[k] = np.flatnonzero(first & np.isclose(flat.nodes[:, 0], flat.nodes[k, 0]))[0]
    kept, number = np.unique(number, return_inverse=True)
    return Cells(("x", "y"), nodes[kept], {k: number[c] for k, c in flat.cells.items()})


def to_meshio(cells: Cells, region: str = "plate") -> meshio.Mesh:
    """As gmsh has it: physical groups of facets and of cells, with three coordinates."""
    nodes = np.pad(cells.nodes, ((0, 0), (0, 3 - cells.nodes.shape[1])))
    blocks, tags, names = [], [], {}
    dimension = cells.nodes.shape[1]
    for kind, corners in cells.cells.items():
        blocks.append((kind, corners))
        tags.append(np.full(len(corners), 10))
        names[region] = np.array([10, dimension])
    for k, (name, facets) in enumerate(cells.parts.items()):
        for kind, corners in facets.items():
            blocks.append((kind, corners))
            tags.append(np.full(len(corners), k + 1))
            names[name] = np.array([k + 1, dimension - 1])
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    return meshio.Mesh(nodes, blocks, cell_data=data, field_data=names)


def write_msh(path: Path, cells: Cells, version: str = "2.2") -> Path:
    """A text file of gmsh, version 2.2 or 4.1, written here."""
    mesh = to_meshio(cells)
    if version == "2.2":
        meshio.write(path, mesh, file_format="gmsh22", binary=False)
        return path
    kinds = {"line": 1, "triangle": 2, "quad": 3, "tetra": 4, "hexahedron": 5}
    dims = {"line": 1, "triangle": 2, "quad": 2, "tetra": 3, "hexahedron": 3}
    out = ["$MeshFormat", "4.1 0 8", "$EndMeshFormat", "$PhysicalNames", str(len(mesh.field_data))]
    out += [f'{dim} {tag} "{name}"' for name, (tag, dim) in mesh.field_data.items()]
    out += ["$EndPhysicalNames", "$Entities"]
    tags = [int(t[0]) for t in mesh.cell_data["gmsh:physical"]]
    entities = [(dims[b.type], tag) for b, tag in zip(mesh.cells, tags, strict=True)]
    out.append(" ".join(str(sum(d == n for d, _ in entities)) for n in range(4)))
    for n in range(1, 4):
        out += [f"{t} 0 0 0 1 1 1 1 {t} 0" for d, t in entities if d == n]
    count = len(mesh.points)
    highest = max(d for d, _ in entities)
    out += ["$EndEntities", "$Nodes", f"1 {count} 1 {count}", f"{highest} 10 0 {count}"]
    out += [str(k + 1) for k in range(count)]
    out += [" ".join(repr(float(v)) for v in p) for p in mesh.points]
    total = sum(len(b.data) for b in mesh.cells)
    out += ["$EndNodes", "$Elements", f"{len(mesh.cells)} {total} 1 {total}"]
    number = 0
    for block, (dim, tag) in zip(mesh.cells, entities, strict=True):
        out.append(f"{dim} {tag} {kinds[block.type]} {len(block.data)}")
        for row in block.data:
            number += 1
            out.append(" ".join(map(str, [number, *(row + 1)])))
    out.append("$EndElements")
    path.write_text("\n".join(out) + "\n", encoding="utf-8")
    return path


def sphere(radius: float, fine: int = 2) -> tuple[Array, Array]:
    """Vertices and triangles of an icosahedron that was refined onto the sphere."""
    golden = (1 + 5**0.5) / 2
    points = np.array(
        [(s, t * golden, 0.0) for s in (-1, 1) for t in (-1, 1)]
        + [(0.0, s, t * golden) for s in (-1, 1) for t in (-1, 1)]
        + [(t * golden, 0.0, s) for s in (-1, 1) for t in (-1, 1)]
    )
    from scipy.spatial import ConvexHull

    faces = ConvexHull(points).simplices.astype(np.int64)
    for _ in range(fine):
        corners = points[faces]
        middles = (corners + np.roll(corners, -1, 1)) / 2
        every = np.concatenate([corners, middles], 1).reshape(-1, 3)
        _, first, number = np.unique(
            np.round(every, 9), axis=0, return_index=True, return_inverse=True
        )
        points = every[first]
        a, b, c, ab, bc, ca = number.reshape(-1, 6).T
        faces = np.concatenate(
            [np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
        )
    points = radius * points / np.linalg.norm(points, axis=1, keepdims=True)
    outward = np.einsum(
        "ij,ij->i",
        points[faces].mean(1),
        np.cross(
            points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]
        ),
    )
    faces[outward < 0] = faces[outward < 0][:, ::-1]
    return points, faces


def write_stl(path: Path, solids: dict[str, tuple[Array, Array]]) -> Path:
    """A text file of STL with a named solid for each surface."""
    out = []
    for name, (points, faces) in solids.items():
        out.append(f"solid {name}")
        for corners in points[faces]:
            out += ["facet normal 0 0 0", "outer loop"]
            out += ["vertex " + " ".join(f"{v:.9g}" for v in p) for p in corners]
            out += ["endloop", "endfacet"]
        out.append(f"endsolid {name}")
    path.write_text("\n".join(out) + "\n", encoding="utf-8")
    return path
