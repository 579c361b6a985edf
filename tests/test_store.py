"""Models on disk: the same numbers come back, and a file of another kind does nothing."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from kanpde import (
    Box,
    BSpline,
    Chebyshev,
    Condition,
    Fourier,
    GaussianRBF,
    KanpdeError,
    Legendre,
    Outcome,
    Periodic,
    Plan,
    Problem,
    Solution,
    cos,
    d,
    exact,
    observe,
    pi,
    sin,
)
from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.network_for import build_network
from kanpde.files.whole import write_json, write_whole
from kanpde.network.bases.basis import Basis
from kanpde.output.saver import Saver
from kanpde.solution.model_file import load_model, save_model
from kanpde.solution.outcome import Status
from kanpde.solution.pieces import Piece

pytestmark = pytest.mark.usefixtures("one_thread")

BASES = [
    Chebyshev(5), Legendre(4), Fourier(2), GaussianRBF(5), BSpline(3, 4), BSpline(4, 5, base=True)
]  # fmt: skip


def wave() -> Problem:
    """Two fields, every kind of condition, derived outputs, vectors and units."""
    box = Box(x=(-1, 3), y=(0, 0.7), t=(0.1, 2))
    x, y, t = box.axes
    return Problem(
        box,
        "u v",
        [
            Condition("wave", box, lambda u, v: (d(u, t, t) - d(u, x, x) * v, d(v, t) - u / 3)),
            Condition("start", box.face(t=0.1), lambda u, v: (u - 0.1 * sin(pi * y), d(u, t))),
            Condition("robin", box.face(y=0), lambda u, v: d(v, y) + 0.3 * u**2, weight=7),
            Condition("gauge", box.point(x=1, y=0.5, t=1), lambda v: v - 1),
            Condition("line", box.points(x=[0, 1], y=0.2, t=1), lambda u: d(u, x, y)),
            observe("probe", box.points(x=[0.3, 0.1], y=[0.1, 0.2], t=1), u=[1 / 3, 2], v=[0, 1]),
            Periodic(x),
        ],
        derived={"energy": lambda u, v: d(u, t) ** 2 / 2 + cos(x) * v},
        vectors={"flow": ("u", "v")},
        units={"u": "m/s", "x": "m"},
        title="two fields",
    )


def untrained(problem: Problem, basis: Basis = BASES[0], seed: int = 0) -> Solution:
    network = build_network(problem, Plan(widths=(4, 3), basis=basis).architecture, seed)
    return Solution(
        problem,
        (Piece(problem.domain, build_ansatz(problem), network),),
        Outcome(Status.BUDGET, "go on"),
        seed=seed, seconds=12.5, steps=40, estimate=1 / 3, notes=("a note", "another"),
    )  # fmt: skip


def points(problem: Problem, count: int = 40) -> np.ndarray[Any, Any]:
    return problem.domain.interior.place(
        np.random.default_rng(0).random((count, problem.box.dimension))
    )


@pytest.mark.parametrize("basis", BASES, ids=str)
def test_a_model_comes_back_to_the_last_bit(basis: Basis, tmp_path: Path) -> None:
    saved = untrained(wave(), basis)
    save_model(saved, tmp_path / "m.safetensors")
    state = torch.random.get_rng_state()
    loaded = load_model(tmp_path / "m.safetensors")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert loaded.network.basis == basis
    at = points(saved.problem)
    names = ["u_x", "u_tt", "v_xy"]
    before, after = saved.evaluate(at, names), loaded.evaluate(at, names)
    assert list(before) == list(after)
    for name in ("u", "v", *names):
        np.testing.assert_array_equal(after[name], before[name])
    for name, value in saved.residuals(at).items():
        np.testing.assert_allclose(loaded.residuals(at)[name], value, rtol=1e-12, atol=1e-13)


def test_the_story_comes_back(tmp_path: Path) -> None:
    saved = untrained(wave(), seed=11)
    save_model(saved, tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors")
    for name in ("outcome", "seed", "seconds", "steps", "estimate", "notes", "parameters"):
        assert getattr(loaded, name) == getattr(saved, name)
    for name in ("box", "unknowns", "periodic", "names", "vectors", "units", "title"):
        assert getattr(loaded.problem, name) == getattr(saved.problem, name)
    assert [e.condition for e in loaded.ansatz.exact] == [e.condition for e in saved.ansatz.exact]
    for one, other in zip(loaded.problem.equations, saved.problem.equations, strict=True):
        assert (one.condition, one.weight, one.jets) == (other.condition, other.weight, other.jets)
        assert one.region.label == other.region.label


def test_adapted_breakpoints_come_back(tmp_path: Path) -> None:
    solution = untrained(wave(), BSpline(3, 4))
    at = torch.from_numpy(points(solution.problem, 500))
    (piece,) = solution.pieces
    larger = replace(piece, network=piece.network.extended(None, at))
    grown = replace(solution, pieces=(larger,))
    save_model(grown, tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors")
    for name, tensor in grown.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor)


def test_a_reference_is_not_in_a_model(tmp_path: Path) -> None:
    box = Box(x=(0, 1))
    (x,) = box.axes
    problem = Problem(
        box, "u", [Condition("ode", box, lambda u: d(u, x) - u)], exact(u=lambda x: np.exp(x))
    )
    save_model(untrained(problem), tmp_path / "m.safetensors")
    assert load_model(tmp_path / "m.safetensors").problem.reference is None


# --- files that are not what they say -------------------------------------------------------


def header(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        return dict(json.loads(file.metadata()["kanpde"]))


def piece(data: dict[str, Any]) -> dict[str, Any]:
    return dict.__getitem__(data, "pieces")[0]  # type: ignore[no-any-return]


def network(data: dict[str, Any]) -> dict[str, Any]:
    return piece(data)["network"]  # type: ignore[no-any-return]


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, Change] = {
    "newer": lambda d: d.update(format=99),
    "no basis": lambda d: network(d).pop("basis"),
    "unknown basis": lambda d: network(d)["basis"].update(kind="Wavelet"),
    "a class as basis": lambda d: network(d)["basis"].update(kind="__import__"),
    "a giant basis": lambda d: network(d)["basis"].update(degree=10**9),
    "other widths": lambda d: network(d).update(widths=[400, 3]),
    "no widths": lambda d: network(d).update(widths="ab"),
    "an axis more": lambda d: d["problem"]["box"].update(z=[0, 1]),
    "another box": lambda d: d["problem"]["box"].update(x=[0, 9]),
    "an empty box": lambda d: d["problem"]["box"].update(x=[1, 1]),
    "a field less": lambda d: d["problem"].update(fields=["u"]),
    "exact of others": lambda d: piece(d).update(exact=[True]),
    "no lift": lambda d: piece(d).update(lift={}),
    "code as lift": lambda d: piece(d)["lift"].update(u="__import__('os').mkdir('touched')"),
    "code as equation": lambda d: d["problem"]["conditions"][0].update(
        expressions=["(lambda: __import__('os').mkdir('touched'))()", "u"]
    ),
    "an attribute": lambda d: piece(d)["mask"].update(u="x.__class__"),
    "a giant power": lambda d: piece(d)["mask"].update(u="9**9**9"),
    "deep": lambda d: piece(d)["mask"].update(u="(" * 5000 + "x" + ")" * 5000),
    "code as outcome": lambda d: d.update(outcome={"status": "budget", "advise": "x"}),
    "no pieces": lambda d: d.update(pieces=[]),
    "a piece beyond": lambda d: piece(d)["domain"]["restricted"].update(t=[0, 99]),
    "an unknown network": lambda d: network(d).update(kind="Transformer"),
    "text as seed": lambda d: d.update(seed="one"),
    "a list": lambda d: d.update(problem=[]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_header_is_told_and_never_run(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.safetensors"
    save_model(untrained(wave()), path)
    data = header(path)
    change(data)
    save_file(load_file(path), path, {"kanpde": json.dumps(data)})
    with pytest.raises(KanpdeError, match=r"m\.safetensors"):
        load_model(path)
    assert os.listdir(tmp_path) == ["m.safetensors"]


def test_missing_and_strange_weights(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(untrained(wave()), path)
    tensors, data = load_file(path), json.dumps(header(path))
    for changed in (
        dict(list(tensors.items())[1:]),
        tensors | {"more": torch.ones(1)},
        {name: torch.full_like(tensor, torch.nan) for name, tensor in tensors.items()},
        tensors | {"pieces.0.layers.0.bias": torch.ones(9, dtype=torch.float64)},
    ):
        save_file(changed, path, {"kanpde": data})
        with pytest.raises(KanpdeError, match=r"m\.safetensors"):
            load_model(path)


@given(st.binary(max_size=300), st.integers(0, 2000))
@settings(max_examples=60)
def test_damage_anywhere_is_told(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, start: int
) -> None:
    path = tmp_path_factory.mktemp("damage") / "m.safetensors"
    save_model(untrained(wave()), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + noise + whole[start + len(noise) :])
    try:
        load_model(path)  # noise in numbers is a model, though not the one that was saved
    except KanpdeError as error:
        assert "m.safetensors" in str(error)  # noqa: PT017


# --- whole or not at all --------------------------------------------------------------------


def test_a_failure_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(target: Path) -> None:
        target.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_model_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.safetensors"
    save_model(untrained(wave(), seed=1), path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("kanpde.solution.tensors.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(untrained(wave(), seed=2), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.safetensors"]


def test_disk_that_fills_up_while_training_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.safetensors"
    first, warnings = untrained(wave(), seed=1), list[OSError]()
    saver: Saver[Solution] = Saver(lambda s: save_model(s, path), 0, warnings.append)
    saver(first)

    def fail(*_: object) -> None:
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("kanpde.solution.tensors.save_file", fail)
    saver(untrained(wave(), seed=2))
    (warning,) = warnings
    assert "No space left on device" in str(warning)
    assert warning.filename == str(path)
    kept = load_model(path).network.state_dict()
    assert all(torch.equal(kept[n], v) for n, v in first.network.state_dict().items())
    with pytest.raises(OSError, match="No space left"):
        saver.flush()


def test_json_holds_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"n": np.int64(3), "x": np.float64(0.1), "p": Path("a")})
    assert json.loads(path.read_text()) == {"n": 3, "x": 0.1, "p": "a"}
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"x": float("nan")})
    assert json.loads(path.read_text())["n"] == 3
