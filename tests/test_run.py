"""Run folders: what is in them at each moment, and how a run goes on."""

import copy
import csv
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import kanpde
from kanpde import (
    Box,
    BSpline,
    Chebyshev,
    Condition,
    Fourier,
    GaussianRBF,
    KanpdeError,
    LeastSquares,
    Legendre,
    Outcome,
    Plan,
    Problem,
    Sampling,
    Solution,
    d,
    exact,
    pi,
    sin,
)
from kanpde.cli.app import app
from kanpde.files.whole import replacing, write_text
from kanpde.network.bases.basis import Basis
from kanpde.output.export import read_vtkhdf
from kanpde.output.fields import check_names
from kanpde.output.history import joined, read_trace, save_trace
from kanpde.output.results import Wanted, checkpoint, export, save_results
from kanpde.output.run_folder import load_start, new_run, read_config, reopen
from kanpde.output.summary import summarize, summary_text
from kanpde.output.terminal import escape_controls
from kanpde.problem.loading import ProblemFile, load_problem_file

pytestmark = pytest.mark.usefixtures("one_thread")

BASES = [Chebyshev(4), Legendre(4), Fourier(2), GaussianRBF(5), BSpline(3, 4)]
OPTIONS = {"seed": 3, "budget": None, "tolerance": None, "device": "cpu"}
FILE = '''"""A line."""
import numpy as np
from kanpde import *

def problem(a: float = 2.0, far: float = float("inf"), sizes=(1, 2), what=Chebyshev(3)):
    box = Box(x=(0, 1)); (x,) = box.axes
    return Problem(box, "u", [
        Condition("ode", box, lambda u: d(u, x, x) + a),
        Condition("ends", box.faces(x), lambda u: u)])
'''


def heat(known: bool = True) -> Problem:
    box = Box(x=(0, 1), t=(0, 0.2))
    x, t = box.axes
    answer = exact(u=lambda x, t: np.exp(-(np.pi**2) * t) * np.sin(np.pi * x))
    return Problem(
        box,
        "u",
        [
            Condition("heat", box, lambda u: d(u, t) - d(u, x, x)),
            Condition("start", box.face(t=0), lambda u: u - sin(pi * x)),
            Condition("ends", box.faces(x), lambda u: u),
        ],
        reference=answer if known else None,
        derived={"flux": lambda u: -d(u, x)},
        units={"u": "K"},
    )


def solved(problem: Problem, basis: Basis = BASES[0], steps: int = 10) -> Solution:
    plan = Plan(
        widths=(4,),
        basis=basis,
        stages=(LeastSquares(steps=steps),),
        sampling=Sampling(points=100),
    )
    return kanpde.solve(problem, plan, seed=7)


