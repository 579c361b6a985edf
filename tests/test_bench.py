"""kanpde bench: its cells run, resume and fail one by one; its tables say what was measured."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from kanpde.bench.cell import Cell, parse_problem
from kanpde.bench.curves import Curve, all_curves, calibration
from kanpde.bench.picture import curves_figure, median_curve, time_ticks
from kanpde.bench.running import run_cells
from kanpde.bench.table import format_error, markdown, rows
from kanpde.cli.app import app
from kanpde.errors import KanpdeError

DECAY = '''
"""Decay."""

from kanpde import Box, Condition, LeastSquares, Plan, Problem, Sampling, d, exact, exp


def problem(rate: float = 1.0) -> Problem:
    box = Box(t=(0, 1))
    (t,) = box.axes
    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("decay", box, lambda u: d(u, t) + rate * u),
            Condition("start", box.face(t=0), lambda u: u - 1),
        ],
        reference=exact(u=lambda t: exp(-rate * t)),
    )


def plan() -> Plan:
    return Plan(
        widths=(2,), stages=(LeastSquares(steps=20),), sampling=Sampling(points=64, every=5)
    )
'''
# Solving it does not work, but loading it does.
BROKEN = DECAY.replace("exact(u=lambda t: exp(-rate * t))", "exact(u=lambda t: 1 / 0)")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two problems, and a benchmark of them in out/."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "decay.py").write_text(DECAY)
    (folder / "broken.py").write_text(BROKEN)
    invoke(folder, "decay.py:rate=2", "broken.py", "--seeds", "2", "--jobs", "2", "--budget", "20")
    return folder


def invoke(folder: Path, *arguments: str) -> str:
    """`kanpde bench` in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(
            app, ["bench", *arguments, "--out", "out"], catch_exceptions=False
        )
    finally:
        os.chdir(before)
    assert done.exit_code == 0, done.output
    return done.stdout


