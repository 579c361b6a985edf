"""A problem with a known answer, small enough to be solved in seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from kanpde.geometry.domain import Domain, Region
from kanpde.problem.conditions.base import Statement
from kanpde.problem.conditions.condition import Condition
from kanpde.problem.problem import Problem
from kanpde.reference.core import exact
from kanpde.symbols.expression import Expression, symbolic

Function = Callable[..., Any]
Place = tuple[Region, Function]


@dataclass(frozen=True)
class Case:
    """`enforce` says whether conditions hold by construction, as in a Plan."""

    name: str
    build: Callable[[], Problem]
    enforce: bool = True


@dataclass(frozen=True)
class Truth:
    """The answer: for each field a function of the axes, of expressions and of arrays alike.

    The conditions are made from it: an operator is applied to the fields and to the answer.
    """

    domain: Domain
    fields: Mapping[str, Function]

    def condition(self, name: str, region: Region | Domain, operator: Function) -> Condition:
        """The fields give what the answer gives."""
        known = {n: Expression(symbolic(f(*self.domain.axes))) for n, f in self.fields.items()}

        names = operator.__code__.co_varnames[: operator.__code__.co_argcount]
        right = _as_list(operator(*(known[n] for n in names)))

        @wraps(operator)
        def difference(*fields: Expression) -> list[Any]:
            return [a - b for a, b in zip(_as_list(operator(*fields)), right, strict=True)]

        return Condition(name, region, difference)

    def problem(
        self,
        law: Function,
        places: Sequence[Place],
        *others: Statement,
        **options: Any,
    ) -> Problem:
        """The law in the interior, and operators on parts of the boundary."""
        conditions: list[Statement] = [self.condition("law", self.domain, law)]
        conditions += [
            self.condition(f"place {k}", region, operator)
            for k, (region, operator) in enumerate(places)
        ]
        gauge = options.pop("gauge", ())
        names = self.domain.names

        def numbers(function: Function) -> Function:
            return lambda **at: function(*(at[n] for n in names))

        answers = {n: numbers(f) for n, f in self.fields.items()}
        return Problem(
            self.domain,
            " ".join(self.fields),
            [*conditions, *others],
            reference=exact("closed form", gauge, **answers),
            **options,
        )


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]
