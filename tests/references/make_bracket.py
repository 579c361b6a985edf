"""Make the mesh of problems/heat/bracket.py, and its reference by finite elements.

python tests/references/make_bracket.py [FOLDER]

The profile is triangulated, extruded, and cut into tetrahedra. The reference has quadratic elements
on the mesh refined once (scikit-fem), read at the nodes of quadratic elements on the mesh itself.
Its error is what that reading misses, together with a third of what the refinement changed: the
order is two at least, at the edges where conditions change.
"""

import sys
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import skfem
from skfem.helpers import dot, grad

from kanpde.geometry.cells import Cells
from kanpde.geometry.meshes.search import CellSearch
from kanpde.geometry.simplices import outer_facets
from kanpde.geometry.triangulation import triangulate

Array = np.ndarray[Any, Any]

THICK, FILLET, DEPTH = 0.3, 0.2, 0.3
SPACING, LAYERS = 0.06, 5
FOOT, FRONT = 5.0, 1.0  # heat transfer at the foot and at the front


def arc(x: float, y: float, radius: float, start: float, end: float) -> Array:
    count = max(round(abs(end - start) * 40 / (2 * np.pi)), 3)
    angle = np.linspace(start, end, count + 1)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)


def line(*ends: tuple[float, float]) -> Array:
    start, end = np.array(ends[0], float), np.array(ends[1], float)
    return np.linspace(start, end, max(1, round(np.linalg.norm(end - start) / SPACING)) + 1)


def profile() -> Cells:
    inner = THICK + FILLET
    outline = [
        line((0, 0), (1, 0)),
        line((1, 0), (1, THICK)),
        line((1, THICK), (inner, THICK)),
        arc(inner, inner, FILLET, 1.5 * np.pi, np.pi),
        line((THICK, inner), (THICK, 1)),
        line((THICK, 1), (0, 1)),
        line((0, 1), (0, 0)),
    ]
    return triangulate(("x", "y"), {"outline": outline}, SPACING)


def extrude(flat: Cells) -> tuple[Array, Array]:
    """Nodes and tetrahedra: each wedge is cut alike on both sides, by the order of its nodes."""
    count = len(flat.nodes)
    heights = np.linspace(0, DEPTH, LAYERS + 1)
    nodes = np.concatenate([np.column_stack([flat.nodes, np.full(count, z)]) for z in heights])
    corners = np.sort(flat.cells["triangle"], axis=1)
    tetra = []
    for layer in range(LAYERS):
        a, b, c = (corners + layer * count).T
        d, e, f = a + count, b + count, c + count
        tetra += [np.stack(t, 1) for t in ((a, b, c, f), (a, b, f, e), (a, e, f, d))]
    return nodes, np.concatenate(tetra)


def find_parts(middle: Array) -> dict[str, Array]:
    """The facets with these middles (F, 3) that belong to each part, by its name."""
    x, y, z = middle.T
    parts = {"wall": y > 1 - 1e-9, "foot": x > 1 - 1e-9}
    parts["front"] = z > DEPTH - 1e-9
    parts["insulated"] = ~np.any(list(parts.values()), axis=0)
    return parts


def write_mesh(path: Path, nodes: Array, tetra: Array) -> None:
    facets, _ = outer_facets({"tetra": tetra})["triangle"]
    parts = find_parts(nodes[facets].mean(1))
    blocks = [("tetra", tetra), *(("triangle", facets[own]) for own in parts.values())]
    tags = [np.full(len(cells), k + 1) for k, (_, cells) in enumerate(blocks)]
    names = {name: np.array([k + 2, 2]) for k, name in enumerate(parts)}
    names["bracket"] = np.array([1, 3])
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    mesh = meshio.Mesh(nodes, blocks, cell_data=data, field_data=names)
    meshio.write(path, mesh, file_format="gmsh22", binary=True)


def solve(mesh: skfem.MeshTet) -> tuple[skfem.Basis, Array]:
    basis = skfem.Basis(mesh, skfem.ElementTetP2())
    outer = mesh.boundary_facets()
    parts = find_parts(mesh.p[:, mesh.facets[:, outer]].mean(1).T)
    matrix = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
    transfer = skfem.BilinearForm(lambda u, v, w: u * v)
    for name, size in (("foot", FOOT), ("front", FRONT)):
        matrix += size * transfer.assemble(basis.boundary(outer[parts[name]]))
    held = basis.get_dofs(outer[parts["wall"]])
    start = basis.zeros()
    start[held.all()] = 1.0
    return basis, skfem.solve(*skfem.condense(matrix, x=start, D=held.all()))


def as_quadratic(mesh: skfem.MeshTet) -> Cells:
    """The tetrahedra of a mesh with a node on each edge, behind its own nodes."""
    pairs = [(0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3)]
    tetra = mesh.t.T.astype(np.int64)
    wanted = np.sort(np.concatenate([tetra[:, list(p)] for p in pairs]), axis=1)
    edges = np.sort(mesh.edges.T, axis=1).astype(np.int64)
    count = mesh.p.shape[1]
    order = np.argsort(edges[:, 0] * count + edges[:, 1])
    keys = (edges[:, 0] * count + edges[:, 1])[order]
    number = order[np.searchsorted(keys, wanted[:, 0] * count + wanted[:, 1])]
    nodes = np.concatenate([mesh.p.T, mesh.p.T[edges].mean(1)])
    cells = np.concatenate([tetra, count + number.reshape(6, -1).T], 1)
    return Cells(("x", "y", "z"), nodes, {"tetra10": cells})


def at_nodes(basis: skfem.Basis, values: Array) -> Array:
    """Values at the nodes of `as_quadratic`."""
    return np.concatenate([values[basis.nodal_dofs[0]], values[basis.edge_dofs[0]]])


def read(cells: Cells, values: Array, points: Array) -> Array:
    return CellSearch(cells).interpolate({"u": values}, points)["u"]


def main(folder: Path) -> None:
    nodes, tetra = extrude(profile())
    write_mesh(folder / "bracket.msh", nodes, tetra)
    coarse = skfem.MeshTet(nodes.T, tetra.T)
    coarse_basis, coarse_values = solve(coarse)
    basis, values = solve(coarse.refined())
    table = as_quadratic(coarse)
    fine = as_quadratic(basis.mesh)
    own = read(fine, at_nodes(basis, values), table.nodes)
    meshio.write(
        folder / "bracket_reference.vtu",
        meshio.Mesh(table.nodes, [*table.cells.items()], point_data={"u": own}),
    )
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 2 * len(tetra))
    points = np.einsum("nk,nkd->nd", shares, nodes[np.tile(tetra, (2, 1))])
    best = read(fine, at_nodes(basis, values), points)
    missed = read(table, own, points) - best
    change = read(table, at_nodes(coarse_basis, coarse_values), points) - best
    size = np.linalg.norm(best)
    print(f"{len(nodes)} nodes, {len(tetra)} tetrahedra, u from {own.min():.3f} to 1")
    print(f"reading misses {np.linalg.norm(missed) / size:.1e}")
    print(f"the refinement changed {np.linalg.norm(change) / size:.1e}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "problems/heat"))
