"""The result of a solve: a function of the coordinates, with the history of its training."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz
from kanpde.assembly.build_terms import group_by_region
from kanpde.assembly.evaluator import Evaluator, move_inside
from kanpde.assembly.rows import EquationSet, bind
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells
from kanpde.geometry.grid import Grid
from kanpde.geometry.marking import mark_regions
from kanpde.geometry.meshes.reading import load_mesh
from kanpde.network.lawful import Lawful
from kanpde.network.network import Network
from kanpde.problem.equations import Kind
from kanpde.problem.fixed import fix_parameters
from kanpde.problem.parameters import middle_of, read_parameters
from kanpde.problem.problem import Problem
from kanpde.solution.derivative import Derivative
from kanpde.solution.errors_along import ErrorsAlong
from kanpde.solution.fixed import fix_piece
from kanpde.solution.grid_data import GRID_SIZES, GridData
from kanpde.solution.laws import FoundLaw, LawFormula, find_ranges
from kanpde.solution.measures import (
    FieldError,
    domain_points,
    errors_against,
    gather_readings,
    gauge_error,
    grid_points,
    reference_values,
)
from kanpde.solution.module import SolutionModule
from kanpde.solution.on_mesh import evaluate_near, place_nodes
from kanpde.solution.outcome import Outcome
from kanpde.solution.pieces import Piece, gather_values
from kanpde.solution.spread import field_deviations
from kanpde.solution.tables import to_dataframe, to_xarray
from kanpde.solution.unknowns import UnknownNumber
from kanpde.solution.words import describe_solution

if TYPE_CHECKING:
    from kanpde.output.plot import Movie, Picture

# Values of a parameter at which errors are measured.
_ALONG = 13


@dataclass(frozen=True, repr=False)
class Solution:
    """Trained networks with their problem: call it, evaluate it, save it.

    `pieces` are parts of the domain with a network each: one for all of it, or windows of time.
    `trace` holds the measurements during training (looks) as columns.
    """

    problem: Problem
    pieces: tuple[Piece, ...]
    outcome: Outcome
    seed: int = 0
    seconds: float = 0.0
    steps: int = 0
    estimate: float | None = None
    trace: Mapping[str, Array] = field(default_factory=dict)
    notes: Sequence[str] = ()
    # The estimated relative L2 error of each field; `estimate` is the largest.
    estimates: Mapping[str, float] = field(default_factory=dict)
    # The residual of each condition by the largest term of its equation, at the end of the solve.
    relative_residuals: Mapping[str, float] = field(default_factory=dict)
    # Estimated errors against each parameter, by its name.
    estimates_along: Mapping[str, ErrorsAlong] = field(default_factory=dict)
    # The unknown numbers, with their errors where readings say them.
    unknowns: Mapping[str, UnknownNumber] = field(default_factory=dict)
    # The standard deviation of each group of readings, as stated or estimated.
    noise: Mapping[str, float] = field(default_factory=dict)
    # The laws as formulas, where they were looked for (`kanpde.formulate`).
    formulas: Mapping[str, LawFormula] = field(default_factory=dict)
    # A root (P, c) of the covariance of the last piece's parameters, where readings say it.
    spread: Tensor | None = None

    def __post_init__(self) -> None:
        if not self.unknowns:
            object.__setattr__(self, "unknowns", _present_numbers(self))

    @property
    def network(self) -> Network:
        """The network of the last piece."""
        return self.pieces[-1].network

    @property
    def ansatz(self) -> Ansatz:
        """How the fields of the last piece are made from its network."""
        return self.pieces[-1].ansatz

    def __repr__(self) -> str:
        return describe_solution(self)

    def _repr_html_(self) -> str:
        """The lines of `repr` and the picture, for notebooks."""
        beside = self.problem.domain.dimension - len(self.problem.domain.parameters)
        picture = self.plot().to_html() if beside <= 4 else ""
        return f"<pre>{html.escape(repr(self))}</pre>{picture}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Solution:
        """A solution with networks of its own; the problem, which cannot change, is shared."""
        pieces = tuple(replace(p, network=deepcopy(p.network, memo)) for p in self.pieces)
        return replace(self, pieces=pieces)

    def __reduce__(self) -> tuple[Any, ...]:
        from kanpde.solution.pickling import from_state, to_state

        return from_state, to_state(self)

    def __call__(self, *positional: Any, **coordinates: Any) -> Array | dict[str, Array]:
        """Fields at coordinates given by name, arrays of any shape that broadcast.

        One array for a problem with one field, else a mapping from field name to array; NaN
        outside of the domain. Raises KanpdeError for missing or unknown coordinates.
        """
        if positional:
            names = self.problem.domain.names
            raise KanpdeError(
                "give the coordinates of a solution by their names: "
                f"solution({', '.join(f'{n}=...' for n in names)})"
            )
        points, shape = self.points_of(coordinates)
        values = self.evaluate(points)
        named = {name: values[name].reshape(shape) for name in self.problem.names}
        return next(iter(named.values())) if len(named) == 1 else named

    def evaluate(self, points: Any, derivatives: Sequence[str] = ()) -> dict[str, Array]:
        """Fields, derived outputs and derivatives such as "u_x", "u_xx", at points (N, dimension).

        NaN outside of the domain. Raises KanpdeError for a derivative whose name is not
        understood.
        """
        array = np.array(points, float)  # torch warns of arrays that cannot be written
        if array.ndim != 2 or array.shape[1] != self.problem.domain.dimension:
            raise KanpdeError(
                f"evaluate takes points of shape (N, {self.problem.domain.dimension}), the columns "
                f"{', '.join(self.problem.domain.names)}, not {array.shape}"
            )
        names = (*self.problem.names, *derivatives)

        def fields(k: int, at: Array) -> dict[str, Array]:
            piece = self.pieces[k]
            return Evaluator(self.problem, piece.ansatz, names)(piece.network, at)

        return gather_values(self.pieces, array, fields)

    def deviations(self, points: Array) -> dict[str, Array]:
        """The standard deviation (N,) of each field and derived output at points (N, dimension).

        It is what the noise of the readings makes of them; empty where nothing is known of it.
        """
        if self.spread is None:
            return {}
        piece, names = self.pieces[-1], self.problem.names
        found = field_deviations(self.problem, piece, self.spread, names, np.asarray(points, float))
        inside = self.problem.domain.contains(points)
        return {n: np.where(inside, v, np.nan) for n, v in found.items()}

    @cached_property
    def laws(self) -> dict[str, FoundLaw]:
        """The laws by their names: functions of the fields, with error bars."""
        network = self.network
        if not isinstance(network, Lawful):
            return {}
        found = {}
        own = zip(self.problem.laws.items(), network.members, network.blocks(), strict=True)
        for (name, statement), layers, block in own:
            spread = None if self.spread is None else self.spread[block.start : block.stop]
            values = self.evaluate(self._grid_points, statement.arguments)
            ranges = find_ranges(layers, [values[a] for a in statement.arguments], spread)
            formula = self.formulas.get(name)
            found[name] = FoundLaw(name, statement.arguments, layers, ranges, spread, formula)
        return found

    def residuals(self, points: Array) -> dict[str, Array]:
        """The residual of each interior equation at points (N, dimension), unweighted."""

        def residuals(k: int, at: Array) -> dict[str, Array]:
            network = self.pieces[k].network
            out: dict[str, Array] = {}
            for system in self._interior[k]:
                rows = bind(system, network, torch.from_numpy(at).to(network.like))
                values = rows.residual(network).cpu().numpy()
                inside = system.equations[0].region.holds_at(at)
                values = np.where(inside, values, np.nan)
                labels = _labels([e.condition for e in system.equations])
                out.update(zip(labels, values, strict=True))
            return out

        moved = move_inside(np.asarray(points, float), self.problem)
        return gather_values(self.pieces, moved, residuals)

    def at(self, **values: float) -> Solution:
        """The solution where parameters have these values: `solution.at(nu=0.01)`.

        A function of the other axes that can be evaluated, drawn, exported and saved by itself.
        Raises KanpdeError for what is not a parameter, and for a value outside of its range.
        """
        known = read_parameters(self.problem.domain, values)
        problem = fix_parameters(self.problem, known)
        pieces = tuple(fix_piece(self.problem, problem, p, known) for p in self.pieces)
        along = {n: e for n, e in self.estimates_along.items() if n not in known}
        estimates = dict(self.estimates)
        if self.estimates_along:
            held = [self.estimates_along[n].at(v) for n, v in known.items()]
            estimates = {n: max(e[n] for e in held) for n in estimates}
        return replace(
            self,
            problem=problem,
            pieces=pieces,
            estimates=estimates,
            estimate=max(estimates.values(), default=self.estimate),
            estimates_along=along,
        )

    def derivative(self, field: str, *axes: str) -> Derivative:
        """A derivative as a function of the coordinates: `solution.derivative("u", "nu")`.

        Exact, and along parameters as well as space and time; `("u", "x", "x")` is u_xx. Raises
        KanpdeError for a field or an axis that does not exist.
        """
        return Derivative(self, field, axes)

    @property
    def parameters(self) -> int:
        """The number of trainable parameters."""
        return sum(piece.network.parameter_count for piece in self.pieces)

    @cached_property
    def solved_until(self) -> float | None:
        """The time up to which windows of time are solved; None where that is all of it.

        Fields are NaN beyond it.
        """
        whole, last = self.problem.domain.time, self.pieces[-1].domain.time
        if whole is None or last is None or last.upper >= whole.upper:
            return None
        return last.upper

    @cached_property
    def errors(self) -> dict[str, FieldError]:
        """The error of each field that has a reference, on at least 10,000 even points.

        NaN where a part of the time was not solved.
        """
        return errors_against(self.problem, self._grid_points, self._on_grid)

    @cached_property
    def errors_where_solved(self) -> dict[str, FieldError]:
        """As `errors`, at the times that were solved."""
        if self.solved_until is None:
            return self.errors
        solved = np.logical_or.reduce([p.domain.contains(self._grid_points) for p in self.pieces])
        values = {n: v[solved] for n, v in self._on_grid.items()}
        return errors_against(self.problem, self._grid_points[solved], values)

    @cached_property
    def errors_along(self) -> dict[str, ErrorsAlong]:
        """The errors of fields with a reference against each parameter, the others at their middle.

        Each is relative to the field at that value. Empty without a reference or a parameter.
        """
        if self.problem.reference is None:
            return {}
        middle, found = middle_of(self.problem.domain), {}
        for axis in self.problem.domain.parameters:
            values = [float(v) for v in axis.place(np.linspace(0, 1, _ALONG))]
            parts = [self._errors_at({**middle, axis.name: v}) for v in values]
            names = parts[0]
            errors = {n: tuple(p[n].rel_l2 if n in p else np.nan for p in parts) for n in names}
            if errors:
                found[axis.name] = ErrorsAlong(tuple(values), errors)
        return found

    def _errors_at(self, values: Mapping[str, float]) -> dict[str, FieldError]:
        """As `self.at(**values).errors`, without making that solution."""
        domain = self.problem.domain
        rest = domain.fix(values)
        points = domain_points(rest)[0]
        columns = dict(zip(rest.names, points.T, strict=True))
        columns |= {n: np.full(len(points), value) for n, value in values.items()}
        whole = np.stack([columns[n] for n in domain.names], 1)
        return errors_against(self.problem, whole, self.evaluate(whole))

    def on(self, mesh: Any, time: float | None = None) -> Any:
        """The fields at the nodes of a mesh of one's own: a meshio.Mesh, or its file.

        Returns the meshio.Mesh with the fields and derived outputs as point data; NaN outside of
        the domain. `time` is that of a problem in time. Raises KanpdeError for a mesh of fewer
        dimensions, or a file that cannot be read.
        """
        from meshio import Mesh  # slow to import

        read = load_mesh(Path(mesh)) if isinstance(mesh, (str, Path)) else mesh
        nodes = np.asarray(read.points, float)
        values = evaluate_near(self, place_nodes(self, nodes, time))
        held = {**read.point_data, **values}
        return Mesh(read.points, read.cells, held, read.cell_data, field_data=read.field_data)

    def samples(
        self, counts: Mapping[str, int] | None = None, times: Sequence[float] | None = None
    ) -> GridData:
        """Everything on an even grid or on cells, for pictures and files; `times` are its times."""
        problem = self.problem
        default = dict.fromkeys(
            problem.domain.names, GRID_SIZES.for_errors(problem.domain.dimension)
        )
        grid = problem.domain.grid(default | dict(counts or {}))
        if times is not None and problem.domain.time is not None:
            grid = grid.at_times(problem.domain.time.name, np.asarray(times, float))
        points, shape = grid.points, grid.shape
        cells = mark_regions(grid, problem.materials) if isinstance(grid, Cells) else None
        axes = _axes_of(grid)
        values = self.evaluate(points)
        exact = reference_values(problem, points)
        errors = {n: gauge_error(problem, n, values[n], exact[n]) for n in exact}
        return GridData(
            axes,
            {n: v.reshape(shape) for n, v in values.items()},
            time=None if problem.box.time is None else problem.box.time.name,
            exact={n: (values[n] - e).reshape(shape) for n, e in errors.items()},
            errors={n: e.reshape(shape) for n, e in errors.items()},
            deviations={n: s.reshape(shape) for n, s in self.deviations(points).items()},
            residuals={n: r.reshape(shape) for n, r in self.residuals(points).items()},
            units=problem.units,
            vectors={n: tuple(parts) for n, parts in problem.vectors.items()},
            title=problem.title,
            cells=cells,
            readings=gather_readings(problem),
        )

    def plot(self, *fields: str, counts: Mapping[str, int] | None = None) -> Picture:
        """The picture of some fields, by default of all, as a matplotlib Figure.

        Parameters have the middle of their range; `solution.at(nu=0.01).plot()` takes others.
        Raises KanpdeError for a field that does not exist.
        """
        from kanpde.output.plot import solution_figure

        return solution_figure(self._shown(fields, counts))

    def animate(self, field: str, counts: Mapping[str, int] | None = None) -> Movie:
        """A field in time as a movie; show it in a notebook, or `save` it as a GIF.

        Raises KanpdeError for a field that does not exist, or a problem without time.
        """
        from kanpde.output.plot import Movie

        return Movie(self._shown((field,), counts))

    def module(self) -> SolutionModule:
        """The solution as a torch module: points (N, dimension) -> fields (N, names), float64."""
        return SolutionModule(self.problem, self.pieces)

    def save(self, folder: str | Path) -> Path:
        """Write what `kanpde solve` leaves into a new folder: `kanpde.save(solution, folder)`."""
        from kanpde.output.results import save

        return save(self, folder)

    def to_xarray(self, counts: Mapping[str, int] | None = None) -> Any:
        """`samples` as an xarray.Dataset; raises KanpdeError where xarray is not installed."""
        return to_xarray(self.samples(counts))

    def to_dataframe(self, counts: Mapping[str, int] | None = None) -> Any:
        """`samples` as a pandas.DataFrame; raises KanpdeError where pandas is not installed."""
        return to_dataframe(self.samples(counts))

    @property
    def at_middle(self) -> Solution:
        """Itself; with parameters, at the middle of each."""
        domain = self.problem.domain
        return self.at(**middle_of(domain)) if domain.parameters else self

    def _shown(self, fields: Sequence[str], counts: Mapping[str, int] | None) -> GridData:
        unknown = [name for name in fields if name not in self.problem.names]
        if unknown:
            raise KanpdeError(
                f"there is no field {unknown[0]!r}; there are {', '.join(self.problem.names)}"
            )
        shown = self.at_middle
        grid = shown.samples(counts or GRID_SIZES.for_files(shown.problem.domain))
        return grid.only(fields) if fields else grid

    @cached_property
    def _interior(self) -> list[list[EquationSet]]:
        """The equations of the interior, compiled once for each piece."""
        own = [e for e in self.problem.equations if e.is_interior and e.kind is not Kind.DENSITY]
        groups = group_by_region(own)
        return [[EquationSet(self.problem, p.ansatz, g) for g in groups] for p in self.pieces]

    @cached_property
    def _grid_points(self) -> Array:
        return grid_points(self.problem)[0]

    @cached_property
    def _on_grid(self) -> dict[str, Array]:
        return self.evaluate(self._grid_points)

    def points_of(self, coordinates: Mapping[str, Any]) -> tuple[Array, tuple[int, ...]]:
        """Coordinates by name that broadcast as points (N, dimension), and their shape."""
        names = self.problem.domain.names
        if set(coordinates) != set(names):
            given = ", ".join(coordinates) or "none"
            raise KanpdeError(f"the solution is a function of {', '.join(names)}; given: {given}")
        numbers = [_numbers(n, coordinates[n]) for n in names]
        try:
            arrays = np.broadcast_arrays(*numbers)
        except ValueError:
            shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(names, numbers, strict=True))
            raise KanpdeError(f"the coordinates do not broadcast: {shapes}") from None
        return np.stack([a.ravel() for a in arrays], 1), arrays[0].shape


def _present_numbers(solution: Solution) -> dict[str, UnknownNumber]:
    """The unknown numbers as they are in the last piece, without errors."""
    problem, piece = solution.problem, solution.pieces[-1]
    names = [n for n in problem.unknowns if not problem.field_space.support[n]]
    if not names:
        return {}
    # The same at every point.
    at = piece.domain.interior.sample(1, 0).points[:1]
    values = Evaluator(problem, piece.ansatz, names)(piece.network, at)
    return {n: UnknownNumber(float(values[n][0])) for n in names}


def _axes_of(grid: Grid | Cells) -> dict[str, Array]:
    """The axes of the arrays: all of a grid's, or the time of cells."""
    if isinstance(grid, Grid):
        return dict(grid.axes)
    return {} if grid.time is None or grid.times is None else {grid.time: grid.times}


def _labels(names: Sequence[str]) -> list[str]:
    """Number the names that occur more than once."""
    out = []
    for k, name in enumerate(names):
        same = [j for j, other in enumerate(names) if other == name]
        out.append(name if len(same) == 1 else f"{name}[{same.index(k)}]")
    return out


def _numbers(name: str, values: Any) -> Array:
    """Coordinates as an array; KanpdeError for what is not one."""
    try:
        return np.asarray(values.detach().cpu() if torch.is_tensor(values) else values, float)
    except (TypeError, ValueError) as error:
        raise KanpdeError(f"the coordinate {name} must be numbers: {error}") from error
