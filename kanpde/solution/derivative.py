"""Derivatives of fields as functions of the coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.problem.problem import Problem


class _Evaluable(Protocol):
    """What a derivative asks of a solution."""

    @property
    def problem(self) -> Problem: ...

    def evaluate(self, points: Any, derivatives: tuple[str, ...] = ()) -> dict[str, Array]: ...

    def points_of(self, coordinates: Mapping[str, Any]) -> tuple[Array, tuple[int, ...]]: ...


@dataclass(frozen=True)
class Derivative:
    """The exact derivative of a field along some axes, once for each time that they are named.

    Raises KanpdeError for a field or an axis that does not exist.
    """

    solution: _Evaluable
    field: str
    axes: tuple[str, ...]

    def __post_init__(self) -> None:
        problem = self.solution.problem
        if self.field not in problem.unknowns:
            raise KanpdeError(
                f"there is no field {self.field!r}; there are {', '.join(problem.unknowns)}"
            )
        if not self.axes:
            raise KanpdeError('name the axes of a derivative: solution.derivative("u", "x")')
        for axis in self.axes:
            problem.domain.axis(axis)

    @property
    def name(self) -> str:
        """As `evaluate` takes it: "u_xx"."""
        order = self.solution.problem.domain.names.index
        return f"{self.field}_{''.join(sorted(self.axes, key=order))}"

    def __call__(self, **coordinates: Any) -> Array:
        """Its values at coordinates given by name, arrays that broadcast; NaN outside."""
        points, shape = self.solution.points_of(coordinates)
        return self.solution.evaluate(points, (self.name,))[self.name].reshape(shape)
