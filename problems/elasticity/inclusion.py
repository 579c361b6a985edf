"""A round inclusion of another stiffness in an infinite plate under tension (Goodier, 1933).

In plane stress; the displacement of the infinite plate is given on the sides of a square. In the
inclusion the stress is uniform (Eshelby, 1957). Stresses are in units of the plate's modulus.
"""

from kanpde import Condition, Disk, Problem, Rectangle, d, exact, piecewise, sqrt, where


def goodier_displacement(x, y, nu, ratio, radius, tension):
    """Of the infinite plate pulled along x, by the potentials of Kolosov and Muskhelishvili."""
    kappa = (3 - nu) / (1 + nu)
    first = -2 * (ratio - 1) / (kappa * ratio + 1)
    second = -(kappa * ratio - kappa - ratio + 1) / (kappa + 2 * ratio - 1)
    even = (kappa + 1) / (kappa + 2 * ratio - 1)
    odd = (kappa + 1) / (kappa * ratio + 1)
    inside = ((kappa - 1) / 4 * even + odd / 2) * x, ((kappa - 1) / 4 * even - odd / 2) * y
    # In the middle the outer formulas would be 0 / 0.
    a, r = radius**2, x**2 + y**2 + 1e-300
    near, bent = a / r, first / 4 * a / r**2 - first / 4 * a**2 / r**3
    stretched = (kappa - 1) / 4 + second / 2 * near
    outside = (
        (stretched + 1 / 2 + kappa * first / 4 * near) * x + bent * (x**3 - 3 * x * y**2),
        (stretched - 1 / 2 - kappa * first / 4 * near) * y + bent * (3 * x**2 * y - y**3),
    )
    inner = r < a
    return tuple(
        (1 + nu) * tension * where(inner, i, o) for i, o in zip(inside, outside, strict=True)
    )


def problem(
    nu: float = 0.3, stiffness: float = 10.0, radius: float = 1.0, tension: float = 1.0
) -> Problem:
    sheet, disk = Rectangle(x=(-2, 2), y=(-2, 2)), Disk(x=0, y=0, radius=radius)
    inclusion = sheet.region(disk, name="inclusion")
    plate = sheet.region(sheet - disk, name="plate")
    x, y = sheet.axes
    young = piecewise({inclusion: stiffness, plate: 1.0})

    def stress(u, v):
        """The stresses along x, along y and in shear."""
        along_x = young / (1 - nu**2) * (d(u, x) + nu * d(v, y))
        along_y = young / (1 - nu**2) * (d(v, y) + nu * d(u, x))
        return along_x, along_y, young / (2 * (1 + nu)) * (d(u, y) + d(v, x))

    def equilibrium(u, v):
        along_x, along_y, shear = stress(u, v)
        return d(along_x, x) + d(shear, y), d(shear, x) + d(along_y, y)

    def hold(u, v):
        given = goodier_displacement(x, y, nu, stiffness, radius, tension)
        return u - given[0], v - given[1]

    def von_mises(u, v):
        along_x, along_y, shear = stress(u, v)
        return sqrt(along_x**2 - along_x * along_y + along_y**2 + 3 * shear**2)

    return Problem(
        sheet,
        fields="u v",
        conditions=[
            Condition("equilibrium", sheet, equilibrium),
            Condition("sides", sheet.boundary(), hold),
        ],
        derived={"von_mises": von_mises},
        vectors={"displacement": ("u", "v")},
        reference=exact(
            method="closed form (Goodier, 1933)",
            u=lambda x, y: goodier_displacement(x, y, nu, stiffness, radius, tension)[0],
            v=lambda x, y: goodier_displacement(x, y, nu, stiffness, radius, tension)[1],
        ),
    )
