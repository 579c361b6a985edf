"""Problem files, options, data files and run folders, right ones and spoilt ones."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st

from tests.fuzz.runner import Case

NUMBERS = ("0", "1", "-1", "2", "0.5", "3", "1e-9", "1e9", "pi")
WEIRD = (
    "None", "True", "False", "''", "'a'", "b'x'", "[]", "()", "{}", "(0,)", "[1, 2]", "0", "-1",
    "1e308", "-1e308", "1e-308", "10**400", "float('nan')", "float('inf')", "1j", "object()",
    "lambda u: u", "lambda: 0", "Box", "d", "np.ones(3)", "np.float32(2)", "np.int64(-3)", "...",
)  # fmt: skip
FUNCTIONS = ("sin", "cos", "exp", "log", "sqrt", "tanh", "abs", "erf", "arctan", "tan", "sinh")


def leaves() -> st.SearchStrategy[str]:
    """The smallest expressions: coordinates, fields, their derivatives, numbers."""
    return st.sampled_from(
        ("x", "x", "t", "u", "u", "d(u, x)", "d(u, x, x)", "d(u, t)", "d(u, x, t)", *NUMBERS, "q")
    )


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    both = st.tuples(inner, st.sampled_from(("+", "-", "*", "/", "**")), inner)
    call = st.tuples(st.sampled_from(FUNCTIONS), inner)
    where = st.tuples(inner, st.sampled_from(("<", ">", "<=")), inner, inner, inner)
    slope = st.tuples(inner, st.sampled_from(("x", "t", "x, x", "u", "2")))
    return st.one_of(
        both.map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        call.map(lambda p: f"{p[0]}({p[1]})"),
        where.map(lambda p: f"where({p[0]} {p[1]} {p[2]}, {p[3]}, {p[4]})"),
        slope.map(lambda p: f"d({p[0]}, {p[1]})"),
    )


def expressions() -> st.SearchStrategy[str]:
    """Residuals as text."""
    return st.recursive(leaves(), _larger, max_leaves=5)


@st.composite
def intervals(draw: st.DrawFn) -> str:
    """An interval of a box; one in eight is none."""
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from((*WEIRD, "(1, 0)", "(0, 0)", "(0, 1, 2)", "(0, '1')")))
    return draw(st.sampled_from(("(0, 1)", "(-1, 1)", "(0, 3)", "(0, 1e-3)", "(-1e6, 1e6)")))


REGIONS = (
    "box", "box.faces(x)", "box.face(x=0)", "box.face(t=0)", "box.faces()", "box.point(x=0, t=0)",
    "box.face(x=7)", "box.face()", "box.face(q=1)", "x", "None", "box.interior",
)  # fmt: skip


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Something that stands in the conditions of a problem."""
    kind = draw(st.integers(0, 11))
    if kind == 0:
        return draw(st.sampled_from(("Periodic(x)", "Periodic(t)", "Periodic('x')", *WEIRD)))
    if kind == 1:
        values = draw(st.sampled_from(("[0, 1]", "[0]", "[0, float('nan')]", "'ab'", "None")))
        return f"observe('data', box.points(x=[0.2, 0.5], t=[0.1, 0.2]), u={values})"
    name = draw(st.sampled_from(("'a'", "'b'", "'c'", "'walls'", "''", "3")))
    region = draw(st.sampled_from(REGIONS))
    if kind == 2:
        return f"Energy({name}, {region}, lambda u: {draw(expressions())})"
    weight = draw(st.sampled_from(("", "", "", *(f", weight={w}" for w in WEIRD))))
    return f"Condition({name}, {region}, lambda u: {draw(expressions())}{weight})"


