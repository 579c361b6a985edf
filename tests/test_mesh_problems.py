"""Problems on meshes and surfaces: the shipped ones, and one against finite elements."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapes_made import holed_plate

import kanpde
from kanpde import Condition, LeastSquares, Mesh, Plan, Problem, Reference, d
from kanpde.assembly.ansatz import build_ansatz
from kanpde.geometry.cells import Cells
from kanpde.geometry.meshes.search import CellSearch
from kanpde.output.describe import describe
from kanpde.output.run_folder import new_run, reopen
from kanpde.problem.library import copy_problem
from kanpde.problem.loading import load_problem, load_problem_file

NAMES = ["electrostatics/stl", "heat/bracket"]


def plan(steps: int, **network: Any) -> Plan:
    stages = (LeastSquares(steps=steps),)
    return Plan(stages=stages, budget=1e6, tolerance=0, windows=1, **network)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_a_shipped_problem_looks_wrong(name: str) -> None:
    problem = load_problem(name)
    assert describe(problem, build_ansatz(problem)).warnings == ()
    points = problem.domain.interior.sample(500, 0).points
    assert problem.reference is not None
    (u,) = problem.reference.evaluate(**dict(zip("xyz", points.T, strict=True))).values()
    # Points of flat facets lie beside round spheres.
    assert -5e-3 < u.min() < u.max() < 1 + 5e-3


def test_the_reference_of_the_bracket_meets_its_values() -> None:
    problem = load_problem("heat/bracket")
    wall = problem.domain.boundary("wall").sample(100, 0).points
    assert problem.reference is not None
    u = problem.reference.evaluate(**dict(zip("xyz", wall.T, strict=True)))["u"]
    np.testing.assert_allclose(u, 1, atol=1e-9)
    # What comes in at the wall leaves at the foot and the front, by the integrals of their laws.
    out = 0.0
    for name, transfer in (("foot", 5.0), ("front", 1.0)):
        at = problem.domain.boundary(name).quadrature(2000, 0)
        u = problem.reference.evaluate(**dict(zip("xyz", at.points.T, strict=True)))["u"]
        out += transfer * float(at.weights @ u)
    below = wall - [0, 1e-3, 0]
    cooled = problem.reference.evaluate(**dict(zip("xyz", below.T, strict=True)))["u"]
    assert (1 - cooled).mean() / 1e-3 * 0.09 == pytest.approx(out, rel=0.05)  # measured 1 %


def test_a_solve_between_spheres_comes_near_the_exact_answer() -> None:
    solution = kanpde.solve(load_problem("electrostatics/stl"), plan(14, widths=(6, 6)))
    # Measured 2.9e-2 with so few steps; the facets alone make 5e-4.
    assert solution.errors["u"].rel_l2 < 0.3


def test_a_plate_with_a_hole_agrees_with_finite_elements() -> None:
    skfem = pytest.importorskip("skfem")
    from skfem.helpers import dot, grad

    cells = holed_plate(12, 32)
    mesh = skfem.MeshTri(cells.nodes.T, cells.cells["triangle"].T).refined(2)
    basis = skfem.Basis(mesh, skfem.ElementTriP2())
    stiffness = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
    load = skfem.LinearForm(lambda v, w: 5.0 * v).assemble(basis)
    west = basis.get_dofs(lambda x: x[0] < 1e-9)
    u = skfem.solve(*skfem.condense(stiffness, load, D=west.all()))
    at_nodes = u[basis.nodal_dofs[0]]
    fine = CellSearch(Cells(("x", "y"), mesh.p.T, {"triangle": mesh.t.T.astype(np.int64)}))

    def evaluate(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        return fine.interpolate({"u": at_nodes}, np.stack([np.ravel(x), np.ravel(y)], 1))

    domain = Mesh.of_cells(cells)
    x, y = domain.axes
    n = domain.normal
    problem = Problem(
        domain,
        "u",
        [
            Condition("heat", domain, lambda u: d(u, x, x) + d(u, y, y) + 5),
            Condition("cold", domain.boundary("west"), lambda u: u),
            Condition(
                "insulated",
                domain.boundary("other", "hole"),
                lambda u: n[0] * d(u, x) + n[1] * d(u, y),
            ),
        ],
        reference=Reference(evaluate, ("u",), "quadratic elements", 1e-4),
    )
    solution = kanpde.solve(problem, plan(10))
    # Measured 3e-3; 1.3e-4 after 21 steps. With the normals of the facets it was 0.11.
    assert solution.errors["u"].rel_l2 < 2e-2


def test_a_run_folder_and_a_copy_bring_their_files(tmp_path: Path) -> None:
    path = copy_problem("heat/bracket", tmp_path / "mine.py")
    assert {p.name for p in tmp_path.iterdir()} == {
        "mine.py",
        "bracket.msh",
        "bracket_reference.vtu",
    }
    file = load_problem_file(path)
    options = {"seed": 0, "budget": 1.0, "tolerance": None, "device": "cpu"}
    with new_run(tmp_path / "run", file, options) as folder:
        (folder / "model.safetensors").write_bytes(b"")  # so that the folder stays
        for name in ("bracket.msh", "bracket_reference.vtu"):
            (tmp_path / name).unlink()
        (folder / "model.safetensors").unlink()
        again = reopen(folder, None)
        assert again.problem.domain == file.problem.domain
        assert again.problem.reference is not None
        (folder / "model.safetensors").write_bytes(b"")
