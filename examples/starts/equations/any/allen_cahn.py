"""The Allen-Cahn equation, a reaction with diffusion in time: two phases part from each other."""

import kanpde
from kanpde import Condition, Problem, cos, d

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Disk(x=0, y=0, radius=1)
# --- The end of the shape.


def problem(diffusion: float = 0.02, reaction: float = 2.0, end: float = 1.0) -> Problem:
    domain = body.over(t=(0, end))
    x, *_, t = domain.axes

    def allen_cahn(u):
        spread = sum(d(u, each, each) for each in body.axes)
        return d(u, t) - diffusion * spread - reaction * (u - u**3)

    return Problem(
        domain,
        fields="u",
        conditions=[
            Condition("allen_cahn", domain, allen_cahn),
            Condition("start", domain.face(t=0), lambda u: u - cos(3 * x) / 2),
            Condition("boundary", domain.boundary(), lambda u: u - cos(3 * x) / 2),
        ],
    )
