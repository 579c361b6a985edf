"""The command line from outside: what each command does, and what a mistake is told."""

import inspect
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, dataclass, is_dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

import kanpde
from kanpde.assembly.ansatz import build_ansatz
from kanpde.cli.app import COMMANDS, DATASET, OPERATOR, main
from kanpde.cli.check_problem import _sample_exact
from kanpde.cli.checks import choose_device
from kanpde.cli.solve import EXIT_CODES
from kanpde.errors import KanpdeError
from kanpde.output.export import read_vtkhdf
from kanpde.output.terminal import escape_controls
from kanpde.problem.library import shipped
from kanpde.problem.loading import load_problem
from kanpde.solution.measures import FieldError
from kanpde.solution.outcome import Status
from kanpde.training.live import LiveLine
from kanpde.training.progress import describe_progress
from kanpde.training.session import Progress

pytestmark = pytest.mark.usefixtures("one_thread", "blank_pictures")

HEAT = '''"""Heat in a rod with cold ends."""

import numpy as np

from kanpde import (
    Adam, Box, BSpline, Chebyshev, Condition, LeastSquares, Plan, Problem, Sampling,
    d, exact, log, pi, sin, where,
)


def problem(nu: float = 0.5, modes: int = 1, cold: bool = True, gas: str = "air") -> Problem:
    box = Box(x=(0, 1), t=(0, 0.2))
    x, t = box.axes
    rate = nu * (modes * np.pi) ** 2
    return Problem(
        box,
        "u",
        [
            Condition("heat", box, lambda u: d(u, t) - nu * d(u, x, x)),
            Condition("start", box.face(t=0), lambda u: u - sin(modes * pi * x)),
            Condition("ends", box.faces(x), lambda u: u),
        ],
        reference=exact(u=lambda x, t: np.exp(-rate * t) * np.sin(modes * np.pi * x)),
        units={"x": "m", "u": "K"},
    )


def plan() -> Plan:
    return Plan(
        widths=(5,),
        stages=(LeastSquares(steps=20),),
        sampling=Sampling(points=128),
    )
'''
EQUATION = "d(u, t) - nu * d(u, x, x)"
REFERENCE = (
    "        reference=exact(u=lambda x, t: np.exp(-rate * t) * np.sin(modes * np.pi * x)),\n"
)
# Adam has no patience: it goes on until it is stopped, or for as many steps as are asked for.
ENDLESS = (
    "LeastSquares(steps=20)",
    'Adam(steps=int(__import__("os").environ.get("STEPS", 1_000_000)))',
)


def heat(*changes: tuple[str, str]) -> str:
    """The file, with pieces of it replaced."""
    text = HEAT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs `kanpde ...` in this process, in an empty folder that holds rod.py."""
    monkeypatch.chdir(tmp_path)
    Path("rod.py").write_text(HEAT)

    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in arguments])
        told = capsys.readouterr()
        return Ran(int(end.value.code or 0), told.out, told.err)

    return run


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, for tests that only read it."""
    folder = tmp_path_factory.mktemp("solved")
    (folder / "rod.py").write_text(HEAT)
    with pytest.raises(SystemExit) as end:
        main(["solve", str(folder / "rod.py"), "--out", str(folder / "run")])
    assert not end.value.code
    return folder / "run"


# The command line, whose checkpoints do not wait for two seconds.
EAGER = """
from kanpde.cli import solve
solve._SAVED_EVERY = 0.1
from kanpde.__main__ import main
main()
"""


def started(*arguments: str, folder: Path) -> "subprocess.Popen[str]":
    """`kanpde ...` as a process of its own."""
    program = ["-c", EAGER] if arguments[0] == "solve" else ["-m", "kanpde"]
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()} | {
        str(p): b"" for p in folder.rglob("*") if p.is_dir()
    }


