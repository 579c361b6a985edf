"""A soft beam that is held at one end and pulled down at the other (neo-Hookean, plane strain).

Its deformation makes the stored energy less the work of the load smallest (Bonet & Wood, Nonlinear
Continuum Mechanics for Finite Element Analysis, 1997, section 5.4.3). Lengths are in units of its
height, stresses in those of Young's modulus; the load stays vertical. The end sinks by its height.
"""

from kanpde import Condition, Energy, Problem, Rectangle, d, log, read_reference


def problem(length: float = 4.0, nu: float = 0.3, load: float = 4e-3) -> Problem:
    beam = Rectangle(x=(0, length), y=(0, 1))
    x, y = beam.axes
    shear = 1 / (2 * (1 + nu))  # Lame's constants
    bulk = nu / ((1 + nu) * (1 - 2 * nu))

    def stored(u, v):
        """The stored energy of the deformation (x, y) -> (x + u, y + v)."""
        stretch = (1 + d(u, x)) ** 2 + d(u, y) ** 2 + d(v, x) ** 2 + (1 + d(v, y)) ** 2
        volume = (1 + d(u, x)) * (1 + d(v, y)) - d(u, y) * d(v, x)
        return shear * ((stretch - 2) / 2 - log(volume)) + bulk * log(volume) ** 2 / 2

    known = (length, nu, load) == (4.0, 0.3, 4e-3)
    return Problem(
        beam,
        fields="u v",
        conditions=[
            Energy("stored", beam, stored),
            Energy("load", beam.face(x=length), lambda v: load * v),
            Condition("held", beam.face(x=0), lambda u, v: (u, v)),
        ],
        vectors={"displacement": ("u", "v")},
        reference=read_reference(
            "beam_reference.vtu",
            method="quadratic finite elements, graded to the corners (scikit-fem)",
            error=7e-5,
        )
        if known
        else None,
    )
