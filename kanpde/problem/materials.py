"""Problems of several materials: each condition as what it says in each material, and between them.

An equation of the whole domain holds in each material, with the coefficients of that material; at
an interface its Diracs cancel, so that the flux n . F is continuous (see `symbols/interfaces`).
Fields of second order are continuous as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import sympy

from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Domain, Region
from kanpde.problem.averages import integral
from kanpde.problem.conditions.base import Statement
from kanpde.problem.conditions.condition import Condition, returning
from kanpde.problem.conditions.energy import Energy
from kanpde.problem.equations import Equation, Kind, call_residual
from kanpde.problem.fields import Fields
from kanpde.symbols.expression import Expression, FieldSymbol, NormalSymbol
from kanpde.symbols.interfaces import (
    JumpSymbol,
    SidedSymbol,
    beyond,
    material_symbol,
    regions_in,
)
from kanpde.symbols.jumps import JumpError
from kanpde.symbols.tabulated import lambdify_numbers


@dataclass(frozen=True)
class PartitionPolicy:
    """How well the regions of materials have to fill the domain."""

    # Points at which it is seen in how many of the regions they lie, and the share of them that
    # may lie in none or in two: on interfaces.
    points: int = 2000
    share: float = 2e-3
    # Points by which it is seen in which materials a piece of the boundary lies.
    boundary: int = 128
    # Points at which the coefficients of a material are looked at.
    coefficients: int = 16


PARTITION_POLICY = PartitionPolicy()


def find_materials(expressions: Iterable[Any], domain: Domain) -> tuple[Region, ...]:
    """The regions that expressions tell apart; raises KanpdeError unless they fill the domain."""
    found = {s.region.key(): s.region for s in regions_in(*expressions)}
    parts = tuple(found.values())
    if parts:
        _check_partition(parts, domain)
    return parts


def _check_partition(
    parts: Sequence[Region], domain: Domain, policy: PartitionPolicy = PARTITION_POLICY
) -> None:
    for part in parts:
        if part.domain.key() != domain.key():
            raise KanpdeError(
                f"piecewise: the region {part.label} belongs to another domain than the problem's"
            )
    points = domain.interior.sample(policy.points, 0).points
    held = np.stack([part.holds_at(points) for part in parts])
    few = max(1, int(policy.share * len(points)))
    for count, what in ((held.sum(0) == 0, "leave out"), (held.sum(0) > 1, "overlap in")):
        if count.sum() > few:
            place = zip(domain.names, points[np.flatnonzero(count)[0]], strict=True)
            raise KanpdeError(
                f"piecewise: the regions {', '.join(p.label for p in parts)} {what} "
                f"{count.mean():.2g} of the domain, as at "
                f"{', '.join(f'{n} = {v:.3g}' for n, v in place)}; they must fill it without "
                "overlap, as plate.region(disk) and plate.region(sheet - disk) do"
            )


@dataclass(frozen=True)
class Materials:
    """The materials of a problem, and what conditions say in each."""

    domain: Domain
    parts: tuple[Region, ...]

    def number(self, expression: Any) -> Any:
        """With the material's numbers instead of its regions."""
        names = self.domain.names
        return expression.xreplace(
            {s: material_symbol(self._find(s.region), names) for s in regions_in(expression)}
        )

    def inside(self, expression: Any, k: int) -> Any:
        """As it is in one material."""
        return expression.xreplace(
            {s: sympy.Integer(self._find(s.region) == k) for s in regions_in(expression)}
        )

    def _find(self, region: Region) -> int:
        # Of a window of time the regions are windows too.
        keys = [part.key() for part in self.parts]
        window = region.within(self.domain)
        for each in (region, window):
            if each is not None and each.key() in keys:
                return keys.index(each.key())
        raise KanpdeError(f"the region {region.label} is not one of the problem's materials")

    def split(
        self, conditions: Sequence[Statement], equations: Sequence[Equation], fields: Fields
    ) -> list[Statement]:
        """The conditions in each material, and those at the interfaces between them."""
        smooth = _find_continuous(equations, self.domain, fields)
        contacts = [
            (j, k, region)
            for (j, one), (k, other) in combinations(enumerate(self.parts), 2)
            if (region := one.interface_to(other)) is not None
        ]
        found: list[Statement] = []
        for condition in conditions:
            own = [e for e in equations if e.condition == condition.name]
            if isinstance(condition, Energy):
                raise KanpdeError(
                    f"{condition.place}: in several materials the networks meet by a trained "
                    "condition, which an energy outweighs; write its equation instead, with the "
                    "coefficient inside of the derivative: "
                    f'Condition("{condition.name}", region, lambda u: d(k * d(u, x), x) + f)'
                )
            if isinstance(condition, Condition):
                found += self._place(condition, own)
                if self._is_whole(condition) and own[0].kind is not Kind.AVERAGE:
                    found += self._join(condition, fields.sided(smooth), contacts)
            else:
                found.append(condition)
        return found + self._hold(smooth, fields, contacts)

    def _is_whole(self, condition: Condition) -> bool:
        return condition.whole_region.key() == self.domain.interior.key()

    def _place(self, condition: Condition, equations: Sequence[Equation]) -> list[Condition]:
        """What a condition says in each material that it holds in."""
        if equations[0].kind is Kind.AVERAGE:
            return [self._place_average(condition, equations)]
        region = condition.whole_region
        expressions = [e.expression for e in equations][:: len(region.parts)]
        keys = [part.key() for part in self.parts]
        if self._is_whole(condition):
            placed = dict(enumerate(self.parts))
        elif not regions_in(*expressions):
            return [condition]
        elif region.key() in keys:
            placed = {keys.index(region.key()): region}
        elif region.is_interior:
            raise KanpdeError(
                f"{condition.place} holds in {region.label}, which is not one of the regions that "
                "its coefficients tell apart; let it hold in the whole domain, or in one of these"
            )
        else:
            return self._place_on_boundary(condition, expressions)
        told = {k: [self.inside(e, k) for e in expressions] for k in placed}
        sizes = {k: _measure_coefficients(e, placed[k], self.domain) for k, e in told.items()}
        largest = max(placed, key=lambda k: placed[k].measure)
        even = len(placed) > 1 and all(sizes.values())
        return [
            Condition(
                condition.name if len(placed) == 1 else f"{condition.name} ({part.label})",
                part,
                returning(told[k]),
                # Of a material that is 1,000 times stiffer the residual is that much larger.
                condition.weight * ((sizes[largest] / sizes[k]) ** 2 if even else 1.0),
            )
            for k, part in placed.items()
        ]

    def _place_average(self, condition: Condition, equations: Sequence[Equation]) -> Condition:
        means = [integral(Expression(self.number(e.expression))).sympy for e in equations]
        region = equations[0].region
        return Condition(condition.name, region, returning(means), condition.weight)

    def _place_on_boundary(
        self,
        condition: Condition,
        expressions: Sequence[Any],
        policy: PartitionPolicy = PARTITION_POLICY,
    ) -> list[Condition]:
        """With the coefficients of the one material that a boundary touches, or of each point's."""
        region = condition.whole_region
        points = region.sample(policy.boundary, 0).points
        touched = [k for k, part in enumerate(self.parts) if part.holds_at(points).any()]
        if len(touched) == 1:
            told = [self.inside(e, touched[0]) for e in expressions]
        else:
            told = [self.number(e) for e in expressions]
        return [Condition(condition.name, region, returning(told), condition.weight)]

    def _join(
        self, condition: Condition, fields: Fields, contacts: Sequence[tuple[int, int, Region]]
    ) -> list[Statement]:
        """The continuity of the fluxes of a condition."""
        told = call_residual(condition.place, condition.residual, fields)
        found: list[Statement] = []
        for j, k, region in contacts:
            rows = [self._flux_jump(condition.place, e, j, k) for e in told]
            rows = [row for row in rows if row != 0]
            if rows:
                name = f"{condition.name} ({region.label})"
                found.append(Condition(name, region, returning(rows), condition.weight))
        return found

    def _flux_jump(self, place: str, expression: Any, one: int, other: int) -> Any:
        total: Any = sympy.Integer(0)
        for jump in sorted(expression.atoms(JumpSymbol), key=lambda s: str((s.axis, s.flux))):
            factor = expression.diff(jump)
            here, there = self.inside(factor, one), self.inside(factor, other)
            own = factor.atoms(SidedSymbol)
            bad = factor.atoms(JumpSymbol) or any(s.jumps for s in own)
            if bad or sympy.expand(here - there) != 0:
                raise JumpError(
                    f"{place}: d({jump.flux}, {jump.axis}) has a Dirac where materials meet, and "
                    f"its factor {factor} jumps there too; put the coefficient inside of the "
                    "derivative, as in d(k * d(u, x), x), or divide the equation by it"
                )
            first = _plain(self.inside(jump.flux, one))
            second = _plain(self.inside(jump.flux, other))
            second = second.xreplace({s: beyond(s) for s in second.atoms(FieldSymbol)})
            total += _plain(here) * NormalSymbol(jump.axis) * (first - second)
        return total

    def _hold(
        self,
        smooth: Sequence[str],
        fields: Fields,
        contacts: Sequence[tuple[int, int, Region]],
    ) -> list[Statement]:
        """The continuity of fields."""
        symbols = [fields.symbol(name).sympy for name in smooth]
        if not symbols:
            return []
        rows = [s - beyond(s) for s in symbols]
        return [
            Condition(f"{', '.join(smooth)} ({region.label})", region, returning(rows))
            for _, _, region in contacts
        ]