def assert_mistake(ran: Ran, *told: str) -> None:
    """One sentence on stderr that holds `told`, and the exit code of a mistake."""
    assert ran.code == 2, ran
    lines = [line for line in ran.err.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("kanpde: ")
    for part in told:
        assert part in lines[0]


# --- what a user does -----------------------------------------------------------------------


def test_solve_leaves_everything_in_one_folder(command: Command, tmp_path: Path) -> None:
    ran = command("solve", "rod.py", "--set", "nu=0.3", "--out", "runs/b 2", "--seed", 3)
    assert ran.code == 0
    assert ran.err == ""
    assert {p.name for p in tmp_path.iterdir()} == {"rod.py", "runs"}
    assert {p.name for p in Path("runs/b 2").iterdir()} == {
        "convergence.png", "fields.vtkhdf", "fields_xt.vtkhdf", "model.safetensors",
        "problem.py", "residual.png", "run.json", "solution.png", "summary.json", "summary.txt",
        "trace.csv",
    }  # fmt: skip
    assert "u: relative L2 error" in ran.out
    assert "solution.png" in ran.out
    summary = json.loads(Path("runs/b 2/summary.json").read_text())
    assert summary["seed"] == 3
    solution = kanpde.load("runs/b 2")
    x = np.linspace(0, 1, 11)
    truth = np.exp(-0.3 * np.pi**2 * 0.1) * np.sin(np.pi * x)
    np.testing.assert_allclose(solution(x=x, t=0.1), truth, atol=0.01)


def test_runs_without_a_name_are_numbered(command: Command) -> None:
    Path("runs/rod").mkdir(parents=True)
    Path("runs/rod-2").write_text("mine")
    assert command("solve", "rod.py").code == 0
    assert list(Path("runs/rod").iterdir()) == []
    assert sorted(p.name for p in Path("runs").iterdir()) == ["rod", "rod-2", "rod-3"]


def test_a_shipped_problem_by_name(command: Command) -> None:
    ran = command("solve", "poisson", "--budget", 1)
    assert ran.code == 0
    assert json.loads(Path("runs/poisson/summary.json").read_text())["problem"] == "poisson"


def test_names_of_shipped_problems_may_be_short(command: Command) -> None:
    short, whole = command("check", "kovasznay"), command("check", "navier_stokes/kovasznay")
    assert short.code == whole.code == 0
    assert short.out.splitlines()[1:] == whole.out.splitlines()[1:]


def test_output_that_is_no_terminal_gets_plain_lines(command: Command) -> None:
    out = command("solve", "rod.py").out
    assert "\x1b" not in out
    assert "\r" not in out
    first = out.splitlines()[0]
    assert re.match(r"least squares.* step 0 \| loss heat \S+ \| error u \S+ \| .* s left$", first)


def progress(stage: str, step: int, estimate: float | None = None) -> Progress:
    losses = {"heat": 2.5e-3, "ends": 4e-5}
    errors = {} if estimate else {"u": FieldError(0.125, 1)}
    return Progress(stage, step, 3.0, 57.0, 2.54e-3, losses, errors, estimate, 100)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_the_live_line_on_a_terminal_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()
    with LiveLine(stream) as live:
        live.begin("compiling 3 equations ...")
        assert "compiling 3 equations" in stream.getvalue()
        for each in (progress("least squares", 10), progress("least squares", 20, estimate=3e-4)):
            live.show(describe_progress(each), each.stage)
    shown = stream.getvalue()
    assert "\x1b[2K" in shown  # the line is erased
    assert "loss heat 2.5e-03  ends 4.0e-05" in shown
    assert "error u 1.2e-01" in shown
    assert "estimated error 3e-04" in shown
    assert "3 s, at most 57 s left" in shown


def test_plain_lines_come_at_stages_and_now_and_then() -> None:
    stream = StringIO()
    with LiveLine(stream) as live:
        live.begin("compiling 3 equations ...")  # on a terminal alone
        for step in range(50):
            live.show(describe_progress(progress("Adam", step)), "Adam")
        live.show(describe_progress(progress("L-BFGS", 50)), "L-BFGS")
    starts = [line.split(" | ")[0] for line in stream.getvalue().splitlines()]
    assert starts == ["Adam  step 0", "L-BFGS  step 50"]


def test_check_says_what_was_understood(command: Command, tmp_path: Path) -> None:
    ran = command("check", "rod.py", "--set", "nu=0.25", "--out", "pictures/of it")
    assert ran.code == 0
    for told in (
        "rod (rod.py) with nu = 0.25, modes = 1, cold = True, gas = air",
        "box: x in [0, 1], t in [0, 0.2]",
        "heat [the interior]: u_t - 0.25*u_xx = 0  (trained, linear)",
        "start [t = 0]: u - sin(pi*x) = 0  (exact by construction)",
        "ends [x = 1]: u = 0  (exact by construction)",
        "reference for u: closed form",
        "widths (5,), Chebyshev(degree=4), 66 parameters",
        "points: heat 128",
    ):
        assert told in ran.out
    assert Path("pictures/of it/points.png").read_bytes().startswith(b"\x89PNG")
    assert {p.name for p in tmp_path.iterdir()} == {"rod.py", "pictures"}


def test_check_writes_nothing_by_default(command: Command, tmp_path: Path) -> None:
    assert command("check", "rod.py").code == 0
    assert {p.name for p in tmp_path.iterdir()} == {"rod.py"}


@pytest.mark.parametrize("name", [n for n in shipped() if n != "navier_stokes/cavity"])
def test_shipped_problems_pass_check_without_warnings(command: Command, name: str) -> None:
    ran = command("check", name)
    assert ran.code == 0
    assert "no condition" not in ran.err
    assert "contradict" not in ran.err


def test_list_names_every_shipped_problem(command: Command) -> None:
    out = command("list").out
    for name in ("poisson", "burgers", "allen_cahn", "navier_stokes/kovasznay"):
        assert re.search(rf"^{name}  +\w", out, flags=re.MULTILINE)


def test_init_copies_a_problem_that_then_checks(command: Command) -> None:
    ran = command("init", "burgers")
    assert ran.out == "wrote burgers.py; solve it with `kanpde solve burgers.py`\n"
    assert command("check", "burgers.py", "--set", "nu=0.1").code == 0
    assert command("init", "kovasznay", "--out", "sub/mine.py").code == 0
    assert Path("sub/mine.py").is_file()


def test_init_overwrites_nothing(command: Command) -> None:
    Path("burgers.py").write_text("mine")
    assert_mistake(command("init", "burgers"), "burgers.py exists", "--out")
    assert Path("burgers.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("vtkhdf", "fields.vtkhdf"),
        ("vtu", "fields.pvd"),
        ("xdmf", "fields.xdmf"),
        ("csv", "fields.csv"),
    ],
)
def test_export_writes_the_same_fields(
    command: Command, solved: Path, kind: str, file: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("model.safetensors", "run.json", "trace.csv", "fields.vtkhdf"):
        (run / name).write_bytes((solved / name).read_bytes())
    before = read_vtkhdf(run / "fields.vtkhdf")
    ran = command("export", run, "--format", kind)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"wrote {run / file}\n"
    assert (run / file).stat().st_size > 1000
    if kind == "vtkhdf":
        np.testing.assert_array_equal(
            read_vtkhdf(run / file).fields["error_u"], before.fields["error_u"]
        )
    if kind == "csv":
        names = (run / file).read_text().splitlines()[0].split(",")
        assert names == ["x", "t", "u", "error_u", "residual_heat"]


def test_export_says_when_errors_cannot_be_in_it(
    command: Command, solved: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.safetensors").write_bytes((solved / "model.safetensors").read_bytes())
    ran = command("export", run)
    assert ran.code == 0
    assert "warning: errors against a reference are not in it" in ran.err
    assert list(read_vtkhdf(run / "fields.vtkhdf").fields) == ["u", "residual_heat"]


def test_info_for_people_and_for_scripts(command: Command, solved: Path) -> None:
    told = command("info", solved)
    assert told.code == 0
    assert told.out == (solved / "summary.txt").read_text()
    data = json.loads(command("info", solved, "--json").out)
    assert data == json.loads((solved / "summary.json").read_text())


def test_resume_goes_on_and_keeps_what_was_there(command: Command) -> None:
    Path("rod.py").write_text(heat(("LeastSquares(steps=20)", "Adam(steps=100)")))
    assert command("solve", "rod.py", "--set", "nu=0.4", "--out", "run", "--seed", 5).code == 0
    first = json.loads(Path("run/summary.json").read_text())
    rows = len(Path("run/trace.csv").read_text().splitlines())
    ran = command("resume", "run")
    assert (ran.code, ran.err) == (0, "")
    second = json.loads(Path("run/summary.json").read_text())
    assert second["seed"] == 5
    assert second["steps"] > first["steps"]
    assert second["seconds"] > first["seconds"]
    assert second["errors"]["u"]["rel_l2"] < first["errors"]["u"]["rel_l2"]
    assert len(Path("run/trace.csv").read_text().splitlines()) > rows
    assert json.loads(Path("run/run.json").read_text())["parameters"]["nu"] == 0.4


def test_an_equation_in_time_alone_is_drawn_and_written(command: Command) -> None:
    Path("spring.py").write_text(
        "from kanpde import *\n"
        "def problem():\n"
        "    box = Box(t=(0, 3)); (t,) = box.axes\n"
        '    return Problem(box, "y", [\n'
        '        Condition("spring", box, lambda y: d(y, t, t) + y),\n'
        '        Condition("start", box.face(t=0), lambda y: (y - 1, d(y, t)))])\n'
        "def plan(): return Plan(widths=(5,), stages=(LeastSquares(steps=20),))\n"
    )
    assert command("solve", "spring.py", "--out", "run").code == 0
    assert Path("run/solution.png").is_file()
    grid = read_vtkhdf(Path("run/fields.vtkhdf"))
    assert list(grid.axes) == ["t"]
    np.testing.assert_allclose(grid.fields["y"], np.cos(grid.axes["t"]), atol=1e-2)


def test_more_than_three_space_axes_are_solved_and_said(command: Command) -> None:
    Path("four.py").write_text(
        "from kanpde import *\n"
        "def problem():\n"
        "    box = Box(x=(0, 1), y=(0, 1), z=(0, 1), w=(0, 1))\n"
        "    flat = lambda u: sum(d(u, a, a) for a in box.axes) + 1\n"
        '    return Problem(box, "u", [Condition("poisson", box, flat),\n'
        '        Condition("walls", box.faces(), lambda u: u)])\n'
        "def plan(): return Plan(widths=(3,), stages=(LeastSquares(steps=3),),\n"
        "    sampling=Sampling(points=64))\n"
    )
    ran = command("solve", "four.py", "--out", "run")
    assert ran.code == 0
    assert "at most three space dimensions" in ran.out
    assert_mistake(command("export", "run"), "run has 4 space dimensions")


# --- mistakes: one sentence with place and mend, exit code 2, nothing lost ------------------

MISTAKES: dict[str, tuple[str, list[str], list[str]]] = {
    # what: (the file p.py, arguments, what is told)
    "no such file": (HEAT, ["rdo.py"], ["no file rdo.py", "did you mean rod.py"]),
    "no such folder": (HEAT, ["nowhere/rod.py"], ["there is no file nowhere/rod.py"]),
    "a file without .py": (HEAT, ["rod"], ["did you mean rod.py?", "kanpde list"]),
    "no such problem": (HEAT, ["burger"], ["no shipped problem burger", "did you mean burgers?"]),
    "no such short name": (HEAT, ["cavty"], ["did you mean cavity?"]),
    "nothing like it": (HEAT, ["qqq"], ["no shipped problem qqq; `kanpde list` shows all"]),
    "an empty name": (HEAT, [""], ["the problem has no name", "kanpde list"]),
    "a folder": (HEAT, ["."], [". is a folder", "kanpde resume"]),
    "another suffix": (HEAT, ["notes.txt"], ["notes.txt is not a problem file", ".py"]),
    "an empty file": ("", ["p.py"], ["p.py has no function problem()", "def problem()"]),
    "no function": ("problem = 3", ["p.py"], ["p.py: problem is of type int", "def problem"]),
    "a syntax error": ("x = 1\ndef problem(:\n", ["p.py"], ["p.py, line 2", "`def problem(:`"]),
    "no text": ("\0\1", ["p.py"], ["p.py"]),
    "raises": (
        "def deep():\n    raise RuntimeError('no\\nluck')\ndef problem():\n    deep()\n",
        ["p.py"],
        ["p.py, line 2 in problem()", "RuntimeError: no luck", "`raise RuntimeError("],
    ),
    "raises at import": ("1 / 0", ["p.py"], ["p.py, line 1", "ZeroDivisionError", "`1 / 0`"]),
    "exits": ("import sys\ndef problem():\n    sys.exit(0)", ["p.py"], ["p.py, line 3"]),
    "a neighbour": ("import rod", ["p.py"], ["p.py, line 1", "a problem file stands alone"]),
    "returns nothing": ("def problem():\n    pass", ["p.py"], ["returns NoneType", "`return`"]),
    "no default": ("def problem(a):\n    pass", ["p.py"], ["parameter a without a default"]),
    "a plan that is none": (
        heat(("    return Plan(", "    return dict(")), ["p.py"], ["plan() returns dict"],
    ),
    "wrong shape": (
        heat((EQUATION, "[d(u, t), [u, u]]")), ["p.py"], ['condition "heat"', "a list"],
    ),
    "an array": (
        heat((EQUATION, "np.zeros((3, 2))")), ["p.py"], ['condition "heat"', "ndarray"],
    ),
    "no return": (heat((EQUATION, "print('me')")), ["p.py"], ["returns None", "`return`"]),
    "NaN": (heat((EQUATION, f"{EQUATION} + log(u - 9)")), ["p.py"], ['"heat"', "not finite"]),
    "infinity": (
        heat((EQUATION, "d(u, t) + 1e999 * u")), ["p.py"], ["p.py, line 19", '"heat"', "inf"],
    ),
    "a field forgotten": (heat(('"u",', '"u v",')), ["p.py"], ["no condition mentions", " v"]),
    "no field at all": (heat((EQUATION, "x - x")), ["p.py"], ['"heat"', "holds no field"]),
    "outside of the box": (
        heat(("box.face(t=0)", "box.face(t=7)")), ["p.py"], ["p.py, line 20", "t = 7 lies outside"],
    ),
    "inside of the box": (
        heat(("box.face(t=0)", "box.face(x=0.5)")), ["p.py"], ["p.py, line 20", "box.point("],
    ),
    "a field called": (
        heat(("lambda u: u -", "lambda u: u(0) -")), ["p.py"],
        ['condition "', "called like a function", "box.face(t=0)"],
    ),
    "no equation": (
        heat(('"heat", box,', '"heat", box.face(x=0),')), ["p.py"], ["the PDE is missing"],
    ),
    "one name twice": (heat(('"start"', '"heat"')), ["p.py"], ["two conditions have the name"]),
    "a rough spline": (
        heat(("widths=(5,)", "basis=BSpline(6, 2)")), ["p.py"],
        ["p.py: plan()", "derivatives of order 2", "BSpline(grid_size=6, order=2", "order 3"],
    ),
    "a reference with a pole": (
        heat(("np.exp(-rate * t) *", "1 / x *")), ["p.py"], ["the reference of u", "at x = 0"],
    ),
    "a reference without names": (
        heat(
            ("    d, exact,", "    Reference, d, exact,"),
            ("reference=exact(", "reference=Reference(lambda x, t: x, ('u',), '', 0) or exact("),
        ),
        ["p.py"], ["the reference of u is not an array"],
    ),
    "unknown parameter": (
        HEAT, ["p.py", "--set", "nuu=1"], ["no parameter nuu", "did you mean nu?", "modes (= 1)"],
    ),
    "no number": (HEAT, ["p.py", "--set", "nu=two"], ["nu", "float", "'two'"]),
    "no finite number": (HEAT, ["p.py", "--set", "nu=nan"], ["nu", "float", "'nan'"]),
    "no whole number": (HEAT, ["p.py", "--set", "modes=1.5"], ["modes", "int", "'1.5'"]),
    "neither true nor false": (HEAT, ["p.py", "--set", "cold=3"], ["cold", "bool", "'3'"]),
    "no =": (HEAT, ["p.py", "--set", "nu"], ["--set nu", "NAME=VALUE"]),
    "no time": (HEAT, ["p.py", "--budget", "0"], ["--budget 0", "positive"]),
    "no finite time": (HEAT, ["p.py", "--budget", "inf"], ["--budget inf", "positive"]),
    "a negative seed": (HEAT, ["p.py", "--seed", "-1"], ["'--seed'"]),
    "a negative tolerance": (HEAT, ["p.py", "--tolerance", "-1"], ["--tolerance -1"]),
    "no such device": (HEAT, ["p.py", "--device", "gpu"], ["--device gpu", "cpu or cuda"]),
    "no such option": (HEAT, ["p.py", "--sed", "3"], ["--sed", "--help"]),
    "nothing to solve": (HEAT, [], ["problem", "--help"]),
    "a used folder": (HEAT, ["p.py", "--out", "used"], ["used is not empty", "take another"]),
    "a run": (HEAT, ["p.py", "--out", "old"], ["old is not empty", "`kanpde resume old`"]),
    "a file as folder": (HEAT, ["p.py", "--out", "notes.txt"], ["notes.txt is a file"]),
    "a file on the way": (HEAT, ["p.py", "--out", "notes.txt/a"], ["notes.txt/a", "--out"]),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_in_solve(command: Command, tmp_path: Path, what: str) -> None:
    text, arguments, told = MISTAKES[what]
    Path("p.py").write_text(text)
    Path("notes.txt").write_text("mine")
    Path("used").mkdir()
    Path("used/mine").write_text("mine")
    Path("old").mkdir()
    Path("old/run.json").write_text("{}")
    before = contents(tmp_path)
    assert_mistake(command("solve", *arguments), *told)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("what", ["NaN", "a rough spline", "raises", "outside of the box"])
def test_check_finds_them_too(command: Command, what: str) -> None:
    text, arguments, told = MISTAKES[what]
    Path("p.py").write_text(text)
    assert_mistake(command("check", *arguments), *told)


def test_a_parameter_that_the_command_line_cannot_give(command: Command) -> None:
    Path("p.py").write_text(heat(('gas: str = "air"', "sizes: tuple[int, ...] = (1, 2)")))
    assert_mistake(command("check", "p.py", "--set", "sizes=3"), "tuple, which --set cannot give")


def test_a_folder_that_ends_in_py(command: Command) -> None:
    Path("folder.py").mkdir()
    assert_mistake(command("check", "folder.py"), "folder.py is a folder")


def test_a_folder_that_cannot_be_written(command: Command, tmp_path: Path) -> None:
    Path("closed").mkdir(mode=0o500)
    if os.access("closed", os.W_OK):
        pytest.skip("this user may write everywhere")
    before = contents(tmp_path)
    assert_mistake(command("solve", "rod.py", "--out", "closed/run"), "closed/run", "--out")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ((("box.faces(x)", "box.face(x=0)"),), ["no condition holds on the boundary x = 1"]),
        ((("box.face(t=0)", "box.face(x=1)"), ('"ends"', '"more"')), ["boundary t = 0"]),
        (
            (("u - sin(modes * pi * x)", "u - 1"),),
            ['"start" and "ends" contradict each other', "t = 0, x = 1", "u differs there by 1"],
        ),
    ],
)
def test_warnings_of_boundaries(
    command: Command, changes: tuple[tuple[str, str], ...], told: list[str]
) -> None:
    Path("p.py").write_text(heat(*changes))
    ran = command("check", "p.py")
    assert ran.code == 0
    assert all(line.startswith("warning: ") for line in ran.err.splitlines())
    for part in told:
        assert part in ran.err


def test_a_contradiction_is_in_the_summary_too(command: Command) -> None:
    Path("p.py").write_text(heat(("u - sin(modes * pi * x)", "u - 1")))
    ran = command("solve", "p.py", "--out", "run")
    assert ran.code == 0
    assert "warning: " in ran.err
    (note, *_) = json.loads(Path("run/summary.json").read_text())["notes"]
    assert "contradict each other" in note
    assert f"note: {note}" in Path("run/summary.txt").read_text()


@pytest.mark.parametrize("name", ["info", "export", "resume"])
def test_commands_on_what_is_no_run(command: Command, name: str) -> None:
    Path("empty").mkdir()
    Path("file").write_text("")
    for folder in ("empty", "file", "nowhere"):
        assert_mistake(command(name, folder), folder)


def test_an_unknown_format(command: Command, solved: Path) -> None:
    assert_mistake(command("export", solved, "--format", "stl"), "--format stl", "vtkhdf, vti")


def test_a_file_that_prints_does_not_disturb_json(command: Command, solved: Path) -> None:
    Path("p.py").write_text('print("hello")\n' + HEAT)
    assert command("solve", "p.py", "--out", "run").code == 0
    assert json.loads(command("info", "run", "--json").out)["problem"] == "p"


# --- damaged and foreign models -------------------------------------------------------------


class Payload:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return (os.mkdir, ("touched",))


def damaged() -> Iterator[tuple[str, Callable[[Path], object]]]:
    yield "empty", lambda p: p.write_bytes(b"")
    yield "cut", lambda p: p.write_bytes(p.read_bytes()[:-100])
    yield "noise", lambda p: p.write_bytes(os.urandom(4096))
    yield "a pickle", lambda p: p.write_bytes(pickle.dumps(Payload()))
    yield "torch.save", lambda p: torch.save(Payload(), p)
    yield "foreign", lambda p: save_file({"w": torch.ones(3)}, p)
    yield "foreign header", lambda p: save_file({"w": torch.ones(3)}, p, {"kanpde": "{}"})
    yield "no JSON", lambda p: save_file({"w": torch.ones(3)}, p, {"kanpde": "]"})
    yield "a folder", lambda p: (p.unlink(), p.mkdir())


@pytest.mark.parametrize("name", ["info", "export", "resume"])
@pytest.mark.parametrize("damage", [pytest.param(f, id=n) for n, f in damaged()])
def test_a_damaged_model_is_told_and_never_run(
    command: Command, solved: Path, tmp_path: Path, damage: Callable[[Path], object], name: str
) -> None:
    run = Path("run")
    run.mkdir()
    for file in ("model.safetensors", "run.json", "problem.py"):
        (run / file).write_bytes((solved / file).read_bytes())
    damage(run / "model.safetensors")
    before = contents(tmp_path)
    assert_mistake(command(name, "run"), "model.safetensors")
    assert contents(tmp_path) == before
    with pytest.raises(KanpdeError, match=r"model\.safetensors"):
        kanpde.load("run")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"problem": "rod"}'])
