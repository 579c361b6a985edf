"""The laws of a problem: functions of its fields that readings determine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kanpde.errors import KanpdeError
from kanpde.problem.equations import Equation
from kanpde.problem.fields import Fields
from kanpde.symbols.expression import FieldSymbol
from kanpde.symbols.law import LawStatement, Range, laws_in

# What the range of readings is widened by, at either end.
_MARGIN = 0.05


def gather_laws(
    given: Mapping[str, LawStatement], expressions: Sequence[Any], fields: Fields
) -> tuple[dict[str, LawStatement], dict[str, tuple[str, ...]]]:
    """The laws, given or found, and the axes that each depends on.

    Raises KanpdeError where one is taken of two lists of arguments.
    """
    found = dict(given)
    for symbol in laws_in(*expressions):
        known = found.setdefault(str(symbol.field), symbol.statement)
        if known != symbol.statement:
            one, other = (", ".join(s.arguments) for s in (known, symbol.statement))
            raise KanpdeError(
                f'law "{symbol.field}" is taken of {one} and of {other}, or has two starts or '
                "ranges; a law has one list of arguments: give the other a name of its own"
            )
    supports = {}
    for name, statement in found.items():
        held = {a for jet in statement.arguments for a in fields.derivative(jet).support}
        supports[name] = tuple(a for a in fields.axes if a in held)
    return found, supports


def require_readings(laws: Mapping[str, LawStatement], equations: Sequence[Equation]) -> None:
    """Raise KanpdeError for laws that no measured value can determine."""
    if laws and not any(e.observed is not None for e in equations):
        raise KanpdeError(
            f"the law {next(iter(laws))} has no measured values to follow from: add "
            'observe("sensors", points, u=values)'
        )


def find_ranges(
    name: str, statement: LawStatement, jets: Sequence[FieldSymbol], equations: Sequence[Equation]
) -> tuple[Range, ...]:
    """The ends between which each argument lies: those given, or those of its readings.

    Raises KanpdeError for an argument that is not read.
    """
    if statement.ranges:
        return statement.ranges
    found = []
    for jet in jets:
        read = [
            np.asarray(e.observed, float)
            for e in equations
            if e.observed is not None and e.expression == jet
        ]
        if not read:
            raise KanpdeError(
                f'law "{name}": there are no readings of {jet} that would say between which values '
                f'it lies; give law("{name}", range=(low, high))'
            )
        values = np.concatenate(read)
        low, high = float(values.min()), float(values.max())
        margin = _MARGIN * (high - low) or 1.0
        found.append((low - margin, high + margin))
    return tuple(found)
