"""A problem where some of its parameters have a value: the same, without their axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain, Region
from kanpde.geometry.points import Points
from kanpde.problem.conditions import statement_from_data
from kanpde.problem.conditions.base import Statement
from kanpde.problem.conditions.condition import returning
from kanpde.problem.equations import Equation
from kanpde.problem.fields import FieldNames, Fields, read_fields
from kanpde.problem.integrals import Integral
from kanpde.problem.parameters import name_values
from kanpde.problem.problem import Problem
from kanpde.reference import Reference
from kanpde.symbols.expression import Expression, FieldSymbol, exact_number, symbolic

# Readings at a value of the parameter within this share of it are kept.
_NEAR = 1e-9


@dataclass(frozen=True)
class Fixing:
    """Parameters with their values, in a domain with its fields."""

    domain: Domain
    fields: Fields
    values: Mapping[str, float]

    @property
    def kept(self) -> list[int]:
        """The numbers of the axes that remain."""
        names = enumerate(self.domain.names)
        return [k for k, name in names if name not in self.values]

    def expression(self, value: Any) -> Any | None:
        """A SymPy expression without the axes; None where it is a derivative along one."""
        swap: dict[Any, Any] = {}
        for jet in value.atoms(FieldSymbol):
            if any(jet.index[k] for k in range(len(jet.index)) if k not in self.kept):
                return None
            support = tuple(name for name in jet.support if name not in self.values)
            index = tuple(jet.index[k] for k in self.kept)
            axes = tuple(jet.axes[k] for k in self.kept)
            swap[jet] = FieldSymbol(jet.field, axes, index, support)
        for name, number in self.values.items():
            swap[self.domain.axis(name).sympy] = exact_number(number)
        return sympy.sympify(value).xreplace(swap)

    def points(self, points: Array) -> tuple[Array, Array]:
        """The points (N, dimension) at these values without their columns, and which they are."""
        here = np.ones(len(points), bool)
        for name, number in self.values.items():
            column = points[:, self.domain.names.index(name)]
            here &= np.abs(column - number) <= _NEAR * abs(number) + 1e-300
        return points[here][:, self.kept], here

    def region(self, region: Region, domain: Domain) -> Region:
        """A region of the domain without the axes."""
        if isinstance(region, Points):
            return Points(domain, self.points(region.coordinates)[0])
        return domain.region_from_data(region.to_data())


def fix_parameters(problem: Problem, values: Mapping[str, float]) -> Problem:
    """The problem with these values; conditions that hold derivatives along them are left out.

    Raises KanpdeError where nothing is left of its equations in the interior.
    """
    fixing = Fixing(problem.domain, problem.field_space, values)
    domain = problem.domain.fix(values)
    names = _fields(problem, domain, values)
    space = read_fields(names, domain)
    conditions = [_statement(problem, c, fixing, domain, space) for c in problem.conditions]
    derived = {n: fixing.expression(e) for n, e in problem.outputs.items()}
    derived = {n: e for n, e in derived.items() if e is not None}
    known = {*domain.names, *space.names, *derived}
    vectors = {n: parts for n, parts in problem.vectors.items() if set(parts) <= known}
    try:
        return Problem(
            domain,
            names,
            [c for c in conditions if c is not None],
            reference=_reference(problem.reference, values),
            lift={n: _smooth(e, fixing) for n, e in problem.lift.items()},
            derived={n: returning([e]) for n, e in derived.items()},
            vectors=vectors,
            units={n: unit for n, unit in problem.units.items() if n in {*known, *vectors}},
            title=", ".join(filter(None, (problem.title, name_values(values).replace(",", ", ")))),
            integrals=_integrals(problem, fixing, domain),
            enrich={n: [_smooth(e, fixing) for e in own] for n, own in problem.enrich.items()},
        )
    except KanpdeError as error:
        raise KanpdeError(f"at {name_values(values)}: {error}") from error


def _fields(problem: Problem, domain: Domain, values: Mapping[str, float]) -> FieldNames:
    support = problem.field_space.support
    if all(axes == problem.domain.names for axes in support.values()):
        return problem.unknowns
    return {
        n: tuple(domain.axis(a) for a in support[n] if a not in values) for n in problem.unknowns
    }


def _statement(
    problem: Problem, statement: Statement, fixing: Fixing, domain: Domain, space: Fields
) -> Statement | None:
    """One condition without the axes; None where it says nothing at these values."""
    own = problem.equations_of(statement)
    if statement.periodic_axis in fixing.values:
        return None
    found = [fixing.expression(e.expression) for e in own]
    if any(e is None for e in found):
        return None
    # Regions are of the old domain: only their data are read.
    changed = [replace(e, expression=v) for e, v in zip(own, found, strict=True)]
    data = statement.to_data(tuple(changed))
    if "points" in data:
        points, here = fixing.points(np.array(data["points"], float))
        if not len(points):
            return None
        data["points"] = points.tolist()
        readings = data.get("values", {})
        data["values"] = {n: np.asarray(v)[here].tolist() for n, v in readings.items()}
        if not readings:
            del data["values"]
    return statement_from_data(data, domain, space)


def _smooth(value: Any, fixing: Fixing) -> Expression:
    return Expression(fixing.expression(symbolic(value)))


def _reference(reference: Reference | None, values: Mapping[str, float]) -> Reference | None:
    if reference is None:
        return None

    def evaluate(**coordinates: Any) -> Mapping[str, Array]:
        shape = np.broadcast_shapes(*(np.shape(c) for c in coordinates.values()))
        held = {name: np.full(shape, value) for name, value in values.items()}
        return reference.evaluate(**coordinates, **held)

    return replace(reference, evaluate=evaluate)


def _integrals(problem: Problem, fixing: Fixing, domain: Domain) -> dict[str, Integral]:
    found = {}
    for name, traced in problem.traced_integrals.items():
        density = fixing.expression(traced.expression)
        if density is not None:
            region = fixing.region(traced.region, domain)
            found[name] = Integral(returning([density]), region, traced.exact)
    return found


def matching_equations(
    problem: Problem, fixed: Problem, wanted: tuple[Equation, ...]
) -> tuple[Equation, ...]:
    """The equations of a fixed problem that stem from some of the whole problem's."""
    found: list[Equation] = []
    for statement in problem.conditions:
        own = problem.equations_of(statement)
        same = [e for e in fixed.equations if e.condition == statement.name]
        if len(same) == len(own):
            found += [b for a, b in zip(own, same, strict=True) if a.is_among(wanted)]
    return tuple(found)
