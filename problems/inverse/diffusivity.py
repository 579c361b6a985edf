"""Where does a plate conduct well? Its conductivity a(x, y) from 400 noisy temperatures."""

import numpy as np

from kanpde import Box, Condition, Problem, Smooth, d, observe, pi, sin
from kanpde.reference import steady_diffusion


def conductivity(x, y):
    bump = np.exp(-((x - 0.35) ** 2 + (y - 0.6) ** 2) / 0.08)
    return 1 + 0.5 * bump + 0.3 * np.sin(np.pi * x) * y


def problem(noise: float = 0.01, seed: int = 0) -> Problem:
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes

    truth = steady_diffusion(conductivity, lambda x, y: 20 * np.sin(np.pi * x) * np.sin(np.pi * y))
    places = np.linspace(0, 1, 22)[1:-1]
    X, Y = np.meshgrid(places, places)
    readings = truth.evaluate(x=X, y=Y)["u"]
    readings += np.random.default_rng(seed).normal(0, noise * np.std(readings), X.shape)

    return Problem(
        box,
        fields=("u", "a"),
        conditions=[
            Condition(
                "conduction",
                box,
                lambda u, a: d(a * d(u, x), x) + d(a * d(u, y), y) + 20 * sin(pi * x) * sin(pi * y),
            ),
            Condition("cold walls", box.faces(x, y), lambda u: u),
            observe("thermometers", box.points(x=X, y=Y), u=readings),
            Smooth("a"),
        ],
        reference=truth,
    )
