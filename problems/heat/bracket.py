"""Heat that flows from a wall through a bracket to its foot and to the air (from a mesh, 3-D).

The parts of bracket.msh are wall, foot, front and insulated. The reference has quadratic finite
elements on the same mesh (tests/references/make_bracket.py makes both).
"""

from kanpde import Condition, Mesh, Problem, d, read_reference


def problem(foot: float = 5.0, front: float = 1.0) -> Problem:
    mesh = Mesh("bracket.msh")
    x, y, z = mesh.axes
    nx, ny, nz = mesh.normal

    def heat(u):
        return d(u, x, x) + d(u, y, y) + d(u, z, z)

    def outflow(u):
        return nx * d(u, x) + ny * d(u, y) + nz * d(u, z)

    known = (foot, front) == (5.0, 1.0)
    return Problem(
        mesh,
        fields="u",
        conditions=[
            Condition("heat", mesh, heat),
            Condition("hot wall", mesh.boundary("wall"), lambda u: u - 1),
            Condition("cooled foot", mesh.boundary("foot"), lambda u: outflow(u) + foot * u),
            Condition("air at the front", mesh.boundary("front"), lambda u: outflow(u) + front * u),
            Condition("insulated", mesh.boundary("insulated"), outflow),
        ],
        reference=read_reference(
            "bracket_reference.vtu",
            method="quadratic finite elements on the same mesh (scikit-fem)",
            error=3e-4,
        )
        if known
        else None,
    )
