"""The potential between two charged spheres, whose surfaces are read from an STL file (3-D).

The exact answer is that of round spheres. Each has 1,280 flat triangles, whose mean radius is that
of the sphere: on them the exact answer misses the given values by 1e-3 (root mean square), up and
down from triangle to triangle, which fades within a triangle's length and makes 5e-4 of the whole.
"""

import numpy as np

from kanpde import Condition, Problem, Reference, Surface, d


def problem(inner: float = 1.0, outer: float = 0.0) -> Problem:
    part = Surface("spheres.stl")
    x, y, z = part.axes

    def laplace(u):
        return d(u, x, x) + d(u, y, y) + d(u, z, z)

    def exact(x, y, z):
        return {"u": outer + (inner - outer) * (2 / np.sqrt(x**2 + y**2 + z**2) - 1)}

    return Problem(
        part,
        fields="u",
        conditions=[
            Condition("laplace", part, laplace),
            Condition("outer sphere", part.boundary("side 1"), lambda u: u - outer),
            Condition("inner sphere", part.boundary("side 2"), lambda u: u - inner),
        ],
        reference=Reference(exact, ("u",), "round spheres: u = 2 / r - 1", error=5e-4),
    )
