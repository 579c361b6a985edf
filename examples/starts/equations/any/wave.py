"""The wave equation: a body at rest that is shaken at its boundary."""

import kanpde
from kanpde import Condition, Problem, d, sin

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Disk(x=0, y=0, radius=1)
# --- The end of the shape.


def problem(c: float = 1.0, end: float = 1.0) -> Problem:
    domain = body.over(t=(0, end))
    *space, t = domain.axes

    def wave(u):
        return d(u, t, t) - c**2 * sum(d(u, each, each) for each in space)

    return Problem(
        domain,
        fields="u",
        conditions=[
            Condition("wave", domain, wave),
            Condition("start", domain.face(t=0), lambda u: u),
            Condition("at rest", domain.face(t=0), lambda u: d(u, t)),
            Condition("boundary", domain.boundary(), lambda u: u - sin(3 * t) ** 3),
        ],
    )