@st.composite
def keywords(draw: st.DrawFn) -> str:
    """A further keyword of Problem, right or wrong."""
    name = draw(
        st.sampled_from(("reference", "lift", "derived", "vectors", "units", "title", "fields_"))
    )
    inner = draw(expressions())
    answer = draw(st.sampled_from(("x", "x*t", "1/x", "np.log(x)")))
    right = {
        "reference": f"exact(u=lambda x, t: {answer})",
        "lift": f"{{'u': {inner.replace('u', 'x')}}}",
        "derived": f"{{'w': lambda u: {inner}}}",
        "vectors": "{'w': ('u', 'u')}",
        "units": "{'x': 'm'}",
        "title": "'heat'",
        "fields_": "1",
    }
    value = right[name] if draw(st.booleans()) else draw(st.sampled_from(WEIRD))
    return f", {name}={value}"


PLANS = (
    "Plan({}={})", "Plan(basis=Chebyshev({1}))", "Plan(basis=BSpline({1}))",
    "Plan(basis=Fourier({1}))", "Plan(sampling=Sampling(points={1}))",
    "Plan(sampling=Sampling(every={1}))", "Plan(stages=(Adam(rate={1}),))",
    "Plan(stages=(LBFGS(history={1}),))", "Plan(stages=(LeastSquares(gain={1}),))",
    "Plan(stages=(Extend({1}),))", "Plan(network=MLP({1}))", "{1}",
)  # fmt: skip
FIELDS = ("widths", "basis", "stages", "sampling", "budget", "tolerance", "enforce", "balance",
          "windows", "network", "strategy", "other")  # fmt: skip
SMALL = (
    "Plan(widths=(3,), basis=Chebyshev(3), stages=(LeastSquares(steps=2),), budget=0.3, "
    "windows=1, sampling=Sampling(points=40))"
)


@st.composite
def plans(draw: st.DrawFn) -> str:
    """What plan() returns: mostly a right value with a wrong one in it."""
    form = draw(st.sampled_from(PLANS))
    return form.format(draw(st.sampled_from(FIELDS)), draw(st.sampled_from(WEIRD)))


