"""Poisson's equation on a square, solved and looked at from Python.

python examples/poisson.py
"""

import argparse

import numpy as np

import kanpde
from kanpde import Plan

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--budget", type=float, default=20.0, help="seconds of training")
options = parser.parse_args()

problem = kanpde.load_problem("poisson")
solution = kanpde.solve(problem, Plan(budget=options.budget))
print(f"{solution.outcome.status} after {solution.seconds:.1f} s: {solution.outcome.advice}")
print(f"{solution.parameters} parameters")

# A solution is a function of the coordinates, by their names; arrays may have any shape.
x, y = np.meshgrid(np.linspace(-1, 1, 201), np.linspace(-1, 1, 301))
u = solution(x=x, y=y)
exact = np.sin(np.pi * x) * np.sin(np.pi * y)
assert u.shape == exact.shape

print(f"u(0.5, 0.5) = {solution(x=0.5, y=0.5):.9f}, and should be 1")
print(f"relative L2 error {np.linalg.norm(u - exact) / np.linalg.norm(exact):.2e}")
