"""Poisson's equation on [-1, 1]^2 with u = 0 on the walls and the answer sin pi x sin pi y."""

from kanpde import Box, Condition, Problem, d, exact, pi, sin


def problem() -> Problem:
    box = Box(x=(-1, 1), y=(-1, 1))
    x, y = box.axes

    def solution(x, y):
        return sin(pi * x) * sin(pi * y)

    def poisson(u):
        return d(u, x, x) + d(u, y, y) + 2 * pi**2 * solution(x, y)

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("poisson", box, poisson),
            Condition("walls", box.faces(x, y), lambda u: u),
        ],
        reference=exact(u=solution),
    )
