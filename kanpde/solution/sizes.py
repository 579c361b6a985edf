"""By what an error is divided: the size of its field, and what is natural where that is zero.

A channel has v = 0: divided by its norm, an error of 1e-7 was shown as 69 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy

from kanpde.assembly.lift import evaluate_at
from kanpde.problem.equations import Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import FieldSymbol, jets_in

# A component counts by itself down to this share of its vector, or of fields of its unit.
_SHARE_OF_GROUP = 1e-2
# A field without such companions down to this share of what its equations make of the others: a
# wave of forty periods has a size of 1e-4 by the lengths of its box, and is not zero.
_SHARE_OF_NATURAL = 1e-4
# Points at which coefficients are looked at.
_POINTS = 100


def relative_sizes(problem: Problem, own: Mapping[str, float]) -> dict[str, float]:
    """What the error of each field or derived output is relative to, from their own sizes.

    A size is a root mean square. It is that of the field itself, unless that is nearly zero beside
    those of its vector or its unit, or beside what the equations make of the other fields.
    """
    groups = _group_sizes(problem, own)
    sizes = {n: s if s > _SHARE_OF_GROUP * groups[n] else groups[n] for n, s in own.items()}
    largest = max(own.values(), default=0.0)
    for name, size in sizes.items():
        if size <= _SHARE_OF_NATURAL * largest:
            natural = _natural_size(problem, name, own)
            sizes[name] = size if size > _SHARE_OF_NATURAL * natural else natural
    return {n: s if s > 0 and math.isfinite(s) else 1.0 for n, s in sizes.items()}


def _group_sizes(problem: Problem, own: Mapping[str, float]) -> dict[str, float]:
    """The size of each one's vector, or the largest of its unit; its own where it has neither."""
    found = dict(own)
    for parts in problem.vectors.values():
        length = math.sqrt(sum(own.get(n, 0.0) ** 2 for n in parts))
        found |= {n: max(found[n], length) for n in parts if n in found}
    for name, unit in problem.units.items():
        same = [own[n] for n, other in problem.units.items() if other == unit and n in own]
        if name in found:
            found[name] = max(found[name], *same)
    return found


def _natural_size(problem: Problem, name: str, own: Mapping[str, float]) -> float:
    """What a field would have for its terms to be as large as those of the other fields.

    The smallest that an equation of the interior gives; for a derived output the largest of its
    terms. Derivatives are taken as sizes over the lengths of the axes.
    """
    if name in problem.outputs:
        return max(_typical_sizes(problem, _terms(problem.outputs[name]), own), default=0.0)
    found = []
    for equation in problem.equations:
        if not equation.is_interior or equation.kind is Kind.DENSITY:
            continue
        mine = [jet for jet in equation.jets if jet.field == name]
        others = [
            term
            for term in _terms(equation.expression)
            if (fields := {j.field for j in jets_in(term)}) and name not in fields
        ]
        if not mine or not others:
            continue
        slopes = _typical_sizes(problem, [equation.expression.diff(jet) for jet in mine], own)
        lengths = [typical_size(problem, jet, {name: 1.0}) for jet in mine]
        weight = max(s * length for s, length in zip(slopes, lengths, strict=True))
        if weight > 0:
            found.append(max(_typical_sizes(problem, others, own)) / weight)
    return min(found, default=0.0)


def _terms(expression: Any) -> tuple[Any, ...]:
    return tuple(sympy.Add.make_args(sympy.expand(expression)))


def _typical_sizes(problem: Problem, expressions: Any, own: Mapping[str, float]) -> list[float]:
    """The root mean square of expressions whose derivatives have their typical sizes."""
    jets = jets_in(*expressions)
    known = {jet: sympy.Float(typical_size(problem, jet, own)) for jet in jets}
    points = problem.domain.interior.sample(_POINTS, 0).points
    with np.errstate(all="ignore"):
        values = evaluate_at(problem.domain, [e.xreplace(known) for e in expressions], points)
    means = [float(np.sqrt(np.mean(np.square(v)))) for v in values]
    return [m if math.isfinite(m) else 0.0 for m in means]


def typical_size(problem: Problem, jet: FieldSymbol, own: Mapping[str, float]) -> float:
    """The size of a field over the length of each axis along which it is differentiated."""
    lengths = {a.name: a.upper - a.lower for a in problem.domain.axes}
    size = own.get(jet.field, 0.0)
    for axis, order in zip(jet.axes, jet.index, strict=True):
        size /= lengths[axis] ** order
    return size
