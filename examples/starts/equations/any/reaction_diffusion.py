"""A steady reaction with diffusion: a substance enters at the boundary and is used up inside."""

import kanpde
from kanpde import Condition, Problem, d

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Disk(x=0, y=0, radius=1)
# --- The end of the shape.


def problem(diffusion: float = 1.0, rate: float = 2.0) -> Problem:
    def reaction_diffusion(u):
        return diffusion * sum(d(u, each, each) for each in body.axes) - rate * u**2

    return Problem(
        body,
        fields="u",
        conditions=[
            Condition("reaction and diffusion", body, reaction_diffusion),
            Condition("boundary", body.boundary(), lambda u: u - 1),
        ],
    )
