"""A crack under antiplane shear (mode III), w = Im sqrt(z^2 - a^2): a quarter of the plate.

The program finds the tip, where a free side meets one at rest, and enriches the network by r^(1/2),
r^(3/2) and r^(5/2). The crack lies on side 1, and its tip is the corner between sides 1 and 2.
"""

from kanpde import Condition, Integral, Polygon, Problem, d, exact, sqrt


def problem(half_length: float = 1.0) -> Problem:
    a, size = half_length, 2 * half_length
    plate = Polygon([(0, 0), (a, 0), (size, 0), (size, size), (0, size)])
    x, y = plate.axes
    n = plate.normal

    def displacement(x, y):
        square = x**2 - y**2 - a**2
        return sqrt((sqrt(square**2 + 4 * x**2 * y**2) - square) / 2)

    def stress(w):
        return n[0] * d(w, x) + n[1] * d(w, y)

    return Problem(
        plate,
        fields="w",
        conditions=[
            Condition("equilibrium", plate, lambda w: d(w, x, x) + d(w, y, y)),
            Condition("crack and symmetry", plate.boundary("side 1", "side 5"), stress),
            Condition("ahead of the crack", plate.boundary("side 2"), lambda w: w),
            Condition("pulled", plate.boundary("side 4"), lambda w: w - displacement(x, y)),
            Condition(
                "side", plate.boundary("side 3"), lambda w: stress(w) - stress(displacement(x, y))
            ),
        ],
        integrals={"force": Integral(stress, plate.boundary("side 4"))},
        reference=exact(w=displacement),
    )
