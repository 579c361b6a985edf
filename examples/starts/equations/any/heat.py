"""The heat equation: a warm body in a wind that rises and cools it."""

import kanpde
from kanpde import Condition, Problem, d, exp

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Disk(x=0, y=0, radius=1)
# --- The end of the shape.


def problem(diffusivity: float = 0.2, loss: float = 2.0, end: float = 1.0) -> Problem:
    domain = body.over(t=(0, end))
    *space, t = domain.axes
    normal = domain.normal  # the outward unit normal

    def heat(u):
        return d(u, t) - diffusivity * sum(d(u, each, each) for each in space)

    def cooling(u):
        outward = sum(n * d(u, each) for n, each in zip(normal, space, strict=False))
        return diffusivity * outward + loss * (1 - exp(-5 * t)) * u

    return Problem(
        domain,
        fields="u",
        conditions=[
            Condition("heat", domain, heat),
            Condition("start", domain.face(t=0), lambda u: u - 1),
            Condition("boundary", domain.boundary(), cooling),
        ],
    )