@st.composite
def problem_texts(draw: st.DrawFn, *, small: bool = False) -> str:
    """A problem file; with `small`, one that is right more often and quick to train."""
    heat = "Condition('heat', box, lambda u: d(u, t) - d(u, x, x))"
    listed = draw(st.lists(statements(), min_size=1, max_size=3))
    if small or draw(st.booleans()):
        listed = [heat, "Condition('start', box.face(t=0), lambda u: u - sin(pi*x))", *listed]
    box = "x=(0, 1), t=(0, 1)" if small else f"x={draw(intervals())}, t={draw(intervals())}"
    fields = "'u'" if small else draw(st.sampled_from(("'u'", "'u'", "'u v'", "['u']", *WEIRD)))
    more = "".join(draw(st.lists(keywords(), max_size=1)))
    plan = SMALL if small else draw(st.one_of(st.none(), plans()))
    lines = [
        "import numpy as np",
        "from kanpde import *",
        "from kanpde import d",
        "",
        "def problem(a=1, b=0.5):",
        f"    box = Box({box})",
        "    x, t = box.axes",
        f"    return Problem(box, {fields}, [{', '.join(listed)}]{more})",
    ]
    lines += [] if plan is None else ["", "def plan():", f"    return {plan}"]
    return "\n".join(lines) + "\n"


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes of which a part is missing, doubled or changed; or none at all."""
    kind = draw(st.integers(0, 5))
    at = draw(st.integers(0, max(len(content) - 1, 0)))
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + content[at + draw(st.integers(1, 8)) :]
    if kind == 2:
        return content[:at] + draw(st.binary(min_size=1, max_size=8)) + content[at:]
    if kind == 3:
        changed = draw(st.integers(0, 255))
        return content[:at] + bytes([changed]) + content[at + 1 :]
    if kind == 4:
        return draw(st.sampled_from((b"", b"\x00", b"\xff\xfe", b"[" * 5000, b"\xef\xbb\xbf")))
    return content[at:] + content[:at]


@st.composite
def problems(draw: st.DrawFn, command: str = "check") -> Case:
    """`kanpde check` or `solve` of a problem file."""
    content = draw(problem_texts(small=command == "solve")).encode()
    if draw(st.integers(0, 9)) == 0:
        content = draw(spoilt(content))
    sets = draw(st.sampled_from(((), (), (), ("--set", "a=2"), ("--set", "a=x"), ("--set", "c=1"))))
    return Case((command, "p.py", *sets), {"p.py": content})


COMMANDS: Mapping[str, Sequence[str]] = {
    "solve": ("--out", "--fields", "--seed", "--budget", "--tolerance", "--device", "--set"),
    "resume": ("--budget", "--tolerance", "--trust"),
    "check": ("--set", "--out"),
    "list": (),
    "init": ("--from", "--shape", "--out"),
    "export": ("--format",),
    "info": ("--json",),
    "bench": ("--seeds", "--budget", "--out", "--jobs"),
    "discover": ("--states", "--inputs", "--time", "--degree", "--term", "--holdout", "--order",
                 "--points", "--known", "--source", "--out"),
    "fit": ("--target", "--variables", "--out"),
    "operator train": ("--out", "--model", "--maps", "--width", "--modes", "--depth", "--epochs",
                       "--budget", "--batch", "--rate", "--loss", "--seed", "--members", "--step",
                       "--physics", "--physics-weight", "--device"),
    "operator resume": ("--data", "--trust"),
    "operator predict": ("--out", "--device"),
    "operator rollout": ("--out", "--steps", "--split", "--device"),
    "operator info": (),
    "dataset darcy": ("--out", "--samples", "--tests", "--resolution", "--seed",
                      "--test-resolution"),
    "dataset burgers": ("--out", "--samples", "--tests", "--resolution", "--viscosity", "--times",
                        "--end"),
    "dataset navier_stokes": ("--out", "--samples", "--viscosity", "--times", "--end"),
    "dataset allen_cahn": ("--out", "--samples", "--width", "--times", "--end"),
}  # fmt: skip
# What may be given without training anything: a right value would start work.
VALUES = (
    "", "a", "-1", "nan", "inf", "1e999", "1e-999", "-0.5", "x=", "=x", "a=b=c", "\x1b[2J", "é",
    "\ud800".encode("utf-8", "replace").decode(), "9" * 30, "../..", ".", "/", "no/such", "d.csv",
    "u_x", "1e999 u_x", "exp(", "1/0", "prey**9", "__import__('os')", "--help", "cuda:9", "mps",
)  # fmt: skip
OPERANDS = (
    "",
    ".",
    "no",
    "no.py",
    "d.csv",
    "no.csv",
    "e.py",
    "t.txt",
    "/",
    "é.py",
    "no.h5",
    "\x00",
)


@st.composite
def command_lines(draw: st.DrawFn) -> Case:
    """Commands with operands and options that are mostly wrong."""
    command = draw(st.sampled_from(tuple(COMMANDS)))
    arguments = [*command.split(), *draw(st.lists(st.sampled_from(OPERANDS), max_size=2))]
    for option in draw(st.lists(st.sampled_from((*COMMANDS[command], "--no")), max_size=2)):
        arguments += [option, draw(st.sampled_from(VALUES))]
    if command == "bench":
        arguments += ["--budget", "-1"]  # it would run everything
    if command.startswith("dataset"):
        arguments += ["--samples", "0"]
    return Case(tuple(arguments), {"d.csv": LOTKA, "e.py": b"1/0\n", "t.txt": b"x\n"})


def _lotka() -> bytes:
    x, y, rows = 2.0, 1.0, ["t,prey,hunters"]
    for k in range(12):
        rows.append(f"{k * 0.1:.1f},{x:.4f},{y:.4f}")
        x, y = x + 0.1 * (x - x * y), y + 0.1 * (x * y - y)
    return ("\n".join(rows) + "\n").encode()


LOTKA = _lotka()
CELLS = ("", "nan", "inf", "-inf", "1e308", "1e-308", "a", "1,2", "\x00", "1e999", "0x10", "1_0",
         "é", '"', "'", "1j", "-", "None", " 1 ")  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A table of trajectories with something wrong in it."""
    rows = [line.split(",") for line in LOTKA.decode().splitlines()]
    for _ in range(draw(st.integers(0, 3))):
        row, column = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, 2))
        rows[row][column] = draw(st.sampled_from(CELLS))
    if draw(st.integers(0, 3)) == 0:
        column, value = draw(st.integers(0, 2)), draw(st.sampled_from(CELLS))
        rows = [rows[0], *([*r[:column], value, *r[column + 1 :]] for r in rows[1:])]
    if draw(st.integers(0, 5)) == 0:
        rows = rows[: draw(st.integers(0, 5))]
    mark = draw(st.sampled_from((",", ",", ";", "\t", " ")))
    content = "\n".join(mark.join(r) for r in rows).encode()
    return draw(spoilt(content)) if draw(st.integers(0, 4)) == 0 else content