def test_a_damaged_configuration(command: Command, solved: Path, text: str) -> None:
    run = Path("run")
    run.mkdir()
    (run / "model.safetensors").write_bytes((solved / "model.safetensors").read_bytes())
    (run / "run.json").write_text(text)
    for name in ("info", "resume"):
        assert_mistake(command(name, "run"), "run/run.json", "damaged")
    kanpde.load("run")  # which needs the model alone


def test_a_problem_that_no_longer_fits_its_model(command: Command, solved: Path) -> None:
    run = Path("run")
    run.mkdir()
    for file in ("model.safetensors", "run.json"):
        (run / file).write_bytes((solved / file).read_bytes())
    (run / "problem.py").write_text(heat(("x=(0, 1)", "x=(0, 2)")))
    assert_mistake(
        command("resume", "run", "--trust"), "run/problem.py", "another box", "kanpde solve"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": "a"}, "seed is 'a', which is not of the type int"),
        ({"seed": -1}, "seed is -1, which is not from 0 to 2^32 - 1"),
        ({"budget": "a"}, "budget is 'a'"),
        ({"budget": -1}, "--budget -1"),
        ({"tolerance": []}, "tolerance is []"),
        ({"device": None}, "device is None"),
    ],
    ids=str,
)
def test_a_configuration_with_values_of_wrong_types(
    command: Command, solved: Path, change: dict[str, Any], words: str
) -> None:
    run = Path("run")
    run.mkdir()
    for file in ("model.safetensors", "problem.py"):
        (run / file).write_bytes((solved / file).read_bytes())
    config = json.loads((solved / "run.json").read_text())
    config["options"] |= change
    (run / "run.json").write_text(json.dumps(config))
    assert_mistake(command("resume", "run"), "run/run.json is damaged", words, "correct it there")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        '{"problem": "rod", "options": {}, "parameters": {"a": ' + "[" * 900 + "]" * 900 + "}}",
    ],
    ids=["file", "parameter"],
)
def test_a_configuration_that_is_nested_too_deeply(command: Command, text: str) -> None:
    Path("run").mkdir()
    Path("run/run.json").write_text(text)
    for name in ("info", "resume"):
        assert_mistake(command(name, "run"), "run/run.json", "damaged")