@pytest.fixture(scope="module")
def known() -> Solution:
    return solved(heat())


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time; tests of the command line and of plots look at them."""
    for name in ("_draw", "_draw_convergence"):
        monkeypatch.setattr(f"kanpde.output.results.{name}", lambda *_: None)


@pytest.fixture
def file(tmp_path: Path) -> ProblemFile:
    path = tmp_path / "line.py"
    path.write_text(FILE)
    return load_problem_file(path)


# --- what a solve leaves --------------------------------------------------------------------


@pytest.mark.parametrize("basis", BASES, ids=str)
def test_a_run_comes_back_to_the_last_bit(basis: Basis, tmp_path: Path) -> None:
    solution = solved(heat(), basis)
    checkpoint(tmp_path, solution)
    loaded = kanpde.load(tmp_path)
    x, t = np.meshgrid(np.linspace(0, 1, 13), np.linspace(0, 0.2, 7))
    before, after = solution(x=x, t=t), loaded(x=x, t=t)
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    for name in ("u", "flux"):
        np.testing.assert_array_equal(after[name], before[name])
    assert list(loaded.trace) == list(solution.trace)
    for name, column in solution.trace.items():
        np.testing.assert_array_equal(loaded.trace[name], column)


def test_files_hold_the_solution(known: Solution, tmp_path: Path) -> None:
    save_results(tmp_path, known, "rod")
    grid = read_vtkhdf(tmp_path / "fields.vtkhdf")
    assert grid.times is not None
    assert list(grid.fields) == ["u", "flux", "error_u", "residual_heat"]
    x, t = np.meshgrid(grid.axes["x"], grid.times)
    values = known(x=x, t=t)
    assert isinstance(values, dict)
    np.testing.assert_allclose(grid.fields["u"], values["u"], atol=1e-13)
    truth = np.exp(-(np.pi**2) * t) * np.sin(np.pi * x)
    np.testing.assert_allclose(grid.fields["error_u"], values["u"] - truth, atol=1e-13)
    with (tmp_path / "trace.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert list(rows[0]) == [
        "step", "seconds", "stage", "parameters", "loss", "loss:heat", "error:u", "estimate",
    ]  # fmt: skip
    assert float(rows[-1]["error:u"]) == pytest.approx(known.errors["u"].rel_l2, rel=0.5)


def test_the_summary_with_a_reference(known: Solution, tmp_path: Path) -> None:
    told = save_results(tmp_path, known, "rod")
    data = json.loads((tmp_path / "summary.json").read_text())
    assert data == told
    assert set(data) == {
        "problem", "parameters", "seconds", "seed", "status", "advice", "steps", "version",
        "notes", "errors", "estimate", "reference", "relative_residuals",
    }  # fmt: skip
    assert data["problem"] == "rod"
    assert data["parameters"] == known.network.parameter_count
    assert data["seconds"] == pytest.approx(known.seconds, abs=1e-3)
    assert (data["seed"], data["steps"]) == (7, 10)
    assert data["status"] in {"converged", "budget", "stalled"}
    x, t = np.meshgrid(np.linspace(0, 1, 129), np.linspace(0, 0.2, 129))
    values = known(x=x, t=t)
    assert isinstance(values, dict)
    truth = np.exp(-(np.pi**2) * t) * np.sin(np.pi * x)
    error = values["u"] - truth
    assert data["errors"] == {
        "u": {
            "rel_l2": pytest.approx(np.linalg.norm(error) / np.linalg.norm(truth), rel=1e-9),
            "max": pytest.approx(np.abs(error).max(), rel=1e-9),
        }
    }


def test_the_summary_without_a_reference(tmp_path: Path) -> None:
    solution = replace(solved(heat(known=False)), estimate=2.5e-3)
    data = save_results(tmp_path, solution, "rod")
    assert "errors" not in data
    assert "reference" not in data
    assert data["estimate"]["rel_l2"] == 2.5e-3
    assert "estimated relative L2 error: 2.5e-03 (an estimate" in summary_text(solution, "rod")


def test_a_reference_of_nothing_counts_as_none() -> None:
    problem = replace(heat(), reference=exact(w=lambda x, t: x))
    data = summarize(replace(solved(problem), estimate=None), "rod")
    assert data["estimate"]["rel_l2"] is None
    assert "errors" not in data


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_summary_is_json_whatever_happened(value: float | None, tmp_path: Path) -> None:
    solution = replace(solved(heat(known=False), steps=1), estimate=value)
    save_results(tmp_path, solution, "rod")
    assert json.loads((tmp_path / "summary.json").read_text())["estimate"]["rel_l2"] is None


# --- whole or not at all --------------------------------------------------------------------


def test_a_failure_in_pictures_still_leaves_a_summary(
    known: Solution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("kanpde.output.results.write_fields", fail)
    with pytest.raises(OSError, match="disk full"):
        save_results(tmp_path, known, "rod")
    assert json.loads((tmp_path / "summary.json").read_text())["problem"] == "rod"
    assert kanpde.load(tmp_path).steps == known.steps


def test_a_failed_checkpoint_leaves_the_last_one(
    known: Solution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(tmp_path, known)
    before = (tmp_path / "model.safetensors").read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("kanpde.files.whole.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoint(tmp_path, replace(known, steps=99))
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["model.safetensors", "trace.csv"]


def test_a_checkpoint_takes_the_old_summary_away(known: Solution, tmp_path: Path) -> None:
    save_results(tmp_path, known, "rod")
    checkpoint(tmp_path, known)
    assert not (tmp_path / "summary.json").exists()
    assert not (tmp_path / "summary.txt").exists()


def test_what_cannot_be_saved_is_said_when_the_problem_is_made() -> None:
    box = Box(x=(0, 1), xx=(0, 1))
    x, xx = box.axes
    # The derivative by xx reads as the second by x.
    with pytest.raises(KanpdeError, match="the axis xx reads as several axes in u_xx"):
        Problem(box, "u", [Condition("ode", box, lambda u: d(u, x, x) - 2 * d(u, xx))])


# --- a folder from its beginning ------------------------------------------------------------


def test_a_run_keeps_file_parameters_and_options(file: ProblemFile, tmp_path: Path) -> None:
    file = load_problem_file(file.path, {"a": "3.5"})
    with new_run(tmp_path / "run", file, OPTIONS) as folder:
        assert (folder / "problem.py").read_text() == FILE
        config = read_config(folder)
    assert config["problem"] == "line"
    assert config["options"] == OPTIONS
    assert config["parameters"]["a"] == 3.5
    file.path.unlink()  # what was copied is enough
    assert load_start(tmp_path / "run") is None
    again = reopen(tmp_path / "run", None)
    assert again.parameters == file.parameters
    assert str(again.problem.equations[0].expression) == "u_xx + 3.5"


def test_an_error_before_the_first_model_takes_the_folder_away(
    file: ProblemFile, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError), new_run(tmp_path / "a" / "b" / "run", file, OPTIONS):
        raise RuntimeError
    assert os.listdir(tmp_path) == ["line.py"]


def test_an_error_after_the_first_model_keeps_it(
    file: ProblemFile, known: Solution, tmp_path: Path
) -> None:
    with suppress(RuntimeError), new_run(tmp_path / "run", file, OPTIONS) as folder:
        checkpoint(folder, known)
        raise RuntimeError
    assert kanpde.load(tmp_path / "run").seed == 7


def test_files_of_others_in_an_empty_folder_stay(file: ProblemFile, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with suppress(RuntimeError), new_run(tmp_path / "run", file, OPTIONS) as folder:
        (folder / "mine").write_text("mine")
        raise RuntimeError
    assert os.listdir(tmp_path / "run") == ["mine"]


# --- going on -------------------------------------------------------------------------------


def test_reopening_gives_problem_and_start(file: ProblemFile, tmp_path: Path) -> None:
    solution = solved(file.problem)
    with new_run(tmp_path / "run", file, OPTIONS) as folder:
        checkpoint(folder, solution)
    start = load_start(tmp_path / "run")
    again = reopen(tmp_path / "run", start)
    assert start is not None
    assert (start.steps, start.seconds, start.seed) == (solution.steps, solution.seconds, 7)
    assert again.name == "line"
    more = kanpde.solve(
        again.problem,
        Plan(stages=(LeastSquares(steps=10),), sampling=Sampling(points=100)),
        start=start,
    )
    assert more.network.widths == solution.network.widths
    assert more.steps == solution.steps + 10
    assert more.seconds > solution.seconds


def test_a_trace_goes_on_where_it_was(tmp_path: Path) -> None:
    first = {
        "step": np.array([0, 10]),
        "stage": np.array(["Adam", "Adam"], object),
        "error:u": np.array([1, 0.5]),
    }
    second = {
        "step": np.array([10, 20]),
        "stage": np.array(["least squares, 5 parameters"] * 2, object),
        "estimate": np.array([np.nan, 1 / 3]),
    }
    both = joined(first, second)
    save_trace(tmp_path / "trace.csv", both)
    read = read_trace(tmp_path / "trace.csv")
    assert set(read) == {"step", "stage", "error:u", "estimate"}
    assert list(read["step"]) == [0, 10, 10, 20]
    assert list(read["stage"]) == [*first["stage"], *second["stage"]]
    np.testing.assert_array_equal(read["error:u"], [1, 0.5, np.nan, np.nan])
    np.testing.assert_array_equal(read["estimate"], [np.nan, np.nan, np.nan, 1 / 3])
    assert joined({}, second).keys() == second.keys()
    assert joined(first, {}).keys() == first.keys()


@pytest.mark.parametrize("text", ["", "step,loss\n1\n", "step\nx\n", "a,b\n1,2,3\n", "\0"])
def test_a_damaged_trace_is_told(text: str, known: Solution, tmp_path: Path) -> None:
    checkpoint(tmp_path, known)
    (tmp_path / "trace.csv").write_text(text)
    with pytest.raises(KanpdeError, match=r"trace\.csv is damaged"):
        kanpde.load(tmp_path)


def test_a_model_alone_is_enough(known: Solution, tmp_path: Path) -> None:
    checkpoint(tmp_path, known)
    (tmp_path / "trace.csv").unlink()
    assert kanpde.load(tmp_path).trace == {}
    assert kanpde.load(str(tmp_path)).seed == 7


def test_loading_and_exporting_run_no_code(
    file: ProblemFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_run(tmp_path / "run", file, OPTIONS) as folder:
        checkpoint(folder, solved(file.problem))
    (folder / "problem.py").write_text("raise SystemExit('it ran')")
    kanpde.load(folder)
    path, complete = export(folder, "csv")
    assert path.is_file()
    assert not complete
    with pytest.raises(KanpdeError, match=r"problem\.py, line 1 raises SystemExit: it ran"):
        reopen(folder, load_start(folder))


def test_errors_of_another_model_are_not_exported(known: Solution, tmp_path: Path) -> None:
    save_results(tmp_path, known, "rod")
    assert export(tmp_path, "csv")[1]
    checkpoint(tmp_path, replace(known, seconds=known.seconds + 1))
    path, complete = export(tmp_path, "csv")
    assert not complete
    assert "error_u" not in path.read_text().splitlines()[0]


@pytest.mark.parametrize("outcome", ["converged", "stalled", "budget", "interrupted", "diverged"])
def test_every_status_is_told(outcome: str, known: Solution, tmp_path: Path) -> None:
    solution = replace(known, outcome=Outcome(outcome, "do this"), notes=("a note",))
    checkpoint(tmp_path, solution)
    assert kanpde.load(tmp_path).outcome == solution.outcome
    data, text = summarize(solution, "rod"), summary_text(solution, "rod")
    assert (data["status"], data["advice"], data["notes"]) == (outcome, "do this", ["a note"])
    assert text.startswith(f"rod: {outcome}, ")
    assert "  note: a note\n  do this\n" in text


def test_a_solution_from_python_is_saved_into_a_new_folder(known: Solution, tmp_path: Path) -> None:
    folder = kanpde.save(known, tmp_path / "a" / "b")
    points = np.random.default_rng(0).random((20, 2)) * [1, 0.2]
    again = kanpde.load(folder)
    np.testing.assert_array_equal(again.evaluate(points)["u"], known.evaluate(points)["u"])
    assert read_vtkhdf(folder / "fields.vtkhdf").fields
    assert json.loads((folder / "summary.json").read_text())["errors"]["u"]["rel_l2"] < 1
    with pytest.raises(KanpdeError, match="not empty"):
        kanpde.save(known, folder)
    (tmp_path / "file").touch()
    with pytest.raises(KanpdeError, match="is a file"):
        kanpde.save(known, tmp_path / "file")


# --- what a killed writer, a damaged model or a stranger leaves -----------------------------


def test_parts_of_a_killed_writer_are_removed_and_those_of_a_living_one_stay(
    tmp_path: Path,
) -> None:
    code = (
        "import os, sys, signal; from kanpde.files.whole import replacing\n"
        "with replacing(sys.argv[1]) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    for name in ("solution.png", "fields"):
        command = [sys.executable, "-c", code, str(tmp_path / name)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert sum(".part" in name for name in os.listdir(tmp_path)) >= 1
    (tmp_path / ".mine.part.png").touch()
    with replacing(tmp_path / "a.txt") as living:
        # Beside its target: a new name is atomic on one file system only.
        assert living.parent == tmp_path
        living.write_text("a")
        write_text(tmp_path / "b.txt", "b")
        assert living.exists()
    assert sorted(os.listdir(tmp_path)) == [".mine.part.png", "a.txt", "b.txt"]


def test_a_model_of_nothing_but_nan_is_not_exported(known: Solution, tmp_path: Path) -> None:
    network = copy.deepcopy(known.network)
    for parameter in network.parameters():
        parameter.data.fill_(math.nan)
    (piece,) = known.pieces
    checkpoint(tmp_path, replace(known, pieces=(replace(piece, network=network),)))
    with pytest.raises(KanpdeError, match="not finite"):
        export(tmp_path, "csv")
    assert not (tmp_path / "fields.csv").exists()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda file: _replace(file, "fields/u", np.zeros((5, 7, 2, 3))), "has the shape"),
        (lambda file: _replace(file, "fields/u", np.zeros((101, 9))), "has the shape"),
        (lambda file: _replace(file, "axes/x", np.linspace(0, 2, 257)), "axis x spans"),
        (lambda file: file["kanpde/fields"].pop("flux"), "lacks the field flux"),
        (lambda file: file["kanpde/fields/u"].attrs.pop("dims"), "dims"),
    ],
)
def test_a_damaged_fields_file_is_not_exported(
    damage: Callable[[h5py.File], object], says: str, known: Solution, tmp_path: Path
) -> None:
    save_results(tmp_path, known, "rod")
    with h5py.File(tmp_path / "fields.vtkhdf", "r+") as file:
        damage(file)
    with pytest.raises(KanpdeError, match=f"fields.vtkhdf cannot be used .*{says}"):
        export(tmp_path, "csv")
    assert not (tmp_path / "fields.csv").exists()
    (tmp_path / "fields.vtkhdf").unlink()
    assert export(tmp_path, "csv") == (tmp_path / "fields.csv", False)


def test_a_file_of_some_fields_is_not_taken_for_all(known: Solution, tmp_path: Path) -> None:
    save_results(tmp_path, known, "rod", Wanted(fields=("flux",)))
    assert list(read_vtkhdf(tmp_path / "fields.vtkhdf").fields) == ["flux"]
    export(tmp_path, "csv")
    header = (tmp_path / "fields.csv").read_text().splitlines()[0]
    assert {"u", "flux"} <= set(header.split(","))


def test_pictures_of_some_fields_still_show_all_residuals(
    known: Solution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr("kanpde.output.results._draw", lambda *each: seen.append(each))
    save_results(tmp_path, known, "rod", Wanted(fields=("flux",)))
    ((_, grid, chosen),) = seen
    assert grid.residuals
    assert list(chosen.fields) == ["flux"]


def test_a_field_that_no_problem_has_is_refused_before_the_training(file: ProblemFile) -> None:
    check_names(file.problem, ["u"])
    with pytest.raises(KanpdeError, match="--fields p: the problem has u"):
        check_names(file.problem, ["u", "p"])


def _replace(file: h5py.File, path: str, values: np.ndarray) -> None:
    group = file["kanpde"]
    held = dict(group[path].attrs)
    del group[path]
    group[path] = values
    group[path].attrs.update(held)


def test_a_strangers_words_do_not_steer_the_terminal(known: Solution, tmp_path: Path) -> None:
    escape = "\x1b]0;owned\x07\u202e"
    assert escape_controls(f"a{escape}b\nü 10⁻³\n") == "a\\x1b]0;owned\\x07\\u202eb\nü 10⁻³\n"
    assert "\x1b" not in summary_text(replace(known, notes=(escape,)), "rod")
    with new_run(tmp_path / "run", load_problem_file("poisson"), OPTIONS) as folder:
        save_results(folder, known, "rod")
    (folder / "summary.txt").write_text(f"rod: {escape}\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["info", str(folder)], catch_exceptions=False)
    assert done.stdout == "rod: \\x1b]0;owned\\x07\\u202e\n"
