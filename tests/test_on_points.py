"""Fields at the nodes of the user's own mesh, at rows of a table, and at times of their choice."""

from pathlib import Path

import meshio
import numpy as np
import pytest

import kanpde
from kanpde import Box, Condition, Disk, KanpdeError, LeastSquares, Plan, Problem, d
from kanpde.cli.app import main
from kanpde.output.export import read_vtkhdf
from kanpde.output.results import Wanted, export, export_on, save_results

PLAN = Plan(widths=(4,), stages=(LeastSquares(8),), budget=60)


@pytest.fixture(scope="module")
def heat():
    """u = 1 + x + y in the plane, over time."""
    box = Box(x=(0, 1), y=(0, 1), t=(0, 2))
    x, y, t = box.axes
    return kanpde.solve(
        Problem(
            box,
            "u v",
            [
                Condition("heat", box, lambda u: d(u, t) - d(u, x, x)),
                Condition("flow", box, lambda v: d(v, t) - d(v, y, y)),
                Condition("start", box.face(t=0), lambda u, v: (u - 1 - x, v - y)),
                Condition("ends", box.faces(x), lambda u: u - 1 - x),
                Condition("sides", box.faces(y), lambda v: v - y),
            ],
            vectors={"w": ("u", "v")},
        ),
        PLAN,
        progress=False,
    )


@pytest.fixture(scope="module")
def run(heat, tmp_path_factory):
    folder = tmp_path_factory.mktemp("on") / "run"
    folder.mkdir()
    from kanpde.solution.model_file import save_model

    save_model(heat, folder / "model.safetensors")
    return folder


def mesh_of(nodes):
    cells = np.array([[0, 1, 2], [1, 3, 2]])
    return meshio.Mesh(
        np.pad(nodes, ((0, 0), (0, 1))), [("triangle", cells)], point_data={"old": nodes[:, 0]}
    )


NODES = np.array([[0.1, 0.2], [1.0000002, 0.4], [0.3, 0.9], [0.5, 1.4]])


@pytest.mark.parametrize("suffix", [".vtu", ".vtk", ".xdmf", ".msh", ".inp"])
def test_a_mesh_gets_the_fields_at_its_nodes(run, tmp_path, heat, suffix):
    source = tmp_path / f"mine{suffix}"
    options = {"file_format": "gmsh22"} if suffix == ".msh" else {}
    mesh_of(NODES).write(source, **options)
    (found,) = export_on(run, source, Wanted(folder=tmp_path / "out", times=(0.5,)))
    assert found.note == "1 of its 4 points lies outside of the domain: NaN there"
    assert found.path.suffix == (suffix if suffix != ".inp" else ".vtu")
    read = meshio.read(found.path).point_data
    u = heat(x=NODES[:3, 0].clip(0, 1), y=NODES[:3, 1], t=0.5)["u"]
    assert read["u"].ravel()[:3] == pytest.approx(u, abs=1e-12)
    assert np.isnan(read["u"].ravel()[3])
    assert read["w"].shape == (4, 3)
    assert ("old" in read) is (suffix not in (".inp",))


def test_times_of_a_mesh_are_a_series(run, tmp_path):
    mesh_of(NODES).write(tmp_path / "mine.vtu")
    wanted = Wanted(folder=tmp_path, times=(0.0, 0.5, 2.0), fields=("v",))
    (found,) = export_on(run, tmp_path / "mine.vtu", wanted)
    assert found.path.name == "fields_on_mine.pvd"
    assert found.path.read_text().count("timestep") == 3
    assert set(meshio.read(tmp_path / "fields_on_mine_0002.vtu").point_data) == {"old", "v"}


def test_a_table_keeps_its_columns(run, tmp_path, heat):
    source = tmp_path / "probes.csv"
    source.write_text("probe,x,y\n7,0.25,0.5\n8,0.5,1.5\n")
    (found,) = export_on(run, source, Wanted(folder=tmp_path / "out", times=(0.0, 1.0)))
    lines = found.path.read_text().splitlines()
    assert lines[0] == "probe,x,y,t,u,v"
    values = np.array([line.split(",") for line in lines[1:]], float)
    assert values[:, 0].tolist() == [7, 8, 7, 8]
    assert values[2, 4] == pytest.approx(float(heat(x=0.25, y=0.5, t=1)["u"]), abs=1e-12)
    assert np.isnan(values[[1, 3], 4]).all()
    source.write_text("x,y,t\n0.25,0.5,1\n")
    (found,) = export_on(run, source, Wanted(folder=tmp_path / "other"))
    assert found.note == ""


