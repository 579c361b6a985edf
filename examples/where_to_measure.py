"""Where should the thermometer stand? Asked before anything is measured.

A rod conducts by k and is heated by c x, both unknown. Each place is judged by the interval of 95 %
that ten readings there would leave of each.

python examples/where_to_measure.py
"""

import argparse

import kanpde
from kanpde import Box, Condition, Problem, d, pi, sin, unknown

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--noise", type=float, default=0.01, help="standard deviation of a reading")
options = parser.parse_args()

rod = Box(x=(0, 1), t=(0, 1))
x, t = rod.axes
k, c = unknown("k", start=0.3, positive=True), unknown("c", start=0.5)
problem = Problem(
    rod,
    fields="u",
    conditions=[
        Condition("heat", rod, lambda u: d(u, t) - k * d(u, x, x) - c * x),
        Condition("start", rod.face(t=0), lambda u: u - sin(pi * x)),
        Condition("cold ends", rod.faces(x), lambda u: u),
    ],
)
print(kanpde.rank_sensors(problem, sigma=options.noise))
