"""Make the reference of problems/hyperelasticity/beam.py by finite elements.

python tests/references/make_beam.py [FOLDER]

Quadratic triangles on a grid that is graded towards the clamped corners, where the stress is
singular, and Newton's method in steps of the load (scikit-fem). The reference is read at the nodes
of quadratic triangles on a coarser grid. Its error is what that reading misses, together with what
halving all elements changed.
"""

import sys
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import skfem
from skfem.helpers import ddot, det, grad, inv, transpose

from kanpde.geometry.cells import Cells
from kanpde.geometry.meshes.search import CellSearch

Array = np.ndarray[Any, Any]

LENGTH, HEIGHT, POISSON, LOAD = 4.0, 1.0, 0.3, 4e-3
SHEAR = 1 / (2 * (1 + POISSON))  # Lame's constants, in units of Young's modulus
BULK = POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
STEPS, NEWTON, ENOUGH = 2, 15, 1e-11
# Each element towards a corner is so many times shorter than its neighbour.
GRADING = 1.6


def graded(end: float, even: int, levels: int) -> Array:
    """Places from 0 to `end`: even ones, the first interval cut by the grading."""
    places = np.linspace(0, end, even + 1)
    finer = places[1] * GRADING ** -np.arange(1.0, levels + 1)
    return np.sort(np.concatenate([places, finer]))


def grid(even: int, levels: int) -> tuple[Array, Array]:
    """Places along the beam, graded to the clamp, and across, graded to both sides."""
    half = graded(HEIGHT / 2, even, levels)
    across = np.unique(np.round(np.concatenate([half, HEIGHT - half]), 12))
    return graded(LENGTH, 8 * even, levels), across


def solve(mesh: skfem.MeshTri) -> tuple[skfem.Basis, Array]:
    """The displacements of the nodes: clamped at x = 0, pulled down at the other end."""
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementTriP2()), intorder=6)
    at_end = mesh.facets_satisfying(lambda x: x[0] > LENGTH - 1e-9)
    pull = skfem.LinearForm(lambda v, w: -v[1]).assemble(basis.boundary(at_end))
    held = basis.get_dofs(lambda x: x[0] < 1e-9).all()
    eye = np.eye(2)[:, :, None, None]

    def stress(slope: Array) -> tuple[Array, Array, Array]:
        """The first Piola-Kirchhoff stress, and the inverse and determinant that it needs."""
        deformed = slope + eye
        back, volume = inv(deformed), det(deformed)
        turned = transpose(back)
        return SHEAR * (deformed - turned) + BULK * np.log(volume) * turned, back, volume

    @skfem.LinearForm
    def forces(v: Any, w: Any) -> Any:
        return ddot(stress(grad(w["u"]))[0], grad(v))

    @skfem.BilinearForm
    def stiffness(u: Any, v: Any, w: Any) -> Any:
        _, back, volume = stress(grad(w["u"]))
        du = grad(u)
        turned = transpose(back)
        change = np.einsum("ji...,lk...,lj...->ik...", back, turned, du)
        change = np.einsum("ij...,kj...,kl...->il...", turned, du, turned)
        trace = ddot(turned, du)
        factor = SHEAR - BULK * np.log(volume)
        return ddot(SHEAR * du + factor * change + BULK * trace * turned, grad(v))

    found = basis.zeros()
    for step in range(1, STEPS + 1):
        for _ in range(NEWTON):
            at = basis.interpolate(found)
            left = LOAD * step / STEPS * pull - forces.assemble(basis, u=at)
            move = skfem.solve(*skfem.condense(stiffness.assemble(basis, u=at), left, D=held))
            found = found + move
            if np.abs(move).max() < ENOUGH:
                break
        else:
            raise SystemExit(f"Newton's method did not converge at {step / STEPS:.0%} of the load")
    return basis, found


def tabulate(basis: skfem.Basis, values: Array) -> tuple[Cells, dict[str, Array]]:
    """The elements with all their nodes, and the displacements there."""
    along, across = basis.element_dofs[::2], basis.element_dofs[1::2]
    nodes, first, cells = np.unique(along, return_index=True, return_inverse=True)
    cells = cells.reshape(along.shape).T
    found = {"u": values[nodes], "v": values[across.ravel()[first]]}
    return Cells(("x", "y"), basis.doflocs[:, nodes].T, {"triangle6": cells}), found


def main(folder: Path) -> None:
    fine = skfem.MeshTri.init_tensor(*grid(4, 9))
    (table, rough), (cells, best) = (tabulate(*solve(m)) for m in (fine, fine.refined()))
    small = tabulate(*solve(skfem.MeshTri.init_tensor(*grid(3, 6))))[0]
    own = CellSearch(cells).interpolate(best, small.nodes)
    points = np.random.default_rng(0).uniform(0, (LENGTH, HEIGHT), (20_000, 2))
    true = CellSearch(cells).interpolate(best, points)
    read = CellSearch(small).interpolate(own, points)
    before = CellSearch(table).interpolate(rough, points)
    for name, value in true.items():
        size = np.linalg.norm(value)
        print(
            f"{name} from {best[name].min():.3f} to {best[name].max():.3f}: reading misses "
            f"{np.linalg.norm(read[name] - value) / size:.1e}, halving the elements changed "
            f"{np.linalg.norm(before[name] - value) / size:.1e}"
        )
    nodes = np.pad(small.nodes, ((0, 0), (0, 1)))
    mesh = meshio.Mesh(nodes, [*small.cells.items()], point_data=own)
    meshio.write(folder / "beam_reference.vtu", mesh)
    print(f"{len(nodes)} nodes")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "problems/hyperelasticity"))
