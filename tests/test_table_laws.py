"""Tables of fields, k(u), and tables on meshes that change in time."""

import json
from pathlib import Path

import meshio
import numpy as np
import pytest
from meshio.xdmf import TimeSeriesWriter

import kanpde
from kanpde import Box, Condition, KanpdeError, LeastSquares, Plan, Problem, d, exact, sqrt, table
from kanpde.problem.serialise import problem_from_data, problem_to_data
from kanpde.problem.tables import table_from_data
from kanpde.symbols.jumps import JumpError
from kanpde.symbols.tabulated import TableLabel

LINE = Box(x=(0, 1))
(X,) = LINE.axes
US = np.linspace(0, 1, 21)
LAW = {"u": US, "k": 1 + US + US**2}
PLAN = Plan(widths=(6,), stages=(LeastSquares(12),), budget=60)


def label_of(expression):
    (label,) = expression.sympy.atoms(TableLabel)
    return label


def rod(k, hot=1.0, reference=None):
    """(k(u) u')' = 0 between 0 and `hot`."""
    return Problem(
        LINE,
        "u",
        [
            Condition("heat", LINE, lambda u: d(k(u) * d(u, X), X)),
            Condition("cold", LINE.face(x=0), lambda u: u),
            Condition("hot", LINE.face(x=1), lambda u: u - hot),
        ],
        reference=reference,
    )


def integral_of_law(x):
    """The u for which u + u^2/2 + u^3/3 = 11/6 x."""
    u = np.array(x, float)
    for _ in range(50):
        u -= (u + u**2 / 2 + u**3 / 3 - 11 / 6 * x) / (1 + u + u**2)
    return u


def test_a_table_of_the_solution_is_a_law(tmp_path):
    np.savetxt(tmp_path / "k.csv", np.stack([*LAW.values()], 1), delimiter=",", header="u,k",
               comments="")  # fmt: skip
    problem = rod(lambda u: table(tmp_path / "k.csv", u), reference=exact(u=integral_of_law))
    assert "u_x**2*k_u(u) + u_xx*k(u) = 0" in str(kanpde.check(problem))
    assert "u from 0 to 1, cubic splines, constant beyond these of u" in str(kanpde.check(problem))
    solution = kanpde.solve(problem, PLAN, progress=False)
    # 1e-9 was measured: a cubic law is a cubic spline.
    assert solution.errors["u"].rel_l2 < 1e-6
    assert not any("covers" in note for note in solution.notes)
    again = problem_from_data(json.loads(json.dumps(problem_to_data(problem))))
    assert [e.expression for e in again.equations] == [e.expression for e in problem.equations]


def test_beyond_its_ends_a_law_is_constant_and_the_summary_says_so():
    law = label_of(table(LAW, kanpde.symbols.expression.field("u", ("x",))))
    at = np.array([[-3.0], [0.5], [7.0]])
    assert np.allclose(law.read(at), [1, 1.75, 3], atol=1e-12)
    assert np.allclose(law.raised(0).read(at), [0, 2, 0], atol=1e-9)
    solution = kanpde.solve(rod(lambda u: table(LAW, u), hot=1.5), PLAN, progress=False)
    (note,) = [n for n in solution.notes if "covers" in n]
    assert "covers u from 0 to 1, and the solution goes from" in note
    assert note in solution.outcome.advice


def test_a_law_that_jumps_is_taken_in_the_flux_form_alone():
    stairs = {"u": np.linspace(0, 1, 11), "k": np.r_[np.ones(5), np.full(6, 10.0)]}
    with pytest.raises(JumpError, match=r"between u = 0.4 and 0.5.*lambda u, q: \(q - k\(u\)"):
        rod(lambda u: table(stairs, u))
    flux = Condition("heat", LINE, lambda u, q: (q - table(stairs, u) * d(u, X), d(q, X)))
    expression = Problem(LINE, "u q", [flux]).equations[0].expression
    # A step of training takes the slope between the two neighbours.
    (u,) = [s for s in expression.free_symbols if str(s) == "u"]
    slope = expression.diff(u).subs({s: 1.0 for s in expression.free_symbols if s != u})
    assert float(slope.subs(u, 0.45)) == pytest.approx(-90)


def test_a_law_of_an_expression_and_of_a_place():
    curve = {"B": np.linspace(0, 4, 41), "nu": 1 + np.linspace(0, 4, 41) ** 2}
    law = Condition("c", LINE, lambda u: d(table(curve, sqrt(1 + d(u, X) ** 2)) * d(u, X), X))
    assert "nu_B(sqrt(u_x**2 + 1))" in str(Problem(LINE, "u", [law]).equations[0].expression)
    xs = np.linspace(0, 0.5, 5)
    both = {"x": xs, "u": US, "k": 1 + xs[:, None] * US}
    with pytest.raises(KanpdeError, match="the table k has no value at x = "):
        Problem(LINE, "u", [Condition("c", LINE, lambda u: table(both, X, u) * d(u, X))])
    with pytest.raises(KanpdeError, match=r"inside of the residual, table\(path, u\)"):
        table(LAW)
    with pytest.raises(KanpdeError, match="too few for 2 different arguments"):
        Problem(LINE, "u", [Condition("c", LINE, lambda u: table(LAW, u * u, 2 * u))])


# --- meshes in time -----------------------------------------------------------------------------

BOX = Box(x=(0, 1), y=(0, 1), t=(0, 1))
TIMES = np.linspace(0, 1, 9)