def stored(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out" / "bench.json").read_text())  # type: ignore[no-any-return]


# --- running --------------------------------------------------------------------------------


def test_every_seed_is_stored_failures_included(bench: Path) -> None:
    cells = {(c["problem"], c["seed"]): c for c in stored(bench)["cells"]}
    assert list(cells) == [("decay.py:rate=2", s) for s in (0, 1)] + [
        ("broken.py", s) for s in (0, 1)
    ]
    for seed in (0, 1):
        good, bad = cells["decay.py:rate=2", seed], cells["broken.py", seed]
        assert good["error"] == good["errors"]["u"]["rel_l2"] < 1e-3
        assert good["machine"]["threads"] == bad["machine"]["threads"] >= 1
        assert good["machine"]["cpu"]
        assert (good["points"], good["plan"], good["status"]) == (64, "the file's", "converged")
        assert bad["status"] == "crashed"
        assert "ZeroDivisionError" in bad["advice"]
        assert bad["error"] is None
    row, failed = stored(bench)["rows"]
    assert (row["seeds"], row["failures"], failed["failures"]) == (2, 0, 2)
    assert row["error_worst"] == max(c["error"] for c in stored(bench)["cells"][:2])
    assert failed["error_median"] is None


def test_the_report_holds_tables_curves_and_a_picture(bench: Path) -> None:
    text = (bench / "out" / "bench.md").read_text()
    assert "| `broken.py` | 20 | none | none | - | - | - | - | 2 | 2 |" in text
    assert "within a factor of 3" in text
    assert "kanpde" in text.splitlines()[5]
    with (bench / "out" / "error_against_time.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert {(r["problem"], r["seed"]) for r in table} == {
        ("decay.py:rate=2", "0"), ("decay.py:rate=2", "1")
    }  # fmt: skip
    last = [float(r["error"]) for r in table if r["seed"] == "1"][-1]
    assert last == stored(bench)["cells"][1]["error"]
    with Image.open(bench / "out" / "error_against_time.png") as image:
        assert np.asarray(image.convert("L")).std() > 10


def test_finished_cells_are_kept_and_only_the_rest_runs(bench: Path) -> None:
    cells = bench / "out" / "cells"
    before = {p.name: p.stat().st_mtime_ns for p in cells.iterdir()}
    (cells / "decay.py-rate=2_20s_seed1.json").unlink()
    told = invoke(bench, "decay.py:rate=2", "--seeds", "2", "--budget", "20")
    assert told.count(": running") == 1
    assert "[2/2] decay.py:rate=2, seed 1, 20 s: converged" in told
    after = {p.name: p.stat().st_mtime_ns for p in cells.iterdir()}
    assert {n for n in before if before[n] != after[n]} == {
        "decay.py-rate=2_20s_seed1", "decay.py-rate=2_20s_seed1.json",
        "decay.py-rate=2_20s_seed1.csv",
    }  # fmt: skip


def test_cells_of_a_changed_problem_are_not_mixed_in(bench: Path, tmp_path: Path) -> None:
    problem = tmp_path / "decay.py"
    problem.write_text(DECAY)
    cell = Cell(str(problem), 0, 20.0)
    record = stored(bench)["cells"][0] | {"problem": cell.problem, "fingerprint": "another"}
    (tmp_path / f"{cell.stem}.json").write_text(json.dumps(record))
    with pytest.raises(KanpdeError, match="another problem file"):
        run_cells([cell], tmp_path)
    (tmp_path / f"{cell.stem}.json").write_text("{")
    with pytest.raises(KanpdeError, match="damaged"):
        run_cells([cell], tmp_path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["brugers"], "did you mean burgers"),
        (["poisson:mu=1"], "has no parameter mu"),
        (["burgers:nu=0.1,=3"], "write settings as"),
        (["poisson", "--budget", "-1"], "positive number of seconds"),
    ],
)
def test_mistakes_are_told_before_anything_runs(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    with pytest.raises(KanpdeError, match=says):
        CliRunner().invoke(
            app, ["bench", *arguments, "--out", str(tmp_path / "out")], catch_exceptions=False
        )
    assert not list(tmp_path.rglob("*.json"))


def test_an_interrupt_ends_the_running_cells_and_keeps_the_finished(bench: Path) -> None:
    slow = DECAY.replace("steps=20", "steps=10**9, gain=10.0")
    (bench / "slow.py").write_text(slow)
    command = [sys.executable, "-m", "kanpde", "bench", "decay.py:rate=2", "slow.py"]
    command += ["--seeds", "1", "--budget", "20", "--out", "out"]
    with subprocess.Popen(command, cwd=bench, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == "[1/2] slow.py, seed 0, 20 s: running\n"
        process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        rest = process.stdout.read()
    assert process.returncode == 130
    assert time.monotonic() - start < 15
    assert "| `decay.py:rate=2` | 20 |" in rest
    assert not list((bench / "out" / "cells").glob("slow*"))


# --- tables ---------------------------------------------------------------------------------


def record(seed: int, error: float | None, status: str = "converged", own: float = 0.0) -> Any:
    machine = {"cpu": "A", "cores": 2, "threads": 1, "torch": "2"}
    return {
        "problem": "p", "budget": 5.0, "seed": seed, "error": error, "status": status,
        "reference": {"method": "m", "error": own}, "estimate": 1e-4, "parameters": 10,
        "points": 20, "seconds": 5.0, "machine": machine, "version": "0", "commit": "abc",
    }  # fmt: skip


def test_a_failed_seed_counts_as_an_infinite_error() -> None:
    found = [record(0, 1e-3), record(1, None, "crashed"), record(2, 1e-2)]
    (row,) = rows(found)
    assert (row.error_median, row.error_worst, row.failures) == (1e-2, math.inf, 1)
    assert "| `p` | 5 | 1.0e-02 | none | 1e-04 | 10 | 20 | 5 | 3 | 1 |" in markdown(found)


def test_no_error_is_told_below_the_references_own() -> None:
    found = [record(s, e, own=1e-9) for s, e in enumerate((1e-10, 3e-10, 2e-9))]
    assert "| <= 1e-09 | 2.0e-09 |" in markdown(found)
    assert [format_error(r) for r in found] == ["<= 1e-09", "<= 1e-09", "2.0e-09"]


def test_without_a_reference_there_is_no_error() -> None:
    found = [record(0, None) | {"reference": None}]
    assert "| `p` | 5 | - | - | 1e-04 |" in markdown(found)
    assert all_curves([found[0] | {"trace": "p.csv"}], Path()) == []


def curve(error: list[float], estimate: list[float], **more: Any) -> Curve:
    seconds = np.arange(1.0, len(error) + 1)
    made = Curve("p", 9.0, 0, seconds, np.array(error), np.array(estimate), 0.0)
    return replace(made, **more)


def test_calibration_counts_the_looks_within_each_factor() -> None:
    nan = math.nan
    error = [1e-2] * 6 + [1e-12, 5.0]
    estimate = [nan, 1e-2, 3e-2, 3.1e-2, 0.5, 0.9e-3, 1.0, 5.0]  # the last is the run's end
    one = curve(error, estimate, known=1e-11)
    two = curve([1.0, 1.0], [10.0, nan], problem="q")
    p, q, both = calibration([one, two])
    assert (p.problem, p.looks, p.within_3, p.within_10, p.below_tenth) == (
        "p", 5, 0.4, 0.6, 0.2
    )  # fmt: skip
    assert (q.looks, q.within_3, q.within_10) == (1, 0.0, 1.0)
    assert (both.problem, both.looks, both.within_10) == ("all", 6, 4 / 6)


def test_the_median_holds_the_last_error_of_each_seed() -> None:
    nan = [math.nan] * 3
    one, two = curve([4.0, 2.0, 1.0], nan), curve([8.0, 6.0, 5.0], nan, seed=1)
    three = curve([1e-3, 1e-3, 1e-12], nan, seed=2, known=1e-6)
    late = replace(two, seconds=two.seconds + 1.5)
    seconds, error = median_curve([one, late, three])
    np.testing.assert_array_equal(seconds, [2.5, 3.0, 3.5, 4.5])
    np.testing.assert_array_equal(error, [2.0, 1.0, 1.0, 1.0])
    with pytest.raises(KanpdeError, match="no run has errors"):
        curves_figure([])
    axes = curves_figure([one, late, three]).axes[0]
    assert (axes.get_xscale(), axes.get_yscale(), len(axes.lines)) == ("log", "log", 5)
    assert min(np.min(line.get_ydata()) for line in axes.lines) == 1e-6  # type: ignore[type-var]
    # Straight lines of the seeds would lie below the median's steps.
    drawn = [line for line in axes.lines if len(np.atleast_1d(line.get_xdata())) > 2]
    assert {line.get_drawstyle() for line in drawn} == {"steps-post"}


@pytest.mark.parametrize("ends", [(1.0, 1.4), (2.1, 58.0), (11.0, 62.0), (0.4, 130.0), (1e-3, 1e4)])
def test_an_axis_of_time_has_three_labels_or_more(ends: tuple[float, float]) -> None:
    ticks = time_ticks(*ends)
    assert 3 <= len(ticks) <= 8 or ends[1] < 2 * ends[0]
    assert ticks
    assert all(ends[0] <= tick <= ends[1] for tick in ticks)


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("burgers", "burgers", {}),
        ("cavity:reynolds=400", "cavity", {"reynolds": "400"}),
        ("a/b.py:k=1, m = 2", "a/b.py", {"k": "1", "m": "2"}),
        (r"C:\runs\b.py", r"C:\runs\b.py", {}),
    ],
)
def test_settings_stand_behind_a_colon(text: str, name: str, settings: dict[str, str]) -> None:
    assert parse_problem(text) == (name, settings)
