"""A rod that is held cold at one end and loses heat to the air at the other.

u_t = u_xx with u = 0 at x = 0 and Robin's condition u_x + h u = 0 at x = 1. One decaying mode
sin(m x) exp(-m^2 t), with m the root of m cos m + h sin m = 0, is the exact answer.

python examples/heat_equation.py
"""

import argparse

from scipy.optimize import brentq

import kanpde
from kanpde import Box, Condition, Plan, Problem, cos, d, exact, exp, sin

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--budget", type=float, default=20.0, help="seconds of training")
parser.add_argument("--transfer", type=float, default=1.0, help="h, the heat transfer number")
options = parser.parse_args()


def rod(h):
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    m = brentq(lambda m: m * cos(m) + h * sin(m), 1.5, 3.1)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("heat", box, lambda u: d(u, t) - d(u, x, x)),
            Condition("start", box.face(t=0), lambda u: u - sin(m * x)),
            Condition("cold end", box.face(x=0), lambda u: u),
            Condition("free end", box.face(x=1), lambda u: d(u, x) + h * u),
        ],
        reference=exact(u=lambda x, t: sin(m * x) * exp(-(m**2) * t)),
    )


solution = kanpde.solve(rod(options.transfer), Plan(budget=options.budget))
print(f"{solution.outcome.status} after {solution.seconds:.1f} s, {solution.steps} steps")
for time in (0.0, 0.25, 0.5):
    print(f"  the free end at t = {time:4.2f}: u = {solution(x=1, t=time):.6f}")
print(f"relative L2 error {solution.errors['u'].rel_l2:.2e}")
