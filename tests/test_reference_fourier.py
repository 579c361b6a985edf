"""Periodic evolutions by Fourier modes, against answers in closed form and the other references."""

from dataclasses import replace

import numpy as np
import pytest

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.reference import Evolution, evolve

RNG = np.random.default_rng(0)

HEAT = Evolution(
    periods={"x": (-1.0, 2.0), "y": (0.0, 2.0)},
    until=0.5,
    start=lambda x, y: {
        "u": np.sin(2 * np.pi * x / 3) * np.cos(np.pi * y),
        "v": np.ones_like(x) + np.cos(2 * np.pi * y),
    },
    linear={"u": lambda k, m: -0.1 * (k**2 + m**2), "v": lambda k, m: -0.2 * m**2},
    # v is also fed by u, and u is not fed.
    remainder=lambda u, v: {"u": 0 * u, "v": u},
    points=64,
    steps=40,
    every=1,
)


def test_linear_fields_of_a_plane_are_exact() -> None:
    x, y, t = RNG.uniform(-1, 2, 50), RNG.uniform(0, 2, 50), RNG.uniform(0, 0.5, 50)
    found = evolve(HEAT, 1e-9).evaluate(x=x, y=y, t=t)
    wave = np.sin(2 * np.pi * x / 3) * np.cos(np.pi * y)
    fall, own = 0.1 * ((2 * np.pi / 3) ** 2 + np.pi**2), 0.2 * np.pi**2
    np.testing.assert_allclose(found["u"], wave * np.exp(-fall * t), atol=1e-8)
    fed = wave * (np.exp(-fall * t) - np.exp(-own * t)) / (own - fall)
    expected = 1 + np.cos(2 * np.pi * y) * np.exp(-4 * own * t) + fed
    np.testing.assert_allclose(found["v"], expected, atol=1e-8)


def test_a_flux_goes_through_its_multiplier() -> None:
    """Burgers' equation as u_t = nu u_xx - (u^2 / 2)_x, by the Cole-Hopf transform of one mode."""
    nu = 0.1

    def exact(x: Array, t: Array | float) -> Array:
        wave = 0.5 * np.exp(-nu * np.pi**2 * t)
        slope = -np.pi * wave * np.sin(np.pi * x)
        return np.asarray(-2 * nu * slope / (1 + wave * np.cos(np.pi * x)))

    burgers = Evolution(
        periods={"x": (-1.0, 1.0)},
        until=1.0,
        start=lambda x: {"u": exact(x, 0.0)},
        linear={"u": lambda k: -nu * k**2},
        remainder=lambda u: {"u": u**2},
        outer={"u": lambda k: -0.5j * k},
        points=128,
        steps=200,
        every=4,
    )
    x, t = RNG.uniform(-1, 1, 200), RNG.uniform(0, 1, 200)
    found = evolve(burgers, 1e-9).evaluate(x=x, t=t)["u"]
    assert np.linalg.norm(found - exact(x, t)) < 1e-8 * np.linalg.norm(found)


def test_places_outside_of_the_period_are_inside_of_another() -> None:
    reference = evolve(HEAT, 1e-9)
    x, y, t = np.array([0.3, 3.3]), np.array([0.1, -1.9]), np.array([0.2, 0.2])
    u = reference.evaluate(x=x, y=y, t=t)["u"]
    assert u[0] == pytest.approx(u[1], abs=1e-13)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"periods": {}}, "one or two"),
        ({"every": 20}, "at least 8"),
        ({"every": 3}, "40 steps"),
        ({"start": lambda x, y: {"u": x}}, r"gives \['u'\], .* fields \['u', 'v'\]"),
        ({"outer": {"w": lambda k, m: k}}, r"outer names \['w'\]"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(KanpdeError, match=sentence):
        evolve(replace(HEAT, **change), 1e-9).evaluate(x=0.1, y=0.1, t=0.1)
