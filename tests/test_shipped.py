"""Each shipped problem is tried in the tests: its equations, its reference, its solution."""

from test_accuracy import CASES as SOLVED
from test_problems import CASES as ON_BOXES
from test_shape_problems import NAMES as ON_SHAPES
from test_shape_problems import OTHERS

from kanpde import Box, load_problem
from kanpde.geometry.solids.shape import Shape
from kanpde.problem.library import shipped

# Re 20 past a cylinder takes minutes, and so do the inclusion, which is as `heat/composite`, and
# the beam, whose energy is in tests/test_energy.py; those on meshes are solved in
# tests/test_mesh_problems.py.
SOLVED_ELSEWHERE = {"navier_stokes/cylinder", "elasticity/inclusion", "hyperelasticity/beam"}


def test_every_shipped_problem_is_among_the_cases() -> None:
    # Those with unknown numbers or parameters are in tests/test_unknowns.py and test_parameters.py.
    forward = [n for n in shipped() if not n.startswith(("inverse/", "parametric/"))]
    domains = {name: load_problem(name).domain for name in forward}
    on_boxes = {name for name, domain in domains.items() if isinstance(domain, Box)}
    on_shapes = {name for name, domain in domains.items() if isinstance(domain, Shape)}
    assert {case.name for case in ON_BOXES} == on_boxes
    assert {*ON_SHAPES, *OTHERS} == on_shapes
    assert {case.name for case in SOLVED} == on_boxes | on_shapes - SOLVED_ELSEWHERE
