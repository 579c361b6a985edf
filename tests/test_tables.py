"""Tables of files as coefficients: values, derivatives, jumps, saved models, runs."""

import json
from itertools import pairwise

import meshio
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import kanpde
from kanpde import (
    Box,
    Condition,
    Disk,
    Energy,
    KanpdeError,
    LeastSquares,
    Plan,
    Problem,
    cos,
    d,
    exact,
    piecewise,
    sin,
    table,
)
from kanpde.assembly.compile import compile_expressions
from kanpde.bounds.expressions import evaluate
from kanpde.bounds.monomials import Monomials
from kanpde.bounds.taylor_model import TaylorModel
from kanpde.geometry.triangulation import triangulate
from kanpde.problem.serialise import problem_from_data, problem_to_data
from kanpde.problem.tables import table_from_data
from kanpde.solution.model_file import load_model, save_model
from kanpde.symbols.jumps import JumpError
from kanpde.symbols.tabulated import TableLabel

BOX = Box(x=(0, 1), y=(0, 1))
X, Y = BOX.axes


def smooth(x, y):
    return 1 + 0.5 * sin(3 * x) * cos(2 * y)


def on_grid(count, degree=3, function=smooth):
    xs, ys = np.linspace(0, 1, count), np.linspace(0, 1, count - 3)
    values = function(xs[:, None], ys[None])
    return table({"x": xs, "y": ys, "k": values}, X, Y, degree=degree)


def label_of(expression):
    (label,) = expression.sympy.atoms(TableLabel)
    return label


def write_mesh(path, function, spacing=1 / 12):
    corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    count = round(1 / spacing) + 1
    sides = [np.linspace(a, b, count) for a, b in pairwise(corners)]
    cells = triangulate(("x", "y"), {"rim": sides}, spacing)
    triangles = cells.cells["triangle"]
    middle = cells.nodes[triangles].mean(1)
    mesh = meshio.Mesh(
        np.pad(cells.nodes, ((0, 0), (0, 1))),
        [("triangle", triangles)],
        point_data={"k": function(*cells.nodes.T)},
        cell_data={"steel": [np.where(middle[:, 0] < 0.5, 1.0, 10.0)]},
    )
    meshio.write(path, mesh)


@pytest.mark.parametrize(
    ("degree", "index", "rate"),
    [(1, (0, 0), 2), (3, (0, 0), 4), (3, (1, 0), 3), (3, (0, 2), 2), (5, (0, 0), 6)],
)
def test_a_grid_is_read_with_the_order_of_its_splines(degree, index, rate):
    # The rates measured are 1.98, 4.1, 3.1, 2.0 and 6.2.
    points = np.random.default_rng(0).uniform(0, 1, (2000, 2))
    x, y = points.T
    exact_values = {
        (0, 0): smooth(x, y),
        (1, 0): 1.5 * np.cos(3 * x) * np.cos(2 * y),
        (0, 2): -2 * np.sin(3 * x) * np.cos(2 * y),
    }[index]
    errors = []
    for count in (13, 25):
        values = label_of(on_grid(count, degree)).table.evaluate(points, index)
        errors.append(np.abs(values - exact_values).max())
    assert np.log2(errors[0] / errors[1]) > rate - 0.4


def test_nodes_of_a_mesh_are_read_with_a_gradient_in_each_cell(tmp_path):
    points = np.random.default_rng(0).uniform(0, 1, (500, 2))
    write_mesh(tmp_path / "k.vtu", lambda x, y: 3 + 2 * x - y)
    label = label_of(table(tmp_path / "k.vtu", name="k"))
    # What is linear is met up to rounding.
    assert np.abs(label.read(points) - (3 + 2 * points[:, 0] - points[:, 1])).max() < 1e-13
    assert np.abs(label.raised(0).read(points) - 2).max() < 1e-11
    assert np.abs(label.raised(1).read(points) + 1).max() < 1e-11


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_derivatives_agree_with_differences(seed):
    random = np.random.default_rng(seed)
    xs = np.linspace(0, 1, 12) + random.uniform(-0.02, 0.02, 12)
    t = table({"x": xs, "k": np.sin(4 * xs + seed)}, X, degree=5)
    label, step = label_of(t), 1e-5
    at = random.uniform(xs[0] + 0.02, xs[-1] - 0.02, (20, 1))
    for _ in range(3):
        slope = (label.read(at + step) - label.read(at - step)) / (2 * step)
        label = label.raised(0)
        assert np.allclose(label.read(at), slope, rtol=1e-4, atol=1e-4 * np.abs(slope).max())


def test_the_product_rule_knows_tables():
    k, u = on_grid(12), kanpde.symbols.expression.field("u", ("x", "y"))
    assert str(d(k * d(u, X), X)) == "u_x*k_x + u_xx*k"
    assert str(d(k, X, Y)) == "k_xy"


