"""Poisson's equation with a constant source, and u = 0 on the whole boundary."""

import kanpde
from kanpde import Condition, Problem, d

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Disk(x=0, y=0, radius=1)
# --- The end of the shape.


def problem(source: float = 1.0) -> Problem:
    def poisson(u):
        return sum(d(u, each, each) for each in body.axes) + source

    return Problem(
        body,
        fields="u",
        conditions=[
            Condition("poisson", body, poisson),
            Condition("boundary", body.boundary(), lambda u: u),
        ],
    )
