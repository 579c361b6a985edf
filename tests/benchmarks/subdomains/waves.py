"""The Helmholtz equation with many waves, exact answer sin 20 pi x sin 20 pi y.

One network does not hold so many waves: the square is cut into subdomains with a network for each.
"""

from kanpde import Box, Condition, Problem, d, exact, pi, sin


def problem(waves: int = 20, k: float = 1.0) -> Problem:
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes

    def solution(x, y):
        return sin(waves * pi * x) * sin(waves * pi * y)

    source = (k**2 - 2 * (waves * pi) ** 2) * solution(x, y)
    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("helmholtz", box, lambda u: d(u, x, x) + d(u, y, y) + k**2 * u - source),
            Condition("walls", box.faces(x, y), lambda u: u),
        ],
        reference=exact(u=solution),
    )
