"""Problems: a domain, fields, and the conditions that they satisfy, with the answer if known."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.checks import require_one_of, require_sequence
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.conditions.base import Statement
from kanpde.problem.conditions.observation import Observation
from kanpde.problem.conditions.smooth import Smooth
from kanpde.problem.contradictions import require_no_contradiction
from kanpde.problem.equations import Equation, Kind, Residual, call_residual
from kanpde.problem.fields import FieldNames, Fields, read_fields
from kanpde.problem.integrals import Integral, TracedIntegral, trace_integrals
from kanpde.problem.laws import gather_laws, require_readings
from kanpde.problem.materials import Materials, find_materials
from kanpde.problem.parameters import (
    require_linear_periods,
    require_one_material,
    require_space_or_time,
)
from kanpde.reference import Reference
from kanpde.symbols.expression import Expression, normals_in, symbolic
from kanpde.symbols.functions import d
from kanpde.symbols.jumps import BRANCHING, JumpError
from kanpde.symbols.law import LawStatement
from kanpde.symbols.sizes import SIZE_POLICY, sympy_time
from kanpde.symbols.tabulated import TableValue, Tabulated, require_covered, tables_in
from kanpde.symbols.unknown import Unknown, unknowns_in

# Points of a region at which a table must have values.
_COVERED = 1024


@dataclass(frozen=True)
class Problem:
    """A PDE on a domain.

    `fields` names the unknowns: "u", "u v p", or {"u": (x, t), "a": (x,)} where some depend on
    fewer axes (without axes: a number). `derived` maps the name of a further output to an
    expression of the fields; `vectors` groups components for ParaView. `reference` is the exact or
    independently computed answer. `lift` gives, for a field whose boundary data are singular, a
    function that satisfies its Dirichlet, initial and normal-derivative conditions; the network
    then learns the smooth remainder. `continue_from` is an easier problem, such as one of a smaller
    Reynolds number, whose solution is a good start for this one's (numerical continuation).
    `integrals` are printed in the summary: drag, flux, mean. `enrich` gives, for a field, singular
    functions that the network is enriched by, each with a coefficient that is trained; at corners
    of shapes the program finds them itself. `numbers` are the unknown numbers (`unknown("k")`);
    those that a condition holds need not be named.

    Raises KanpdeError, naming the condition, for what cannot be a problem.
    """

    domain: Domain
    fields: FieldNames
    conditions: Sequence[Statement]
    reference: Reference | None = None
    lift: Mapping[str, Expression] = field(default_factory=dict)
    derived: Mapping[str, Residual] = field(default_factory=dict)
    vectors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    continue_from: Problem | None = None
    integrals: Mapping[str, Integral] = field(default_factory=dict)
    enrich: Mapping[str, Sequence[Expression]] = field(default_factory=dict)
    numbers: Sequence[Unknown] = ()
    # The laws of fields (`law("k")`) by their names; found in the equations.
    laws: Mapping[str, LawStatement] = field(default_factory=dict)
    # The regions with a network each; found in the equations (`piecewise`) where there are any.
    materials: Sequence[Region] = ()

    field_space: Fields = field(init=False)
    equations: tuple[Equation, ...] = field(init=False)
    outputs: Mapping[str, Any] = field(init=False)
    traced_integrals: Mapping[str, TracedIntegral] = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.domain, Domain):
            raise KanpdeError(f"a Problem starts with a Box or a shape, not with {self.domain!r}")
        _check_arguments(self)
        require_space_or_time(self.domain)
        with sympy_time("the equations", SIZE_POLICY.whole):
            for name, value in _trace(self).items():
                object.__setattr__(self, name, value)
            _check_equations(self)
            _check_tables(self)
            require_linear_periods(self.domain, self.periodic)
            _split_by_material(self)
            require_one_material(self.domain, len(self.materials))
            require_no_contradiction(self.equations, self.domain)
        _check_vectors(self)
        if self.continue_from is not None:
            _check_continuation(self, self.continue_from)

    @property
    def box(self) -> Domain:
        """The domain, by the name that it has in most problem files."""
        return self.domain

    @property
    def files(self) -> Mapping[Path, Path]:
        """The files that it was made from: as they were given -> where they were found."""
        own = {} if self.reference is None else self.reference.files
        read = {
            g: f for c in self.conditions if isinstance(c, Observation) for g, f in c.files.items()
        }
        held = {g: f for t in self.tables.values() for g, f in t.files.items()}
        return {**self.domain.files, **own, **read, **held}

    @cached_property
    def tables(self) -> Mapping[str, Tabulated]:
        """The tables in its equations, lifts and outputs, by name."""
        lifts = [*self.lift.values(), *(e for v in self.enrich.values() for e in v)]
        return tables_in(
            *(e.expression for e in self.equations),
            *self.outputs.values(),
            *(i.expression for i in self.traced_integrals.values()),
            *(symbolic(e) for e in lifts),
        )

    @property
    def unknowns(self) -> tuple[str, ...]:
        """The names of the fields, then of the unknown numbers."""
        return self.field_space.names

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of the fields."""
        numbers = {number.name for number in self.numbers}
        return tuple(name for name in self.unknowns if name not in numbers)

    @property
    def sought(self) -> tuple[str, ...]:
        """The names of what readings determine beside numbers: smooth fields, then laws."""
        return (*self.smooth, *self.laws)

    @property
    def smooth(self) -> tuple[str, ...]:
        """The names of the fields that readings determine, as smooth ones."""
        return tuple(c.field for c in self.conditions if isinstance(c, Smooth))

    @property
    def periodic(self) -> tuple[str, ...]:
        """The names of the periodic axes."""
        return tuple(c.periodic_axis for c in self.conditions if c.periodic_axis is not None)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields, then the derived outputs."""
        return (*self.field_names, *self.outputs)

    def with_reference(self, title: str, reference: Reference | None) -> Problem:
        """The same problem with another title and reference; its equations are not read again."""
        other = copy.copy(self)
        object.__setattr__(other, "title", title)
        object.__setattr__(other, "reference", reference)
        return other

    def equations_of(self, condition: Statement) -> tuple[Equation, ...]:
        """Those that one of its conditions gave."""
        if condition.periodic_axis is not None:
            return ()
        return tuple(e for e in self.equations if e.condition == condition.name)


def _trace(problem: Problem) -> dict[str, Any]:
    """What follows from the arguments: unknowns, equations, derived outputs and integrals.

    Readings come last, since they may be of numbers that only the other conditions name.
    """
    domain, space = problem.domain, read_fields(problem.fields, problem.domain)
    given = {
        id(c): c.equations(domain, space)
        for c in problem.conditions
        if not isinstance(c, Observation)
    }
    outputs = _outputs(problem.derived, space)
    integrals = trace_integrals(problem.integrals, domain, space)
    held = [e.expression for found in given.values() for e in found]
    told = [*held, *outputs.values(), *(i.expression for i in integrals.values())]
    numbers = _gather_numbers(problem, [*held, *outputs.values()], integrals)
    space = space.with_numbers([number.name for number in numbers])
    laws, supports = gather_laws(problem.laws, told, space)
    space = space.with_laws(supports)
    traced = [e for c in problem.conditions for e in given.get(id(c)) or c.equations(domain, space)]
    return {
        "numbers": numbers,
        "laws": laws,
        "field_space": space,
        "equations": tuple(
            replace(e, expression=space.place_unknowns(e.expression)) for e in traced
        ),
        "outputs": {n: space.place_unknowns(e) for n, e in outputs.items()},
        "traced_integrals": {
            n: replace(i, expression=space.place_unknowns(i.expression))
            for n, i in integrals.items()
        },
    }


def _gather_numbers(
    problem: Problem, expressions: Sequence[Any], integrals: Mapping[str, TracedIntegral]
) -> tuple[Unknown, ...]:
    """The unknown numbers, given or found; raises KanpdeError for two of one name."""
    found = {number.name: number for number in problem.numbers}
    for symbol in unknowns_in(*expressions, *(i.expression for i in integrals.values())):
        known = found.setdefault(str(symbol.name), Unknown(symbol))
        if known.sympy != symbol:
            raise KanpdeError(
                f'two unknowns are called "{symbol.name}", with another start or other bounds'
            )
    return tuple(found.values())


def _split_by_material(problem: Problem) -> None:
    """Turn the conditions into those in each material and at interfaces, where there are any."""
    integrals = problem.traced_integrals
    told = [e.expression for e in problem.equations]
    told += [*(i.expression for i in integrals.values()), *problem.outputs.values()]
    found = () if problem.materials else find_materials(told, problem.domain)
    materials = Materials(problem.domain, tuple(problem.materials) or found)
    if not materials.parts:
        return
    for name in [*(number.name for number in problem.numbers), *problem.laws]:
        raise KanpdeError(
            f"the unknown {name} stands in a problem of several materials, which have a "
            "network each; an unknown needs a single one"
        )
    space = replace(problem.field_space, materials=len(materials.parts))
    outputs = {name: materials.number(e) for name, e in problem.outputs.items()}
    new: dict[str, Any] = {
        "field_space": space,
        "materials": materials.parts,
        "outputs": outputs,
        "traced_integrals": {
            name: replace(i, expression=materials.number(i.expression))
            for name, i in integrals.items()
        },
    }
    if found:
        conditions = materials.split(problem.conditions, problem.equations, space)
        domain = problem.domain
        new["conditions"] = conditions
        new["equations"] = tuple(e for c in conditions for e in c.equations(domain, space))
    for name, value in new.items():
        object.__setattr__(problem, name, value)


def _outputs(derived: Mapping[str, Residual], fields: Fields) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    for name, function in derived.items():
        place = f'derived "{name}"'
        if not isinstance(name, str) or not name.isidentifier():
            raise KanpdeError(f"derived: {name!r} is not a Python name")
        if name in fields.names or name in fields.axes:
            what = "a field" if name in fields.names else "an axis of the domain"
            raise KanpdeError(f"{place} has the name of {what}; rename it")
        found = call_residual(place, function, fields)
        if len(found) != 1:
            raise KanpdeError(f"{place} returns {len(found)} expressions; it must return one")
        if normals := normals_in(found[0]):
            raise KanpdeError(
                f"{place} holds {normals[0]}, and the normal is known on the boundary only; take "
                "an Integral over a piece of the boundary, or the components without it"
            )
        outputs[name] = found[0]
    return outputs


def _check_arguments(problem: Problem) -> None:
    """Raise KanpdeError for arguments of another type, before anything is read from them."""
    require_sequence("a Problem's conditions", problem.conditions, "[Condition(...)]")
    require_one_of("a Problem's title", problem.title, str, "a text")
    for condition in problem.conditions:
        if not isinstance(condition, Statement):
            raise KanpdeError(f"conditions holds {condition!r}, which is not a Condition")
    if problem.reference is not None and not isinstance(problem.reference, Reference):
        raise KanpdeError(
            f"reference is {problem.reference!r}; take exact(u=lambda x: ...) or one of "
            "kanpde.reference"
        )
    for name in ("lift", "derived", "vectors", "units", "integrals", "enrich"):
        value = getattr(problem, name)
        if not isinstance(value, Mapping):
            raise KanpdeError(f"{name} is {value!r}; it maps names to values: {name}={{...}}")
    require_sequence("a Problem's numbers", problem.numbers, '[unknown("k")]')
    for number in problem.numbers:
        require_one_of("each of a Problem's numbers", number, Unknown, 'unknown("k")')
    for name, unit in problem.units.items():
        if not isinstance(unit, str):
            raise KanpdeError(f"units: the unit of {name} must be text, not {unit!r}")


def _check_equations(problem: Problem) -> None:
    names = [c.name for c in problem.conditions if c.periodic_axis is None]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise KanpdeError(f"two conditions have the name {sorted(twice)[0]!r}")
    if not any(e.is_interior for e in problem.equations):
        raise KanpdeError(
            "no condition holds in the interior: the PDE is missing, Condition(name, box, residual)"
        )
    require_readings(problem.laws, problem.equations)
    used = {s.field for e in problem.equations for s in e.jets}
    forgotten = [name for name in problem.unknowns if name not in used]
    for name in forgotten:
        if name not in problem.field_names:
            raise KanpdeError(
                f"no condition holds the unknown {name}: put it into an equation, or leave it out"
            )
    if forgotten:
        raise KanpdeError(f"no condition mentions the field {', '.join(forgotten)}")
    for name in problem.lift:
        if name not in problem.field_names or name in problem.laws:
            raise KanpdeError(f'lift "{name}": there is no such field')
        if any(name == argument.partition("_")[0] for argument in _arguments(problem)):
            raise KanpdeError(f'lift "{name}": a law is taken of {name}, which cannot have a lift')
        for number in unknowns_in(_read_lift(name, problem.lift[name])):
            raise KanpdeError(
                f'lift "{name}" holds the unknown {number}; a lift is known before the training'
            )
        _check_lift_is_smooth(problem, name)


def _read_lift(name: str, lift: Any) -> Any:
    try:
        return symbolic(lift)
    except KanpdeError as error:
        raise KanpdeError(f'lift "{name}": {error}') from None


def _arguments(problem: Problem) -> list[str]:
    """What the laws are taken of, such as "u" and "u_x"."""
    return [a for statement in problem.laws.values() for a in statement.arguments]


def _check_tables(problem: Problem) -> None:
    """Raise KanpdeError for tables of the same name, or that leave out a part of the domain."""
    for name in problem.tables:
        if name in problem.unknowns or name in problem.domain.names:
            raise KanpdeError(
                f"a table and {'a field' if name in problem.unknowns else 'an axis'} are called "
                f'{name}; give the table another name: table(..., name="{name}_table")'
            )
    if not problem.tables:
        return
    for equation in problem.equations:
        try:
            _check_covered(equation.expression, equation.region)
        except KanpdeError as error:
            raise KanpdeError(f'condition "{equation.condition}": {error}') from None
    for name, expression in problem.outputs.items():
        try:
            _check_covered(expression, problem.domain.interior)
        except KanpdeError as error:
            raise KanpdeError(f'derived "{name}": {error}') from None


def _check_covered(expression: Any, region: Region) -> None:
    if not expression.has(TableValue):
        return
    domain, points = region.domain, region.sample(_COVERED, 0).points
    if domain.is_box and (region.key() == domain.interior.key() or region.end):
        # The corners are where points come last.
        places = [
            [region.fixed[a.name]] if a.name in region.fixed else [a.lower, a.upper]
            for a in domain.axes[:8]
        ]
        corners = np.array(list(product(*places)), float)
        rest = np.repeat(points[:1, 8:], len(corners), axis=0)
        points = np.concatenate([points, np.concatenate([corners, rest], 1)])
    require_covered(expression, domain.names, points)


def _check_lift_is_smooth(problem: Problem, name: str) -> None:
    """Raise KanpdeError for a lift whose derivatives in the equations would lose a jump."""
    lift = symbolic(problem.lift[name])
    if not lift.has(*BRANCHING, TableValue):
        return
    inside = (e for e in problem.equations if e.is_interior)
    for jet in dict.fromkeys(s for e in inside for s in e.jets if s.field == name):
        axes = zip(problem.domain.axes, jet.index, strict=True)
        along = [axis for axis, n in axes for _ in range(n)]
        try:
            if along:
                d(Expression(lift), *along)
        except JumpError as error:
            raise JumpError(f'lift "{name}": the equations hold {jet}; {error}') from None


def _check_vectors(problem: Problem) -> None:
    for name, parts in problem.vectors.items():
        if isinstance(parts, str) or not isinstance(parts, Sequence):
            raise KanpdeError(f'vectors "{name}" is {parts!r}; name its components: ("u", "v")')


def _check_continuation(problem: Problem, easier: Problem) -> None:
    if not isinstance(easier, Problem):
        raise KanpdeError(f"continue_from takes a Problem, not {easier!r}")
    for what, a, b in (
        ("box", easier.domain, problem.domain),
        ("fields", easier.unknowns, problem.unknowns),
        ("periodic axes", easier.periodic, problem.periodic),
    ):
        if a != b:
            raise KanpdeError(f"continue_from: the easier problem has other {what}: {a}, not {b}")


def trained_by_energy(problem: Problem) -> set[str]:
    """The fields whose boundary conditions may be natural, since an energy holds them."""
    return {s.field for e in problem.equations if e.kind is Kind.DENSITY for s in e.jets}
