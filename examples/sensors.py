"""Which temperature did a rod have at first? Four noisy thermometers and the heat equation answer.

Nothing is said about the temperature at t = 0. The equation, the cold walls and a hundred
readings with 2 % of noise determine it.

python examples/sensors.py
"""

import argparse

import numpy as np

import kanpde
from kanpde import Box, Condition, Plan, Problem, d, observe

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--budget", type=float, default=20.0, help="seconds of training")
parser.add_argument("--noise", type=float, default=0.02, help="standard deviation")
options = parser.parse_args()

conductivity = 0.05


def truth(x, t):
    slow = np.sin(np.pi * x) * np.exp(-conductivity * np.pi**2 * t)
    fast = np.sin(2 * np.pi * x) * np.exp(-conductivity * (2 * np.pi) ** 2 * t)
    return slow + 0.5 * fast


box = Box(x=(0, 1), t=(0, 1))
x, t = box.axes

# Each thermometer is read at the same 25 times.
places, times = np.meshgrid([0.2, 0.4, 0.6, 0.8], np.linspace(0.02, 1, 25))
noise = np.random.default_rng(0).normal(0, options.noise, places.shape)
readings = truth(places, times) + noise

problem = Problem(
    box,
    fields="u",
    conditions=[
        Condition("heat", box, lambda u: d(u, t) - conductivity * d(u, x, x)),
        Condition("walls", box.faces(x), lambda u: u),
        observe("thermometers", box.points(x=places, t=times), u=readings),
    ],
)
solution = kanpde.solve(problem, Plan(widths=(8, 8), budget=options.budget))

along = np.linspace(0, 1, 101)
start, found = truth(along, 0), solution(x=along, t=0)
error = np.linalg.norm(found - start) / np.linalg.norm(start)
misfit = np.sqrt(np.mean((solution(x=places, t=times) - readings) ** 2))
print(f"misfit of the readings {misfit:.3f}, noise {options.noise:.3f}")
print(f"temperature at t = 0: relative L2 error {error:.2e}")
