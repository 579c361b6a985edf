"""Heat through a plate with a round core of another conductivity, in a uniform gradient.

Maxwell's solution (1873): the gradient in the core is uniform, 2 / (1 + ratio) of the given one.
"""

from kanpde import Condition, Disk, Integral, Problem, Rectangle, d, exact, piecewise, where


def problem(ratio: float = 10.0, radius: float = 0.8) -> Problem:
    sheet, disk = Rectangle(x=(-2, 2), y=(-1, 1)), Disk(x=0.3, y=0, radius=radius, name="core")
    core, plate = sheet.region(disk), sheet.region(sheet - disk, name="plate")
    x, y = sheet.axes
    k = piecewise({core: ratio, plate: 1.0})
    n = sheet.normal

    def temperature(x, y):
        x = x - 0.3
        # In the middle the outer formula would be 0 / 0.
        r2 = x**2 + y**2 + 1e-300
        outside = x + (1 - ratio) / (1 + ratio) * radius**2 * x / r2
        return where(r2 < radius**2, 2 / (1 + ratio) * x, outside)

    def outflow(u):
        return -k * (n[0] * d(u, x) + n[1] * d(u, y))

    return Problem(
        sheet,
        fields="u",
        conditions=[
            Condition("heat", sheet, lambda u: d(k * d(u, x), x) + d(k * d(u, y), y)),
            Condition("sides", sheet.boundary(), lambda u: u - temperature(x, y)),
        ],
        derived={"flux": lambda u: -k * d(u, x)},
        integrals={"outflow": Integral(outflow, sheet.boundary(), exact=0.0)},
        reference=exact(method="closed form (Maxwell, 1873)", u=temperature),
    )
