"""What was understood of a problem, in words, and what looks wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from kanpde.assembly.ansatz import Ansatz, build_ansatz
from kanpde.assembly.corners import describe_enrichment
from kanpde.assembly.layers import describe_layers
from kanpde.problem.equations import Kind
from kanpde.problem.problem import Problem
from kanpde.problem.wellposed import find_strays, find_uncovered
from kanpde.symbols.expression import Scale, rounded

_WAYS = {
    Kind.RESIDUAL: "trained",
    Kind.AVERAGE: "its mean, trained",
    Kind.DENSITY: "integrated, made smallest",
    Kind.PRIOR: "small, as far as the readings allow",
    Kind.CONSEQUENCE: "follows from the energy",
}


# A radiation condition of third order prints as 9,000 characters; longer ones are cut at a term.
_LONGEST = 600


@dataclass(frozen=True)
class Description:
    """Lines for a person, and warnings."""

    lines: tuple[str, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([*self.lines, *(f"warning: {warning}" for warning in self.warnings)])


def check(problem: Problem) -> Description:
    """What was understood of a problem, without training: print it.

    The equations as they were read, how each condition will hold, and what looks wrong.
    """
    return describe(problem, build_ansatz(problem))


def describe(problem: Problem, ansatz: Ansatz) -> Description:
    """The problem as mathematics: box, fields, equations and how each will hold."""
    shown = [axis for axis in problem.domain.axes if not axis.is_parameter]
    ends = ", ".join(f"{a.name} in [{a.lower:g}, {a.upper:g}]" for a in shown)
    noun = "box" if problem.domain.is_box else "domain"
    lines = [f"{noun}: {ends}", f"fields: {', '.join(problem.unknowns)}"]
    lines += _describe_parameters(problem)
    lines += [f"note: {note}" for note in problem.domain.notes]
    for equation in problem.equations:
        how = "exact by construction" if equation.is_among(ansatz.exact) else _WAYS[equation.kind]
        kind = ", linear" if equation.is_interior and equation.is_linear else ""
        right = " = 0" if equation.observed is None else " = data"
        right = "" if equation.kind is Kind.DENSITY else right
        text = f"{_show(equation.expression)}{right}"
        lines.append(f"  {equation.condition} [{equation.region.label}]: {text}  ({how}{kind})")
    lines += [f"  periodic in {axis} (exact by construction)" for axis in problem.periodic]
    lines += [f"  {text}" for text in describe_enrichment(problem, ansatz.enrichment)]
    for name, expression in problem.outputs.items():
        lines.append(f"  {name} = {_show(expression)}")
    for table in problem.tables.values():
        lines.append(f"{table.place}: {table.describe()}")
    if problem.reference is not None:
        reference = problem.reference
        own = f", itself good to {reference.error:.0e}" if reference.error else ""
        lines.append(f"reference for {', '.join(reference.fields)}: {reference.method}{own}")
    else:
        lines.append("reference: none, so errors will be estimated")
    warnings = [
        *map(str, ansatz.contradictions),
        *ansatz.notes,
        *describe_layers(problem),
        *find_uncovered(problem),
        *find_strays(problem),
    ]
    return Description(tuple(lines), tuple(warnings))


def _show(expression: sympy.Expr) -> str:
    """An expression as text; of a very long one the first terms, and how many follow."""
    text = str(rounded(expression))
    if len(text) <= _LONGEST:
        return text
    outside = [i for i in range(_LONGEST) if text[i] == " " and _is_closed(text[:i])]
    end = outside[-2] if len(outside) > 1 else _LONGEST
    return f"{text[:end]} + ... ({len(text):,} characters in all)"


def _is_closed(text: str) -> bool:
    return text.count("(") == text.count(")") and not text.endswith(("+", "-"))


def _describe_parameters(problem: Problem) -> list[str]:
    """The parameters with their ranges, and the equations that hold derivatives by them."""
    axes = problem.domain.parameters
    if not axes:
        return []
    ranges = (
        f"{a.name} in [{a.lower:g}, {a.upper:g}]" + (" (log)" if a.scale is Scale.LOG else "")
        for a in axes
    )
    lines = [f"parameters: {', '.join(ranges)}; every condition holds for all their values"]
    places = [(axis, problem.domain.names.index(axis.name)) for axis in axes]
    for equation in problem.equations:
        lines += [
            f"note: {equation.condition} holds {jet}, a derivative by the parameter {axis.name}"
            for jet in equation.jets
            for axis, k in places
            if jet.index[k]
        ]
    return list(dict.fromkeys(lines))