def _find_continuous(
    equations: Sequence[Equation], domain: Domain, fields: Fields
) -> tuple[str, ...]:
    """The fields that cannot jump.

    Those of second order in space, those whose first derivative has a factor that jumps (its Dirac
    would be another one on each side), and unknown numbers.
    """
    space = [k for k, axis in enumerate(domain.axes) if axis in domain.space]
    order: dict[str, int] = dict.fromkeys(fields.names, 0)
    for equation in equations:
        if equation.is_interior:
            for jet in equation.jets:
                own = sum(jet.index[k] for k in space)
                firm = own and regions_in(equation.expression.diff(jet))
                order[jet.field] = max(order[jet.field], 2 if firm else own)
    return tuple(
        name for name in fields.names if order[name] >= 2 or fields.support[name] != fields.axes
    )


def _measure_coefficients(expressions: Sequence[Any], part: Region, domain: Domain) -> float:
    """The largest coefficient of the highest derivatives in a material; 0 where it is not known."""
    jets = {s for e in expressions for s in e.atoms(FieldSymbol)}
    highest = max((sum(s.index) for s in jets), default=0)
    slopes = [e.diff(s) for e in expressions for s in jets if sum(s.index) == highest]
    slopes = [s for s in slopes if s != 0 and s.free_symbols <= set(domain.symbols)]
    points = part.sample(PARTITION_POLICY.coefficients, 0).points
    values = [lambdify_numbers(domain.symbols, s)(*points.T) for s in slopes]
    largest = max((float(np.mean(np.abs(v))) for v in values), default=0.0)
    return largest if np.isfinite(largest) else 0.0


def _plain(expression: Any) -> Any:
    return expression.xreplace({s: s.plain for s in expression.atoms(SidedSymbol)})
