"""The residual of a problem on predicted fields, as a part of the loss.

(Li et al., Physics-informed neural operator, 2021.) The problem's fields are found by name among
the outputs and the inputs of the data, so that a coefficient is written as a field:

    Condition("darcy", box, lambda u, a: d(a * d(u, x), x) + d(a * d(u, y), y) + 1)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kanpde.assembly.compile import compile_expressions
from kanpde.checks import require_number
from kanpde.errors import KanpdeError
from kanpde.operator.data import AnyPairs, GridAxis, PointPairs
from kanpde.operator.model import Signature
from kanpde.problem.equations import Equation
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import FieldSymbol


class Residuals:
    """The residuals of a problem's equations on fields, compiled once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        axes = [a.sympy for a in problem.box.axes]
        self._functions = [
            compile_expressions([*axes, *equation.jets], [equation.expression])
            for equation in problem.equations
        ]

    def __call__(self, fields: dict[str, Tensor], axes: Sequence[GridAxis]) -> list[Tensor]:
        """Each equation's residual (B, points) for fields (B, n_1, .., n_d) by name."""
        first = next(iter(fields.values()))
        lines = [torch.from_numpy(a.points).to(first) for a in axes]
        mesh = torch.meshgrid(*lines, indexing="ij")
        places = {a.name: m.expand_as(first) for a, m in zip(axes, mesh, strict=True)}
        names = self.problem.box.names
        known: dict[FieldSymbol, Tensor] = {}
        out = []
        for equation, function in zip(self.problem.equations, self._functions, strict=True):
            for symbol in equation.jets:
                if symbol not in known:
                    by_name = dict(zip(names, symbol.index, strict=True))
                    orders = [by_name[a.name] for a in axes]
                    known[symbol] = derivative(fields[symbol.field], orders, axes)
            (row,) = function(*(places[n] for n in names), *(known[s] for s in equation.jets))
            out.append(row[(slice(None), *locate(equation, axes))].flatten(1))
        return out


@dataclass(frozen=True, eq=False)
class Physics:
    """Adds `weight` times the mean square of each equation of a problem.

    Derivatives are spectral along periodic axes and central differences of second order along
    the others. With `data` = 0, the fields of the data are not looked at: only their inputs
    count.
    """

    problem: Problem
    weight: float = 0.1
    data: float = 1.0
    _residuals: Residuals = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_residuals", Residuals(self.problem))
        require_number("Physics: weight", self.weight, least=0)
        require_number("Physics: data", self.data, least=0)

    def check(self, pairs: AnyPairs) -> None:
        """Raise KanpdeError where the problem does not fit the fields and the grid of the data."""
        if isinstance(pairs, PointPairs):
            raise KanpdeError("the residual of a problem needs fields on a grid")
        names = self.problem.box.names
        if sorted(names) != sorted(pairs.names):
            raise KanpdeError(
                f"the problem has the axes {', '.join(names)}, and the data "
                f"{', '.join(pairs.names)}"
            )
        for name in self.problem.unknowns:
            if name not in pairs.outputs and name not in pairs.inputs:
                raise KanpdeError(
                    f"the problem's field {name} is neither an output nor an input of the data: "
                    f"{', '.join([*pairs.outputs, *pairs.inputs])}"
                )
        for equation in self.problem.equations:
            locate(equation, pairs.axes)

    def combine(
        self,
        loss: Tensor,
        signature: Signature,
        axes: Sequence[GridAxis],
        x: Tensor,
        v: Tensor,
    ) -> Tensor:
        """The loss of the data and the residuals, for inputs x and predictions v."""
        fields = dict(zip(signature.inputs, x, strict=True))
        fields |= dict(zip(signature.outputs, v, strict=True))
        rows = self._residuals(fields, axes)
        total = self.data * loss
        for equation, row in zip(self.problem.equations, rows, strict=True):
            total = total + self.weight * equation.weight * row.square().mean()
        return total


def derivative(u: Tensor, orders: Sequence[int], axes: Sequence[GridAxis]) -> Tensor:
    """A mixed derivative of fields (B, n_1, .., n_d), `orders` of it along each axis."""
    for k, (order, axis) in enumerate(zip(orders, axes, strict=True)):
        if order and axis.periodic:
            u = _spectral(u, order, k + 1, axis.extent)
        elif order == 2:
            u = _second(u, k + 1, axis.spacing)
        elif order:
            for _ in range(order):
                (u,) = torch.gradient(u, spacing=axis.spacing, dim=k + 1, edge_order=2)
    return u


def _spectral(u: Tensor, order: int, dim: int, extent: float) -> Tensor:
    n = u.shape[dim]
    wave = torch.fft.rfftfreq(n, d=extent / n, device=u.device, dtype=u.dtype)
    factor = (2j * math.pi * wave) ** order
    if n % 2 == 0 and order % 2:
        factor[-1] = 0  # the odd derivative of the highest cosine vanishes on the grid
    shape = [1] * u.ndim
    shape[dim] = -1
    spectrum = torch.fft.rfft(u, dim=dim) * factor.view(shape)
    v: Tensor = torch.fft.irfft(spectrum, n=n, dim=dim)
    return v


def _second(u: Tensor, dim: int, spacing: float) -> Tensor:
    """The three-point second difference; at the ends, second order from four points."""
    v = u.movedim(dim, -1)
    if v.shape[-1] < 4:
        raise KanpdeError("second differences need four points along an axis")
    inner = v[..., 2:] - 2 * v[..., 1:-1] + v[..., :-2]
    low = 2 * v[..., :1] - 5 * v[..., 1:2] + 4 * v[..., 2:3] - v[..., 3:4]
    high = 2 * v[..., -1:] - 5 * v[..., -2:-1] + 4 * v[..., -3:-2] - v[..., -4:-3]
    return torch.cat([low, inner, high], -1).movedim(-1, dim) / spacing**2


def locate(equation: Equation, axes: Sequence[GridAxis]) -> tuple[int | slice, ...]:
    """The part of the grid on which an equation holds.

    Raises KanpdeError for scattered points, and for a face that holds no points of the grid.
    """
    fixed = equation.region.fixed
    if not fixed and not equation.is_interior:
        raise KanpdeError(
            f'condition "{equation.condition}" holds at scattered points; in the loss of an '
            "operator, take the box and its faces"
        )
    index: list[int | slice] = []
    for axis in axes:
        if axis.name not in fixed:
            index.append(slice(None))
            continue
        near = int(abs(axis.points - fixed[axis.name]).argmin())
        if abs(axis.points[near] - fixed[axis.name]) > 1e-6 * axis.extent:
            raise KanpdeError(
                f'condition "{equation.condition}" holds at {axis.name} = '
                f"{fixed[axis.name]:g}, and the grid has no point there"
            )
        index.append(near)
    return tuple(index)
