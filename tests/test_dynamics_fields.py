"""Equations from noisy fields; the data come from an independent solver or in closed form."""

import numpy as np
import pytest

from kanpde import KanpdeError
from kanpde.dynamics.field.discover import discover_field
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
