"""Burgers' equation for all viscosities of a range at once: nu is a parameter of the solution.

`kanpde.load(run)(x=0.1, t=0.5, nu=0.01)` answers for any of them.
"""

from kanpde import Box, Condition, Problem, d, parameter, pi, sin
from kanpde.reference import cole_hopf_over


def problem(lowest: float = 0.003, highest: float = 0.1) -> Problem:
    box = Box(x=(-1, 1), t=(0, 1), nu=parameter(lowest, highest, scale="log"))
    x, t, nu = box.axes

    def burgers(u):
        return d(u, t) + u * d(u, x) - nu * d(u, x, x)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("burgers", box, burgers),
            Condition("initial", box.face(t=0), lambda u: u + sin(pi * x)),
            Condition("walls", box.faces(x), lambda u: u),
        ],
        reference=cole_hopf_over(nu),
    )
