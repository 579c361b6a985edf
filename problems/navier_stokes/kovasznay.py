"""Kovasznay flow: the exact wake behind a row of cylinders (Kovasznay, 1948)."""

from math import sqrt

from kanpde import Box, Condition, Problem, cos, d, exact, exp, pi, sin


def problem(reynolds: float = 40.0) -> Problem:
    box = Box(x=(-0.5, 1), y=(-0.5, 1.5))
    x, y = box.axes
    nu = 1 / reynolds
    decay = reynolds / 2 - sqrt(reynolds**2 / 4 + 4 * pi**2)

    def velocity_x(x, y):
        return 1 - exp(decay * x) * cos(2 * pi * y)

    def velocity_y(x, y):
        return decay / (2 * pi) * exp(decay * x) * sin(2 * pi * y)

    def pressure(x, y):
        return (1 - exp(2 * decay * x)) / 2

    def navier_stokes(u, v, p):
        return (
            u * d(u, x) + v * d(u, y) + d(p, x) - nu * (d(u, x, x) + d(u, y, y)),
            u * d(v, x) + v * d(v, y) + d(p, y) - nu * (d(v, x, x) + d(v, y, y)),
            d(u, x) + d(v, y),
        )

    def walls(u, v):
        return u - velocity_x(x, y), v - velocity_y(x, y)

    return Problem(
        box,
        fields="u v p",
        conditions=[
            Condition("navier_stokes", box, navier_stokes),
            Condition("walls", box.faces(x, y), walls),
            Condition("gauge", box.point(x=0, y=0), lambda p: p - pressure(0, 0)),
        ],
        vectors={"velocity": ("u", "v")},
        reference=exact(u=velocity_x, v=velocity_y, p=pressure, gauge=("p",)),
    )
