"""Flow past a cylinder in a channel at Re 20: the benchmark DFG 2D-1 (Schaefer & Turek, 1996).

Lengths are in diameters, velocities in the mean of the inflow: drag and lift coefficients are twice
the forces. The benchmark's values are 5.5795, 0.010619 and, for the pressure drop, 0.11752 in its
units (John & Matthies, Int. J. Numer. Meth. Fluids 37, 2001).
"""

from kanpde import Condition, Disk, Integral, Plan, Problem, Rectangle, d


def problem(reynolds: float = 20.0) -> Problem:
    length, height = 22.0, 4.1
    channel = Rectangle(x=(0, length), y=(0, height))
    cylinder = Disk(x=2, y=2, radius=0.5, name="cylinder")
    domain = channel - cylinder
    x, y = domain.axes
    n = domain.normal
    nu = 1 / reynolds
    inflow = 6 * y * (height - y) / height**2  # zero on the walls

    def momentum(u, v, p):
        return (
            u * d(u, x) + v * d(u, y) + d(p, x) - nu * (d(u, x, x) + d(u, y, y)),
            u * d(v, x) + v * d(v, y) + d(p, y) - nu * (d(v, x, x) + d(v, y, y)),
        )

    def traction(u, v, p):
        """The force of the fluid on a wall where it rests; the normal points into the wall."""
        return (
            n[0] * (p - 2 * nu * d(u, x)) - n[1] * nu * (d(u, y) + d(v, x)),
            n[1] * (p - 2 * nu * d(v, y)) - n[0] * nu * (d(u, y) + d(v, x)),
        )

    walls = domain.boundary("x = 0", "y = 0", f"y = {height:g}")
    rim = domain.boundary(cylinder)
    return Problem(
        domain,
        fields="u v p",
        conditions=[
            Condition("momentum", domain, momentum),
            Condition("mass", domain, lambda u, v: d(u, x) + d(v, y)),
            Condition("inflow and walls", walls, lambda u, v: (u - inflow, v)),
            Condition("cylinder", rim, lambda u, v: (u, v)),
            Condition(
                "outflow", domain.face(x=length), lambda u, v, p: (nu * d(u, x) - p, d(v, x))
            ),
        ],
        vectors={"velocity": ("u", "v")},
        integrals={
            "drag": Integral(lambda u, v, p: 2 * traction(u, v, p)[0], rim),
            "lift": Integral(lambda u, v, p: 2 * traction(u, v, p)[1], rim),
        },
    )


def plan() -> Plan:
    return Plan(budget=300.0)
