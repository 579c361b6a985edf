"""The script for ParaView, and the files that pvpython opens where it is installed."""

import runpy
import shutil
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest

from kanpde.output.export import FORMATS, GridData, find_format, write_view

PVPYTHON = shutil.which("pvpython")
NEEDS_PVPYTHON = pytest.mark.skipif(PVPYTHON is None, reason="pvpython is not installed")


def grid(space, times=None, **more):
    axes = {n: np.linspace(0, 1, 4) for n in "xyz"[:space]}
    shape = tuple(len(v) for v in axes.values())
    if times is not None:
        axes, shape = {"t": np.array(times), **axes}, (len(times), *shape)
    values = np.random.default_rng(0).uniform(size=(3, *shape))
    fields = {"u": values[0], "v": values[1], "p": values[2]}
    return GridData(axes, fields, None if times is None else "t", **more)


CASES = {
    "line": grid(1),
    "line in time": grid(1, [0, 0.5, 1.0]),
    "plane": grid(2, [0, 0.3, 1.0], title='a "plate" \\'),
    "vectors": grid(2, vectors={"displacement": ("u", "v")}),
    "space": grid(3, [0.0, 1.0], vectors={"velocity": ("u", "v", "p")}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_script_runs_and_colours_by_the_first_field(name, tmp_path, monkeypatch):
    """Against an imitation of ParaView that takes every call; pvpython itself is run below."""
    simple = MagicMock()
    simple.GetParaViewVersion.return_value = SimpleNamespace(major=5, minor=12)
    bounds = simple.OpenDataFile.return_value.GetDataInformation.return_value.GetBounds
    bounds.return_value = (0, 1, 0, 2, 0, 1)
    monkeypatch.setitem(sys.modules, "paraview", SimpleNamespace(simple=simple))
    monkeypatch.setattr(sys, "argv", ["view.py", "picture.png"])
    case = CASES[name]
    path = find_format("paraview").write(tmp_path, case, {})
    runpy.run_path(str(path))
    opened = "fields_xt.vtkhdf" if name == "line in time" else "fields.vtkhdf"
    simple.OpenDataFile.assert_called_once_with(str(tmp_path / opened))
    first = next(iter(case.vectors), "u")
    what = ("POINTS", first, "Magnitude") if case.vectors else ("POINTS", "u")
    assert all(call.args[1] == what for call in simple.ColorBy.call_args_list)
    assert simple.ColorBy.call_count == (2 if name == "space" else 1)
    assert simple.Slice.called is (name == "space")
    assert simple.WarpByVector.called is (name == "vectors")
    assert simple.WarpByScalar.called is (name == "line")
    simple.SaveScreenshot.assert_called_once()


def test_the_script_opens_what_an_older_paraview_reads(tmp_path, monkeypatch):
    simple = MagicMock()
    simple.GetParaViewVersion.return_value = SimpleNamespace(major=5, minor=11)
    simple.OpenDataFile.side_effect = KeyboardInterrupt
    monkeypatch.setitem(sys.modules, "paraview", SimpleNamespace(simple=simple))
    path = find_format("paraview").write(tmp_path, CASES["plane"], {})
    with pytest.raises(SystemExit, match="kanpde export RUN --format vtu"):
        runpy.run_path(str(path))
    find_format("vtu").write(tmp_path, CASES["plane"], {})
    with pytest.raises(KeyboardInterrupt):
        runpy.run_path(str(path))
    simple.OpenDataFile.assert_called_once_with(str(tmp_path / "fields.pvd"))


def test_the_script_is_written_beside_what_is_there(tmp_path):
    find_format("vti").write(tmp_path, CASES["plane"], {})
    find_format("paraview").write(tmp_path, CASES["plane"], {})
    assert not (tmp_path / "fields.vtkhdf").exists()


def run_pvpython(*arguments):
    command = [str(PVPYTHON), "--force-offscreen-rendering", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@NEEDS_PVPYTHON
@pytest.mark.parametrize("name", CASES)
def test_pvpython_draws_a_picture(name, tmp_path):
    find_format("vtu").write(tmp_path, CASES[name], {})
    script = write_view(tmp_path, CASES[name])
    done = run_pvpython(script, tmp_path / "picture.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "picture.png").stat().st_size > 1000


@NEEDS_PVPYTHON
@pytest.mark.parametrize("kind", [f for f in FORMATS if f != "paraview"])
def test_pvpython_opens_each_kind_of_file(kind, tmp_path):
    opened = find_format(kind).write(tmp_path, CASES["plane"], {})
    (tmp_path / "open.py").write_text(
        "import sys\n"
        "from paraview import simple\n"
        "version = simple.GetParaViewVersion()\n"
        "if sys.argv[1].endswith('.vtkhdf') and (version.major, version.minor) < (5, 12):\n"
        "    sys.exit(0)\n"
        "reader = simple.OpenDataFile(sys.argv[1])\n"
        "reader.UpdatePipeline(1.0)\n"
        "data = reader.GetPointDataInformation()\n"
        "row = reader.GetRowDataInformation()\n"
        "assert data.GetArray('u') or row.GetArray('u'), 'u is missing'\n"
    )
    done = run_pvpython(tmp_path / "open.py", opened)
    assert done.returncode == 0, done.stderr