KINDS = ("f8", "f4", "i4", "c16", "S3", "?", "f8", "u1")


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    """A small array of any shape and kind, with values that may be wrong."""
    shape = tuple(draw(st.lists(st.sampled_from((0, 1, 2, 5, 30)), max_size=3)))
    kind = draw(st.sampled_from(KINDS))
    if kind == "S3":
        return np.full(shape, b"abc")
    start = draw(st.sampled_from((0.0, 1.0, np.nan, np.inf, -1e300, 1e-300)))
    values = np.arange(int(np.prod(shape)), dtype=float).reshape(shape)
    with np.errstate(all="ignore"):
        return (np.sin(values) * start if draw(st.booleans()) else values + start).astype(kind)


@st.composite
def hdf5_files(draw: st.DrawFn, names: Sequence[str]) -> bytes:
    """An HDF5 file with some of these datasets."""
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        for name in draw(st.lists(st.sampled_from(names), max_size=5, unique=True)):
            file[name] = draw(arrays())
            if draw(st.integers(0, 3)) == 0:
                key = draw(st.sampled_from(("dims", "periodic", "unit", "names", "symmetry")))
                value = draw(st.sampled_from((3, "x", "sample", b"\xff", 1.5, [1, 2])))
                file[name].attrs[key] = value
    content = held.getvalue()
    return draw(spoilt(content)) if draw(st.integers(0, 4)) == 0 else content


DATA = ("u", "x", "t", "a", "run/t", "run/u", "run2/t", "run2/u")
OPERATOR = ("train/axes/x", "train/inputs/a", "train/outputs/u", "train/points", "test/axes/x",
            "test/inputs/a", "test/outputs/u", "a", "u", "u0", "train/periodic")  # fmt: skip


@st.composite
def data_files(draw: st.DrawFn) -> Case:
    """`check` and `discover` of a data file, and `fit` of a table that cannot be fitted."""
    more = draw(
        st.lists(
            st.sampled_from(
                (
                    "--states",
                    "--inputs",
                    "--time",
                    "--term",
                    "--known",
                    "--degree",
                    "--order",
                    "--holdout",
                )
            ),
            max_size=1,
        )
    )
    options = [each for m in more for each in (m, draw(st.sampled_from(VALUES)))]
    if draw(st.booleans()):
        command = draw(st.sampled_from((("check",), ("discover",), ("fit",))))
        options = options if command == ("discover",) else []
        # To fit and to discover in earnest takes seconds.
        wrong = ("--target", "none") if command == ("fit",) else ()
        wrong = ("--holdout", "7") if command == ("discover",) else wrong
        return Case((*command, "d.csv", *options, *wrong), {"d.csv": draw(tables())})
    command = draw(st.sampled_from((("check",), ("discover",))))
    wrong = ("--holdout", "7", *options) if command == ("discover",) else ()
    return Case((*command, "d.h5", *wrong), {"d.h5": draw(hdf5_files(DATA))})


