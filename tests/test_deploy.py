"""Solutions as programs: torch modules, torch.export, ONNX and files of NumPy alone."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde import (
    MLP,
    Box,
    BSpline,
    Chebyshev,
    Condition,
    Fourier,
    GaussianRBF,
    KanpdeError,
    LeastSquares,
    Legendre,
    Periodic,
    Plan,
    Problem,
    Sampling,
    Solution,
    cos,
    d,
    exp,
    observe,
    pi,
    sin,
    solve,
    unknown,
    where,
)  # fmt: skip
from kanpde.arrays import Array
from kanpde.output.deploy import write_program
from kanpde.output.deploy.graph import exported_names
from kanpde.solution.module import SolutionModule


def waves() -> Problem:
    """Two fields, a periodic axis, data that need a lift, and an output with a derivative."""
    box = Box(x=(0, 2), t=(0, 1))
    x, t = box.axes
    start = sin(pi * x) * exp(-cos(pi * x) / 3)
    return Problem(
        box,
        "u v",
        [
            Condition("first", box, lambda u, v: d(u, t) - v),
            Condition("second", box, lambda u, v: d(v, t) - d(u, x, x) + where(x < 1, 0.3, 0.7)),
            Condition("start", box.face(t=0), lambda u: u - start),
            Condition("rest", box.face(t=0), lambda v: v),
            Periodic(x),
        ],
        derived={"energy": lambda u, v: v**2 / 3 + u, "strain": lambda u: d(u, x)},
    )


def solved(**plan: Any) -> Solution:
    stages = (LeastSquares(steps=2),)
    return kanpde.solve(
        waves(), Plan(stages=stages, sampling=Sampling(points=100), tolerance=0, **plan)
    )


PLANS: dict[str, dict[str, Any]] = {
    "Chebyshev": {"widths": (4,), "basis": Chebyshev(4)},
    "Legendre": {"widths": (4,), "basis": Legendre(4)},
    "Fourier": {"widths": (4,), "basis": Fourier(2)},
    "Gaussian": {"widths": (4,), "basis": GaussianRBF(5)},
    "spline": {"widths": (4,), "basis": BSpline(4, 4, base=True)},
    "tanh": {"network": MLP((4,))},
    "windows": {"widths": (4,), "basis": Chebyshev(4), "windows": 2, "budget": 4},
}


@cache
def solution_by(name: str) -> Solution:
    """That of a plan, solved once."""
    return solved(**PLANS[name])


def points() -> Array:
    low, high = waves().domain.bounds
    return low + (high - low) * np.random.default_rng(0).random((40, 2))


def expected(solution: Solution, names: tuple[str, ...]) -> Array:
    values = solution.evaluate(points())
    return np.stack([values[n] for n in names], 1)


def require_equal(found: Any, right: Array) -> None:
    """Equal to 1e-12 in the relative L2 norm; single values add up other roundings."""
    difference = np.asarray(found) - right
    assert np.linalg.norm(difference) < 1e-12 * np.linalg.norm(right)
    assert np.abs(difference).max() < 1e-11 * np.abs(right).max()


def imported(path: Path) -> ModuleType:
    module = ModuleType("solution")
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("name", PLANS)
def test_numpy_program_is_the_solution(name: str, tmp_path: Path) -> None:
    solution = solution_by(name)
    assert exported_names(solution) == ("u", "v", "energy")
    program = imported(write_program(solution, tmp_path, "numpy"))
    found = program.evaluate(points())
    require_equal(found, expected(solution, program.FIELDS))


def test_numpy_program_broadcasts_and_needs_numpy_alone(tmp_path: Path) -> None:
    solution = solution_by("Chebyshev")
    write_program(solution, tmp_path, "numpy")
    script = (
        "import sys; from solution import solution; import numpy as np;"
        "assert not {'torch', 'kanpde', 'scipy'} & set(sys.modules);"
        "u = solution(np.linspace(0, 2, 5), np.array([[0.5], [1.0]]))['u'];"
        "assert u.shape == (2, 5); print(repr(float(u[0, 1])), solution(5, 0.5)['u'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    value, outside = done.stdout.split()
    values = solution(x=0.5, t=0.5)
    assert isinstance(values, dict)
    assert float(value) == pytest.approx(float(values["u"]), abs=1e-12)
    assert outside == "nan"


def test_programs_are_defined_where_a_lift_is_not(tmp_path: Path) -> None:
    """Of the cavity's corners and walls a program once gave NaN: its lift is 0/0 there."""
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("laplace", box, lambda u: d(u, x, x) + d(u, y, y)),
            Condition("left", box.face(x=0), lambda u: u),
            Condition("below", box.face(y=0), lambda u: u),
        ],
        lift={"u": x * y / (x + y)},
    )
    solution = kanpde.solve(problem, Plan(stages=(LeastSquares(steps=1),), widths=(4,)))
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.0], [0.3, 0.4]])
    right = solution.evaluate(corners)["u"]
    assert np.isfinite(right).all()
    with torch.no_grad():
        found = solution.module()(torch.from_numpy(corners))[:, 0].numpy()
    np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)
    program = imported(write_program(solution, tmp_path, "numpy"))
    np.testing.assert_allclose(program.evaluate(corners)[:, 0], right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["Chebyshev", "windows"])
