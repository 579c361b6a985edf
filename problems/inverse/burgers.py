"""Burgers' equation from 500 noisy readings: its viscosity and the factor of u u_x are unknown."""

import numpy as np

from kanpde import Box, Condition, Problem, d, observe, pi, sin, unknown
from kanpde.reference import cole_hopf


def problem(viscosity: float = 0.05, noise: float = 0.01, seed: int = 0) -> Problem:
    box = Box(x=(-1, 1), t=(0, 1))
    x, t = box.axes
    nu = unknown("nu", start=0.2, positive=True)
    c = unknown("c", start=0.5)

    truth = cole_hopf(viscosity)
    random = np.random.default_rng(seed)
    places, times = random.uniform(-1, 1, 500), random.uniform(0, 1, 500)
    readings = truth.evaluate(x=places, t=times)["u"]
    readings = readings + random.normal(0, noise * np.std(readings), 500)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("burgers", box, lambda u: d(u, t) + c * u * d(u, x) - nu * d(u, x, x)),
            Condition("initial", box.face(t=0), lambda u: u + sin(pi * x)),
            Condition("walls", box.faces(x), lambda u: u),
            observe("sensors", box.points(x=places, t=times), u=readings),
        ],
        reference=truth,
    )