@st.composite
def operator_files(draw: st.DrawFn) -> Case:
    """`operator train` of data that are read and then, mostly, refused."""
    content = draw(hdf5_files(OPERATOR))
    name = draw(st.sampled_from(("o.h5", "o.npz")))
    if name == "o.npz":
        held = io.BytesIO()
        chosen = draw(st.lists(st.sampled_from(OPERATOR), max_size=5, unique=True))
        np.savez(held, **{each: draw(arrays()) for each in chosen})
        content = held.getvalue()
        content = draw(spoilt(content)) if draw(st.booleans()) else content
    options = ("--out", "R", "--width", "2", "--epochs", "1", "--budget", "0.1")
    return Case(("operator", "train", name, *options), {name: content})


HOSTILE: tuple[Any, ...] = (
    None, True, 0, -1, 2**70, 1e308, -1e308, 0.5, "", "a", "x" * 300, [], {}, [[]], {"a": 1},
    "u_xx", "where(x<0.1, x, t)", "exp(exp(exp(20)))", "9**9**9", "log(0)", "1/0", "x**x**x",
    "Abs(" * 40 + "x" + "-0.1)" * 40, "sin(" * 90 + "x" + ")" * 90, "__import__('os')", "x.real",
    "\x1b[2J", "../../x", "DiracDelta(x)", "zoo", "u_x" + "x" * 40, "lambda: 0", "1e999",
)  # fmt: skip


@st.composite
def spoilt_json(draw: st.DrawFn, data: Any) -> Any:
    """JSON data with one value replaced, left out or doubled."""
    if not isinstance(data, (dict, list)) or not data or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(HOSTILE))
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    key = draw(st.sampled_from(keys))
    copy = dict(data) if isinstance(data, dict) else list(data)
    kind = draw(st.integers(0, 7))
    if kind == 0:
        del copy[key]
    elif kind == 1 and isinstance(copy, list):
        copy.append(copy[key])
    else:
        copy[key] = draw(spoilt_json(copy[key]))
    return copy


def read_header(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON header of a safetensors file, and what follows."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def write_header(header: Any, rest: bytes) -> bytes:
    """A safetensors file."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


@st.composite
def run_folders(draw: st.DrawFn, run: Mapping[str, bytes]) -> Case:
    """`info`, `export` or `resume` of a run folder in which one file is spoilt."""
    files = dict(run)
    name = draw(st.sampled_from((*sorted(files), "model.safetensors", "model.safetensors")))
    content = files[name]
    kind = draw(st.integers(0, 5))
    if kind == 0:
        del files[name]
    elif name == "model.safetensors" and kind > 1:
        header, rest = read_header(content)
        if kind > 2:
            described = json.loads(header["__metadata__"]["kanpde"])
            held = json.dumps(draw(spoilt_json(described)))
            header = {**header, "__metadata__": {"kanpde": held}}
        else:
            header = draw(spoilt_json(header))
        files[name] = write_header(header, rest)
    elif name.endswith(".json") and kind > 1:
        files[name] = json.dumps(draw(spoilt_json(json.loads(content)))).encode()
    else:
        files[name] = draw(spoilt(content))
    forms = st.sampled_from(("vtkhdf", "csv", "vtu", "xdmf", "no"))
    command = draw(
        st.one_of(
            st.sampled_from((("info", "R"), ("info", "R", "--json"), ("operator", "info", "R"))),
            st.tuples(st.just("export"), st.just("R"), st.just("--format"), forms),
            st.sampled_from((("resume", "R"), ("resume", "R", "--trust", "--budget", "-1"))),
        )
    )
    return Case(command, {f"R/{name}": content for name, content in files.items()})


def cases(run: Mapping[str, bytes]) -> st.SearchStrategy[Case]:
    """Cases of all kinds."""
    return st.one_of(
        problems(), command_lines(), data_files(), operator_files(), run_folders(run),
        problems("solve"),
    )  # fmt: skip
