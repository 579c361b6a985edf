"""The shapes that docstrings state, checked by jaxtyping and beartype while problems are solved."""

from types import FunctionType
from typing import Any

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, TypeCheckError, jaxtyped
from torch import Tensor

import kanpde
from kanpde import Box, BSpline, Chebyshev, Condition, Fourier, GaussianRBF, Legendre, Problem, d
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet
from kanpde.network.kan import KAN
from kanpde.network.layer import KANLayer

Points = Float[Tensor, "N d"]
Values = Float[Tensor, "size w N"]

# The shapes of each method's arguments and of what it returns.
SHAPES: list[tuple[type, str, dict[str, Any]]] = [
    (KAN, "forward", {"points": Points, "return": Float[Tensor, "N o"]}),
    (KAN, "jet", {"points": Points, "return": Float[Tensor, "A N o"]}),
    (KAN, "flat", {"return": Float[Tensor, "P"]}),
    (KAN, "load_flat", {"vector": Float[Tensor, "P"]}),
    (KANLayer, "forward", {"x": Float[Tensor, "i N"], "return": Float[Tensor, "o N"]}),
    (Coordinates, "features", {"points": Points, "return": Float[Tensor, "i N"]}),
    (Coordinates, "jet", {"points": Points, "return": Float[Tensor, "A i N"]}),
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


def test_a_wrong_shape_is_found() -> None:
    network = KAN(2, (3,), 1, generator=torch.Generator().manual_seed(0))
    with pytest.raises(TypeCheckError):
        network(torch.zeros(7, dtype=torch.float64))
