"""kanpde sweep: which values it takes, its table and picture, what it does again, and failures."""

import csv
import os
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from kanpde import load
from kanpde.bench.span import Span, combine, parse_span
from kanpde.cli.app import app
from kanpde.errors import KanpdeError

DECAY = '''
"""Decay, which fails for a rate of 3."""

from kanpde import Box, Condition, LeastSquares, Plan, Problem, Sampling, d, exact, exp


def problem(rate: float = 1.0, start: float = 1.0) -> Problem:
    box = Box(t=(0, 1))
    (t,) = box.axes
    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("decay", box, lambda u: d(u, t) + rate * u),
            Condition("start", box.face(t=0), lambda u: u - start),
        ],
        reference=exact(u=lambda t: start * exp(-rate * t) if rate < 3 else 1 / 0),
    )


def plan() -> Plan:
    return Plan(
        widths=(2,), stages=(LeastSquares(steps=20),), sampling=Sampling(points=64, every=5)
    )
'''


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("nu=0.01:1:log:3", Span("nu", ("0.01", "0.1", "1"), True)),
        ("nu = 1:2:3", Span("nu", ("1", "1.5", "2"))),
        ("nu=1:2:lin:2", Span("nu", ("1", "2"))),
        ("which=heun, euler", Span("which", ("heun", "euler"))),
        ("nu=7", Span("nu", ("7",))),
    ],
)
def test_values_are_read(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize(
    "text", ["nu", "nu=", "=1", "nu=1:2", "nu=1:2:x:3", "nu=2:1:3", "nu=1:2:1", "nu=0:1:log:3",
             "nu=1:inf:3", "nu=1,,2", "nu=1:2:100000"],
)  # fmt: skip
def test_other_values_are_refused(text: str) -> None:
    with pytest.raises(KanpdeError, match="--set"):
        parse_span(text)


def test_combinations() -> None:
    found = combine([Span("a", ("1", "2")), Span("b", ("x", "y"))])
    assert [tuple(each.values()) for each in found] == [
        ("1", "x"), ("1", "y"), ("2", "x"), ("2", "y")
    ]  # fmt: skip
    assert combine([]) == [{}]
    with pytest.raises(KanpdeError, match="twice"):
        combine([Span("a", ("1",)), Span("a", ("2",))])
    with pytest.raises(KanpdeError, match="more than 10000"):
        combine([Span(name, tuple(map(str, range(101)))) for name in "ab"])


def sweep(folder: Path, *arguments: str) -> tuple[int, str]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(app, ["sweep", "decay.py", *arguments, "--budget", "20"])
    finally:
        os.chdir(before)
    return done.exit_code, done.output


def test_a_sweep_is_tabulated_drawn_resumed_and_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / "decay.py").write_text(DECAY)
    code, told = sweep(tmp_path, "--set", "rate=1,2", "--set", "start=2", "--jobs", "2")
    assert code == 0, told
    out = tmp_path / "sweep"
    with (out / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["rate"], r["start"], r["seed"], r["status"]) for r in rows] == [
        ("1", "2", "0", "converged"), ("2", "2", "0", "converged")
    ]  # fmt: skip
    assert all(float(r["error"]) < 1e-3 for r in rows)
    with Image.open(out / "sweep.png") as image:
        assert image.size[0] > 300
    solution = load(out / "cells" / "decay.py-rate=2,start=2_20s_seed0")
    assert solution.estimate is not None
    before = {p: p.stat().st_mtime_ns for p in (out / "cells").glob("*.json")}
    code, told = sweep(tmp_path, "--set", "rate=1,2,3", "--set", "start=2")
    assert code == 1
    assert "crashed" in told
    assert "ZeroDivisionError" in told
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert len((out / "sweep.csv").read_text().splitlines()) == 4