def test_compiled_tables_can_be_differentiated_by_autograd():
    k = on_grid(12)
    compiled = compile_expressions([X.sympy, Y.sympy], [(k * X).sympy])
    at = torch.rand(2, 7, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda a: compiled(a[0], a[1])[0], at)


def test_jumps_are_refused_where_a_derivative_would_lose_them(tmp_path):
    write_mesh(tmp_path / "k.vtu", lambda x, y: x * y)
    steel = table(tmp_path / "k.vtu", name="steel")
    nodal = table(tmp_path / "k.vtu", name="k")
    stairs = table({"x": np.linspace(0, 1, 11), "k": np.r_[np.ones(5), np.full(6, 10.0)]}, X)
    many = np.repeat([1.0, 4.0, 7.0, 10.0], 4)
    for jumping, what in (
        (steel, "has one value in each cell and jumps"),
        (stairs, r"jumps between x = 0.4 and 0.5, from 1 to 10"),
        (table({"x": np.arange(16) / 15, "k": many}, X), "jumps between"),
    ):
        with pytest.raises(KanpdeError, match=f'condition "c": the table .* {what}.*make the flux'):
            Problem(BOX, "u", [Condition("c", BOX, lambda u, k=jumping: d(k * d(u, X), X))])
        # As a factor, and in the flux form, it is taken as it is.
        Problem(
            BOX,
            "u q",
            [Condition("c", BOX, lambda u, q, k=jumping: (q - k * d(u, X), d(q, X)))],
        )
    with pytest.raises(JumpError, match="its second derivative is asked for"):
        d(nodal, X, Y)
    with pytest.raises(JumpError, match=r"derivative of order 4 is asked for; table.*degree=5"):
        d(on_grid(12), X, X, X, X)


def test_a_jump_is_read_without_ringing():
    stairs = table({"x": np.linspace(0, 1, 11), "k": np.r_[np.ones(5), np.full(6, 10.0)]}, X)
    values = label_of(stairs).read(np.linspace(0, 1, 200)[:, None])
    assert values.min() == pytest.approx(1)
    assert values.max() == pytest.approx(10)


@pytest.mark.parametrize("shape", [np.sin, np.abs, lambda x: np.exp(-x / 0.2), lambda x: 0 * x])
def test_what_is_resolved_does_not_jump(shape):
    x = np.linspace(-1, 1, 21)
    t = table({"x": x, "k": shape(x)}, X)
    assert not label_of(t).table.jumps


def test_a_domain_beyond_the_table_is_refused(tmp_path):
    wide = Box(x=(0, 1.001), y=(0, 1))
    x = wide.axes[0]
    k = on_grid(12)
    with pytest.raises(KanpdeError, match=r"c\": the table k has no value at x = 1.00.*x from 0"):
        Problem(wide, "u", [Condition("c", wide, lambda u: k * d(u, x, x))])
    with pytest.raises(KanpdeError, match=r'derived "flux": the table k has no value'):
        Problem(
            wide,
            "u",
            [Condition("c", wide, lambda u: d(u, x, x))],
            derived={"flux": lambda u: k * u},
        )
    # Behind the chords of a disk a mesh goes on; further outside it does not.
    write_mesh(tmp_path / "k.vtu", lambda x, y: x + y)
    label = label_of(table(tmp_path / "k.vtu", name="k"))
    near, far = label.read(np.array([[1.005, 0.5], [1.3, 0.5]]))
    assert near == pytest.approx(1.505, abs=1e-9)
    assert np.isnan(far)


def test_tables_of_one_name_or_of_a_fields_name_are_refused():
    k = table_k = on_grid(12)
    other = table({"x": np.linspace(0, 1, 5), "k": np.ones(5)}, X)
    with pytest.raises(KanpdeError, match="two tables are called k"):
        Problem(BOX, "u", [Condition("c", BOX, lambda u: k * d(u, X) + other)])
    with pytest.raises(KanpdeError, match="a table and a field are called k"):
        Problem(BOX, "u k", [Condition("c", BOX, lambda u, k: table_k * d(u, X) + k)])


