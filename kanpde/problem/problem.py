"""Problems: a box, fields, and the conditions that they satisfy, with the answer if known."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box, Face, Faces, Points, Region
from kanpde.reference import Reference
from kanpde.symbols.expression import (
    Axis,
    Expression,
    FieldSymbol,
    derivative_symbol,
    jets_in,
    symbolic,
)
from kanpde.symbols.expression import field as field_of

Residual = Callable[..., Any]


@dataclass(frozen=True)
class Condition:
    """An equation `residual = 0` on a region: the PDE, a boundary or an initial condition.

    The residual is a function of fields (by their names, or of all in order) that returns
    one expression or several.
    """

    name: str
    region: Region
    residual: Residual
    weight: float = 1.0


@dataclass(frozen=True)
class Periodic:
    """All fields, with all their derivatives, agree at both ends of `axis`."""

    axis: Axis
    name: str = "periodic"


@dataclass(frozen=True)
class Observation:
    """Measured values of fields, or of derivatives such as "u_x", at given points."""

    name: str
    points: Points
    values: Mapping[str, Array]
    weight: float = 1.0


def observe(name: str, points: Points, weight: float = 1.0, **values: Any) -> Observation:
    """Data: `observe("sensors", box.points(x=..., t=...), u=measured)`, or `u_x=slopes`.

    Raises KanpdeError for a number of values that differs from the number of points.
    """
    if not isinstance(points, Points) or not len(points.coordinates):
        raise KanpdeError(f'observe("{name}"): where, is said by box.points(...), at least one')
    arrays = {}
    for key, value in values.items():
        try:
            array = np.asarray(value, float).ravel()
        except (TypeError, ValueError):
            raise KanpdeError(f'observe("{name}"): {key} holds what is no real number') from None
        if array.size != len(points.coordinates):
            raise KanpdeError(
                f'observe("{name}"): {key} has {array.size} values for '
                f"{len(points.coordinates)} points"
            )
        if not np.isfinite(array).all():
            raise KanpdeError(f'observe("{name}"): {key} holds a value that is not finite')
        arrays[key] = array
    if not arrays:
        raise KanpdeError(f'observe("{name}", points, ...) needs values: u=measured')
    return Observation(name, points, arrays, weight)


@dataclass(frozen=True, eq=False)
class Equation:
    """One traced residual on one part of the box."""

    condition: str
    region: Face | Points
    expression: Any
    weight: float
    observed: Array | None = None

    @property
    def jets(self) -> tuple[FieldSymbol, ...]:
        """The derivatives of fields that it holds, in a fixed order."""
        return jets_in(self.expression)

    @property
    def is_interior(self) -> bool:
        return isinstance(self.region, Box)

    @property
    def is_linear(self) -> bool:
        """Whether the unknowns enter to the first degree only."""
        jets = set(self.jets)
        return not any(self.expression.diff(s).free_symbols & jets for s in jets)


@dataclass(frozen=True)
class Problem:
    """A PDE on a box.

    `fields` names the unknowns ("u", or "u v p"). `derived` maps the name of a further
    output to an expression of the fields; `vectors` groups components for ParaView.
    `reference` is the exact or independently computed answer. `lift` gives, for a field whose
    boundary data are singular, a function that satisfies its Dirichlet, initial and
    normal-derivative conditions; the network then learns the smooth remainder.
    `continue_from` is an easier problem, such as one of a smaller Reynolds number, whose
    solution is a good start for this one's (numerical continuation).

    Raises KanpdeError, naming the condition, for what cannot be a problem.
    """

    box: Box
    fields: str | Sequence[str]
    conditions: Sequence[Condition | Periodic | Observation]
    reference: Reference | None = None
    lift: Mapping[str, Expression] = field(default_factory=dict)
    derived: Mapping[str, Residual] = field(default_factory=dict)
    vectors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    continue_from: Problem | None = None

    unknowns: tuple[str, ...] = field(init=False)
    equations: tuple[Equation, ...] = field(init=False)
    outputs: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.box, Box):
            raise KanpdeError(f"a Problem starts with a Box, not with {self.box!r}")
        unknowns = _names(self.fields, self.box)
        object.__setattr__(self, "unknowns", unknowns)
        traced = tuple(e for c in self.conditions for e in _trace(c, self.box, unknowns))
        object.__setattr__(self, "equations", traced)
        _check(self)
        for name in self.lift:
            if name not in unknowns:
                raise KanpdeError(f'lift "{name}": there is no such field')
        outputs = {}
        for name, function in self.derived.items():
            if name in unknowns:
                raise KanpdeError(f'derived "{name}" has the name of a field')
            (outputs[name],) = _call(f'derived "{name}"', function, self.box, unknowns)
        object.__setattr__(self, "outputs", outputs)
        if self.continue_from is not None:
            _check_continuation(self, self.continue_from)

    @property
    def periodic(self) -> tuple[str, ...]:
        """The names of the periodic axes."""
        return tuple(c.axis.name for c in self.conditions if isinstance(c, Periodic))

    @property
    def names(self) -> tuple[str, ...]:
        """The fields, then the derived outputs."""
        return (*self.unknowns, *self.outputs)


def _names(fields: str | Sequence[str], box: Box) -> tuple[str, ...]:
    names = tuple(fields.replace(",", " ").split()) if isinstance(fields, str) else tuple(fields)
    if not names:
        raise KanpdeError('a Problem needs fields: fields="u"')
    for name in names:
        if not isinstance(name, str) or not name.isidentifier():
            raise KanpdeError(f"the field name {name!r} is not a Python name")
        if name in box.names:
            raise KanpdeError(f"{name} names a field and an axis of the box")
    if len(set(names)) < len(names):
        raise KanpdeError(f"a field is named twice: {', '.join(names)}")
    return names


def _call(place: str, function: Residual, box: Box, unknowns: tuple[str, ...]) -> list[Any]:
    """Call a residual with symbolic fields; the SymPy expressions that it returns."""
    if not callable(function):
        raise KanpdeError(f"{place}: the residual is not a function but {function!r}")
    parameters = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    by_name = all(name in unknowns for name in parameters)
    if not by_name and len(parameters) != len(unknowns):
        raise KanpdeError(
            f"{place}: the residual takes ({', '.join(parameters)}); name the fields that it "
            f"needs among {', '.join(unknowns)}"
        )
    arguments = [field_of(name, box.names) for name in (parameters if by_name else unknowns)]
    try:
        result = function(*arguments)
    except TypeError as error:
        if "is not callable" in str(error):
            raise KanpdeError(
                f"{place}: a field is called like a function; where it is taken is the region: "
                "Condition(name, box.face(t=0), lambda u: u - start)"
            ) from error
        raise KanpdeError(
            f"{place}: {error}; in a residual use kanpde's functions (sin, exp, where, ...)"
        ) from error
    parts = list(result) if isinstance(result, (tuple, list)) else [result]
    if not parts:
        raise KanpdeError(f"{place}: the residual returns nothing; it must return an expression")
    values = []
    for part in parts:
        if part is None or isinstance(part, (bool, str)):
            raise KanpdeError(
                f"{place}: the residual returns {part!r}; it must return an expression such as "
                "d(u, t) - d(u, x, x), or several in a tuple (is a `return` missing?)"
            )
        try:
            values.append(symbolic(part))
        except KanpdeError as error:
            raise KanpdeError(f"{place}: {error}") from None
    return values


def _trace(
    condition: Condition | Periodic | Observation, box: Box, unknowns: tuple[str, ...]
) -> list[Equation]:
    if isinstance(condition, Periodic):
        if condition.axis.name not in box.names:
            raise KanpdeError(f"Periodic({condition.axis}): the box has no such axis")
        return []
    place = f'condition "{condition.name}"'
    if isinstance(condition, Observation):
        if condition.points.box != box:
            raise KanpdeError(f"{place} lies on another box than the problem's")
        if not condition.weight > 0:
            raise KanpdeError(f"{place}: the weight must be positive, not {condition.weight}")
        return [
            Equation(
                condition.name,
                condition.points,
                _observed(n, place, box, unknowns),
                condition.weight,
                v,
            )
            for n, v in condition.values.items()
        ]
    if not isinstance(condition, Condition):
        raise KanpdeError(f"conditions holds {condition!r}, which is no Condition")
    region = condition.region
    if not isinstance(region, (Face, Faces, Points)):
        raise KanpdeError(
            f"{place}: {region!r} is no region; take box, box.face(...), box.faces(...)"
        )
    parts = region.parts if isinstance(region, Faces) else (region,)
    if any(part.box != box for part in parts):
        raise KanpdeError(f"{place} lies on another box than the problem's")
    if not condition.weight > 0:
        raise KanpdeError(f"{place}: the weight must be positive, not {condition.weight}")
    equations = []
    for expression in _call(place, condition.residual, box, unknowns):
        stray = {
            s for s in expression.free_symbols
            if not isinstance(s, FieldSymbol) and s not in {a.sympy for a in box.axes}
        }  # fmt: skip
        if stray:
            raise KanpdeError(f"{place}: {stray.pop()} is no axis of the problem's box")
        if not expression.atoms(FieldSymbol):
            raise KanpdeError(
                f"{place}: the residual is {expression}, "
                "which holds no field: nothing can be solved for"
            )
        equations += [
            Equation(condition.name, part, expression, condition.weight) for part in parts
        ]
    return equations


def _observed(name: str, place: str, box: Box, unknowns: tuple[str, ...]) -> FieldSymbol:
    try:
        return derivative_symbol(name, box.names, unknowns)
    except KanpdeError:
        u, x = unknowns[0], box.names[0]
        raise KanpdeError(
            f"{place}: there is no field {name}, and a derivative is named as in {u}_{x}"
        ) from None


def _check_continuation(problem: Problem, easier: Problem) -> None:
    if not isinstance(easier, Problem):
        raise KanpdeError(f"continue_from takes a Problem, not {easier!r}")
    for what, a, b in (
        ("box", easier.box, problem.box),
        ("fields", easier.unknowns, problem.unknowns),
        ("periodic axes", easier.periodic, problem.periodic),
    ):
        if a != b:
            raise KanpdeError(f"continue_from: the easier problem has other {what}: {a}, not {b}")


def _check(problem: Problem) -> None:
    names = [c.name for c in problem.conditions]
    twice = {name for name in names if names.count(name) > 1}
    if twice - {"periodic"}:
        raise KanpdeError(f"two conditions have the name {sorted(twice)[0]!r}")
    interior = [e for e in problem.equations if e.is_interior]
    if not interior:
        raise KanpdeError(
            "no condition holds in the interior: the PDE is missing, Condition(name, box, residual)"
        )
    used = {s.field for e in problem.equations for s in e.jets}
    forgotten = [name for name in problem.unknowns if name not in used]
    if forgotten:
        raise KanpdeError(f"no condition mentions the field {', '.join(forgotten)}")
