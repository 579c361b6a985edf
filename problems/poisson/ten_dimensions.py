"""Poisson's equation in ten dimensions, with the answer log(1 + |x|^2), which is not a product.

A sum of products of functions of one axis each stands for the solution; its Laplacian costs ten
second derivatives, and points of a Sobol sequence take the place of a grid.
"""

from kanpde import (
    Box,
    Condition,
    Extend,
    LeastSquares,
    LowRank,
    Plan,
    Problem,
    Sampling,
    d,
    exact,
    log,
)


def problem(dimension: int = 10) -> Problem:
    box = Box(**{f"x{k}": (0, 1) for k in range(1, dimension + 1)})

    def square(**x):
        return sum(value**2 for value in x.values())

    def solution(**x):
        return log(1 + square(**x))

    coordinates = {axis.name: axis for axis in box.axes}
    s = square(**coordinates)

    def poisson(u):
        # In D dimensions the Laplacian of log(1 + s) is 2 D / (1 + s) - 4 s / (1 + s)^2.
        laplacian = sum(d(u, axis, axis) for axis in box.axes)
        return laplacian - 2 * dimension / (1 + s) + 4 * s / (1 + s) ** 2

    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("poisson", box, poisson),
            Condition("walls", box.faces(*box.axes), lambda u: u - log(1 + s)),
        ],
        reference=exact(u=solution),
    )


def plan() -> Plan:
    return Plan(
        network=LowRank(rank=6, degree=5),
        stages=(LeastSquares(), Extend(), LeastSquares()),
        sampling=Sampling(points=3000),
        enforce=False,
    )
