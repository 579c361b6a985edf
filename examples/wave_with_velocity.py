"""A string that starts plucked and struck: it has a shape and a velocity at t = 0.

u_tt = c^2 u_xx, held at both ends. Shape and velocity hold exactly, by construction:
`kanpde check` would say so, and so does the list of trained conditions below.

python examples/wave_with_velocity.py --out runs/string
"""

import argparse
from pathlib import Path

import kanpde
from kanpde import Box, Condition, Plan, Problem, cos, d, exact, pi, sin
from kanpde.output.plot import plot_solution

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--budget", type=float, default=30.0, help="seconds of training")
parser.add_argument("--out", type=Path, help="a folder for the picture")
options = parser.parse_args()

box = Box(x=(0, 1), t=(0, 1))
x, t = box.axes
c = 1.0


def string(x, t):
    plucked = sin(pi * x) * cos(pi * c * t)
    struck = sin(2 * pi * x) * sin(2 * pi * c * t) / 2
    return plucked + struck


problem = Problem(
    box,
    fields="u",
    conditions=[
        Condition("wave", box, lambda u: d(u, t, t) - c**2 * d(u, x, x)),
        Condition("ends", box.faces(x), lambda u: u),
        Condition("shape", box.face(t=0), lambda u: u - sin(pi * x)),
        Condition("velocity", box.face(t=0), lambda u: d(u, t) - pi * c * sin(2 * pi * x)),
    ],
    reference=exact(u=string),
    units={"x": "m", "t": "s", "u": "mm"},
    title="a string, plucked and struck",
)

solution = kanpde.solve(problem, Plan(budget=options.budget))
print("trained:", ", ".join(equation.condition for equation in solution.ansatz.trained))
if options.out:
    print("wrote", plot_solution(solution.samples(), options.out / "string.png"))
print(f"relative L2 error {solution.errors['u'].rel_l2:.2e}")
