"""From samples of fields to their partial differential equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import numpy as np

from kanpde.checks import require_number, require_whole
from kanpde.dynamics.field.checks import check_order, find_grid
from kanpde.dynamics.field.equation import FieldEquation, FieldSystem
from kanpde.dynamics.field.library import build_library
from kanpde.dynamics.field.on_grid import discover_on_grid
from kanpde.dynamics.field.refine import refine
from kanpde.dynamics.field.samples import Grid, GridSamples
from kanpde.dynamics.field.scattered import discover_scattered
from kanpde.dynamics.field.snapshots import Snapshots, snapshots
from kanpde.dynamics.field.term import PLAIN, Notation, Term
from kanpde.dynamics.field.wording import read_terms
from kanpde.errors import KanpdeError
from kanpde.options import Reporter, fill_options, ignore

# The bumps have no derivatives beyond.
_HIGHEST = 6


def read_known(known: Any, notation: Notation = PLAIN) -> dict[Term, float]:
    """Known terms and their coefficients, checked.

    Args:
        known: as text, or coefficients by terms: pairs (m, j) for d^j(u^m)/dx^j, or text.
        notation: the names of fields and axes.
    """
    if isinstance(known, str):
        return read_terms(known, notation)
    if known is not None and not isinstance(known, Mapping):
        raise KanpdeError(f"known is {known!r:.60}; give such as {{(1, 2): 0.1}}, for 0.1 u_xx")
    out: dict[Term, float] = {}
    for term, value in (known or {}).items():
        require_number(f"the coefficient of {term} in known", value)
        out[_read_key(term, notation)] = float(value)
    return out


def _read_key(key: Any, notation: Notation) -> Term:
    """A term from a pair or its text."""
    if isinstance(key, Term):
        return key
    if isinstance(key, str) and key.strip():
        (term, factor), *more = read_terms(key, notation).items()
        if more or factor != 1:
            raise KanpdeError(f"known holds {key!r}; a key is one term, without its coefficient")
        return term
    if not isinstance(key, tuple) or len(key) != 2 or len(notation.axes) > 1:
        raise KanpdeError(
            f"known holds the term {key!r:.60}; a term is such as (1, 2), u_xx"
            if len(notation.axes) == 1
            else f"known holds the term {key!r:.60}; a term is such as 'lap(u)'"
        )
    for each in key:
        require_whole(f"each number of the term {key} in known", each, 0, 20)
    return notation.derive((key[1],), (0,) * key[0])


class FieldsKeywords(TypedDict, total=False):
    """The keywords of `discover_fields`; `FieldsOptions` says what they mean."""

    inputs: Sequence[str]
    varying: Sequence[str]
    order: int
    powers: int
    derivatives: int
    known: Mapping[str, Any] | None


@dataclass(frozen=True)
class FieldsOptions:
    """How to look for the equations of fields.

    Args:
        inputs: the names of fields that act and are not explained.
        varying: the axes (`t` too) on which coefficients may depend.
        order: of the derivative in time: 1 or 2.
        powers: the highest degree of products of fields.
        derivatives: the highest order of a derivative, up to 6; 0 looks for reactions alone.
        known: for each field its known terms, as {"u": "0.1 lap(u)"} or {"u": {"lap(u)": 0.1}}.
    """

    inputs: Sequence[str] = ()
    varying: Sequence[str] = ()
    order: int = 1
    powers: int = 3
    derivatives: int = 4
    known: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_order(self.order)
        require_whole("powers", self.powers, 1, 20)
        require_whole("derivatives", self.derivatives, 0, _HIGHEST)


def discover_field(
    u: Any,
    x: Any,
    t: Any,
    *,
    order: int = 1,
    powers: int = 3,
    derivatives: int = 4,
    known: Mapping[Any, float] | None = None,
    report: Reporter | None = None,
) -> FieldEquation:
    """The equation of a field of one dimension; of more, and of several: `discover_fields`.

    Args:
        u: samples (len(t), len(x)) on an even grid, without gaps, or (N,) at scattered points;
            noise is allowed.
        x: positions (Nx,), or of each sample (N,).
        t: times (Nt,), or of each sample (N,).
        order: of the derivative in time: 1 or 2.
        powers: the highest m in d^j(u^m)/dx^j.
        derivatives: the highest j, up to 6; 0 looks for a source term alone.
        known: terms whose coefficients are known, as {(1, 2): 0.1} or {"u_xx": 0.1}; the rest
            is the unknown source.
        report: is told what is being done with scattered samples, which takes a minute.

    Raises:
        KanpdeError: for samples that are neither.
    """
    given = read_known(known)
    options = FieldsOptions((), (), order, powers, derivatives, {"u": given})
    if np.ndim(u) == 1:
        grid = find_grid(u, x, t)
        if grid is None:
            terms = build_library(PLAIN, powers, derivatives, products=False)
            terms = [term for term in terms if term not in given]
            return discover_scattered(u, x, t, terms, order=order, known=given, report=report)
        u, x, t = grid
    return _discover(snapshots({"u": u}, {"x": x}, t), ["u"], options, report).equations[0]


def discover_fields(
    fields: Any,
    axes: Any = None,
    t: Any = None,
    *,
    report: Reporter | None = None,
    **options: Unpack[FieldsKeywords],
) -> FieldSystem:
    """The equations of fields of one, two or three dimensions of space, one for each.

    Args:
        fields: samples (len(t), len(x), len(y), ...) by name, on an even grid without gaps, or
            `snapshots` with all three; noise is allowed.
        axes: positions along each axis by name: {"x": x, "y": y}.
        t: times (Nt,).
        report: is told what is being done.
        **options: the fields of `FieldsOptions`: `inputs`, `varying`, `order`, `powers`,
            `derivatives` and `known`.

    Raises:
        KanpdeError: for samples that are not fields, with place and mend.
    """
    chosen = fill_options(FieldsOptions, options, "discover_fields")
    data = fields if isinstance(fields, Snapshots) else snapshots(fields, axes, t)
    wanted = _choose_fields(data, chosen.inputs)
    for name in chosen.varying:
        if name not in (*data.axes, "t"):
            raise KanpdeError(
                f"varying names {name!r}; the axes are {', '.join((*data.axes, 't'))}"
            )
    for name in chosen.known or {}:
        if name not in wanted:
            raise KanpdeError(f"known terms are given of {name!r}; the fields are {wanted}")
    return _discover(data, wanted, chosen, report)


def _choose_fields(data: Snapshots, inputs: Sequence[str]) -> list[str]:
    """The fields to explain."""
    for name in inputs:
        if name not in data.fields:
            raise KanpdeError(f"there is no field `{name}`; there are {', '.join(data.fields)}")
    wanted = [name for name in data.fields if name not in inputs]
    if not wanted:
        raise KanpdeError("all fields are inputs: there is none to explain")
    return wanted


def _discover(
    data: Snapshots, wanted: Sequence[str], options: FieldsOptions, report: Reporter | None
) -> FieldSystem:
    """The equations of the fields `wanted`."""
    names = (*data.fields, *options.varying)
    notation = Notation(names, tuple(data.axes))
    fixed = range(len(data.fields), len(names))
    raw = [*data.fields.values(), *(data.spread(name) for name in options.varying)]
    grid = Grid.of(notation, data.rows, raw, exact=fixed)
    library = build_library(notation, options.powers, options.derivatives, coordinates=fixed)
    equations = []
    for name in wanted:
        if len(wanted) > 1:
            (report or ignore)(f"choosing among {len(library)} terms for {name}")
        given = read_known((options.known or {}).get(name), notation)
        samples = GridSamples(grid, names.index(name), options.order, given)
        terms = [term for term in library if term not in given]
        equations.append(refine(samples, discover_on_grid(samples, terms), terms))
    return FieldSystem(tuple(equations), data.notes)