def test_every_status_has_an_exit_code() -> None:
    assert set(EXIT_CODES) == set(Status) - {Status.RUNNING}
    assert [s for s, code in EXIT_CODES.items() if code == 130] == [Status.INTERRUPTED]
    assert [s for s, code in EXIT_CODES.items() if code == 1] == [Status.DIVERGED]


def test_a_foreign_summary_cannot_write_to_the_terminal(command: Command, solved: Path) -> None:
    run = Path("run")
    run.mkdir()
    (run / "run.json").write_bytes((solved / "run.json").read_bytes())
    (run / "summary.txt").write_text("fine \x1b[2J\x1b]0;title\x07 \x9b31m\n")
    assert command("info", "run").out == "fine \\x1b[2J\\x1b]0;title\\x07 \\x9b31m\n"
    (run / "summary.txt").write_bytes(b"\xff\xfe\x00")
    (run / "summary.json").write_bytes(b"\xff\xfe\x00")
    assert_mistake(command("info", "run"), "summary.txt is damaged", "kanpde resume")
    assert_mistake(command("info", "run", "--json"), "summary.json is damaged")


def test_a_message_cannot_write_to_the_terminal(command: Command) -> None:
    assert_mistake(command("info", "a\x1b[2Jb\nc"), "a\\x1b[2Jb c")