@pytest.mark.parametrize(
    ("text", "wanted", "message"),
    [
        ("x,t\n0,0\n", {}, "there is no column y; it has x, t"),
        ("x,y,t\n0,0,0\n", {"times": (1.0,)}, "has its own t; leave --times out"),
        ("x,y,t,u\n0,0,0,1\n", {}, "has a column u, as a field is called"),
        ("x,y\n0,0\n", {"fields": ("p",)}, "--fields p: the run has u, v, w"),
        ("x,y\n0,0\n", {"times": (3.0,)}, "--times 3: t goes from 0 to 2"),
        ("x,y\n0,0\n", {"times": (1.0, 0.5)}, "the times must increase"),
    ],
)
def test_points_that_do_not_fit_are_told(run, tmp_path, text, wanted, message):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(KanpdeError, match=message):
        export_on(run, tmp_path / "p.csv", Wanted(folder=tmp_path, **wanted))


def test_a_solution_is_taken_at_the_nodes_of_a_mesh(heat, tmp_path):
    mesh_of(NODES).write(tmp_path / "mine.vtu")
    read = heat.on(tmp_path / "mine.vtu", time=0.5)
    assert np.isnan(read.point_data["u"]).tolist() == [False, False, False, True]
    assert np.array_equal(
        heat.on(mesh_of(NODES), 0.5).point_data["v"][:3], read.point_data["v"][:3]
    )
    with pytest.raises(KanpdeError, match="have no t: give a time"):
        heat.on(mesh_of(NODES))


def test_nodes_on_the_arc_of_a_disk_are_inside():
    disk = Disk(1.0, x=0, y=0)
    x, y = disk.axes
    problem = Problem(
        disk,
        "u",
        [
            Condition("c", disk, lambda u: d(u, x, x) + d(u, y, y)),
            Condition("rim", disk.boundary(), lambda u: u - x),
        ],
    )
    solution = kanpde.solve(problem, PLAN, progress=False)
    angle = np.linspace(0, 2 * np.pi, 50)
    # As a file of six digits has them.
    nodes = np.round(np.stack([np.cos(angle), np.sin(angle)], 1), 6)
    nodes = np.concatenate([[[0.0, 0.0]], nodes])
    cells = np.stack([np.zeros(49, int), np.arange(1, 50), np.arange(2, 51)], 1)
    u = solution.on(meshio.Mesh(nodes, [("triangle", cells)])).point_data["u"]
    assert np.abs(u - nodes[:, 0]).max() < 1e-2


def test_fields_are_written_at_the_times_that_are_asked_for(run, tmp_path):
    path, _ = export(run, "vtkhdf", Wanted(folder=tmp_path, counts={"x": 5}, times=(0.1, 1.5)))
    grid = read_vtkhdf(path)
    assert grid.times.tolist() == [0.1, 1.5]
    assert grid.fields["u"].shape[:2] == (2, 5)
    with pytest.raises(KanpdeError, match="--times 3: t goes from 0 to 2"):
        export(run, "csv", Wanted(folder=tmp_path, times=(3.0,)))


def test_a_run_with_times_of_its_own_is_exported_as_it_is(heat, tmp_path, monkeypatch):
    monkeypatch.setattr("kanpde.output.results._draw", lambda folder, grid, chosen: None)
    save_results(tmp_path, heat, "heat", Wanted({"x": 6, "y": 5}, times=(0.5, 0.7, 1.9)))
    path, stored = export(tmp_path, "csv")
    assert stored
    assert len(path.read_text().splitlines()) == 1 + 3 * 6 * 5


ROD = """
from kanpde import Box, Condition, Problem, d


def problem() -> Problem:
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    conditions = [
        Condition("heat", box, lambda u: d(u, t) - d(u, x, x)),
        Condition("start", box.face(t=0), lambda u: u - x * (1 - x)),
        Condition("ends", box.faces(x), lambda u: u),
    ]
    return Problem(box, fields="u", conditions=conditions)
"""


def test_the_command_line_takes_times_points_and_meshes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("rod.py").write_text(ROD)
    Path("p.csv").write_text("x\n0.5\n2\n")

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        told = capsys.readouterr()
        return ended.value.code or 0, told.out + told.err

    wanted = ["--resolution", "x=9", "--times", "0,0.25,1"]
    assert run("solve", "rod.py", "--budget", 1, "--out", "run", *wanted)[0] == 0
    assert read_vtkhdf("run/fields.vtkhdf").fields["u"].shape == (3, 9)
    code, told = run("export", "run", "--on", "p.csv", "--times", "0.5")
    assert code == 0
    assert "1 of its 2 points lies outside" in told
    for arguments, message in (
        (("solve", "rod.py", "--times", "2"), "--times 2: t goes from 0 to 1"),
        (("solve", "rod.py", "--times", "a"), "write it as --times 0,0.1,0.5"),
        (("export", "run", "--on", "p.csv", "--format", "vtu"), "leave --format out"),
        (("export", "run", "--on", "p.csv", "--resolution", "x=3"), "leave --resolution out"),
    ):
        code, told = run(*arguments)
        assert code == 2
        assert message in told.replace("\n", " ")