def varying(x, y, t):
    return 1 + x - 2 * y + x * np.sin(2 * t)


def triangles(count):
    """Nodes (N, 2) and triangles of the unit square, with `count` intervals along each side."""
    nodes = np.stack(np.meshgrid(*[np.linspace(0, 1, count + 1)] * 2, indexing="ij"), -1)
    first = np.add.outer(np.arange(count) * (count + 1), np.arange(count)).ravel()
    lower = np.stack([first, first + count + 1, first + count + 2], 1)
    upper = np.stack([first, first + count + 2, first + 1], 1)
    return nodes.reshape(-1, 2), np.concatenate([lower, upper])


def write_series(folder: Path, how: str):
    """Files of `varying` and of a number in cells on triangles, and the source of the table."""
    (nodes, corners), kind = triangles(4), "triangle"
    x, y = nodes.T
    data = [({"k": varying(x, y, t)}, {"steel": [np.full(len(corners), 1 + t**2)]}) for t in TIMES]
    if how == "xdmf":
        with TimeSeriesWriter(folder / "k.xdmf") as writer:
            writer.write_points_cells(nodes, [(kind, corners)])
            for t, (nodal, whole) in zip(TIMES, data, strict=True):
                writer.write_data(t, point_data=nodal, cell_data=whole)
        return folder / "k.xdmf", {}
    paths = [folder / f"k_{n}.vtu" for n in range(len(TIMES))]
    points = np.pad(nodes, ((0, 0), (0, 1)))
    for path, (nodal, whole) in zip(paths, data, strict=True):
        meshio.Mesh(points, [(kind, corners)], nodal, whole).write(path)
    if how == "list":
        return paths, {"times": TIMES}
    rows = [f'<DataSet timestep="{t}" file="{p.name}"/>' for t, p in zip(TIMES, paths, strict=True)]
    text = f"<VTKFile type='Collection'><Collection>{''.join(rows)}</Collection></VTKFile>"
    (folder / "k.pvd").write_text(text)
    return folder / "k.pvd", {}


@pytest.mark.parametrize("how", ["pvd", "list", "xdmf"])
def test_a_mesh_that_changes_in_time_is_a_table(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)  # meshio writes arrays of XDMF into the working directory
    source, options = write_series(tmp_path, how)
    label = label_of(table(source, name="k", **options))
    assert label.table.axes == ("x", "y", "t")
    points = np.random.default_rng(0).uniform(0, 1, (200, 3))
    # Linear in space; of the splines in time 1.0e-4 was measured, and 5.5e-3 of their slopes.
    assert np.abs(label.read(points) - varying(*points.T)).max() < 1e-3
    assert np.allclose(label.raised(1).read(points), -2, atol=1e-9)
    slope = 2 * points[:, 0] * np.cos(2 * points[:, 2])
    assert np.abs(label.raised(2).read(points) - slope).max() < 5e-2
    with pytest.raises(JumpError, match="its second derivative is asked for"):
        label.raised(0).raised(1)
    assert np.isnan(label.read(np.array([[0.5, 0.5, 1.5]]))).all()
    steel = label_of(table(source, name="steel", **options))
    assert np.allclose(steel.read(points), 1 + points[:, 2] ** 2, atol=1e-9)
    assert np.allclose(steel.raised(2).read(points), 2 * points[:, 2], atol=1e-9)
    with pytest.raises(JumpError, match="one value in each cell"):
        steel.raised(0)
    for each in (label.table, steel.table):
        data = json.loads(json.dumps(each.to_data()))
        assert table_from_data(each.name, data).digest == each.digest


def test_a_run_keeps_all_files_of_a_series(tmp_path):
    (tmp_path / "steps").mkdir()
    source, _ = write_series(tmp_path / "steps", "pvd")
    k = table(source, *BOX.axes, name="k")
    problem = Problem(BOX, "u", [Condition("c", BOX, lambda u: d(u, BOX.axes[2]) - k)])
    copies = tmp_path / "run"
    copies.mkdir()
    for given, found in problem.files.items():
        (copies / given.name).write_bytes(found.read_bytes())
    again = table(copies / "k.pvd", *BOX.axes, name="k")
    assert label_of(again).table.digest == label_of(k).table.digest
    assert "9 times, t from 0 to 1, cubic splines in time" in label_of(k).table.describe()


def test_a_series_that_jumps_or_does_not_fit_is_told(tmp_path):
    source, options = write_series(tmp_path, "list")
    with pytest.raises(KanpdeError, match="9 files and 2 times; give one each"):
        table(source, name="k", times=[0, 1])
    with pytest.raises(KanpdeError, match="9 files and 0 times"):
        table(source, name="k")
    with pytest.raises(KanpdeError, match="times belong to a list of files"):
        table(source[0], name="k", times=[0.0])
    nodes, corners = triangles(2)
    points = np.pad(nodes, ((0, 0), (0, 1)))
    meshio.Mesh(points, [("triangle", corners)], {"k": points[:, 0]}).write(source[-1])
    with pytest.raises(KanpdeError, match="the mesh at the time 1 is not that of the first"):
        table(source, name="k", **options)
    with pytest.raises(KanpdeError, match="depend on coordinates, not on fields"):
        table(source[:2], kanpde.symbols.expression.field("u", ("x",)), name="k", times=[0, 1])
    (tmp_path / "bad.pvd").write_text("<VTKFile><Collection>")
    with pytest.raises(KanpdeError, match="cannot be read as XML"):
        table(tmp_path / "bad.pvd")