def test_torch_program_is_the_solution(name: str, tmp_path: Path) -> None:
    solution = solution_by(name)
    path = write_program(solution, tmp_path, "torch")
    found = torch.export.load(path).module()(torch.from_numpy(points())).numpy()
    names = exported_names(solution)
    require_equal(found, expected(solution, names))


@pytest.mark.parametrize("format", ["torch", "numpy"])
def test_programs_take_any_number_of_points_beside_an_unknown_number(
    format: str, tmp_path: Path
) -> None:
    """A number of the network is repeated for each point, and fields have axes of their own."""
    rod = Box(x=(0, 1))
    (x,) = rod.axes
    k = unknown("k", start=0.5)
    problem = Problem(
        rod,
        fields="u",
        conditions=[
            Condition("heat", rod, lambda u: k * d(u, x, x) + sin(pi * x)),
            Condition("ends", rod.faces(x), lambda u: u),
            observe("sensors", rod.points(x=[0.3, 0.5]), u=[0.16, 0.2]),
        ],
    )
    plan = Plan(widths=(3,), stages=(LeastSquares(steps=2),))
    solution = solve(problem, plan, progress=False)
    path = write_program(solution, tmp_path, format)
    places = np.linspace(0, 1, 7)[:, None]
    if format == "torch":
        found = torch.export.load(path).module()(torch.from_numpy(places)).numpy()
    else:
        found = imported(path).evaluate(places)
    require_equal(found[:, 0], np.asarray(solution(x=places[:, 0])))


def test_onnx_program_is_the_solution(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    solution = solved(**PLANS["Legendre"])
    path = write_program(solution, tmp_path, "onnx")
    (found,) = runtime.InferenceSession(path).run(None, {"points": points()})
    names = exported_names(solution)
    require_equal(found, expected(solution, names))


def test_onnx_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(KanpdeError, match=r"needs onnx: pip install 'kanpde\[onnx\]'"):
        write_program(solution_by("Chebyshev"), tmp_path, "onnx")
    assert not list(tmp_path.iterdir())


def test_module_has_all_outputs_and_gradients() -> None:
    solution = solution_by("Chebyshev")
    module = solution.module()
    assert module.names == ("u", "v", "energy", "strain")
    at = torch.from_numpy(points())
    require_equal(module(at), expected(solution, module.names))
    plain = SolutionModule(solution.problem, solution.pieces, derivatives=False)
    at.requires_grad_(True)
    (slope,) = torch.autograd.grad(plain(at)[:, 0].sum(), at)
    strain = solution.evaluate(points(), ["u_x"])["u_x"]
    np.testing.assert_allclose(slope[:, 0], strain, rtol=0, atol=1e-10)


def test_export_writes_programs_into_the_run(tmp_path: Path) -> None:
    from kanpde.output.results import export

    solution = solution_by("Chebyshev")
    folder = solution.save(tmp_path / "run")
    path, complete = export(folder, "numpy")
    assert path == folder / "solution.py"
    assert complete
    found = imported(path).evaluate(points())
    require_equal(found, expected(solution, ("u", "v", "energy")))
