"""Plane stress: a sheet that hangs by its boundary under its own weight."""

import kanpde
from kanpde import Condition, Problem, d

# --- The shape: edit it, or write your own (the page "shapes" of `kanpde docs`).
body = kanpde.Disk(x=0, y=0, radius=1)
# --- The end of the shape.


def problem(nu: float = 0.3, weight: float = 1.0) -> Problem:
    x, y = body.axes

    def equilibrium(u, v):
        along_x = (d(u, x) + nu * d(v, y)) / (1 - nu**2)
        along_y = (d(v, y) + nu * d(u, x)) / (1 - nu**2)
        shear = (d(u, y) + d(v, x)) / (2 * (1 + nu))
        return d(along_x, x) + d(shear, y), d(shear, x) + d(along_y, y) - weight

    return Problem(
        body,
        fields="u v",
        conditions=[
            Condition("equilibrium", body, equilibrium),
            Condition("boundary", body.boundary(), lambda u, v: (u, v)),
        ],
    )
