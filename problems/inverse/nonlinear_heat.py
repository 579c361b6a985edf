"""How does the conductivity k(u) of a rod depend on its temperature? Read off 400 thermometers."""

import numpy as np

from kanpde import Box, Condition, Problem, d, law, observe, pi, sin
from kanpde.reference import nonlinear_heat


def problem(noise: float = 0.01, seed: int = 0) -> Problem:
    box = Box(x=(0, 1), t=(0, 0.3))
    x, t = box.axes
    k = law("k")

    truth = nonlinear_heat(k=lambda u: 1 + u**2, start=lambda x: np.sin(np.pi * x) + x, until=0.3)
    places, times = np.linspace(0, 1, 22)[1:-1], np.linspace(0, 0.3, 21)[1:]
    X, T = np.meshgrid(places, times)
    readings = truth.evaluate(x=X, t=T)["u"]
    readings += np.random.default_rng(seed).normal(0, noise * np.std(readings), X.shape)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("heat", box, lambda u: d(u, t) - d(k(u) * d(u, x), x)),
            Condition("start", box.face(t=0), lambda u: u - sin(pi * x) - x),
            Condition("cold end", box.face(x=0), lambda u: u),
            Condition("warm end", box.face(x=1), lambda u: u - 1),
            observe("thermometers", box.points(x=X, t=T), u=readings),
        ],
        reference=truth,
    )
