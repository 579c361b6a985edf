"""A rod of two materials: the flux is a field of its own, since the conductivity jumps.

python examples/two_materials.py
"""

import argparse

import kanpde
from kanpde import Box, Condition, Plan, Problem, d, where

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--budget", type=float, default=20.0, help="seconds of training")
options = parser.parse_args()

box = Box(x=(0, 1))
(x,) = box.axes
k = where(x < 0.5, 1, 10)
conditions = [
    Condition("conduction", box, lambda u, q: (q - k * d(u, x), d(q, x) + 1)),
    Condition("cold ends", box.faces(x), lambda u: u),
]
solution = kanpde.solve(Problem(box, "u q", conditions), Plan(budget=options.budget))

# The exact flux is 13/44 - x: that of heat 1 for each unit of length, with u = 0 at both ends.
middle = 13 / 88 - 1 / 8
print(f"u(0.5) = {float(solution(x=0.5)['u']):.5f}, and should be {middle:.5f}")
print(f"relative error {abs(float(solution(x=0.5)['u']) / middle - 1):.1e}")
