"""How well does the rod conduct? Fifty thermometer readings and the heat equation answer.

The unknown number is solved for with the temperature, and comes with its 95 % interval.

python examples/unknown_conductivity.py
"""

import argparse

import numpy as np

import kanpde
from kanpde import Box, Condition, Plan, Problem, d, observe, pi, sin, unknown

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--budget", type=float, default=20.0, help="seconds of training")
parser.add_argument("--noise", type=float, default=0.0, help="standard deviation")
options = parser.parse_args()

conductivity = 0.3
box = Box(x=(0, 1), t=(0, 1))
x, t = box.axes
k = unknown("k", positive=True)

places, times = np.meshgrid(np.linspace(0.1, 0.9, 5), np.linspace(0.1, 1, 10))
readings = np.exp(-conductivity * np.pi**2 * times) * np.sin(np.pi * places)
readings += np.random.default_rng(0).normal(0, options.noise, readings.shape)

problem = Problem(
    box,
    fields="u",
    conditions=[
        Condition("heat", box, lambda u: d(u, t) - k * d(u, x, x)),
        Condition("start", box.face(t=0), lambda u: u - sin(pi * x)),
        Condition("cold ends", box.faces(x), lambda u: u),
        observe("thermometers", box.points(x=places, t=times), u=readings),
    ],
)
solution = kanpde.solve(problem, Plan(budget=options.budget))

found = solution.unknowns["k"]
print(f"{found.describe('k')}, in truth {conductivity}")
print(f"relative error {abs(found.value / conductivity - 1):.1e}")
