"""The Helmholtz equation, exact answer sin pi x sin 4 pi y (Wang, Teng & Perdikaris, 2021)."""

from kanpde import Box, Condition, Problem, d, exact, pi, sin


def problem(k: float = 1.0, modes_x: int = 1, modes_y: int = 4) -> Problem:
    box = Box(x=(-1, 1), y=(-1, 1))
    x, y = box.axes

    def solution(x, y):
        return sin(modes_x * pi * x) * sin(modes_y * pi * y)

    def source(x, y):
        return (k**2 - (modes_x**2 + modes_y**2) * pi**2) * solution(x, y)

    def helmholtz(u):
        return d(u, x, x) + d(u, y, y) + k**2 * u - source(x, y)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("helmholtz", box, helmholtz),
            Condition("walls", box.faces(x, y), lambda u: u),
        ],
        reference=exact(u=solution),
    )
