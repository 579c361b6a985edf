"""Files of fields: read back with VTK's own readers and with h5py, at each point and time.

The fields are an asymmetric function of position and time. The oracle evaluates it at the
coordinates that a reader reports, so that no order of axes is assumed on this side.
"""

import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kanpde.output.export
from kanpde.errors import KanpdeError
from kanpde.output.export import (
    FORMATS,
    GridData,
    find_format,
    read_vtkhdf,
    write_csv,
    write_vti,
    write_vtkhdf,
    write_vtkhdf_xt,
    write_vtu,
    write_xdmf,
)
from kanpde.output.export.files import for_files

pytest.importorskip("vtkmodules")
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow
from vtkmodules.vtkCommonDataModel import vtkDataSet
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
from vtkmodules.vtkIOHDF import vtkHDFReader
from vtkmodules.vtkIOXdmf2 import vtkXdmfReader
from vtkmodules.vtkIOXML import vtkXMLImageDataReader, vtkXMLUnstructuredGridReader

Array = np.ndarray[Any, Any]
SIZES = (4, 3, 5)
TIMES = np.array([-0.5, 0.25, 3.0])  # uneven
KINDS = list(product((1, 2, 3), (None, TIMES)))


@pytest.fixture(autouse=True)
def _silent_vtk(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Fails a test in which VTK, or the HDF5 library inside it, says anything at all."""
    window = vtkStringOutputWindow()
    vtkOutputWindow.SetInstance(window)
    yield
    vtkOutputWindow.SetInstance(None)
    assert window.GetOutput() == ""
    assert capfd.readouterr().err == ""


def u_exact(at: Array, time: float) -> Array:
    """(points,) at positions (points, 3)."""
    return np.cos(at @ np.array([1.0, 2.0, 3.0])) + at @ np.array([7.0, -5.0, 2.0]) * (1 + time)


def v_exact(at: Array, time: float) -> Array:
    return at[:, 0] - 10 * at[:, 1] + 100 * at[:, 2] ** 2 + 1000 * time


def sampled(
    kind: Callable[[Array, float], Array], axes: dict[str, Array], times: Array | None
) -> Array:
    """The function at each grid point, in index order: (n_0, ..) or (T, n_0, ..)."""
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    at = np.zeros((mesh[0].size, 3))
    at[:, : len(mesh)] = np.stack([each.ravel() for each in mesh], axis=1)
    shape = mesh[0].shape
    if times is None:
        return kind(at, 0.0).reshape(shape)
    return np.stack([kind(at, time).reshape(shape) for time in times.tolist()])


def example(
    space: int, times: Array | None, sizes: tuple[int, ...] = SIZES, **more: Any
) -> GridData:
    """Scalars u and v, the vector w = (u, v, .. ) and a field `pair` with two components."""
    ends = [(-1.0, 1.0), (0.5, 0.6), (10.0, 30.0)]
    axes = {
        name: np.linspace(*end, n) for name, end, n in zip("xyz"[:space], ends, sizes, strict=False)
    }
    u, v = sampled(u_exact, axes, times), sampled(v_exact, axes, times)
    return in_time(
        axes,
        {"u": u, "v": v.astype(np.float32), "pair of u": np.stack([u, -u], axis=-1)},
        times,
        units={"x": "m", "u": "m/s", "velocity": "m/s", **({} if times is None else {"t": "s"})},
        vectors={"velocity": ("u", "v")},
        **more,
    )


def in_time(axes: dict[str, Any], fields: dict[str, Any], times: Any, **more: Any) -> GridData:
    """A grid with the times, if there are any, as its first axis t."""
    if times is None:
        return GridData(axes, fields, **more)
    return GridData({"t": times, **axes}, fields, "t", **more)


# --- what a reader sees ---------------------------------------------------------------------


def load(reader: Any, path: Path, times: Array | None = None) -> Iterator[tuple[float, vtkDataSet]]:
    """Each time that the reader reports with its data; asserts that it is as silent as right."""
    complaints: list[str] = []
    for event in ("ErrorEvent", "WarningEvent"):
        reader.AddObserver(event, lambda _caller, name: complaints.append(name))
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    key = vtkStreamingDemandDrivenPipeline.TIME_STEPS()
    reported = reader.GetOutputInformation(0).Get(key)
    if times is None:
        assert reported is None
        reader.Update()
        yield 0.0, reader.GetOutputDataObject(0)
    else:
        assert reported == tuple(times)
        for time in reported:
            reader.UpdateTimeStep(time)
            yield time, reader.GetOutputDataObject(0)
    assert complaints == []


def positions(data: vtkDataSet) -> Array:
    return np.array([data.GetPoint(i) for i in range(data.GetNumberOfPoints())])


def array(data: vtkDataSet, name: str) -> Array:
    """(points,) or (points, components)."""
    return vtk_to_numpy(data.GetPointData().GetArray(name))


def box(grid: GridData) -> list[float]:
    """Bounds as VTK gives them; 0 along an axis that the grid does not have."""
    ends = [float(end) for axis in grid.space.values() for end in (axis[0], axis[-1])]
    return ends + [0.0] * (6 - len(ends))


def check(data: vtkDataSet, grid: GridData, time: float) -> None:
    """The data are those of `example` at this time."""
    at = positions(data)
    assert len(at) == np.prod(grid.shape)
    assert data.GetBounds() == pytest.approx(box(grid), abs=1e-14)
    names = [data.GetPointData().GetArrayName(i) for i in range(4)]
    assert names == ["u", "v", "pair of u", "velocity"]
    u, v = u_exact(at, time), v_exact(at, time)
    np.testing.assert_allclose(array(data, "u"), u, atol=1e-12)
    np.testing.assert_allclose(array(data, "v"), v, rtol=1e-6, atol=1e-4)
    assert array(data, "v").dtype == np.float32
    vectors = array(data, "velocity")
    np.testing.assert_allclose(vectors[:, :2], np.stack([u, v], axis=1), rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(array(data, "pair of u"), np.stack([u, -u, 0 * u], 1), atol=1e-12)
    assert vectors.shape[1] == 3
    assert not vectors[:, 2].any()


# --- VTKHDF ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "times"), KINDS)
def test_vtkhdf_is_read_by_vtk(space: int, times: Array | None, tmp_path: Path) -> None:
    grid = example(space, times)
    write_vtkhdf(tmp_path / "a.vtkhdf", grid)
    for time, data in load(vtkHDFReader(), tmp_path / "a.vtkhdf", times):
        assert data.GetClassName() == "vtkImageData"
        assert data.GetDimensions() == (*SIZES[:space], 1, 1)[:3]
        steps = [axis[1] - axis[0] for axis in grid.space.values()]
        assert data.GetSpacing()[:space] == pytest.approx(steps)
        assert not data.HasAnyBlankPoints()
        check(data, grid, time)


@given(
    sizes=st.lists(st.integers(2, 5), min_size=1, max_size=3),
    steps=st.one_of(st.none(), st.integers(1, 4)),
    components=st.one_of(st.none(), st.integers(1, 9)),
    dtype=st.sampled_from(["f2", ">f4", "f8", "i1", "i8", "u2", ">u4", "?"]),
)
@settings(max_examples=60, deadline=None)
def test_any_shape_and_number_comes_back(
    sizes: list[int], steps: int | None, components: int | None, dtype: str
) -> None:
    axes = {name: np.linspace(0, n - 1, n) for name, n in zip("abc", sizes, strict=False)}
    times = None if steps is None else np.linspace(0, 1, steps)
    lead, tail = () if steps is None else (steps,), () if components is None else (components,)
    values = np.arange(np.prod([*lead, *sizes, *tail])).reshape(*lead, *sizes, *tail).astype(dtype)
    grid = in_time(axes, {"f": values}, times)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.vtkhdf"
        write_vtkhdf(path, grid)
        np.testing.assert_array_equal(read_vtkhdf(path).fields["f"], values)
        expected = None if steps == 1 else times
        for i, (_, data) in enumerate(load(vtkHDFReader(), path, expected)):
            # Coordinates are indices here.
            index = tuple(positions(data)[:, : len(sizes)].astype(int).T)
            here = values if steps is None else values[i]
            found = array(data, "f").reshape(len(index[0]), -1)
            width = 2 if components == 2 else None
            np.testing.assert_array_equal(found[:, :width], here[index].reshape(len(found), -1))


@pytest.mark.parametrize(("space", "times"), [*KINDS, (2, TIMES[:1])])
def test_vtkhdf_round_trip(space: int, times: Array | None, tmp_path: Path) -> None:
    grid = example(space, times)
    write_vtkhdf(tmp_path / "a.vtkhdf", grid)
    back = read_vtkhdf(tmp_path / "a.vtkhdf")
    for ours, theirs in ((grid.axes, back.axes), (grid.fields, back.fields)):
        assert list(ours) == list(theirs)
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], strict=True)
    np.testing.assert_array_equal(grid.times, back.times)
    assert (back.units, back.vectors) == (grid.units, grid.vectors)


def test_h5py_needs_no_vtk_knowledge(tmp_path: Path) -> None:
    grid = example(2, TIMES)
    write_vtkhdf(tmp_path / "a.vtkhdf", grid, lambda file: file.update({"loss": [3.0, 1.0]}))
    with h5py.File(tmp_path / "a.vtkhdf") as file:
        u = file["kanpde/fields/u"]
        assert (list(u.attrs["dims"]), u.attrs["units"]) == (["t", "y", "x"], "m/s")
        assert u[1, 2, 3] == grid.fields["u"][1, 3, 2]
        assert list(file["kanpde/axes"]) == ["x", "y"]
        np.testing.assert_array_equal(file["kanpde/axes/x"], grid.axes["x"])
        np.testing.assert_array_equal(file["kanpde/times"], TIMES)
        assert file["kanpde/times"].attrs["units"] == "s"
        assert "coordinates" in file["kanpde"].attrs["about"]
        assert u == file["VTKHDF/PointData/u"], "stored twice"
        assert list(file["loss"]) == [3.0, 1.0]
        kind = file["VTKHDF"].attrs.get_id("Type").dtype
        assert kind == "S9", "VTK 9.3 refuses a string of varying length"
    assert len(list(load(vtkHDFReader(), tmp_path / "a.vtkhdf", TIMES))) == 3


def test_a_hole_is_nan_and_hidden(tmp_path: Path) -> None:
    full = example(2, TIMES)
    u, v = full.fields["u"].copy(), full.fields["v"].copy()
    u[1:, 0, 0] = v[1:, 0, 0] = np.nan
    u[:, 2, 1] = v[:, 3, 2] = np.nan  # one field only: no hole
    grid = GridData(full.axes, {"u": u, "v": v, "part": np.ones(u.shape, int)}, "t")
    write_vtkhdf(tmp_path / "a.vtkhdf", grid)
    for time, data in load(vtkHDFReader(), tmp_path / "a.vtkhdf", TIMES):
        cut = time > -0.5
        assert bool(np.isnan(array(data, "u")[0])) is cut
        assert [bool(data.IsPointVisible(i)) for i in range(12)] == [not cut] + [True] * 11
        assert bool(data.IsCellVisible(0)) is not cut
        assert data.IsCellVisible(1)
        assert np.isnan(array(data, "v")[11])
    np.testing.assert_array_equal(read_vtkhdf(tmp_path / "a.vtkhdf").fields["u"], u)

    _, *steps = write_vtu(tmp_path, grid)
    for path, cells in zip(steps, (6, 5, 5), strict=True):
        ((_, data),) = load(vtkXMLUnstructuredGridReader(), path)
        assert data.GetNumberOfCells() == cells
        assert np.isnan(array(data, "u")).sum() == 7 - cells


def test_x_and_t_as_one_image(tmp_path: Path) -> None:
    times = np.linspace(2.0, 4.0, 6)
    grid = example(1, times)
    write_vtkhdf_xt(tmp_path / "xt.vtkhdf", grid)
    ((_, data),) = load(vtkHDFReader(), tmp_path / "xt.vtkhdf")
    assert data.GetDimensions() == (4, 6, 1)
    assert data.GetBounds() == pytest.approx((-1, 1, 2, 4, 0, 0))
    at = positions(data)
    expected = [u_exact(np.array([[x, 0.0, 0.0]]), t)[0] for x, t, _ in at]
    np.testing.assert_allclose(array(data, "u"), expected, atol=1e-12)
    np.testing.assert_allclose(array(data, "velocity")[:, 0], expected, atol=1e-12)
    assert read_vtkhdf(tmp_path / "xt.vtkhdf").units == grid.units

    with pytest.raises(KanpdeError, match="axis 't' is not uniform"):
        write_vtkhdf_xt(tmp_path / "b", example(1, TIMES))
    for wrong in (example(2, times), example(1, None), example(1, times[:1])):
        with pytest.raises(KanpdeError, match="one space axis and at least two times"):
            write_vtkhdf_xt(tmp_path / "b", wrong)
    assert [path.name for path in tmp_path.iterdir()] == ["xt.vtkhdf"]


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    text, plain, newer = (tmp_path / name for name in ("text", "plain", "newer"))
    text.write_text("x,y")
    h5py.File(plain, "w").close()
    write_vtkhdf(newer, example(1, None), lambda file: file["kanpde"].attrs.update(version=2))
    for path, match in ((text, "not an HDF5"), (plain, "no group /kanpde"), (newer, "newer")):
        with pytest.raises(KanpdeError, match=match):
            read_vtkhdf(path)
    with pytest.raises(FileNotFoundError):
        read_vtkhdf(tmp_path / "absent")


# --- VTU, XDMF, CSV -------------------------------------------------------------------------


@pytest.mark.parametrize(("space", "times"), KINDS)
def test_vtu_is_read_by_vtk(space: int, times: Array | None, tmp_path: Path) -> None:
    grid = example(space, times)
    first, *steps = write_vtu(tmp_path / "new folder", grid, "flow")
    if times is None:
        assert (first.name, steps) == ("flow.vtu", [])
        listed = [(0.0, first.name)]
    else:
        sets = ElementTree.parse(first).iterfind("./Collection/DataSet")
        listed = [(float(each.attrib["timestep"]), each.attrib["file"]) for each in sets]
        assert listed == list(zip(times, [path.name for path in steps], strict=True))
    for time, name in listed:
        ((_, data),) = load(vtkXMLUnstructuredGridReader(), first.parent / name)
        check(data, grid, time)
        # Each cell is positive and fills its part of the box.
        assert data.GetNumberOfCells() == np.prod([n - 1 for n in grid.shape])
        steps_along = [axis[1] - axis[0] for axis in grid.space.values()]
        for i in range(data.GetNumberOfCells()):
            assert measure(data.GetCell(i)) == pytest.approx(np.prod(steps_along))


@pytest.mark.parametrize(("space", "times"), KINDS)
def test_vti_is_read_by_vtk(space: int, times: Array | None, tmp_path: Path) -> None:
    grid = example(space, times)
    first, *steps = write_vti(tmp_path, grid, "flow")
    assert first.name == ("flow.vti" if times is None else "flow.pvd")
    for time, path in zip([0.0] if times is None else times, steps or [first], strict=True):
        ((_, data),) = load(vtkXMLImageDataReader(), path)
        check(data, grid, time)


def test_vti_is_for_boxes(tmp_path: Path) -> None:
    from kanpde import Disk

    cells = Disk(x=0, y=0, radius=1).grid({"x": 5, "y": 5})
    grid = GridData({}, {"u": np.zeros(len(cells.nodes))}, cells=cells)
    with pytest.raises(KanpdeError, match="take vtu or vtkhdf"):
        write_vti(tmp_path, grid)


def measure(cell: Any) -> float:
    """Signed size from the corners in VTK's order: edges from corner 0 along x, y and z."""
    corner = [np.array(cell.GetPoints().GetPoint(i)) for i in range(cell.GetNumberOfPoints())]
    edges = [corner[i] - corner[0] for i in {2: (1,), 4: (1, 3), 8: (1, 3, 4)}[len(corner)]]
    opposite = {2: 1, 4: 2, 8: 6}[len(corner)]
    np.testing.assert_allclose(corner[opposite], corner[0] + sum(edges), atol=1e-12)
    k = len(edges)
    return float(np.linalg.det(np.array(edges)[:, :k]))


@pytest.mark.parametrize(("space", "times"), [*KINDS, (2, TIMES[:1])])
def test_xdmf_is_read_by_vtk(
    space: int, times: Array | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = example(space, times)
    written, moved = tmp_path / "written", tmp_path / "moved"
    light, heavy = write_xdmf(written, grid)
    assert sorted(written.iterdir()) == [heavy, light]
    # The pair stands on its own: in another folder, read from a third.
    written.rename(moved)
    monkeypatch.chdir(tmp_path)
    for time, data in load(vtkXdmfReader(), moved / light.name, times):
        check(data, grid, time)


def test_xdmf_keeps_integers_and_tensors(tmp_path: Path) -> None:
    axes = {"x": np.arange(3.0), "y": np.arange(2.0)}
    fields = {
        "4": np.arange(24).reshape(3, 2, 4),
        "6": np.arange(36, dtype=np.float32).reshape(3, 2, 6),
        "9": np.arange(54.0).reshape(3, 2, 9),
        "i1": np.arange(-3, 3, dtype=np.int8).reshape(3, 2, 1),
        "u1": np.arange(250, 256, dtype=np.uint8).reshape(3, 2),
        "u4": (2**32 - np.arange(1, 7)).astype(np.uint32).reshape(3, 2),
        "i8": (2**60 + np.arange(6)).reshape(3, 2),
        "b": np.arange(6).reshape(3, 2) > 3,
    }
    light, heavy = write_xdmf(tmp_path, GridData(axes, fields))
    ((_, data),) = load(vtkXdmfReader(), light)
    ix, iy, _ = positions(data).astype(int).T
    for name, values in fields.items():
        expected = values[ix, iy].reshape(6, -1)
        np.testing.assert_array_equal(array(data, name).reshape(6, -1), expected, err_msg=name)
    # What the text says of the numbers; this reader believes the HDF5 file instead.
    with h5py.File(heavy) as file:
        for item in ElementTree.parse(light).iterfind(".//Attribute/DataItem"):
            stored = file[str(item.text).partition(":")[2]]
            assert item.attrib["Precision"] == str(stored.dtype.itemsize)
            assert item.attrib["NumberType"] == {"f": "Float", "i": "Int"}[stored.dtype.kind]
            assert item.attrib["Dimensions"] == " ".join(map(str, stored.shape))


@pytest.mark.parametrize(("space", "times"), KINDS)
def test_csv_is_a_long_table(space: int, times: Array | None, tmp_path: Path) -> None:
    grid = example(space, times)
    write_csv(tmp_path / "a.csv", grid)
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    clock = [] if times is None else ["t"]
    assert list(rows[0]) == [*grid.space, *clock, "u", "v", "pair of u_0", "pair of u_1"]
    table = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    # All digits are there, and the rows are in index order.
    np.testing.assert_array_equal(table["u"], grid.fields["u"].ravel())
    np.testing.assert_array_equal(table["pair of u_1"], -table["u"])
    at = np.zeros((len(rows), 3))
    at[:, :space] = np.stack([table[name] for name in grid.space], axis=1)
    time = table.get("t", np.zeros(len(rows)))
    expected = [u_exact(x[None], t)[0] for x, t in zip(at, time, strict=True)]
    np.testing.assert_allclose(table["u"], expected, atol=1e-12)


def test_csv_refuses_two_columns_of_one_name(tmp_path: Path) -> None:
    u = np.zeros((2, 2))
    grid = GridData({"x": [0, 1]}, {"u": u, "u_0": u[0]})
    with pytest.raises(KanpdeError, match="one name in x, u_0, u_1, u_0"):
        write_csv(tmp_path / "a.csv", grid)


# --- where files go -------------------------------------------------------------------------


def test_nothing_is_written_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, folder = tmp_path / "here", tmp_path / "run"
    here.mkdir()
    monkeypatch.chdir(here)
    grid = example(1, np.linspace(0, 1, 3))
    write_vtkhdf(folder / "a.vtkhdf", grid)
    write_vtkhdf_xt(folder / "xt.vtkhdf", grid)
    write_csv(folder / "a.csv", grid)
    listed = {*write_vtu(folder, grid), *write_xdmf(folder, grid)}
    assert list(here.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"here", "run"}
    expected = listed | {folder / name for name in ("a.vtkhdf", "xt.vtkhdf", "a.csv")}
    assert set(folder.iterdir()) == expected
    for name in ("../out", "", ".", "a/b", "a b", 'a"', ".."):
        for write in (write_vtu, write_xdmf):
            with pytest.raises(KanpdeError, match="cannot begin the name of a file"):
                write(folder, grid, name)


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.vtkhdf"
    write_vtkhdf(path, example(1, None))
    before = path.read_bytes()

    def fail(_: h5py.File) -> None:
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_vtkhdf(path, example(2, TIMES), fail)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_can_be_replaced_while_a_reader_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "a.vtkhdf"
    write_vtkhdf(path, example(1, None))
    with h5py.File(path):
        write_vtkhdf(path, example(2, None))
    assert list(read_vtkhdf(path).axes) == ["x", "y"]


def test_writing_runs_into_a_full_disk_and_says_so(tmp_path: Path) -> None:
    """The HDF5 library crashed at the end of Python, and left a part of the file behind."""
    code = (
        "import resource, sys, numpy as np; from pathlib import Path;"
        "from kanpde.output.export import GridData, find_format;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000));"
        "grid = GridData({n: np.linspace(0, 1, 200) for n in 'xy'}, {'u': np.ones((200, 200))});"
        "find_format(sys.argv[1]).write(Path(sys.argv[2]), grid, {})"
    )
    for kind in [name for name in FORMATS if name != "paraview"]:  # which writes a vtkhdf
        command = [sys.executable, "-c", code, kind, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1, kind
        assert "OSError: [Errno 27] File too large" in done.stderr, kind
        assert list(tmp_path.iterdir()) == [], kind


# --- any solution ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["txy", "xty", "xyt"])
def test_time_comes_first_wherever_it_was(order: str) -> None:
    first = example(2, TIMES)
    names = list(first.axes)
    where = [names.index(n) for n in order]
    u = first.fields["u"]
    grid = GridData(
        {n: first.axes[n] for n in order},
        {"u": u.transpose(where), "pair": np.stack([u.transpose(where)] * 2, axis=-1)},
        "t",
        errors={"u": -u.transpose(where)},
        residuals={"heat (1)": 2 * u.transpose(where), "pair": u.transpose(where)},
    )
    made = for_files(grid)
    assert list(made.axes) == ["t", "x", "y"]
    assert list(made.fields) == ["u", "pair", "error_u", "residual_heat__1", "residual_pair"]
    np.testing.assert_array_equal(made.fields["u"], u)
    np.testing.assert_array_equal(made.fields["pair"][..., 1], u)
    np.testing.assert_array_equal(made.fields["error_u"], -u)
    np.testing.assert_array_equal(made.fields["residual_heat__1"], 2 * u)
    again = for_files(made)
    assert list(again.fields) == list(made.fields)


def test_names_of_errors_that_are_taken_get_a_number() -> None:
    zero, one = np.zeros(3), np.ones(3)
    fields = {"u": zero, "error_u": zero, "error_u_2": zero}
    made = for_files(GridData(X, fields, errors={"u": one}))
    np.testing.assert_array_equal(made.fields["error_u_3"], one)


def test_time_alone_is_a_line() -> None:
    made = for_files(GridData({"t": [0.0, 1.0]}, {"u": [3.0, 4.0]}, "t"))
    assert (made.time, made.shape) == (None, (2,))


# --- formats --------------------------------------------------------------------------------


def test_each_format_is_listed_described_and_written(tmp_path: Path) -> None:
    table = (Path(__file__).parents[1] / "docs" / "output_files.md").read_text(encoding="utf-8")
    modules = {
        path.stem
        for path in Path(kanpde.output.export.__file__).parent.glob("*.py")
        if "\nFORMAT = Format(" in path.read_text(encoding="utf-8")
    }
    assert modules == set(FORMATS)
    for name in FORMATS:
        found = find_format(name)
        assert found.name == name
        assert f"| `{name}` |" in table
        assert found.description in table
        opened = found.write(tmp_path / name, example(1, np.linspace(0, 1, 3)), {"seconds": 2.0})
        assert opened.parent == tmp_path / name
        assert opened.is_file()
    with pytest.raises(
        KanpdeError,
        match="no such format; take vtkhdf, vti, vtu, xdmf, csv, paraview, torch, onnx, numpy",
    ):
        find_format("stl")


def test_names_of_formats_cost_nothing() -> None:
    code = (
        "import sys, kanpde.output.export as e; assert e.FORMATS;"
        "print({'numpy', 'h5py', 'meshio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- what a grid refuses --------------------------------------------------------------------

X, Y, LINE = {"x": np.arange(3.0)}, {"y": np.arange(2.0)}, {"u": np.zeros(3)}


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"axes": {}, "fields": {"u": np.zeros(())}}, "1 to 3 space axes, not 0"),
        (
            {"axes": {c: [0, 1] for c in "abcd"}, "fields": {"u": np.zeros((2,) * 4)}},
            "1 to 3 space axes, not 4",
        ),
        ({"axes": X, "fields": {}}, "at least one field"),
        ({"axes": {"x": [1.0]}, "fields": {"u": [0.0]}}, "'x' has one point"),
        ({"axes": {"x": [0, 1, 3]}, "fields": LINE}, "'x' is not uniform"),
        ({"axes": {"x": [2, 1, 0]}, "fields": LINE}, "'x' must increase strictly"),
        ({"axes": {"x": [0, 1, np.nan]}, "fields": LINE}, "'x' must be one row of finite"),
        ({"axes": {"x": np.zeros((3, 1))}, "fields": LINE}, "'x' must be one row of finite"),
        ({"axes": X, "fields": {"u": np.zeros((3, 1)), "v": np.zeros(2)}}, r"field 'v' .* \(2,\)"),
        ({"axes": X, "fields": {"u": np.zeros((3, 0))}}, r"'u' has the shape \(3, 0\)"),
        ({"axes": X, "fields": {"u": np.zeros((3, 2, 2))}}, r"'u' has the shape \(3, 2, 2\)"),
        ({"axes": X | Y, "fields": {"u": np.zeros((2, 3))}}, r"give it \(3, 2\) for \(x, y\)"),
        (
            {"axes": {"t": [0, 1], **X}, "fields": LINE, "time": "t"},
            r"it \(2, 3\) for \(t, x\)",
        ),
        ({"axes": {"t": [0, 0]}, "fields": LINE, "time": "t"}, "'t' must increase strictly"),
        ({"axes": {"t": []}, "fields": LINE, "time": "t"}, "'t' must be one row"),
        ({"axes": X, "fields": LINE, "time": "t"}, "'t', which is not one of the axes x"),
        ({"axes": X, "fields": {"x": np.zeros(3)}}, "'x' stands for two things"),
        ({"axes": X, "fields": LINE, "vectors": {"u": ("u",)}}, "'u' stands for two things"),
        ({"axes": X, "fields": {"u/v": np.zeros(3)}}, "'u/v' cannot name"),
        ({"axes": {"component": [0, 1, 2]}, "fields": LINE}, "'component' cannot name"),
        ({"axes": X, "fields": {"vtkGhostType": np.zeros(3)}}, "'vtkGhostType' cannot name"),
        ({"axes": X, "fields": {"u": np.zeros(3, complex)}}, "'u' holds complex128"),
        ({"axes": X, "fields": {"u": np.zeros(3, ">u8")}}, "'u' holds .*u8"),
        ({"axes": X, "fields": {"u": ["a", "b", "c"]}}, "'u' holds <U1"),
        (
            {"axes": X, "fields": LINE, "units": {"q": "m"}},
            "given for 'q', which is not one of x, u",
        ),
        ({"axes": X, "fields": LINE, "vectors": {"w": ("u", "q")}}, "'w' names 'q'"),
        ({"axes": X, "fields": LINE, "exact": {"u": [0]}}, r"exact\['u'\] has the shape \(1,\)"),
        ({"axes": X, "fields": LINE, "vectors": {"w": ()}}, "'w' has 0 components"),
        ({"axes": X, "fields": {"u": np.zeros((3, 2))}, "vectors": {"w": ("u",)}}, "not a scalar"),
    ],
)
def test_a_grid_says_what_does_not_fit(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(KanpdeError, match=match):
        for_files(GridData(**arguments))


def test_single_precision_coordinates_are_uniform() -> None:
    x = np.linspace(100.0, 101.0, 50, dtype=np.float32)
    assert for_files(GridData({"x": x}, {"u": np.zeros(50)})).axes["x"].dtype == np.float64


@pytest.mark.parametrize(
    ("given_type", "held"),
    [("f2", "f4"), (">f4", "f4"), ("f8", "f8"), ("g", "f8"), ("?", "u1"), (">i2", "i2")],
)
def test_numbers_that_some_format_lacks_are_widened(given_type: str, held: str) -> None:
    field = GridData(X, {"u": np.ones(3, given_type)}).fields["u"]
    assert field.dtype.str == np.dtype(held).str
    assert list(field) == [1, 1, 1]
