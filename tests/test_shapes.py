"""The shapes that docstrings state, checked by jaxtyping and beartype while problems are solved."""

from types import FunctionType
from typing import Any

import numpy as np
import pytest
import torch
from beartype import beartype
from jaxtyping import Bool, Float, TypeCheckError, jaxtyped
from torch import Tensor

import kanpde
from kanpde import Box, BSpline, Chebyshev, Condition, Fourier, GaussianRBF, Legendre, Problem, d
from kanpde.assembly.evaluator import Evaluator
from kanpde.assembly.field_jets import FieldJets
from kanpde.assembly.rows import BoundRows
from kanpde.assembly.system import ResidualSystem
from kanpde.geometry.box import Face
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet
from kanpde.network.kan import KAN
from kanpde.network.layer import KANLayer
from kanpde.optim.least_squares import LevenbergMarquardt, Step
from kanpde.optim.normal import DampedNormal, NormalEquations
from kanpde.optim.protocols import Correction

Points = Float[Tensor, "N d"]
Values = Float[Tensor, "size w N"]
Row = Float[Tensor, "N"]
Rows = Float[Tensor, "e N"]
Named = Float[np.ndarray, "N"]

# The shapes of each method's arguments and of what it returns.
SHAPES: list[tuple[type, str, dict[str, Any]]] = [
    (KAN, "forward", {"points": Points, "return": Float[Tensor, "N o"]}),
    (KAN, "jet", {"points": Points, "return": Float[Tensor, "A N o"]}),
    (KAN, "flat", {"return": Float[Tensor, "P"]}),
    (KAN, "load_flat", {"vector": Float[Tensor, "P"]}),
    (KANLayer, "forward", {"x": Float[Tensor, "i N"], "return": Float[Tensor, "o N"]}),
    (Coordinates, "features", {"points": Points, "return": Float[Tensor, "i N"]}),
    (Coordinates, "jet", {"points": Points, "return": Float[Tensor, "A i N"]}),
    (KAN, "inputs_at", {"points": Points, "return": Float[Tensor, "A i N"]}),
    (KAN, "jet_from", {"inputs": Float[Tensor, "A i N"], "return": Float[Tensor, "A o N"]}),
    (Face, "place", {"unit": Float[np.ndarray, "N f"], "return": Float[np.ndarray, "N d"]}),
    (Box, "contains", {"points": Float[np.ndarray, "N d"], "return": Bool[np.ndarray, "N"]}),
    (FieldJets, "constants", {"points": Points, "return": tuple[list[Row], list[Row]]}),
    (BoundRows, "evaluate", {"return": tuple[Rows, None]}),
    (
        Evaluator,
        "__call__",
        {"points": Float[np.ndarray, "N d"], "return": dict[str, Named]},
    ),
    (
        NormalEquations,
        "add",
        {"jacobian": Float[Tensor, "P n"], "residual": Float[Tensor, "n"], "return": None},
    ),
    (NormalEquations, "pull", {"residual": Float[Tensor, "n"], "return": Float[Tensor, "P"]}),
    (
        DampedNormal,
        "correct",
        {"residual": Float[Tensor, "n"], "move": Float[Tensor, "P"], "return": Correction},
    ),
    (ResidualSystem, "residual", {"theta": Float[Tensor, "P"], "return": Float[Tensor, "n"]}),
    (LevenbergMarquardt, "step", {"theta": Float[Tensor, "P"], "return": Step}),
    *(
        (
            kind,
            "derivatives",
            {"x": Float[Tensor, "w N"], "return": list[Values]},
        )
        for kind in (Chebyshev, Legendre, Fourier, GaussianRBF, BSpline)
    ),
]


def with_shapes(function: Any, shapes: dict[str, Any]) -> Any:
    """A copy of `function` that checks `shapes` at each call."""
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__annotations__ = shapes
    return jaxtyped(copy, typechecker=beartype)


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, method, shapes in SHAPES:
        monkeypatch.setattr(kind, method, with_shapes(getattr(kind, method), shapes))


@pytest.mark.parametrize(
    "basis", [Chebyshev(4), Legendre(4), Fourier(2), GaussianRBF(5), BSpline(3, 4)], ids=str
)
def test_networks_keep_their_shapes(basis: Any) -> None:
    network = KAN(2, (3, 4), 5, basis, generator=torch.Generator().manual_seed(0))
    points = 2 * torch.rand(7, 2, dtype=torch.float64) - 1
    jets = JetSet.closing([(2, 0), (0, 1)], dimension=2)
    assert network(points).shape == (7, 5)
    assert network.jet(points, jets).shape == (len(jets.indices), 7, 5)
    network.load_flat(network.flat())


def test_a_solve_keeps_its_shapes() -> None:
    box = Box(x=(0, 1))
    (x,) = box.axes
    problem = Problem(
        box,
        "u",
        [
            Condition("ode", box, lambda u: d(u, x, x) + u - x),
            Condition("ends", box.faces(x), lambda u: u),
        ],
    )
    plan = kanpde.Plan(widths=(4,), stages=(kanpde.Adam(3), kanpde.LeastSquares(3)))
    assert kanpde.solve(problem, plan).steps == 6


def test_points_of_a_box_keep_their_shapes() -> None:
    box = Box(x=(0, 1), y=(2, 3))
    assert box.contains(box.face(x=1).place(np.random.default_rng(0).random((5, 1)))).all()


def test_a_wrong_point_is_found() -> None:
    with pytest.raises(TypeCheckError):
        Box(x=(0, 1)).contains(np.zeros(3))


def test_a_wrong_shape_is_found() -> None:
    network = KAN(2, (3,), 1, generator=torch.Generator().manual_seed(0))
    with pytest.raises(TypeCheckError):
        network(torch.zeros(7, dtype=torch.float64))