# --- interrupts -----------------------------------------------------------------------------


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_for_steps(trace: Path, process: "subprocess.Popen[str]") -> None:
    """Until the trace has a look after some steps."""
    wait_for(trace, process)
    end = time.monotonic() + 120
    while len(trace.read_text().splitlines()) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_loses_nothing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    Path("p.py").write_text(heat(ENDLESS))
    process = started("solve", "p.py", "--out", "run", folder=tmp_path)
    wait_for_steps(Path("run/trace.csv"), process)
    process.send_signal(kind)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in out
    assert "kanpde resume" in out
    assert err == ""
    assert not list(Path("run").glob(".*"))
    first = json.loads(Path("run/summary.json").read_text())
    assert first["status"] == "interrupted"
    solution = kanpde.load("run")
    assert solution.steps == first["steps"] > 0

    monkeypatch.setenv("STEPS", "40")
    assert command("resume", "run", "--budget", 600).code == 0
    second = json.loads(Path("run/summary.json").read_text())
    assert second["steps"] > first["steps"]
    assert second["seconds"] > first["seconds"]
    assert second["errors"]["u"]["rel_l2"] <= 1.2 * first["errors"]["u"]["rel_l2"]


def test_a_kill_leaves_a_model_or_a_run_to_start_again(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("p.py").write_text(heat(ENDLESS))
    process = started("solve", "p.py", "--out", "early", folder=tmp_path)
    wait_for(Path("early/run.json"), process)
    process.kill()
    process.communicate()
    if not Path("early/model.safetensors").exists():
        assert_mistake(command("info", "early"), "early", "kanpde resume")
    with monkeypatch.context() as patch:
        patch.setenv("STEPS", "40")
        assert command("resume", "early", "--budget", 600).code == 0
    assert kanpde.load("early").steps > 0

    process = started("solve", "p.py", "--out", "late", folder=tmp_path)
    wait_for_steps(Path("late/trace.csv"), process)
    process.kill()
    process.communicate()
    assert not Path("late/summary.json").exists()
    steps = kanpde.load("late").steps
    assert json.loads(command("info", "late", "--json").out)["status"] == "interrupted"
    monkeypatch.setenv("STEPS", "40")
    assert command("resume", "late", "--budget", 600).code == 0
    assert kanpde.load("late").steps > steps


EARLY = """
import importlib.abc, os, signal, sys

class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{kind})

sys.meta_path.insert(0, Interrupt())
sys.argv = ["kanpde", *{arguments!r}]
from kanpde.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("module", "arguments", "kind"),
    [
        ("kanpde.cli.app", ["list"], "SIGINT"),
        ("kanpde.cli.app", ["list"], "SIGTERM"),
        ("kanpde.cli.library", ["list"], "SIGINT"),
        ("kanpde.cli.library", ["list"], "SIGTERM"),
        ("kanpde.cli.solve", ["solve", "poisson"], "SIGTERM"),
        ("torch", ["solve", "poisson"], "SIGINT"),
        ("torch", ["solve", "poisson"], "SIGTERM"),
        ("kanpde.output.plot", ["check", "poisson", "--out", "p"], "SIGINT"),
    ],
)
def test_an_interrupt_before_the_work_is_no_traceback(
    tmp_path: Path, module: str, arguments: list[str], kind: str
) -> None:
    code = EARLY.format(module=module, kind=kind, arguments=arguments)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 130, ran.stderr
    assert ran.stderr == "kanpde: interrupted\n"
    assert list(tmp_path.iterdir()) == []


# --- the program itself ---------------------------------------------------------------------


def test_python_m_kanpde(tmp_path: Path) -> None:
    process = started("--version", folder=tmp_path)
    assert process.communicate(timeout=60) == (f"kanpde {kanpde.__version__}\n", "")
    process = started("init", "nothing.py", folder=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err == "kanpde: there is no file nothing.py\n"


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m kanpde list | true",
        cwd=tmp_path, shell=True, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""


ALL = [
    *((each,) for each in COMMANDS),
    *(("operator", each) for each in OPERATOR),
    *(("dataset", each) for each in DATASET),
]


@pytest.mark.parametrize("path", ALL, ids=lambda p: " ".join(map(str, (*p[:-1], p[-1].name))))
def test_every_command_is_run_by_a_function_of_its_options(path: tuple[Any, ...]) -> None:
    command: Any = path[-1]
    module, _, name = command.runs.partition(":")
    function = getattr(import_module(f"kanpde.cli.{module}"), name)
    (parameter, *more) = inspect.signature(function, eval_str=True).parameters.values()
    assert parameter.annotation is command.options
    assert more == []
    assert is_dataclass(command.options)
    with pytest.raises(FrozenInstanceError):
        command.options.__setattr__(object.__new__(command.options), "out", 3)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda:7", "cuda", "mps", "", "gpu"])
def test_devices(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if device in ("auto", "cpu"):
        assert choose_device(device) == "cpu"
    else:
        with pytest.raises(KanpdeError, match=f"^--device {device}: "):
            choose_device(device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == "cuda"
    assert choose_device("cuda:1") == "cuda:1"
    with pytest.raises(KanpdeError, match="there are 2 CUDA devices here"):
        choose_device("cuda:2")


@given(st.text())
def test_no_control_characters_are_printed(text: str) -> None:
    shown = escape_controls(text)
    assert all(c in "\n\t" or c.isprintable() for c in shown)
    assert shown == text or not text.replace("\n", "").replace("\t", "").isprintable()


def test_each_help_has_an_example_that_is_understood_and_no_type_beside_a_flag(
    command: Command,
) -> None:
    for prefix, commands in (((), COMMANDS), (("operator",), OPERATOR), (("dataset",), DATASET)):
        for each in commands:
            out = command(*prefix, each.name, "--help").out
            assert not re.search(r"--(quiet|json|trust) +<bool>", out)
            assert each.example.startswith(" ".join(("kanpde", *prefix, each.name)))


def test_a_shell_completes_commands_and_options() -> None:
    for words, found in (("kanpde ex", "export"), ("kanpde solve --re", "--resolution")):
        state = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = subprocess.run(
            [Path(sys.executable).with_name("kanpde")],
            env=os.environ | state | {"_KANPDE_COMPLETE": "complete_bash"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == [found]


def test_the_picture_of_points_shows_each_place_where_a_condition_is_exact() -> None:
    problem = load_problem("burgers")
    found = _sample_exact(build_ansatz(problem))
    assert set(found) == {"initial", "walls"}
    assert set(np.unique(found["walls"][:, 0])) == {-1.0, 1.0}
    assert set(found["initial"][:, 1]) == {0.0}


def test_help_without_arguments(command: Command) -> None:
    for ran in (command(), command("--help")):
        assert ran.code == 0
        for name in ("solve", "check", "list", "init", "export", "resume", "info"):
            assert re.search(rf"\b{name}\b", ran.out)
