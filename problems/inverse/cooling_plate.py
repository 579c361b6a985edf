"""A plate cools: its diffusivity a(x, y), the same at all times, from 640 noisy temperatures."""

import numpy as np

from kanpde import Box, Condition, Problem, Smooth, d, observe, pi, sin
from kanpde.reference import transient_diffusion


def diffusivity(x, y):
    return 1 + 0.5 * np.exp(-((x - 0.35) ** 2 + (y - 0.6) ** 2) / 0.08)


def problem(noise: float = 0.01, seed: int = 0) -> Problem:
    box = Box(x=(0, 1), y=(0, 1), t=(0, 0.1))
    x, y, t = box.axes

    truth = transient_diffusion(
        diffusivity, lambda x, y: np.sin(np.pi * x) * np.sin(np.pi * y), until=0.1
    )
    places, times = np.linspace(0, 1, 10)[1:-1], np.linspace(0.01, 0.1, 10)
    X, Y, T = np.meshgrid(places, places, times)
    readings = truth.evaluate(x=X, y=Y, t=T)["u"]
    readings += np.random.default_rng(seed).normal(0, noise * np.std(readings), X.shape)

    return Problem(
        box,
        fields={"u": (x, y, t), "a": (x, y)},
        conditions=[
            Condition("heat", box, lambda u, a: d(u, t) - d(a * d(u, x), x) - d(a * d(u, y), y)),
            Condition("start", box.face(t=0), lambda u: u - sin(pi * x) * sin(pi * y)),
            Condition("cold walls", box.faces(x, y), lambda u: u),
            observe("thermometers", box.points(x=X, y=Y, t=T), u=readings),
            Smooth("a"),
        ],
        reference=truth,
    )
