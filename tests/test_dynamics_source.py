"""Unknown sources of known equations; the data come from Fourier modes and ETDRK4."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from kanpde import KanpdeError, discover_source
from kanpde.cli.app import main
from kanpde.dynamics.field.edge import EdgeRange
from kanpde.dynamics.field.library import build_library
from kanpde.dynamics.field.term import PLAIN, Notation, Term
from kanpde.dynamics.field.wording import read_terms
from kanpde.reference.etdrk4 import march

pytestmark = pytest.mark.usefixtures("one_thread")
X, T = 2 * np.pi * np.arange(128) / 128, np.linspace(0, 2, 101)
Function = Callable[[np.ndarray], np.ndarray]


def reacting(f: Function, diffusion: float, level: float = 0.0) -> np.ndarray:
    """u_t = diffusion u_xx + f(u)."""
    k = np.arange(65)
    path = march(
        (-diffusion * k**2).astype(complex),
        lambda s, v: (k < 40) * np.fft.rfft(f(np.fft.irfft(v, 128))),
        np.fft.rfft(0.5 + 0.3 * np.sin(X) + 0.2 * np.cos(3 * X)),
        (0.0, 2.0), 2000, 20,
    )  # fmt: skip
    u = np.array([np.fft.irfft(v, 128) for v in path])
    return u + level * u.std() * np.random.default_rng(0).standard_normal(u.shape)


def fisher(u: np.ndarray) -> np.ndarray:
    return u - u**2


@pytest.mark.parametrize(("level", "bound"), [(0.0, 1e-6), (0.05, 0.05)])
def test_fisher_as_formula_and_network(level: float, bound: float) -> None:
    found = discover_source(reacting(fisher, 0.2, level), X, T, {(1, 2): 0.2})
    u = sympy.Symbol("u", real=True)
    told = sympy.Poly(found.formula, u).all_coeffs()
    assert [float(c) for c in told[:2]] == pytest.approx([-1, 1], rel=bound)
    assert len([c for c in told if c]) == 2
    grid = np.linspace(found.low, found.high, 50)
    assert np.abs(found(grid) - fisher(grid)).max() < bound
    # Of 50 places most lie within two standard errors.
    if level:
        assert np.mean(np.abs(found(grid) - fisher(grid)) < 3 * found.error(grid)) > 0.8


@pytest.mark.parametrize("degree", [1, 2, 5])
def test_noise_leaves_no_error_on_average(degree: int) -> None:
    u, edge = np.array([0.1, 0.6, 0.9]), EdgeRange(0.0, 1.0)
    noisy = u + 0.2 * np.random.default_rng(0).standard_normal((400_000, 3))
    mean = edge.unbias(noisy, degree, 0.2).mean(0)
    exact = edge.table(u, degree)[:, degree]
    spread = edge.unbias(noisy, degree, 0.2).std(0) / 400_000**0.5
    assert (np.abs(mean - exact) < 4 * spread).all()


def test_a_source_that_is_no_polynomial() -> None:
    def saturated(u: np.ndarray) -> np.ndarray:
        return np.sin(3 * u)

    found = discover_source(reacting(saturated, 0.1), X, T, {(1, 2): 0.1})
    assert found.equation is None
    assert found.formula.has(sympy.sin)
    u = sympy.Symbol("u", real=True)
    grid = np.linspace(found.low, found.high, 20)
    values = sympy.lambdify(u, found.formula, "numpy")(grid)
    np.testing.assert_allclose(values, saturated(grid), atol=1e-4)


def test_a_known_source_is_refused() -> None:
    with pytest.raises(KanpdeError, match=r"u\^2 is a source itself"):
        discover_source(reacting(fisher, 0.2), X, T, {(2, 0): -1.0})


def test_the_command_prints_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, report = tmp_path / "field.h5", tmp_path / "report"
    with h5py.File(path, "w") as file:
        file["u"], file["x"], file["t"] = reacting(fisher, 0.2), X, T
    given = ("discover", str(path), "--known", "0.2 u_xx", "--source", "--out", str(report))
    with pytest.raises(SystemExit) as end:
        main(list(given))
    assert not end.value.code
    output = capsys.readouterr().out
    assert "u_t = 0.2 u_xx + f(u)" in output
    told = json.loads((report / "equations.json").read_text(encoding="utf-8"))
    u = sympy.Symbol("u", real=True)
    assert float(sympy.sympify(told["f"], {"u": u}).subs(u, 0.5)) == pytest.approx(0.25, abs=1e-6)
    table = np.loadtxt(report / "source.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, 1], fisher(table[:, 0]), atol=1e-6)


# --- how terms are written ------------------------------------------------------------------

PLANE = Notation(("u", "v"), ("x", "y"))
LIBRARY = build_library(PLANE, 3, 4)
COEFFICIENTS = st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3)


@given(st.dictionaries(st.sampled_from(LIBRARY[1:]), COEFFICIENTS, min_size=1))
def test_terms_are_read_as_they_are_printed(terms: dict[Term, float]) -> None:
    text = " ".join(f"{value:+.17g} {term.name}" for term, value in terms.items())
    assert read_terms(text, PLANE) == terms


def test_signs_and_stars() -> None:
    told = {term.pair: value for term, value in read_terms("-u_x + 2*(u^2)_xx - 1").items()}
    assert told == {(1, 1): -1.0, (2, 2): 2.0, (0, 0): -1.0}
    assert read_terms("") == {}
    assert read_terms("0.5 u**2 * v", PLANE) == {PLANE.derive((0, 0), (0, 0, 1)): 0.5}


@pytest.mark.parametrize("text", ["u_xx u_", "0.1 v_xx", "u u_y", "sin(u)", "u_x + u_x"])
def test_what_is_no_term_is_told(text: str) -> None:
    with pytest.raises(KanpdeError, match=r"is not understood at|twice"):
        read_terms(text, PLAIN)
