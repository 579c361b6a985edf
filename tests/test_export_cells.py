"""Files of fields on cells: read back with VTK's own readers at each node, cell and time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kanpde.errors import KanpdeError
from kanpde.geometry.cells import KINDS, Cells
from kanpde.output.export import (
    GridData,
    read_vtkhdf,
    write_csv,
    write_vtkhdf,
    write_vtu,
    write_xdmf,
)

pytest.importorskip("vtkmodules")
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
from vtkmodules.vtkIOHDF import vtkHDFReader
from vtkmodules.vtkIOXdmf2 import vtkXdmfReader
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridReader

Array = np.ndarray[Any, Any]
TIMES = np.array([-0.5, 0.25, 3.0])
# VTK's numbers of the kinds of cells, as its manual has them.
TYPES = {"line": 3, "triangle": 5, "quad": 9, "tetra": 10, "triangle6": 22, "line3": 21}


@pytest.fixture(autouse=True)
def _silent_vtk(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Fails a test in which VTK says anything at all."""
    window = vtkStringOutputWindow()
    vtkOutputWindow.SetInstance(window)
    yield
    vtkOutputWindow.SetInstance(None)
    assert window.GetOutput() == ""
    assert capfd.readouterr().err == ""


def mixed(times: Array | None) -> Cells:
    """Two triangles of steel and a quadrilateral of copper, with three parts of the boundary."""
    nodes = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [2.5, 0], [2.5, 1]], float)
    cells = Cells(
        ("x", "y"),
        nodes,
        {"triangle": np.array([[0, 1, 2], [0, 2, 3]]), "quad": np.array([[1, 4, 5, 2]])},
        {
            "left": {"line": np.array([[3, 0]])},
            "right/east": {"line": np.array([[4, 5]])},
            "walls": {"line": np.array([[0, 1], [1, 4], [5, 2], [2, 3]])},
        },
        {"triangle": np.array([0, 0]), "quad": np.array([1])},
        ("steel", "copper"),
    )
    return cells if times is None else cells.over("t", times)


def curved() -> Cells:
    """One triangle of second order, with its three sides."""
    nodes = np.array([[0, 0], [1, 0], [0, 1], [0.5, -0.1], [0.6, 0.6], [0, 0.5]], float)
    sides = np.array([[0, 1, 3], [1, 2, 4], [2, 0, 5]])
    return Cells(("x", "y"), nodes, {"triangle6": np.arange(6)[None]}, {"rim": {"line3": sides}})


def solid() -> Cells:
    nodes = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], float)
    tetra = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
    return Cells(("x", "y", "z"), nodes, {"tetra": tetra}, {"floor": {"triangle": tetra[:1, :3]}})


def exact(at: Array, time: float) -> Array:
    """(points,) at positions (points, 3)."""
    return np.cos(at @ np.array([1.0, 2.0, 3.0])) + at @ np.array([7.0, -5.0, 2.0]) * (1 + time)


def fields(cells: Cells, times: Array | None) -> GridData:
    at = np.zeros((len(cells.nodes), 3))
    at[:, : cells.nodes.shape[1]] = cells.nodes
    steps = np.stack([exact(at, t) for t in ([0.0] if times is None else times.tolist())])
    u = steps[0] if times is None else steps
    stress = np.stack([u * k for k in range(9)], -1)
    return GridData(
        {} if times is None else {"t": times},
        {"u": u, "v": -u, "stress": stress},
        None if times is None else "t",
        units={"x": "m", "u": "m/s", **({} if times is None else {"t": "s"})},
        vectors={"velocity": ("u", "v")},
        residuals={"heat": 0 * u},
        cells=cells,
    )


CASES = [(mixed(None), None), (mixed(TIMES), TIMES), (curved(), None), (solid(), None)]


def read(reader: Any, path: Path, times: Array | None) -> Iterator[tuple[float, Any]]:
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    reported = reader.GetOutputInformation(0).Get(vtkStreamingDemandDrivenPipeline.TIME_STEPS())
    if times is None:
        assert reported is None
        reader.Update()
        yield 0.0, reader.GetOutputDataObject(0)
        return
    assert reported == tuple(times)
    for time in reported:
        reader.UpdateTimeStep(time)
        yield time, reader.GetOutputDataObject(0)


def check(data: Any, cells: Cells, time: float) -> None:
    """The data are those of `fields` at this time."""
    at = np.array([data.GetPoint(i) for i in range(data.GetNumberOfPoints())])
    np.testing.assert_array_equal(at[:, : cells.nodes.shape[1]], cells.nodes)
    point = {
        data.GetPointData().GetArrayName(i): vtk_to_numpy(data.GetPointData().GetArray(i))
        for i in range(data.GetPointData().GetNumberOfArrays())
    }
    assert list(point) == ["u", "v", "stress", "residual_heat", "velocity"]
    u = exact(at, time)
    np.testing.assert_allclose(point["u"], u, atol=1e-14)
    np.testing.assert_allclose(point["stress"], np.outer(u, range(9)), atol=1e-13)
    np.testing.assert_allclose(point["velocity"], np.stack([u, -u, 0 * u], 1), atol=1e-14)
    groups = [(cells.cells, 0)] + [(part, k + 1) for k, part in enumerate(cells.parts.values())]
    wanted = [
        (TYPES[kind], tuple(corners), number)
        for kinds, number in groups
        for kind, block in kinds.items()
        for corners in block.tolist()
    ]
    boundary = vtk_to_numpy(data.GetCellData().GetArray("boundary")).tolist()
    found = []
    for i in range(data.GetNumberOfCells()):
        cell = data.GetCell(i)
        corners = tuple(cell.GetPointId(k) for k in range(cell.GetNumberOfPoints()))
        kind = data.GetCellType(i)
        # The reader of XDMF makes a polyline (4) of two points of each line.
        found.append((3 if kind == 4 else kind, corners, boundary[i]))
    assert found == wanted
    material = vtk_to_numpy(data.GetCellData().GetArray("material")).tolist()
    assert material[:3] == ([1, 1, 2] if cells.regions else [0] * len(material[:3]))


