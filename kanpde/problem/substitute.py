"""A problem in which a law is a formula: the same equations, with unknown numbers in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.problem.averages import integral
from kanpde.problem.conditions.base import Statement
from kanpde.problem.conditions.condition import Condition, returning
from kanpde.problem.equations import Kind
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import Expression, FieldSymbol
from kanpde.symbols.functions import d
from kanpde.symbols.unknown import Unknown


def substitute_law(
    problem: Problem, name: str, variable: Any, formula: Any, numbers: Sequence[Unknown]
) -> Problem:
    """The problem where the law `name` is `formula`, a SymPy expression of the symbol `variable`.

    `numbers` are the unknown numbers in it. Derived outputs, integrals and the reference are left
    out. Raises KanpdeError for a law of several arguments.
    """
    (argument, *others) = problem.laws[name].arguments
    if others:
        raise KanpdeError(f"the law {name} of {argument}, {', '.join(others)} stays a network")
    value = Expression(formula.xreplace({variable: problem.field_space.derivative(argument)}))

    def exchange(expression: Any) -> Any:
        own = [s for s in expression.atoms(FieldSymbol) if s.field == name]
        return expression.xreplace({s: _derive(problem, value, s) for s in own})

    def rebuild(condition: Statement) -> Statement:
        if not isinstance(condition, Condition):
            return condition
        equations = problem.equations_of(condition)
        if equations[0].kind is Kind.AVERAGE:
            means = [integral(Expression(exchange(e.expression))).sympy for e in equations]
            return replace(condition, residual=returning(means))
        own = equations[:: len(condition.whole_region.parts)]
        return replace(condition, residual=returning([exchange(e.expression) for e in own]))

    fields = [n for n in problem.field_names if n not in problem.laws]
    support = problem.field_space.support
    return Problem(
        problem.domain,
        {n: tuple(problem.domain.axis(a) for a in support[n]) for n in fields},
        [rebuild(condition) for condition in problem.conditions],
        lift=problem.lift,
        numbers=[*problem.numbers, *numbers],
        laws={n: s for n, s in problem.laws.items() if n != name},
    )


def _derive(problem: Problem, value: Expression, symbol: FieldSymbol) -> Any:
    """The derivative of a law's formula that stands where a derivative of the law did."""
    pairs = zip(problem.domain.axes, symbol.index, strict=True)
    along = [axis for axis, count in pairs for _ in range(count)]
    return (d(value, *along) if along else value).sympy
