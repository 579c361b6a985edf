"""How well does a rod conduct? Fifty noisy thermometer readings and the heat equation answer."""

import numpy as np

from kanpde import Box, Condition, Problem, d, exact, exp, observe, pi, sin, unknown


def problem(conductivity: float = 0.3, noise: float = 0.01, seed: int = 0) -> Problem:
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    k = unknown("k", start=1.0, positive=True)

    def solution(x, t):
        return exp(-conductivity * pi**2 * t) * sin(pi * x)

    places, times = np.meshgrid(np.linspace(0.1, 0.9, 5), np.linspace(0.1, 1, 10))
    readings = np.exp(-conductivity * np.pi**2 * times) * np.sin(np.pi * places)
    readings += np.random.default_rng(seed).normal(0, noise, readings.shape)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("heat", box, lambda u: d(u, t) - k * d(u, x, x)),
            Condition("start", box.face(t=0), lambda u: u - sin(pi * x)),
            Condition("cold ends", box.faces(x), lambda u: u),
            observe("thermometers", box.points(x=places, t=times), u=readings),
        ],
        reference=exact(u=solution),
    )
