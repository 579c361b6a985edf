"""Limits of time, size and memory, and folders that one process holds at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import sympy

import kanpde
from kanpde import Box, Condition, KanpdeError, Problem, d, exp, where
from kanpde.dynamics.data import trajectories
from kanpde.dynamics.ode.library import build_library
from kanpde.dynamics.reading import read_field, read_trajectories
from kanpde.files.locks import describe_holder, hold_folder
from kanpde.limits import require_memory, time_limit
from kanpde.operator.files import read_pairs
from kanpde.operator.generators import AllenCahn, Burgers, NavierStokes
from kanpde.problem.wellposed import find_uncovered
from kanpde.symbols.parse import parse
from kanpde.symbols.sizes import SizePolicy, require_size


def _think(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(100))


def test_a_block_that_takes_too_long_ends_in_a_sentence() -> None:
    with pytest.raises(KanpdeError, match="it took too long"), time_limit(0.05, "it took too long"):
        _think(30)
    _think(0.1)  # nothing arrives behind the block


def test_a_block_that_swallows_its_end_is_ended_again() -> None:
    swallowed = []

    def think_twice() -> None:
        try:
            _think(30)
        except BaseException as error:
            swallowed.append(error)
        _think(30)

    with pytest.raises(KanpdeError), time_limit(0.05, "over"):
        think_twice()
    assert len(swallowed) == 1


def test_a_quick_block_is_left_alone() -> None:
    for _ in range(50):
        with time_limit(60, "over"):
            value = 1
    assert value == 1
    assert not [t for t in threading.enumerate() if t.name == "kanpde time limit" and t.is_alive()]


def test_limits_hold_in_any_thread() -> None:
    found: list[str] = []

    def work() -> None:
        try:
            with time_limit(0.05, "over"):
                _think(30)
        except KanpdeError as error:
            found.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(25)
    assert found == ["over"]


HOSTILE = {
    "where(exp(exp(exp(20)))>exp(exp(exp(20)))-1, x, t)": "too large for a number",
    "sinh(sinh(sinh(x - x + 20)))": "too large for a number",
    "exp(-exp(exp(9)))*x": "too large for a number",
    "9**9**9": "too large for a number",
    "9**(-9**9)": "too large for a number",
    "1" + "0" * 400: "a whole number is too large",
    "sin(" * 70 + "x" + ")" * 70: "nested more than 60 deep",
    "x**" * 70 + "x": "nested more than 60 deep",
    "+".join(f"sin({k}*x)" for k in range(20_000)): "at most 100000 are read",
}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_hostile_texts_are_refused_at_once(text: str) -> None:
    with pytest.raises(KanpdeError, match=HOSTILE[text]):
        parse(text, ("x", "t"))


def test_what_sympy_thinks_about_for_hours_is_ended() -> None:
    text = "Abs(" * 50 + "x" + "-0.1)" * 50
    with pytest.raises(KanpdeError, match=r"SymPy has not come to an end with `Abs"):
        parse(text, ("x",), policy=SizePolicy(each=0.3))


@pytest.mark.parametrize(
    ("text", "value"), [("exp(-1/1e-4)*x", 0), ("x**200", 2.0**200), ("exp(600) + x", None)]
)
def test_large_and_small_numbers_that_are_used_are_read(text: str, value: float | None) -> None:
    found = parse(text, ("x",))
    if value is not None:
        x = sympy.Symbol("x", real=True)
        assert float(found.subs(x, 2).evalf()) == pytest.approx(value, abs=1e-300)


def _problem(residual: object) -> Problem:
    box = Box(x=(0, 1))
    return Problem(box, "u", [Condition("pde", box, residual)])  # type: ignore[arg-type]


X_BOX = Box(x=(0, 1))
(X,) = X_BOX.axes


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (lambda u: d(u, *[X] * 40), "a derivative of order 40; at most 20"),
        (lambda u: where(X, u, 0), "takes a comparison first"),
        (lambda u: d(u, X, X) + exp(exp(X * 0 + 20)), "too large for a number"),
        (lambda u: d(u, X) - X * 10**400, "a whole number is too large"),
    ],
)
def test_residuals_that_cannot_be_computed_are_refused(residual: object, message: str) -> None:
    with pytest.raises(KanpdeError, match=message):
        _problem(residual)


def test_expressions_that_are_too_large_are_refused() -> None:
    with pytest.raises(KanpdeError, match="the sum has more than 20000 parts"):
        require_size("the sum", sympy.Add(*sympy.symbols("a:20001")))


@pytest.mark.parametrize("name", ["a b", "class", "x;import os", ".."])
def test_axes_are_names(name: str) -> None:
    with pytest.raises(KanpdeError, match="cannot name an axis"):
        Box(**{name: (0, 1)})


# --- memory ---------------------------------------------------------------------------------


def test_more_than_the_memory_is_refused() -> None:
    with pytest.raises(KanpdeError, match=r"data.h5 announces .* GB of numbers"):
        require_memory("data.h5", 1e18)
    require_memory("data.h5", 1e6)


def _announce(path: Path, **shapes: tuple[int, ...]) -> Path:
    with h5py.File(path, "w") as file:
        for name, shape in shapes.items():
            chunks = tuple(min(n, 64) for n in shape)
            file.create_dataset(name.replace("__", "/"), shape=shape, dtype="f8", chunks=chunks)
    return path


def test_files_that_announce_the_memory_of_the_world_are_refused(tmp_path: Path) -> None:
    huge = 10**12
    with pytest.raises(KanpdeError, match="announces"):
        read_trajectories(_announce(tmp_path / "a.h5", t=(huge,), a=(huge,)))
    with pytest.raises(KanpdeError, match="announces"):
        read_field(_announce(tmp_path / "b.h5", u=(10**6, 10**6), x=(10**6,), t=(10**6,)))
    with pytest.raises(KanpdeError, match="announces"):
        read_pairs(_announce(tmp_path / "c.h5", train__axes__x=(16,), train__inputs__a=(huge, 16)))


def test_an_npz_holds_what_it_announces(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "bomb.npz"
    np.savez(path, **{"train/axes/x": np.linspace(0, 1, 16)})
    with zipfile.ZipFile(path, "a") as file, file.open("train/inputs/a.npy", "w") as member:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 16)}
        np.lib.format.write_array_header_1_0(member, header)
    with pytest.raises(KanpdeError, match="announces 64000000128 bytes and holds 128"):
        read_pairs(path)


@pytest.mark.parametrize("make", [Burgers, NavierStokes, AllenCahn])
def test_generators_refuse_more_steps_than_they_could_take(make: type) -> None:
    generator = make(end=1e12)
    with pytest.raises(KanpdeError, match=r"steps in time, and at most 1e\+07 are taken"):
        generator.check("train", 1, 64)
    make().check("train", 1, 64)


# --- folders --------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="Linux tells who holds a lock")
def test_a_held_folder_names_its_process(tmp_path: Path) -> None:
    assert describe_holder(tmp_path) is None
    with hold_folder(tmp_path):
        assert describe_holder(tmp_path) == f"process {os.getpid()}"
        with (
            pytest.raises(KanpdeError, match=f"process {os.getpid()} works in"),
            hold_folder(tmp_path),
        ):
            pass
    assert describe_holder(tmp_path) is None
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom kanpde.files.locks import hold_folder\n"
        "with hold_folder(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    with other.stdout:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(KanpdeError, match="works in"), hold_folder(tmp_path):
            pass
        other.kill()
        other.wait()
    with hold_folder(tmp_path):
        assert os.listdir(tmp_path) == []


def test_kanpde_has_no_thread_of_its_own_after_a_problem() -> None:
    before = threading.active_count()
    kanpde.load_problem("poisson")
    assert threading.active_count() == before


# --- data -----------------------------------------------------------------------------------

TIMES = np.linspace(0, 1, 20)
RUN = {"t": TIMES, "a": 1 + np.sin(TIMES)}


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("DiracDelta(a)", "is zero but for one place"),
        ("a**900", "can be squared"),
        ("(a - a)/(a - a)", "not a finite real number"),
        ("sin(" * 100 + "a" + ")" * 100, "nested more than 60 deep"),
    ],
)
def test_terms_that_cannot_be_used_are_refused(term: str, message: str) -> None:
    with pytest.raises(KanpdeError, match=message):
        build_library(trajectories(RUN), 1, terms=[term])


def test_a_term_that_jumps_has_a_slope_of_zero() -> None:
    library = build_library(trajectories(RUN), 0, waves=False, terms=["sign(a - 1.5)"])
    assert np.all(library.gradients(np.array([[1.0], [2.0]])) == 0)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"t": TIMES, "a": 1e-300 * RUN["a"]}, "column `a` is up to 2e-300 in size"),
        ({"t": TIMES, "a": 1e300 * RUN["a"]}, "column `a` is up to 2e[+]300 in size"),
        ({"t": 1e300 * TIMES, "a": RUN["a"]}, "column `t` is up to 1e[+]300 in size"),
        ({"t": TIMES, "a": 1j * RUN["a"]}, "column `a` holds a value that is not a real number"),
    ],
)
def test_data_that_cannot_be_squared_are_refused(columns: object, message: str) -> None:
    with pytest.raises(KanpdeError, match=message):
        trajectories(columns)


def test_the_time_needs_no_equation() -> None:
    with pytest.raises(KanpdeError, match="`t` is the time"):
        trajectories(RUN, states=["t"])


def test_a_fit_drops_no_infinite_row_and_no_imaginary_part() -> None:
    table = {"a": RUN["a"], "b": np.where(TIMES > 0.9, np.inf, TIMES)}
    with pytest.raises(KanpdeError, match="column `b` is infinite in row 19"):
        kanpde.fit(table, "a")
    with pytest.raises(KanpdeError, match="column `b` holds a value that is not a real number"):
        kanpde.fit({"a": RUN["a"], "b": 1j * TIMES}, "a")


@pytest.mark.parametrize(
    ("residual", "more", "warning"),
    [
        (lambda u: u - 1, (), "no equation in the interior holds a derivative of u"),
        (
            lambda u: d(u, X) - u,
            (kanpde.Periodic(X), Condition("start", X_BOX.face(x=0), lambda u: u - 1)),
            'condition "start" holds on x = 0, and x is periodic',
        ),
    ],
)
def test_what_looks_wrong_is_told(residual: object, more: tuple[object, ...], warning: str) -> None:
    pde = Condition("pde", X_BOX, residual)  # type: ignore[arg-type]
    problem = Problem(X_BOX, "u", [pde, *more])  # type: ignore[list-item]
    assert any(warning in line for line in find_uncovered(problem))


def test_fewer_equations_than_fields_are_told() -> None:
    def warnings(*laws: Condition) -> str:
        return " ".join(find_uncovered(Problem(X_BOX, "u w", laws)))

    one = Condition("one", X_BOX, lambda u, w: d(u, X) + w)
    other = Condition("other", X_BOX, lambda u, w: d(w, X) - u)
    assert "there is 1 equation in the interior for the 2 fields u, w" in warnings(one)
    assert "in the interior for the" not in warnings(one, other)
