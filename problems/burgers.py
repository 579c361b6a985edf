"""Burgers' equation with a forming shock, u(x, 0) = -sin pi x (Basdevant et al., 1986)."""

from kanpde import Box, Condition, Problem, d, pi, sin
from kanpde.reference import cole_hopf


def problem(nu: float = 0.01 / pi) -> Problem:
    box = Box(x=(-1, 1), t=(0, 1))
    x, t = box.axes

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
        reference=cole_hopf(nu),
    )
