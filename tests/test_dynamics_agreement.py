"""A law outside of the library is told, related columns are named, conserved quantities offered."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import kanpde
from kanpde.cli.app import main
from kanpde.dynamics.agreement import Agreement, measure_structure
from kanpde.dynamics.data import Trajectories, trajectories
from kanpde.dynamics.ode.invariants import find_invariants
from kanpde.dynamics.ode.relations import find_relations
from kanpde.dynamics.ode.smoothing import smooth
from kanpde.dynamics.report import describe

Array = NDArray[np.float64]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_noise_of_any_kind_has_no_structure_and_a_slow_wave_has() -> None:
    """Of 200 series none may be taken for a motion; measured: scores up to 3.1."""
    rng = np.random.default_rng(5)
    for k in range(200):
        rest = rng.standard_t(3, 100) * (1 + 9 * (np.arange(100) > 50) * (k % 2))
        found = measure_structure([rest])
        assert found is not None
        assert found.score < 4
    wave = np.sin(np.arange(200) / 7)
    found = measure_structure([wave + rng.standard_normal(200)])
    assert found is not None
    assert found.score > 4
    assert found.size == pytest.approx(0.7, rel=0.4)
    assert measure_structure([np.ones(19)]) is None


def solution(f: Callable[..., Any], start: list[float], end: float, count: int) -> Array:
    """Times (N,) and states (N, n), as columns."""
    t = np.linspace(0, end, count)
    run = solve_ivp(f, (0, end), start, t_eval=t, method="DOP853", rtol=1e-11, atol=1e-12)
    return np.column_stack([t, run.y.T])


def test_a_law_outside_of_the_library_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """x' = -exp(-x^2), of which lines and waves are not the sum; measured: 8 standard errors."""
    table = solution(lambda t, s: -np.exp(-(s**2)), [1.5], 6.0, 81)
    path, folder = tmp_path / "data.csv", tmp_path / "report"
    np.savetxt(path, table, delimiter=",", header="t,x", comments="")
    with pytest.raises(SystemExit) as end:
        main(["discover", str(path), "--degree", "1", "--out", str(folder)])
    assert end.value.code == 3
    told = capsys.readouterr().out
    assert "no equations of these terms explain the data" in told
    assert "is not noise: neighbouring samples are off together" in told
    assert "±" not in told
    saved = json.loads((folder / "discovery.json").read_text(encoding="utf-8"))
    assert saved["agreement"] == "outside"
    assert "outside of the library" in saved["advice"]


@pytest.mark.parametrize(("noise", "agreement"), [(0.0, "exact"), (0.05, "within_noise")])
def test_a_law_inside_of_the_library_is_not(noise: float, agreement: str) -> None:
    table = solution(lambda t, s: [s[1], -s[0] - 0.2 * s[1]], [1.0, 0.0], 10.0, 100)
    noisy = noise * table[:, 1:].std(0) * np.random.default_rng(2).standard_normal((100, 2))
    found = kanpde.discover((table[:, 0], table[:, 1:] + noisy), degree=1, waves=False, holdout=0)
    assert found.judgement.agreement is Agreement(agreement)


def epidemic(noise: float = 0.0) -> Trajectories:
    table = solution(
        lambda t, s: [-1.2 * s[0] * s[1], 1.2 * s[0] * s[1] - 0.3 * s[1], 0.3 * s[1]],
        [0.97, 0.03, 0.0], 25.0, 150,
    )  # fmt: skip
    states = table[:, 1:]
    states = states + noise * states.std(0) * np.random.default_rng(1).standard_normal((150, 3))
    return trajectories((table[:, 0], states), states=["S", "I", "R"])


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
def test_columns_that_say_the_same_are_named(noise: float) -> None:
    data = epidemic(noise)
    (relation,) = find_relations(data, smooth(data))
    assert set(relation.columns) == {"S", "I", "R"}
    assert relation.weights == pytest.approx([1, 1, 1])
    assert relation.level == pytest.approx(1, abs=1e-9 + noise / 5)
    assert relation.rest == pytest.approx(noise * 0.4, rel=0.5, abs=1e-12)


def test_columns_that_do_not_are_not() -> None:
    rng = np.random.default_rng(0)
    t = np.linspace(0, 10, 200)
    states = np.stack([np.cos(t), np.sin(t)], 1) + 0.05 * rng.standard_normal((200, 2))
    data = trajectories((t, states))
    assert find_relations(data, smooth(data)) == []


X, Y, Z = sympy.symbols("x y z", real=True)
CONSERVED: dict[str, tuple[Callable[..., Any], int, list[sympy.Expr]]] = {
    "pendulum": (lambda s: [s[1], -np.sin(s[0])], 2, [Y**2 - 2 * sympy.cos(X)]),
    "duffing": (lambda s: [s[1], s[0] - s[0] ** 3], 2, [X**4 / 2 - X**2 + Y**2]),
    "prey": (
        lambda s: [1.5 * s[0] - s[0] * s[1], s[0] * s[1] - 3 * s[1]],
        2,
        [X + Y - 3 * sympy.log(X) - sympy.log(Y) * 3 / 2],
    ),
    "epidemic": (
        lambda s: [-1.2 * s[0] * s[1], 1.2 * s[0] * s[1] - 0.3 * s[1], 0.3 * s[1]],
        3,
        [X + Y + Z, X + Y - sympy.log(X) / 4],
    ),
    "friction": (lambda s: [s[1], -s[0] - 0.1 * s[1]], 2, []),
}


@pytest.mark.parametrize(("function", "n", "expected"), CONSERVED.values(), ids=CONSERVED)
def test_conserved_quantities(
    function: Callable[..., Any], n: int, expected: list[sympy.Expr]
) -> None:
    low, high = np.full(n, 0.2), np.full(n, 1.7)
    names = ["x", "y", "z"][:n]
    found = find_invariants(lambda p: np.array(function(p.T)).T, names, low, high)
    assert len(found) == len(expected)
    for one in expected:
        assert any(
            sympy.nsimplify(sympy.simplify(other / one), rational=True).is_number
            for other in found
        )  # fmt: skip


def test_discover_offers_them() -> None:
    table = solution(lambda t, s: [s[1], -np.sin(s[0])], [2.0, 0.0], 12.0, 150)
    found = kanpde.discover((table[:, 0], table[:, 1:]), degree=1, holdout=0)
    assert [str(each) for each in found.conserved] == ["y**2 - 2*cos(x)"]
    assert "conserved by these equations: y**2 - 2*cos(x)" in describe(found)