@pytest.mark.parametrize(("cells", "times"), CASES)
def test_vtkhdf_is_read_by_vtk(cells: Cells, times: Array | None, tmp_path: Path) -> None:
    write_vtkhdf(tmp_path / "a.vtkhdf", fields(cells, times))
    for time, data in read(vtkHDFReader(), tmp_path / "a.vtkhdf", times):
        assert data.GetClassName() == "vtkUnstructuredGrid"
        check(data, cells, time)


@pytest.mark.parametrize(("cells", "times"), [*CASES, (mixed(TIMES[:1]), TIMES[:1])])
def test_vtkhdf_round_trip(cells: Cells, times: Array | None, tmp_path: Path) -> None:
    grid = fields(cells, times)
    write_vtkhdf(tmp_path / "a.vtkhdf", grid)
    back = read_vtkhdf(tmp_path / "a.vtkhdf")
    assert back.cells is not None
    np.testing.assert_array_equal(back.cells.nodes, cells.nodes)
    np.testing.assert_array_equal(back.cells.points, cells.points)
    assert (back.cells.names, back.cells.regions) == (cells.names, cells.regions)
    assert list(back.cells.parts) == list(cells.parts)
    for kinds, own in [
        (back.cells.cells, cells.cells),
        (back.cells.materials, cells.materials),
        *zip(back.cells.parts.values(), cells.parts.values(), strict=True),
    ]:
        assert list(kinds) == list(own)
        for kind, corners in own.items():
            np.testing.assert_array_equal(kinds[kind], corners)
    for name, values in grid.fields.items():
        np.testing.assert_array_equal(back.fields[name], values, strict=True)
    assert (back.units, back.vectors) == (grid.units, grid.vectors)


@pytest.mark.parametrize(("cells", "times"), CASES)
def test_vtu_is_read_by_vtk(cells: Cells, times: Array | None, tmp_path: Path) -> None:
    paths = write_vtu(tmp_path, fields(cells, times))
    assert len(paths) == (1 if times is None else 1 + len(times))
    for time, path in zip([0.0] if times is None else times, paths[-3:], strict=False):
        ((_, data),) = read(vtkXMLUnstructuredGridReader(), path, None)
        check(data, cells, time)


@pytest.mark.parametrize(("cells", "times"), CASES)
def test_xdmf_is_read_by_vtk(cells: Cells, times: Array | None, tmp_path: Path) -> None:
    light, _ = write_xdmf(tmp_path, fields(cells, times))
    for time, data in read(vtkXdmfReader(), light, times):
        check(data, cells, time)


def test_csv_has_a_row_for_each_node_and_time(tmp_path: Path) -> None:
    cells = mixed(TIMES)
    write_csv(tmp_path / "a.csv", fields(cells, TIMES))
    table = np.genfromtxt(tmp_path / "a.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(np.stack([table[n] for n in "xyt"], 1), cells.points)
    at = np.column_stack([table["x"], table["y"], 0 * table["x"]])
    steps = [exact(at[table["t"] == time], time) for time in TIMES]
    np.testing.assert_allclose(table["u"], np.concatenate(steps), atol=1e-14)


def test_nodes_without_a_value_are_hidden(tmp_path: Path) -> None:
    grid = GridData({}, {"u": np.array([1.0, 2, 3, np.nan, 5, 6])}, cells=mixed(None))
    write_vtkhdf(tmp_path / "a.vtkhdf", grid)
    ((_, data),) = read(vtkHDFReader(), tmp_path / "a.vtkhdf", None)
    assert vtk_to_numpy(data.GetPointGhostArray()).tolist() == [0, 0, 0, 2, 0, 0]
    (path,) = write_vtu(tmp_path, grid)
    ((_, data),) = read(vtkXMLUnstructuredGridReader(), path, None)
    kept = [data.GetCellType(i) for i in range(data.GetNumberOfCells())]
    assert kept == [5, 9, 3, 3, 3, 3]  # the triangle and the two sides at node 3 are cut out


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(KanpdeError, match="the nodes have the shape"):
        Cells(("x", "y", "z"), np.zeros((3, 2)), {})
    with pytest.raises(KanpdeError, match="a triangle names a node that is not there"):
        Cells(("x", "y"), np.zeros((3, 2)), {"triangle": np.array([[0, 1, 3]])})
    with pytest.raises(KanpdeError, match="the time is the only axis"):
        GridData({"x": np.arange(3)}, {"u": np.zeros(6)}, cells=mixed(None))
    with pytest.raises(KanpdeError, match=r"give it \(6,\)"):
        GridData({}, {"u": np.zeros(5)}, cells=mixed(None))
    assert set(KINDS) >= set(TYPES)
