"""Find, then solve: the problem file of a discovery is solved as it is, and gives the data back."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import kanpde
from kanpde import LeastSquares, Plan, load_problem
from kanpde.dynamics.field.equation import FieldEquation, FieldSystem
from kanpde.dynamics.field.term import PLAIN
from kanpde.dynamics.field.writing import Line, find_period, write_function
from kanpde.dynamics.problem_text import write_dynamics_problem, write_field_problem

Array = NDArray[np.float64]
pytestmark = pytest.mark.usefixtures("one_thread")
X = 2 * np.pi * np.arange(48) / 48
T = np.linspace(0, 1, 40)


def waves(x: Array) -> Array:
    """u_t = -u_x + 0.1 u_xx, mode by mode."""
    return sum(
        np.exp(-0.1 * k**2 * T[:, None]) * np.cos(k * (x - T[:, None]) + k) / k for k in (1, 2)
    )


def load(text: str, folder: Path) -> kanpde.Problem:
    (folder / "problem.py").write_text(text, encoding="utf-8")
    return load_problem(folder / "problem.py")


def test_a_field_is_found_and_solved(tmp_path: Path) -> None:
    u = waves(X)
    data = kanpde.snapshots(u, X, T)
    problem = load(write_field_problem(kanpde.discover_fields(data), data), tmp_path)
    solution = kanpde.solve(problem, Plan(stages=(LeastSquares(steps=12),)))
    again = solution(x=X[None, :], t=T[:, None])
    assert isinstance(again, np.ndarray)
    assert np.abs(again - u).max() < 5e-3


def test_trajectories_are_found_and_solved(tmp_path: Path) -> None:
    t = np.linspace(0, 2, 60)
    run = solve_ivp(
        lambda t, s: [s[1], -np.sin(s[0])], (0, 2), [1.0, 0.0], t_eval=t, rtol=1e-10, atol=1e-12
    )
    found = kanpde.discover((t, run.y.T), degree=1, holdout=0)
    problem = load(write_dynamics_problem(found), tmp_path)
    solution = kanpde.solve(problem, Plan(stages=(LeastSquares(steps=12),)))
    again = solution(t=t)
    assert isinstance(again, dict)
    assert np.abs(again["x"] - run.y[0]).max() < 5e-3
    assert np.abs(again["y"] - run.y[1]).max() < 5e-3


@pytest.mark.parametrize(
    ("x", "function", "period"),
    [
        (X, np.cos, 2 * np.pi),
        (np.linspace(0, 2 * np.pi, 49), np.cos, 2 * np.pi),
        (X, lambda x: np.exp(-x), None),
        (X, lambda x: x, None),
    ],
    ids=["without the end", "with the end", "falling", "line"],
)
def test_periods_are_seen(
    x: Array, function: Callable[[Array], Array], period: float | None
) -> None:
    found = find_period([np.stack([function(x), 0.5 * function(x)])], x, 1)
    assert (found and found.period) == (period and pytest.approx(period))


def test_values_are_written_as_they_are() -> None:
    x = np.linspace(0, 3, 60, endpoint=False)
    values = 1 + np.cos(2 * np.pi * x / 3) - 0.2 * np.sin(6 * np.pi * x / 3)
    scope = {"x": x[:, None], "y": np.linspace(-1, 2, 40), "cos": np.cos, "sin": np.sin}
    waves, line = Line("x", x, 3.0), Line("y", scope["y"])
    told = eval(write_function(values, [waves], 0.0), scope)
    np.testing.assert_allclose(told[:, 0], values, atol=1e-7)
    bent = np.exp(scope["y"])
    told = eval(write_function(bent, [line], 0.0), scope)
    np.testing.assert_allclose(told, bent, atol=5e-6)
    both = values[:, None] * bent
    told = eval(write_function(both, [waves, line], 0.0), scope)
    np.testing.assert_allclose(told, both, atol=2e-5)


def test_what_samples_do_not_give_is_refused() -> None:
    part = slice(0, 30)
    data = kanpde.snapshots(waves(X)[:, part], X[part], T)
    found = kanpde.discover_fields(waves(X), X, T)
    third = FieldEquation(1, (PLAIN.derive((3,), (0,)),), np.array([1.0]), np.eye(1), 0.0, {})
    assert "Periodic" not in write_field_problem(found, data)
    with pytest.raises(kanpde.KanpdeError, match="an equation of order 3 needs more at both ends"):
        write_field_problem(FieldSystem((third,)), data)
