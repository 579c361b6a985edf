"""Inverse design: the best fin, from one solution for all of them.

A fin of length one is warm at its foot and loses heat at a rate m^2 along its way. It gives off
m tanh m; what it costs grows as m^2. Run it with `python examples/best_fin.py`.
"""

import torch

import kanpde
from kanpde import Box, Condition, LeastSquares, Plan, Problem, d, parameter

box = Box(x=(0, 1), m=parameter(0.5, 3))
x, m = box.axes

fin = Problem(
    box,
    fields="u",
    conditions=[
        Condition("conduction", box, lambda u: d(u, x, x) - m**2 * u),
        Condition("foot", box.face(x=0), lambda u: u - 1),
        Condition("tip", box.face(x=1), lambda u: d(u, x)),
    ],
    derived={"flux": lambda u: -d(u, x)},
)
solution = kanpde.solve(fin, Plan(widths=(6, 6), stages=(LeastSquares(steps=30),)))
best = kanpde.optimize(solution, lambda at, now: 0.3 * now["m"] ** 2 - at(x=0.0)["flux"])
print(best)
now = torch.tensor(best.values["m"])
assert abs(float(torch.tanh(now) + now / torch.cosh(now) ** 2 - 0.6 * now)) < 1e-3
