"""What a problem says, in the terms of theorems: one equation, and values on faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy

from kanpde.bounds.laws import Law, NotCovered, read_law
from kanpde.problem.equations import Equation, Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Axis, FieldSymbol


@dataclass(frozen=True)
class Value:
    """The value that the field has on a face: the condition divided by its slope."""

    axis: Axis
    end: float
    defect: Any
    equation: Equation


@dataclass(frozen=True)
class Setting:
    """One equation F(x, u, u_x, ...) = 0 in a domain, and what is known on its boundary.

    `values` are those on whole ends of axes, `others` all further conditions.
    """

    problem: Problem
    equation: Equation
    values: tuple[Value, ...]
    others: tuple[Equation, ...]

    @cached_property
    def laws(self) -> tuple[Law, ...]:
        """The other conditions, on the boundary in space; raises NotCovered for an unknown kind."""
        time = self.problem.domain.time
        at_ends = {time.lower, time.upper} if time is not None else set()
        own = [
            e
            for e in self.others
            if e.observed is None
            and not (time is not None and e.region.fixed.get(time.name) in at_ends)
        ]
        return tuple(read_law(e, self.problem.domain, self.field) for e in own)

    @property
    def slopes(self) -> tuple[Law, ...]:
        """The laws that hold a normal derivative."""
        return tuple(law for law in self.laws if not law.is_value)

    def law_at(self, axis: Axis, end: float) -> Law | None:
        """The law on one face of a box."""
        return next((law for law in self.laws if law.region.end == (axis.name, end)), None)

    @property
    def field(self) -> FieldSymbol:
        """The unknown."""
        return self.symbol()

    def symbol(self, *along: str) -> FieldSymbol:
        """A derivative of the unknown."""
        names = self.problem.domain.names
        index = tuple(along.count(name) for name in names)
        return FieldSymbol(self.problem.unknowns[0], names, index)

    def slope(self, *along: str) -> Any:
        """The derivative of F by a derivative of the unknown."""
        return self.equation.expression.diff(self.symbol(*along))

    @cached_property
    def time(self) -> Axis | None:
        """The axis of time along which F has a derivative."""
        axis = self.problem.domain.time
        return axis if axis is not None and self._moves(axis) else None

    @cached_property
    def space(self) -> tuple[Axis, ...]:
        """The other axes along which F has derivatives."""
        axes = self.problem.domain.axes
        return tuple(a for a in axes if a is not self.time and self._moves(a))

    @property
    def moving(self) -> tuple[Axis, ...]:
        """The axes of space, and that of time if there is one."""
        return self.space if self.time is None else (*self.space, self.time)

    def _moves(self, axis: Axis) -> bool:
        at = self.problem.domain.names.index(axis.name)
        return any(jet.index[at] for jet in self.equation.jets)

    def order(self, axis: Axis) -> int:
        """The highest derivative along an axis."""
        at = self.problem.domain.names.index(axis.name)
        return max(jet.index[at] for jet in self.equation.jets)

    def value_at(self, axis: Axis, end: float) -> Value | None:
        """What is known on one face."""
        return next((v for v in self.values if (v.axis.name, v.end) == (axis.name, end)), None)

    def is_closed(self, axis: Axis) -> bool:
        """Whether an axis is periodic."""
        return axis.name in self.problem.periodic

    def is_fixed(self, axis: Axis) -> bool:
        """Whether the value is known at both ends of an axis."""
        return all(self.value_at(axis, end) for end in (axis.lower, axis.upper))


def is_among(equation: Equation, group: Sequence[Equation]) -> bool:
    """Whether it says the same as one of these, in a problem that was read anew too."""
    return any(
        (equation.condition, equation.region.key(), equation.expression)
        == (other.condition, other.region.key(), other.expression)
        for other in group
    )


def read_setting(problem: Problem) -> Setting:
    """The setting of a problem; raises NotCovered for one that no theorem here covers."""
    if problem.domain.parameters:
        names = ", ".join(f"{a.name}=..." for a in problem.domain.parameters)
        raise NotCovered(f"bounds hold for one value of each parameter: take solution.at({names})")
    if problem.materials:
        raise NotCovered("the theorems are for one material; coefficients jump between these")
    if problem.laws:
        raise NotCovered("the equation holds a law that is sought, of which nothing is proven")
    if problem.domain.dimension > 3:
        raise NotCovered(
            f"the domain has {problem.domain.dimension} axes, and bounds take up to three"
        )
    if len(problem.unknowns) != 1:
        raise NotCovered(
            f"the problem has {len(problem.unknowns)} fields, and the theorems are for one equation"
        )
    inside = [e for e in problem.equations if e.is_interior and e.kind is not Kind.DENSITY]
    inside = [e for e in inside if e.observed is None]
    if len(inside) != 1:
        raise NotCovered(f"the interior has {len(inside)} equations, and the theorems are for one")
    rest = [e for e in problem.equations if e is not inside[0] and e.kind is Kind.RESIDUAL]
    values, others = _read_values(problem, rest)
    return Setting(problem, inside[0], tuple(values), tuple(others))


def _read_values(
    problem: Problem, equations: Sequence[Equation]
) -> tuple[list[Value], list[Equation]]:
    """Conditions on faces that give the value there, and the others."""
    values: list[Value] = []
    others: list[Equation] = []
    for e in equations:
        jets = e.jets
        if e.observed is None and e.region.end and len(jets) == 1 and not any(jets[0].index):
            slope = sympy.sympify(e.expression).diff(jets[0])
            if slope.is_number and slope != 0:
                name, end = e.region.end
                axis = problem.domain.axis(name)
                values.append(Value(axis, end, e.expression / slope, e))
                continue
        others.append(e)
    return values, others
