"""A problem with a known answer, small enough to be solved in seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import numpy as np

from kanpde.geometry.domain import Domain, Region
from kanpde.geometry.points import Points
from kanpde.problem.conditions.base import Statement
from kanpde.problem.conditions.condition import Condition
from kanpde.problem.conditions.observation import Observation
from kanpde.problem.problem import Problem
from kanpde.reference.core import exact
from kanpde.symbols.expression import Axis, Expression, symbolic

Function = Callable[..., Any]
Place = tuple[Region, Function]


@dataclass(frozen=True)
class Case:
    """`enforce` says whether conditions hold by construction, as in a Plan.

    With `windows` time is cut into so many, and each takes the steps after which a solve stops.
    """

    name: str
    build: Callable[[], Problem]
    enforce: bool = True
    windows: int = 0


@dataclass(frozen=True)
class Truth:
    """The answer: for each field a function of the axes, of expressions and of arrays alike.

    The conditions are made from it: an operator is applied to the fields and to the answer. A
    function takes all axes, also where `support` says that its field depends on some alone.
    """

    domain: Domain
    fields: Mapping[str, Function]
    support: Mapping[str, tuple[Axis, ...]] = field(default_factory=dict)

    def read(self, name: str, points: Points, noise: float = 0.0) -> Observation:
        """Readings of a field, with noise relative to their root mean square."""
        values = np.asarray(self.fields[name](*points.coordinates.T), float)
        size = noise * float(np.sqrt(np.mean(values**2)))
        values = values + np.random.default_rng(0).normal(0, 1, values.shape) * size
        return Observation(f"readings of {name}", points, {name: values})

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
            {n: self.support.get(n, self.domain.axes) for n in self.fields},
            [*conditions, *others],
            reference=exact("closed form", gauge, **answers),
            **options,
        )


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]
