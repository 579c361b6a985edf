"""The result of a solve: a function of the coordinates, with its story."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.evaluator import Evaluator, inside
from kanpde.assembly.rows import EquationSet, bind, group
from kanpde.errors import KanpdeError
from kanpde.network.kan import KAN
from kanpde.problem.problem import Problem
from kanpde.solution.grid_data import GRID_SIZES, GridData


@dataclass(frozen=True)
class FieldError:
    """How far a field is from its reference, on the evaluation grid."""

    rel_l2: float
    max: float


@dataclass(frozen=True)
class Outcome:
    """How a solve ended: a status that scripts rely on, and a sentence with advice.

    status is one of "converged", "stalled", "budget", "interrupted", "diverged".
    """

    status: str
    advice: str


@dataclass(frozen=True)
class Window:
    """A stretch of time, up to `end`, with a network of its own."""

    end: float
    ansatz: Ansatz
    network: KAN


@dataclass(frozen=True)
class Solution:
    """A trained network with its problem: call it, evaluate it, save it.

    Where time was cut into windows, `earlier` are those before the one that `network` covers.
    """

    problem: Problem
    ansatz: Ansatz
    network: KAN
    outcome: Outcome
    seed: int = 0
    seconds: float = 0.0
    steps: int = 0
    estimate: float | None = None
    trace: Mapping[str, Array] = field(default_factory=dict)
    notes: Sequence[str] = ()
    earlier: tuple[Window, ...] = ()

    def __call__(self, **coordinates: Any) -> Array | dict[str, Array]:
        """Fields at coordinates given by name, arrays of any shape that broadcast.

        One array for a problem with one field, else a mapping from field name to array.
        Raises KanpdeError for missing or unknown coordinates.
        """
        points, shape = self._points(coordinates)
        values = self.evaluate(points)
        named = {name: values[name].reshape(shape) for name in self.problem.names}
        return next(iter(named.values())) if len(named) == 1 else named

    def evaluate(self, points: Any, derivatives: Sequence[str] = ()) -> dict[str, Array]:
        """Fields, derived outputs and derivatives such as "u_x", "u_xx", at points (N, dimension).

        Raises KanpdeError for a derivative whose name is not understood.
        """
        array = np.asarray(points, float)
        if array.ndim != 2 or array.shape[1] != self.problem.box.dimension:
            raise KanpdeError(
                f"evaluate takes points of shape (N, {self.problem.box.dimension}), the columns "
                f"{', '.join(self.problem.box.names)}, not {array.shape}"
            )
        names = (*self.problem.names, *derivatives)

        def fields(k: int, at: Array) -> dict[str, Array]:
            part = self._windows[k]
            return Evaluator(self.problem, part.ansatz, names)(part.network, at)

        return self._by_window(array, fields)

    def residuals(self, points: Array) -> dict[str, Array]:
        """The residual of each interior equation at points (N, dimension), unweighted."""

        def residuals(k: int, at: Array) -> dict[str, Array]:
            network = self._windows[k].network
            like = network.stack[0].coefficients.detach()
            out: dict[str, Array] = {}
            for system in self._interior[k]:
                rows = bind(system, network, torch.from_numpy(at).to(like))
                values = rows.residual(network).cpu().numpy()
                labels = _labels([e.condition for e in system.equations])
                out.update(zip(labels, values, strict=True))
            return out

        return self._by_window(inside(np.asarray(points, float), self.problem), residuals)

    @property
    def parameters(self) -> int:
        """The number of trainable parameters."""
        earlier = sum(part.network.parameter_count for part in self.earlier)
        return self.network.parameter_count + earlier

    @property
    def covers_a_window(self) -> bool:
        """Whether `network` covers the last window of time alone, not the whole box."""
        lower = tuple(axis.lower for axis in self.problem.box.axes)
        return bool(self.earlier) and self.network.coordinates.lower != lower

    @cached_property
    def errors(self) -> dict[str, FieldError]:
        """The error of each field that has a reference, on at least 10,000 even points."""
        return errors_against(self.problem, self._grid_points, self._on_grid)

    def samples(self, counts: Mapping[str, int] | None = None) -> GridData:
        """Everything on an even grid, for pictures and files."""
        problem = self.problem
        points, axes = grid_points(problem, counts)
        shape = tuple(len(a) for a in axes.values())
        values = self.evaluate(points)
        exact = reference_values(problem, points)
        errors = {n: _gauged(problem, n, values[n], exact[n]) for n in exact}
        return GridData(
            axes,
            {n: v.reshape(shape) for n, v in values.items()},
            time=None if problem.box.time is None else problem.box.time.name,
            exact={n: (values[n] - e).reshape(shape) for n, e in errors.items()},
            errors={n: e.reshape(shape) for n, e in errors.items()},
            residuals={n: r.reshape(shape) for n, r in self.residuals(points).items()},
            units=problem.units,
            vectors={n: tuple(parts) for n, parts in problem.vectors.items()},
            title=problem.title,
        )

    @cached_property
    def _windows(self) -> tuple[Window, ...]:
        return (*self.earlier, Window(math.inf, self.ansatz, self.network))

    @cached_property
    def _interior(self) -> list[list[EquationSet]]:
        """The equations of the interior, compiled once for each window."""
        groups = group([e for e in self.problem.equations if e.is_interior])
        return [[EquationSet(self.problem, w.ansatz, g) for g in groups] for w in self._windows]

    def _by_window(
        self, points: Array, values: Callable[[int, Array], dict[str, Array]]
    ) -> dict[str, Array]:
        """Values (N,) at points (N, dimension), each from the network of its time.

        `values` is called with the number of a window and the points in it.
        """
        if not self.earlier:
            return values(0, points)
        time = points[:, self.problem.box.names.index("t")]
        parts, before = [], -math.inf
        for k, part in enumerate(self._windows):
            parts.append((k, np.flatnonzero((time > before) & (time <= part.end))))
            before = part.end
        asked = [(k, at) for k, at in parts if at.size] or parts[-1:]
        found = [(at, values(k, points[at])) for k, at in asked]
        out = {name: np.full(len(points), np.nan) for name in found[-1][1]}
        for at, named in found:
            for name, value in named.items():
                out[name][at] = value
        return out

    @cached_property
    def _grid_points(self) -> Array:
        return grid_points(self.problem)[0]

    @cached_property
    def _on_grid(self) -> dict[str, Array]:
        return self.evaluate(self._grid_points)

    def _points(self, coordinates: Mapping[str, Any]) -> tuple[Array, tuple[int, ...]]:
        names = self.problem.box.names
        if set(coordinates) != set(names):
            given = ", ".join(coordinates) or "none"
            raise KanpdeError(f"the solution is a function of {', '.join(names)}; given: {given}")
        arrays = np.broadcast_arrays(*(np.asarray(coordinates[n], float) for n in names))
        return np.stack([a.ravel() for a in arrays], 1), arrays[0].shape


def _labels(names: Sequence[str]) -> list[str]:
    """Number the names that occur more than once."""
    out = []
    for k, name in enumerate(names):
        same = [j for j, other in enumerate(names) if other == name]
        out.append(name if len(same) == 1 else f"{name}[{same.index(k)}]")
    return out


def grid_points(
    problem: Problem, counts: Mapping[str, int] | None = None
) -> tuple[Array, dict[str, Array]]:
    """An even grid of at least 10,000 points: (N, dimension) and its axes."""
    default = GRID_SIZES.for_errors(problem.box.dimension)
    chosen = dict.fromkeys(problem.box.names, default) | dict(counts or {})
    axes = dict(zip(problem.box.names, problem.box.grid(chosen), strict=True))
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    return np.stack([m.ravel() for m in mesh], 1), axes


def reference_values(problem: Problem, points: Array) -> dict[str, Array]:
    """The reference at points, for the fields that it has; empty without one."""
    if problem.reference is None:
        return {}
    columns = dict(zip(problem.box.names, points.T, strict=True))
    values = problem.reference.evaluate(**columns)
    return {
        n: np.broadcast_to(np.asarray(v, float), len(points)).copy()
        for n, v in values.items()
        if n in problem.names
    }


def _gauged(problem: Problem, name: str, value: Array, exact: Array) -> Array:
    """value - exact, without the mean difference where only that much is determined."""
    error = value - exact
    gauge = problem.reference.gauge if problem.reference else ()
    return error - error.mean() if name in gauge else error


def errors_against(
    problem: Problem,
    points: Array,
    values: Mapping[str, Array],
    exact: Mapping[str, Array] | None = None,
) -> dict[str, FieldError]:
    """Relative L2 and maximal errors of the fields that have a reference."""
    exact = reference_values(problem, points) if exact is None else exact
    out = {}
    for name, truth in exact.items():
        error = _gauged(problem, name, values[name], truth)
        size = (
            truth - truth.mean() if problem.reference and name in problem.reference.gauge else truth
        )
        norm = float(np.linalg.norm(size))
        out[name] = FieldError(
            float(np.linalg.norm(error)) / (norm if norm > 0 else 1.0), float(np.abs(error).max())
        )
    return out
