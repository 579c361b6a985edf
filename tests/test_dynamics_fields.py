"""Equations from noisy fields; the data come from an independent solver or in closed form."""

import numpy as np
import pytest

from kanpde import KanpdeError
from kanpde.dynamics.agreement import Agreement
from kanpde.dynamics.field.bumps import Bumps
from kanpde.dynamics.field.discover import discover_field
from kanpde.dynamics.field_report import describe_field
from kanpde.reference.etdrk4 import march

X = -np.pi + 2 * np.pi * np.arange(128) / 128
T = np.linspace(0, 2, 101)


def noisy(u: np.ndarray, level: float, seed: int = 0) -> np.ndarray:
    return u + level * u.std() * np.random.default_rng(seed).standard_normal(u.shape)


def advected() -> np.ndarray:
    """u_t = -u_x + 0.1 u_xx, mode by mode."""
    return sum(
        a * np.exp(-0.1 * k**2 * T[:, None]) * np.cos(k * (X - T[:, None]) + p)
        for k, a, p in ((1, 1.0, 0.0), (2, 0.7, 1.0), (3, 0.4, 2.0))
    )


def reacting(diffusion: float = 0.3) -> np.ndarray:
    """u_t = d u_xx + u - u^3, by Fourier modes and ETDRK4."""
    k = np.arange(65)
    path = march(
        (1 - diffusion * k**2).astype(complex),
        lambda s, v: (k < 40) * np.fft.rfft(-(np.fft.irfft(v, 128) ** 3)),
        np.fft.rfft(1.5 * np.sin(X) + np.cos(2 * X) + 0.4),
        (0.0, 2.0), 1000, 10,
    )  # fmt: skip
    return np.array([np.fft.irfft(v, 128) for v in path])


@pytest.mark.parametrize(("level", "bound"), [(0.0, 1e-3), (0.1, 0.05), (0.25, 0.1)])
def test_convection_and_diffusion(level: float, bound: float) -> None:
    found = discover_field(noisy(advected(), level), X, T)
    told = found.coefficients()
    assert set(told) == {(1, 1), (1, 2)}
    assert told[(1, 1)] == pytest.approx(-1, rel=bound)
    assert told[(1, 2)] == pytest.approx(0.1, rel=bound)


@pytest.mark.parametrize(("level", "bound"), [(0.0, 1e-3), (0.1, 0.1)])
def test_reaction_and_diffusion(level: float, bound: float) -> None:
    told = discover_field(noisy(reacting(), level), X, T).coefficients()
    assert set(told) == {(1, 0), (3, 0), (1, 2)}
    assert told[(1, 0)] == pytest.approx(1, rel=bound)
    assert told[(3, 0)] == pytest.approx(-1, rel=bound)


def fronts() -> np.ndarray:
    """u_t = 0.003 u_xx + 5 u - 5 u^3 on [-1, 1]: steep fronts, little diffusion."""
    k = np.arange(129) * np.pi
    x = -1 + 2 * np.arange(256) / 256
    path = march(
        (5 - 0.003 * k**2).astype(complex),
        lambda s, v: (k < 240) * np.fft.rfft(-5 * np.fft.irfft(v, 256) ** 3),
        np.fft.rfft(0.8 * np.sin(np.pi * x) + 0.4 * np.cos(2 * np.pi * x)),
        (0.0, 1.0), 1000, 10,
    )  # fmt: skip
    return np.array([np.fft.irfft(v, 256) for v in path])


def test_steep_fronts_are_resolved() -> None:
    x, t = -1 + 2 * np.arange(256) / 256, np.linspace(0, 1, 101)
    worst = []
    for seed in range(3):
        told = discover_field(noisy(fronts(), 0.07, seed), x, t).coefficients()
        assert set(told) == {(1, 0), (3, 0), (1, 2)}
        worst.append(abs(told[(1, 2)] / 0.003 - 1))
    assert max(worst) < 0.1


def test_the_source_of_a_known_equation() -> None:
    found = discover_field(reacting(), X, T, derivatives=0, known={(1, 2): 0.3})
    told = found.coefficients()
    assert set(told) == {(1, 0), (3, 0), (1, 2)}
    assert told[(1, 0)] == pytest.approx(1, rel=1e-3)
    assert told[(3, 0)] == pytest.approx(-1, rel=1e-3)
    assert "0.3 u_xx" in found.text()


