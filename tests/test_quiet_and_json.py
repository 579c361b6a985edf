"""`--json` prints one JSON object and nothing else, `--quiet` nothing at all, on every command."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from kanpde.cli.app import main
from kanpde.cli.messages import format_json

ROD = '''"""A rod that cools."""

from kanpde import Box, Condition, LeastSquares, Plan, Problem, d, pi, sin

print("a file that prints")


def problem(nu=0.1):
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("heat", box, lambda u: d(u, t) - nu * d(u, x, x)),
            Condition("start", box.face(t=0), lambda u: u - sin(pi * x)),
            Condition("ends", box.faces(x), lambda u: u),
        ],
    )


def plan():
    return Plan(widths=(3,), stages=(LeastSquares(3),))
'''


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls `kanpde` in a folder with a problem and two data files."""
    monkeypatch.chdir(tmp_path)
    Path("rod.py").write_text(ROD, encoding="utf-8")
    t = np.linspace(0, 4, 60)
    _write("decay.csv", "t,x", t, np.exp(-t))
    _write("line.csv", "a,y", t, 2 * t + 1)

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return Ran(int(end.value.code or 0), out, err)

    return call


def _write(name: str, head: str, *columns: Any) -> None:
    rows = [",".join(map(repr, row)) for row in np.stack(columns, 1).tolist()]
    Path(name).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


def read(ran: Ran) -> Any:
    """The JSON on stdout; fails for anything beside it and for numbers that JSON lacks."""
    data = json.loads(ran.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert ran.out.endswith(("}\n", "]\n"))
    return data


SCRIPTS = {
    "check": (("check", "rod.py"), {"problem", "understood", "warnings", "points", "costs"}),
    "check data": (("check", "decay.csv"), {"kind", "states", "samples"}),
    "list": (("list",), {"problems"}),
    "discover": (("discover", "decay.csv", "--degree", 1), {"equations", "coefficients", "advice"}),
    "fit": (("fit", "line.csv", "--target", "y"), {"formula", "verdict", "network_rmse"}),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_json_stands_alone(run: Any, name: str) -> None:
    command, keys = SCRIPTS[name]
    ran = run(*command, "--json")
    assert ran.code == 0
    assert keys <= set(read(ran))


def test_a_solve_prints_its_summary_as_json_and_progress_on_stderr(run: Any) -> None:
    """Also where the problem file prints."""
    ran = run("solve", "rod.py", "--out", "r", "--json")
    assert ran.code == 0
    data = read(ran)
    assert data.pop("folder") == "r"
    assert data == json.loads(Path("r/summary.json").read_text(encoding="utf-8"))
    assert "a file that prints" in ran.err
    assert "least squares" in ran.err
    ran = run("resume", "r", "--json", "--quiet")
    assert ran.err == ""
    again = read(ran)
    assert again["steps"] > data["steps"]
    assert read(run("info", "r", "--json")) == {n: v for n, v in again.items() if n != "folder"}


def test_a_quiet_solve_prints_nothing(run: Any) -> None:
    assert run("solve", "rod.py", "--out", "r", "--quiet") == Ran(0, "", "")
    assert Path("r/summary.txt").is_file()


@pytest.mark.parametrize("name", ["discover", "fit"])
def test_quiet_data_commands_leave_their_report_alone(run: Any, name: str) -> None:
    assert run(*SCRIPTS[name][0], "--quiet", "--out", "report") == Ran(0, "", "")
    assert list(Path("report").glob("*.json"))


def test_an_ensemble_is_one_object_with_a_summary_for_each_seed(run: Any) -> None:
    data = read(run("solve", "rod.py", "--out", "e", "--seeds", 2, "--json"))
    assert [each["seed"] for each in data["runs"]] == data["seeds"] == [0, 1]


def test_mistakes_leave_stdout_empty_and_keep_their_code(run: Any) -> None:
    ran = run("solve", "road.py", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("kanpde: there is no file road.py")


def test_numbers_that_are_not_finite_are_null() -> None:
    data = {"a": math.nan, "b": [np.float64(math.inf), np.int64(3)], "c": ("\x1b[2J", True)}
    text = format_json(data)
    assert "\x1b" not in text
    assert json.loads(text) == {"a": None, "b": [None, 3], "c": ["\x1b[2J", True]}