ROWS = "x,y,k\n0,0,1\n1,0,2\n0,1,3\n1,1,4\n"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n0,1\n", {}, "has a, b, and none of x, y, z, t; name the axes"),
        (ROWS.replace("k", "k,c").replace("\n0", "\n0,5"), {}, "6 fields|names in line 1"),
        ("x,k,c\n0,1,2\n1,1,2\n", {}, 'has k, c; name="..." says which is meant'),
        ("x,k,c\n0,1,2\n1,1,2\n", {"name": "h"}, "has k, c, and not h"),
        (ROWS.removesuffix("1,1,4\n"), {}, "of a grid of 2 x 2 .* x = 1, y = 1 is missing"),
        (ROWS + "1,1,4\n", {}, "x = 1, y = 1 is there 2 times"),
        (ROWS.replace("4", ""), {}, "row 4 has a gap"),
        (ROWS, {"scale": {"z": 2}}, "names z; there are x, y, k"),
        (ROWS, {"degree": 2}, "its degree is 2; take 1, 3 or 5"),
        ("x,my k\n0,1\n1,2\n", {}, "'my k', which cannot stand in an equation"),
    ],
)
def test_files_that_are_no_table_are_told(tmp_path, text, options, message):
    path = tmp_path / "k.csv"
    path.write_text(text)
    with pytest.raises(KanpdeError, match=message):
        table(path, **options)


def test_every_file_gives_the_same_table(tmp_path):
    import h5py

    xs, ys = np.linspace(0, 2, 6), np.linspace(0, 1, 5)
    values = np.sin(xs[:, None]) * np.cos(ys)
    rows = np.stack([a.ravel() for a in (*np.meshgrid(xs, ys, indexing="ij"), values)], 1)
    rows = np.random.default_rng(0).permutation(rows)
    np.savetxt(tmp_path / "k.csv", rows, delimiter=",", header="x,y,k", comments="", fmt="%.17g")
    np.savez(tmp_path / "k.npz", x=xs, y=ys, k=values)
    with h5py.File(tmp_path / "k.h5", "w") as file:
        file["x"], file["y"], file["k"] = xs[::-1], ys, values[::-1]
    digests = {label_of(table(tmp_path / f"k.{e}")).table.digest for e in ("csv", "npz", "h5")}
    arrays = {"x": xs, "y": ys, "k": values}
    assert digests == {label_of(table(arrays, X, Y)).table.digest}
    scaled = table(
        {"place": 1000 * xs, "y": ys, "kappa": values},
        X,
        Y,
        name="k",
        columns={"x": "place", "k": "kappa"},
        scale={"x": 1e-3},
    )
    at = np.array([[0.3, 0.4]])
    assert label_of(scaled).read(at) == pytest.approx(label_of(table(arrays, X, Y)).read(at))
    with pytest.raises(KanpdeError, match=r"has the shape \(5, 6\).*transpose it"):
        table({"x": xs, "y": ys, "k": values.T}, X, Y)


def conduction(k, exact_k=smooth):
    """div(k grad u) = f, whose solution is sin(3 x y)."""

    def flow(k, u):
        return d(k * d(u, X), X) + d(k * d(u, Y), Y)

    answer = sin(3 * X * Y)
    return Problem(
        BOX,
        "u",
        [
            Condition("c", BOX, lambda u: flow(k, u) - flow(exact_k(X, Y), answer)),
            Condition("rim", BOX.faces(X, Y), lambda u: u - answer),
        ],
        derived={"flux": lambda u: -k * d(u, X)},
        reference=exact(u=lambda x, y: np.sin(3 * x * y)),
    )


PLAN = Plan(widths=(6, 6), stages=(LeastSquares(12),), budget=60)


def test_a_problem_with_a_table_is_solved_saved_and_read(tmp_path):
    problem = conduction(on_grid(21))
    solution = kanpde.solve(problem, PLAN, progress=False)
    # 2e-5 was measured; the table itself is off by 3e-6, and its gradient by 3e-4.
    assert solution.errors["u"].rel_l2 < 2e-3
    save_model(solution, tmp_path / "model")
    read = load_model(tmp_path / "model")
    at = np.random.default_rng(0).uniform(0, 1, (20, 2))
    assert np.array_equal(read.evaluate(at)["flux"], solution.evaluate(at)["flux"])
    assert np.array_equal(read.residuals(at)["c"], solution.residuals(at)["c"])
    assert "the table k: 21 x 18 values" in str(kanpde.check(problem))


def test_tables_are_plain_data(tmp_path):
    write_mesh(tmp_path / "k.vtu", lambda x, y: 1 + x * y)
    nodal = table(tmp_path / "k.vtu", name="k")
    steel = table(tmp_path / "k.vtu", name="steel")
    grid = on_grid(9)
    for k in (nodal, grid, steel):
        mine = label_of(k).table
        data = json.loads(json.dumps(mine.to_data()))
        assert table_from_data(mine.name, data).digest == mine.digest
    ys = np.linspace(0, 1, 9)
    g = table({"y": ys, "g": ys**2}, Y)
    problem = Problem(
        BOX,
        "u",
        [
            Energy("e", BOX, lambda u: nodal * d(u, X) ** 2 + steel * u),
            Condition("left", BOX.face(x=0), lambda u: u - d(g, Y)),
        ],
    )
    data = json.loads(json.dumps(problem_to_data(problem)))
    again = problem_from_data(data)
    assert [e.expression for e in again.equations] == [e.expression for e in problem.equations]
    data["tables"]["k"]["cells"]["nodes"]["data"] = "AAAA"
    with pytest.raises(KanpdeError, match="the saved problem cannot be read"):
        problem_from_data(data)