def test_standing_waves_are_of_second_order() -> None:
    u = np.cos(2 * T)[:, None] * np.sin(2 * X) + np.cos(T)[:, None] * np.cos(X)
    told = discover_field(u, X, T, order=2).coefficients()
    assert told == pytest.approx({(1, 2): 1.0}, rel=1e-3)


def test_noise_alone_gives_no_term() -> None:
    found = discover_field(np.random.default_rng(0).standard_normal((101, 128)), X, T)
    assert found.text() == "u_t = 0"


def test_noise_is_measured() -> None:
    u = advected()
    assert discover_field(noisy(u, 0.1), X, T).noise == pytest.approx(0.1 * u.std(), rel=0.1)


@pytest.mark.parametrize(
    ("u", "t", "message"),
    [
        (np.zeros((3, 4)), T, "shape"),
        (np.full((101, 128), np.nan), T, "gaps"),
        (np.ones((101, 128)), T, "constant"),
        (np.ones((101, 128)), T**2, "even steps"),
    ],
)
def test_bad_fields_are_told(u: np.ndarray, t: np.ndarray, message: str) -> None:
    with pytest.raises(KanpdeError, match=message):
        discover_field(u, X, t)


def carried() -> np.ndarray:
    """u_t = -(1 + sin(x) / 2) u_x, by Fourier modes and ETDRK4."""
    k = np.arange(65)

    def change(s: float, v: np.ndarray) -> np.ndarray:
        return (k < 40) * np.fft.rfft(-(1 + 0.5 * np.sin(X)) * np.fft.irfft(1j * k * v, 128))

    start = np.fft.rfft(np.sin(X) + 0.5 * np.cos(2 * X))
    path = march(np.zeros(65, complex), change, start, (0.0, 2.0), 1000, 10)
    return np.array([np.fft.irfft(v, 128) for v in path])


@pytest.mark.parametrize("level", [0.0, 0.05])
def test_a_law_outside_of_the_library_is_told(level: float) -> None:
    """Its speed varies with x; measured: over 1000 standard errors without noise, 100 with."""
    found = discover_field(noisy(carried(), level), X, T)
    assert found.judgement.agreement is Agreement.OUTSIDE
    assert "no equations of these terms explain the data" in describe_field(found)
    assert "±" not in describe_field(found)


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_a_law_inside_of_it_is_not(level: float) -> None:
    found = discover_field(noisy(advected(), level), X, T)
    expected = Agreement.WITHIN_NOISE if level else Agreement.EXACT
    assert found.judgement.agreement is expected


def chaotic() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """u_t = -u_xxxx - u_xx - u u_x on 0 < x < 32 pi (Kuramoto-Sivashinsky)."""
    x = 32 * np.pi * np.arange(256) / 256
    k = np.arange(129) / 16
    path = march(
        (k**2 - k**4).astype(complex),
        lambda s, v: -0.5j * k * (k < 5) * np.fft.rfft(np.fft.irfft(v, 256) ** 2),
        np.fft.rfft(np.cos(x / 16) * (1 + np.sin(x / 16))),
        (0.0, 100.0), 1500, 10,
    )  # fmt: skip
    u = np.array([np.fft.irfft(v, 256) for v in path])
    return u, x, np.linspace(0, 100, len(u))


@pytest.mark.parametrize(("level", "bound"), [(0.1, 0.02), (0.25, 0.08)])
def test_fourth_derivatives_are_found_in_noise(level: float, bound: float) -> None:
    """Bumps of one width had three false terms, and coefficients off by half."""
    u, x, t = chaotic()
    told = discover_field(noisy(u, level), x, t).coefficients()
    truth = {(1, 4): -1.0, (1, 2): -1.0, (2, 1): -0.5}
    assert set(told) == set(truth)
    assert told == pytest.approx(truth, rel=bound)


def test_the_covariance_of_bumps_is_that_of_noise() -> None:
    """Beside the mean square of 4,000 draws."""
    x, t, rng = np.linspace(0, 1, 30), np.linspace(0, 1, 28), np.random.default_rng(0)
    bumps = Bumps.on_grid((t, x), (7, 7))
    slope = rng.standard_normal((28, 30))
    spread = bumps.covariance([{(2,): slope}], 0, 1, [0.3])
    draws = 0.3 * rng.standard_normal((4000, 28, 30))
    rows = np.array([
        bumps.integral(slope * e, (2,)) - bumps.integral(e, (0,), 1) for e in draws
    ])  # fmt: skip
    np.testing.assert_allclose(rows.T @ rows / 4000, spread, atol=0.1 * spread.max())
