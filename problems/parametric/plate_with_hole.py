"""The plate with a hole for all radii of the hole and all Poisson numbers of a range at once.

A quarter of it, in plane stress, with the tractions of the infinite plate (Kirsch, 1898) on its
sides, so that the answer is exact. Lengths are in units of the plate, stresses in those of Young's
modulus.
"""

from kanpde import (
    Condition,
    Disk,
    Problem,
    Rectangle,
    arctan,
    cos,
    d,
    exact,
    family,
    parameter,
    sin,
    sqrt,
)


def kirsch_displacement(x, y, radius, nu):
    """Of the infinite plate pulled along x with a tension of one."""
    r = sqrt(x**2 + y**2)
    angle, a, kappa = 2 * arctan(y / (r + x)), radius / r, (3 - nu) / (1 + nu)
    radial = r * (kappa - 1 + 2 * a**2 + 2 * (1 + (kappa + 1) * a**2 - a**4) * cos(2 * angle))
    around = -2 * r * (1 + (kappa - 1) * a**2 + a**4) * sin(2 * angle)
    scale = (1 + nu) / 4
    return (
        scale * (radial * cos(angle) - around * sin(angle)),
        scale * (radial * sin(angle) + around * cos(angle)),
    )


def kirsch_von_mises(x, y, radius, nu):
    """The equivalent stress, from the stresses in polar coordinates."""
    r2 = x**2 + y**2
    a2, cosine, sine = radius**2 / r2, (x**2 - y**2) / r2, 2 * x * y / r2
    radial = (1 - a2 + (1 - 4 * a2 + 3 * a2**2) * cosine) / 2
    hoop = (1 + a2 - (1 + 3 * a2**2) * cosine) / 2
    across = -(1 + 2 * a2 - 3 * a2**2) * sine / 2
    return sqrt(radial**2 - radial * hoop + hoop**2 + 3 * across**2)


def plate(radius):
    return Rectangle(x=(0, 2), y=(0, 2)) - Disk(x=0, y=0, radius=radius, name="hole")


def problem() -> Problem:
    plates = family(plate, radius=parameter(0.3, 0.7)).over(nu=parameter(0.2, 0.4))
    x, y, radius, nu = plates.axes
    n = plates.normal

    def stress(u, v):
        """The stresses along x, along y and in shear."""
        along_x = (d(u, x) + nu * d(v, y)) / (1 - nu**2)
        along_y = (d(v, y) + nu * d(u, x)) / (1 - nu**2)
        return along_x, along_y, (d(u, y) + d(v, x)) / (2 * (1 + nu))

    def equilibrium(u, v):
        along_x, along_y, shear = stress(u, v)
        return d(along_x, x) + d(shear, y), d(shear, x) + d(along_y, y)

    def traction(u, v):
        along_x, along_y, shear = stress(u, v)
        return n[0] * along_x + n[1] * shear, n[0] * shear + n[1] * along_y

    def pull(u, v):
        wanted = traction(*kirsch_displacement(x, y, radius, nu))
        return tuple(a - b for a, b in zip(traction(u, v), wanted, strict=True))

    def von_mises(u, v):
        along_x, along_y, shear = stress(u, v)
        return sqrt(along_x**2 - along_x * along_y + along_y**2 + 3 * shear**2)

    return Problem(
        plates,
        fields="u v",
        conditions=[
            Condition("equilibrium", plates, equilibrium),
            Condition("free", plates.boundary("hole"), traction),
            Condition("pulled", plates.boundary("x = 2", "y = 2"), pull),
            Condition("symmetry in x", plates.face(x=0), lambda u, v: (u, d(v, x))),
            Condition("symmetry in y", plates.face(y=0), lambda u, v: (v, d(u, y))),
        ],
        derived={"von_mises": von_mises},
        vectors={"displacement": ("u", "v")},
        reference=exact(
            method="closed form (Kirsch, 1898)",
            u=lambda x, y, radius, nu: kirsch_displacement(x, y, radius, nu)[0],
            v=lambda x, y, radius, nu: kirsch_displacement(x, y, radius, nu)[1],
            von_mises=kirsch_von_mises,
        ),
    )
