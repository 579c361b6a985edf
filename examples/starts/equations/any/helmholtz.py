"""The Helmholtz equation: a wave of one frequency, with its values given on the boundary."""

import kanpde
from kanpde import Condition, Problem, cos, d

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Disk(x=0, y=0, radius=1)
# --- The end of the shape.


def problem(k: float = 2.0) -> Problem:
    x = body.axes[0]

    def helmholtz(u):
        return sum(d(u, each, each) for each in body.axes) + k**2 * u

    return Problem(
        body,
        fields="u",
        conditions=[
            Condition("helmholtz", body, helmholtz),
            Condition("boundary", body.boundary(), lambda u: u - cos(x)),
        ],
    )
