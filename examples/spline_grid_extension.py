"""A spline KAN that grows: two grid extensions that do not change the field.

Training starts on few intervals, which is cheap. Each extension doubles their number and
refits every edge function by least squares; the change of the field is printed.

python examples/spline_grid_extension.py
"""

import argparse

import kanpde
from kanpde import BSpline, Extend, LeastSquares, Plan

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--budget", type=float, default=120.0, help="seconds of training")
parser.add_argument("--steps", type=int, default=100, help="steps between the extensions")
options = parser.parse_args()

train = LeastSquares(steps=options.steps)
plan = Plan(
    widths=(8,),
    basis=BSpline(grid_size=4, order=5),
    stages=(train, Extend(), train, Extend(), train),
    budget=options.budget,
)
solution = kanpde.solve(kanpde.load_problem("poisson"), plan)

for note in solution.notes:
    print(note)
print(f"{solution.network.basis}, {solution.parameters} parameters, {solution.seconds:.0f} s")
print(f"relative L2 error {solution.errors['u'].rel_l2:.2e}")
