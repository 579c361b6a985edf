"""`kanpde info` of several runs, `list` with parameters, `export` on other grids, and `docs`."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import kanpde
from kanpde.cli.app import app
from kanpde.errors import KanpdeError
from kanpde.problem.library import shipped_folder


def answer(*arguments: str) -> str:
    """What a command prints; KanpdeError where it refuses."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def refuse(*arguments: str) -> str:
    with pytest.raises(KanpdeError) as caught:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    return str(caught.value)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one problem, one of them with another parameter."""
    folder = tmp_path_factory.mktemp("runs")
    for name, options in (("a", ()), ("b", ("--set", "diffusivity=0.1", "--seed", "3"))):
        answer("solve", "heat", "--budget", "1", "--out", str(folder / name), *options)
    return folder


def test_runs_of_a_folder_are_compared(runs: Path) -> None:
    lines = answer("info", str(runs)).splitlines()
    assert lines[0].split()[:4] == ["run", "problem", "status", "error"]
    assert [line.split()[:2] for line in lines[1:]] == [["a", "heat"], ["b", "heat"]]
    assert lines[2].endswith("diffusivity=0.1")


def test_the_table_holds_what_the_summaries_hold(runs: Path) -> None:
    for row in json.loads(answer("info", str(runs), "--json")):
        summary = json.loads((runs / row["folder"] / "summary.json").read_text())
        assert row["error"] == summary["errors"]["u"]["rel_l2"]
        assert row["steps"] == summary["steps"]
        assert row["seed"] == summary["seed"]


def test_a_damaged_run_is_a_row_of_the_table(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{", encoding="utf-8")
    assert answer("info", str(tmp_path)).splitlines()[1].split()[:3] == ["bad", "-", "damaged"]


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    assert "is not a run folder" in refuse("info", str(tmp_path))


def test_list_shows_parameters_as_they_are_written() -> None:
    text = answer("list")
    assert "--set nu=0.01 / pi" in text
    assert "--set reynolds=100.0" in text


def test_export_takes_points_fields_and_a_folder(runs: Path, tmp_path: Path) -> None:
    answer("export", str(runs / "a"), "--format", "vtkhdf", "--resolution", "x=7,t=5",
           "--fields", "u", "--out", str(tmp_path / "new"))  # fmt: skip
    with h5py.File(tmp_path / "new" / "fields.vtkhdf") as file:
        assert list(file["kanpde/fields"]) == ["u"]
        u, x = file["kanpde/fields/u"][:], file["kanpde/axes/x"][:]
        t = file["kanpde/times"][:]
    assert u.shape == (5, 7)
    solution = kanpde.load(runs / "a")
    np.testing.assert_allclose(u, solution(x=x, t=t[:, None]), atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--resolution", "y=7"), "--resolution y: the axes are x, t"),
        (("--resolution", "x=1"), "2 points at least"),
        (("--resolution", "x"), "write it as --resolution x=201,t=50"),
        (("--resolution", "x=100000,t=100000"), "take fewer along an axis"),
        (("--fields", "v"), "--fields v: the run has u"),
    ],
)
def test_export_refuses(runs: Path, tmp_path: Path, arguments: tuple[str], sentence: str) -> None:
    assert sentence in refuse("export", str(runs / "a"), "--out", str(tmp_path), *arguments)


def test_docs_lists_and_shows_each_page() -> None:
    listed = answer("docs")
    for path in shipped_folder("docs").glob("*.md"):
        if path.stem != "index":
            assert path.stem in listed
            assert answer("docs", path.stem).startswith("# ")
    assert "<!--" not in answer("docs", "problem_files")


def test_docs_finds_a_place() -> None:
    assert "problem_files: " in answer("docs", "--search", "robin")


def test_docs_refuses_what_it_lacks() -> None:
    assert "did you mean shapes" in refuse("docs", "shape")
    assert "no page holds" in refuse("docs", "--search", "zyzzyva")