def test_boundary_values_of_a_table_hold_exactly_where_it_is_smooth_enough():
    ys = np.linspace(0, 1, 12)

    def told(degree):
        g = table({"y": ys, "g": ys * (1 - ys)}, Y, degree=degree)
        problem = Problem(
            BOX,
            "u",
            [
                Condition("laplace", BOX, lambda u: d(u, X, X) + d(u, Y, Y)),
                Condition("west", BOX.face(x=0), lambda u: u - g),
            ],
        )
        return str(kanpde.check(problem))

    assert "u - g = 0  (trained)" in told(3)
    assert "u - g = 0  (exact by construction)" in told(5)


def test_tables_stand_on_shapes_in_time_and_in_materials():
    disk = Disk(0.4, x=0.5, y=0.5).over(t=(0, 1))
    x, y, t = disk.axes
    ts = np.linspace(0, 1, 5)
    xs = np.linspace(0, 1, 6)
    k = table({"x": xs, "y": xs, "t": ts, "k": 1 + xs[:, None, None] * xs[:, None] * ts}, x, y, t)
    problem = Problem(
        disk,
        "u",
        [
            Condition("heat", disk, lambda u: d(u, t) - d(k * d(u, x), x) - d(k * d(u, y), y)),
            Condition("start", disk.face(t=0), lambda u: u - 1),
            Condition("rim", disk.boundary(), lambda u: u - k),
        ],
    )
    assert "u_x*k_x" in str(problem.equations[0].expression).replace(" ", "")
    left, right = BOX.region(x=(0, 0.5)), BOX.region(x=(0.5, 1))
    both = piecewise({left: on_grid(9), right: 10.0})
    plate = Problem(
        BOX,
        "u",
        [
            Condition("c", BOX, lambda u: d(both * d(u, X), X) + d(both * d(u, Y), Y)),
            Condition("rim", BOX.faces(X, Y), lambda u: u - X),
        ],
    )
    assert len(plate.materials) == 2
    assert problem_from_data(problem_to_data(plate)).tables.keys() == {"k"}


FILE = """
from kanpde import Box, Condition, Problem, d, table


def problem() -> Problem:
    box = Box(x=(0, 1))
    (x,) = box.axes
    k = table("k.csv", x)
    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("conduction", box, lambda u: d(k * d(u, x), x) + 1),
            Condition("ends", box.faces(x), lambda u: u),
        ],
    )
"""


def test_a_run_keeps_the_file_and_goes_on(tmp_path):
    from kanpde.cli.app import main

    def run_command(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        assert ended.value.code in (None, 0)

    (tmp_path / "rod.py").write_text(FILE)
    xs = np.linspace(0, 1, 9)
    rows = np.stack([xs, 1 + xs**2], 1)
    np.savetxt(tmp_path / "k.csv", rows, delimiter=",", header="x,k", comments="")
    run = tmp_path / "run"
    run_command("solve", tmp_path / "rod.py", "--budget", 1, "--out", run)
    assert (run / "k.csv").read_bytes() == (tmp_path / "k.csv").read_bytes()
    (tmp_path / "k.csv").unlink()
    run_command("resume", run, "--budget", 1)
    run_command("export", run, "--format", "csv")


def test_what_tables_cannot_do_is_told(tmp_path):
    ys = np.linspace(0, 1, 12)
    g = table({"y": ys, "g": ys * (1 - ys)}, Y, degree=5)
    problem = Problem(
        BOX,
        "u",
        [
            Condition("laplace", BOX, lambda u: d(u, X, X) + d(u, Y, Y)),
            Condition("west", BOX.face(x=0), lambda u: u - g),
            Condition("rest", BOX.face(x=1), lambda u: u),
        ],
    )
    solution = kanpde.solve(problem, Plan(widths=(4,), stages=(LeastSquares(1),)), progress=False)
    from kanpde.output.deploy import write_program

    with pytest.raises(KanpdeError, match="the table g stands in a boundary value"):
        write_program(solution, tmp_path, "numpy")
    k = on_grid(9)
    other = Problem(BOX, "u", [Condition("c", BOX, lambda u: u - k * d(u, X))])
    one = TaylorModel.constant(Monomials(2, 2), np.ones(1))
    symbols = dict.fromkeys([*BOX.symbols, *other.equations[0].jets], one)
    with pytest.raises(KanpdeError, match=r"the table k stands in an equation.*no enclosure"):
        evaluate(other.equations[0].expression, symbols, one.space, 1)
