"""Laplace's equation on an L with the answer r^(2/3) sin(2 theta / 3), singular in the corner.

The program finds the corner and enriches the network by its singular functions.
"""

from kanpde import Condition, Polygon, Problem, arctan, d, exact, pi, sin, sqrt


def problem(smooth: float = 0.5) -> Problem:
    corners = [(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)]
    shape = Polygon(corners)
    x, y = shape.axes

    def solution(x, y):
        """With theta from the side along x, by the half angle, and a smooth part beside it."""
        r = sqrt(x**2 + y**2)
        along, across = (y - x) / sqrt(2), -(x + y) / sqrt(2)
        # In the corner itself the angle is 0 / 0, and u is 0.
        theta = 2 * arctan(across / (r + along + 1e-300)) + 3 * pi / 4
        return r ** (2 / 3) * sin(2 * theta / 3) + smooth * x * y * sin(x + 2 * y)

    source = d(d(smooth * x * y * sin(x + 2 * y), x), x) + d(
        d(smooth * x * y * sin(x + 2 * y), y), y
    )
    return Problem(
        shape,
        fields="u",
        conditions=[
            Condition("poisson", shape, lambda u: d(u, x, x) + d(u, y, y) - source),
            Condition("sides", shape.boundary(), lambda u: u - solution(x, y)),
        ],
        reference=exact(u=solution),
    )
