"""Ensembles: solutions of one problem from several seeds, their mean and their spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.problem.problem import Problem
from kanpde.solution.grid_data import GRID_SIZES, GridData
from kanpde.solution.measures import FieldError, domain_points, errors_against
from kanpde.solution.sizes import relative_sizes
from kanpde.solution.solution import Solution


@dataclass(frozen=True)
class Disagreement:
    """How far the members of an ensemble differ in a field.

    `relative` is the root mean square of the spread by the size of the field, `largest` the spread
    at the `place` where it is largest, by the same size.
    """

    relative: float
    largest: float
    place: Mapping[str, float]

    def __str__(self) -> str:
        where = ", ".join(f"{n} = {v:.3g}" for n, v in self.place.items())
        return f"spread {self.relative:.1e} of its size, at most {self.largest:.1e} near {where}"


@dataclass(frozen=True)
class Ensemble:
    """Solutions of one problem from several seeds; the answer is their mean.

    The spread is the deviation among the members. It says what training leaves open; it is not a
    bound of the error, since all members may be wrong alike.

    Raises KanpdeError for fewer than two members, or members of different problems.
    """

    members: tuple[Solution, ...]

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise KanpdeError("an ensemble has at least two members: take seeds=2 or more")
        first = self.problem
        for other in self.members[1:]:
            if (other.problem.domain, other.problem.names) != (first.domain, first.names):
                raise KanpdeError("the members of an ensemble are solutions of different problems")

    @property
    def problem(self) -> Problem:
        """That of all members."""
        return self.members[0].problem

    def at(self, **values: float) -> Ensemble:
        """The ensemble where parameters have these values, as `Solution.at`."""
        return Ensemble(tuple(member.at(**values) for member in self.members))

    @property
    def at_middle(self) -> Ensemble:
        """Itself; with parameters, at the middle of each."""
        return Ensemble(tuple(member.at_middle for member in self.members))

    def __call__(self, **coordinates: Any) -> dict[str, Array]:
        """`u_mean` and `u_spread` of each field and derived output, at coordinates by name."""
        points, shape = self.members[0].points_of(coordinates)
        return {n: v.reshape(shape) for n, v in self.evaluate(points).items()}

    def evaluate(self, points: Array) -> dict[str, Array]:
        """The same at points (N, dimension); NaN outside of the domain."""
        each = [member.evaluate(points) for member in self.members]
        return _combine({n: [e[n] for e in each] for n in self.problem.names})

    @cached_property
    def disagreements(self) -> dict[str, Disagreement]:
        """Of each field and derived output, on the points where errors are measured."""
        values = self._on_points
        names = self.problem.names
        own = {n: float(np.sqrt(np.nanmean(values[f"{n}_mean"] ** 2))) for n in names}
        sizes = relative_sizes(self.problem, own)
        found = {}
        for name in names:
            spread = np.nan_to_num(values[f"{name}_spread"])
            k = int(spread.argmax())
            place = dict(zip(self.problem.domain.names, self._points[k].tolist(), strict=True))
            mean = float(np.sqrt(np.mean(spread**2)))
            found[name] = Disagreement(mean / sizes[name], float(spread[k]) / sizes[name], place)
        return found

    @cached_property
    def errors(self) -> dict[str, FieldError]:
        """The errors of the mean, for fields with a reference."""
        means = {n: self._on_points[f"{n}_mean"] for n in self.problem.names}
        return errors_against(self.problem, self._points, means)

    def samples(self, counts: Mapping[str, int] | None = None) -> GridData:
        """Mean and spread on an even grid or on cells, as `Solution.samples`."""
        shown = self.at_middle
        sizes = dict(counts or GRID_SIZES.for_files(shown.problem.domain))
        grids = [member.samples(sizes) for member in shown.members]
        first, names = grids[0], shown.problem.names
        fields = _combine({n: [g.fields[n] for g in grids] for n in names})
        exact = {f"{n}_mean": v for n, v in first.exact.items()}
        units = {f"{n}_{w}": u for n, u in first.units.items() for w in ("mean", "spread")}
        axes = {n: u for n, u in first.units.items() if n in first.axes or n in first.coordinates}
        return replace(
            first,
            fields=fields,
            exact=exact,
            errors={n: np.mean([g.errors[n[:-5]] for g in grids], axis=0) for n in exact},
            residuals={},
            vectors={},
            units={n: u for n, u in units.items() if n in fields} | axes,
        )

    @cached_property
    def _points(self) -> Array:
        return domain_points(self.problem.domain)[0]

    @cached_property
    def _on_points(self) -> dict[str, Array]:
        return self.evaluate(self._points)


def _combine(values: Mapping[str, list[Any]]) -> dict[str, Array]:
    """The mean and the spread of each name's arrays."""
    found: dict[str, Array] = {}
    for name, each in values.items():
        stacked = np.stack(each)
        found[f"{name}_mean"] = stacked.mean(0)
        found[f"{name}_spread"] = stacked.std(0, ddof=1)
    return found
