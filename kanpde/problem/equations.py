"""Equations: residuals that were called once with symbols."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.fields import Fields
from kanpde.symbols.expression import Expression, FieldSymbol, jets_in, normals_in, symbolic
from kanpde.symbols.interfaces import regions_in
from kanpde.symbols.jumps import JumpError
from kanpde.symbols.sizes import SIZE_POLICY, require_size
from kanpde.symbols.unknown import UnknownSymbol

Residual = Callable[..., Any]


class Kind(Enum):
    """How an equation enters the loss."""

    RESIDUAL = "residual"  # its squares are summed
    AVERAGE = "average"  # its mean over the region is zero: one row
    DENSITY = "density"  # it is integrated, and the integral is made small
    PRIOR = "prior"  # what is likely of a field that is sought: it is small, not zero
    CONSEQUENCE = "consequence"  # it follows from a density: it is looked at, not trained


@dataclass(frozen=True, eq=False)
class Equation:
    """One expression on one part of the domain.

    `observed` are values (N,) that it shall have at the points of its region, instead of zero, and
    `sigma` their standard deviations (N,), where they are known; readings that are `robust` may
    hold outliers.
    `inherited` marks what a window of time takes over from the previous one.
    """

    condition: str
    region: Region
    expression: Any
    weight: float
    observed: Array | None = None
    sigma: Array | None = None
    robust: bool = False
    kind: Kind = Kind.RESIDUAL
    inherited: bool = False

    @property
    def jets(self) -> tuple[FieldSymbol, ...]:
        """The derivatives of fields that it holds, in a fixed order."""
        return jets_in(self.expression)

    @property
    def is_interior(self) -> bool:
        """Whether it holds at each point inside."""
        return self.region.is_interior and self.kind not in (Kind.AVERAGE, Kind.PRIOR)

    @property
    def is_linear(self) -> bool:
        """Whether the unknowns enter to the first degree only."""
        jets = set(self.jets)
        return not any(self.expression.diff(s).free_symbols & jets for s in jets)

    def is_among(self, group: tuple[Equation, ...]) -> bool:
        """Whether it is one of these equations, as an object."""
        return any(self is other for other in group)


def region_of(place: str, given: Region | Domain, domain: Domain) -> Region:
    """The region where a condition holds; raises KanpdeError for one of another domain."""
    region = given.interior if isinstance(given, Domain) else given
    if not isinstance(region, Region):
        raise KanpdeError(
            f"{place}: {given!r} is not a region; take box, box.face(...), shape.boundary(...)"
        )
    if any(part.domain.key() != domain.key() for part in region.parts):
        raise KanpdeError(f"{place} lies on another domain than the problem's")
    return region


def call_residual(place: str, function: Residual, fields: Fields) -> list[Any]:
    """Call a residual with symbolic fields; the SymPy expressions that it returns."""
    if not callable(function):
        raise KanpdeError(f"{place}: the residual is not a function but {function!r}")
    parameters = _name_parameters(place, function, fields)
    by_name = all(name in fields.names for name in parameters)
    if not by_name and len(parameters) != len(fields.names):
        raise KanpdeError(
            f"{place}: the residual takes ({', '.join(parameters)}); name the fields that it "
            f"needs among {', '.join(fields.names)}"
        )
    arguments = [fields.symbol(name) for name in (parameters if by_name else fields.names)]
    try:
        result = function(*arguments)
    except JumpError as error:
        raise JumpError(f"{place}: {error}") from None
    except KanpdeError as error:  # a number that is nan, a comparison used as a truth value
        # With its traceback, in which the line of the residual stands.
        raise KanpdeError(f"{place}: {error}").with_traceback(error.__traceback__) from error
    except AttributeError as error:
        if not isinstance(error.obj, Expression):
            raise
        raise KanpdeError(
            f"{place}: `{error.obj}` has no attribute {error.name}; a derivative is "
            f"d({error.obj}, axis), and functions are those of kanpde (sin, exp, where, ...)"
        ) from error
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
    return [_read_part(place, part) for part in parts]


def _name_parameters(place: str, function: Residual, fields: Fields) -> list[str]:
    """The names of the parameters of a residual that have to be given."""
    try:
        all_of_them = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise KanpdeError(
            f"{place}: the residual is {function!r}, which does not say what it takes; write a "
            "function of fields, as lambda u: d(u, x) - 1"
        ) from None
    required = [p for p in all_of_them if p.default is p.empty]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    for p in required:
        if p.kind not in positional:
            raise KanpdeError(
                f"{place}: the residual takes {p}, which names no field; name the fields that it "
                f"needs among {', '.join(fields.names)}"
            )
    return [p.name for p in required]


def _read_part(place: str, part: Any) -> Any:
    if part is None or isinstance(part, (bool, str)):
        raise KanpdeError(
            f"{place}: the residual returns {part!r}; it must return an expression such as "
            "d(u, t) - d(u, x, x), or several in a tuple (is a `return` missing?)"
        )
    try:
        value = symbolic(part)
    except KanpdeError as error:
        raise KanpdeError(f"{place}: {error}") from None
    if value.is_Boolean or value.is_Relational:
        raise KanpdeError(
            f"{place}: the residual returns the comparison `{value}`; it must return an "
            "expression that is zero, such as u - 1"
        )
    return value


def check_expression(place: str, expression: Any, domain: Domain, region: Region) -> None:
    """Raise KanpdeError for an expression without fields, or with symbols of other domains."""
    normals = normals_in(expression)
    if normals and any(p.sample(4, 0).normals is None for p in region.parts):
        raise KanpdeError(
            f"{place} holds {normals[0]}, and the normal is known on the boundary only, not on "
            f"{region.label}"
        )
    known = {*domain.symbols, *normals}
    known |= set(regions_in(expression))
    stray = {
        s for s in expression.free_symbols if not isinstance(s, (FieldSymbol, UnknownSymbol))
    } - known
    if stray:
        raise KanpdeError(f"{place}: {stray.pop()} is not an axis of the problem's box")
    order = max((sum(jet.index) for jet in expression.atoms(FieldSymbol)), default=0)
    if order > SIZE_POLICY.order:
        raise KanpdeError(
            f"{place}: it holds a derivative of order {order}; at most {SIZE_POLICY.order} are "
            "computed"
        )
    require_size(f"{place}: the residual", expression)
    if not expression.atoms(FieldSymbol, UnknownSymbol):
        raise KanpdeError(
            f"{place}: the residual is {expression}, "
            "which holds no field: nothing can be solved for"
        )
