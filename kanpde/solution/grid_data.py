"""Fields on a grid: what a solution gives, and what pictures and files are made from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from kanpde.arrays import AnyArray, Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells
from kanpde.geometry.domain import Domain

COMPONENT = "component"  # the last dimension of a field that is not a scalar
# What is known of fields beside their values, as scalars.
_GROUPS = ("exact", "errors", "residuals", "deviations")
POINT = "point"  # the dimension of a field along the nodes of cells


@dataclass(frozen=True)
class GridSizes:
    """How many points an even grid has along an axis.

    `errors` holds them for 1, 2, ... axes where fields are compared with their reference, and
    `beyond` for more axes than that: at least 10,000 points in all; with more than `most_axes`
    there are as many as `scattered` points without a grid. `space` holds them for 1,
    2, 3 space axes in files and pictures, `times` those in time if there are 0, 1, 2 space axes;
    the last number also holds for more axes. `inside` is the number of points in a domain that
    is not a box where fields are compared with their reference.
    """

    errors: tuple[int, ...] = (10_001, 129, 41, 17)
    beyond: int = 9
    most_axes: int = 5
    scattered: int = 16_384
    inside: int = 16_384
    # At most 36 MB a field: 41 points along each of three axes, at 65 times.
    space: tuple[int, ...] = (257, 129, 41)
    times: tuple[int, ...] = (257, 101, 65)

    def for_errors(self, dimension: int) -> int:
        """The points along each of `dimension` axes."""
        return self.errors[dimension - 1] if dimension <= len(self.errors) else self.beyond

    def for_files(self, domain: Domain, most: float = math.inf) -> dict[str, int]:
        """The points along each axis of space and time, by name; about `most` in all, or fewer."""
        beside = len(domain.space)
        count = self.space[min(max(beside, 1), len(self.space)) - 1]
        times = self.times[min(beside, len(self.times) - 1)]
        shown = (axis for axis in domain.axes if not axis.is_parameter)
        counts = {axis.name: times if axis.is_time else count for axis in shown}
        part = min(1.0, most / math.prod(counts.values())) ** (1 / max(len(counts), 1))
        return {name: max(2, round(part * count)) for name, count in counts.items()}


GRID_SIZES = GridSizes()


@dataclass(frozen=True, eq=False)
class Readings:
    """Measured values (N,) of a field, at coordinates (N,) by the names of axes."""

    at: Mapping[str, Array]
    values: Array


@dataclass(frozen=True, eq=False)
class GridData:
    """Fields on a grid, with what is known of their errors and of the equations' residuals.

    Every array has one dimension for each axis, in the axes' order. On the nodes of `cells` it is
    (N,), or (T, N) with time, and the time is the only axis. Values are turned into NumPy arrays
    and checked when the grid is made.

    Attributes:
        axes: name -> increasing coordinates (n_i,), in the order of the arrays' dimensions.
        fields: name -> real values (n_0, .., n_k) of a scalar, with one more dimension for the
            components of a vector or tensor. NaN marks a point outside of the domain (a hole).
        time: the name of the axis that is time, or None for fields without time.
        exact: the reference of the fields that have one, as scalars.
        errors: field minus reference; without the mean difference for a field that is determined
            up to a constant.
        residuals: of the interior equations, by their labels.
        deviations: the standard deviations of fields, by the noise of readings.
        readings: what was measured of fields, which pictures show beside them.
        units: name of an axis, of a field or of a vector -> unit. May be partial.
        vectors: name of a vector -> the names of the scalar fields that are its components.
        title: a line for pictures.
        cells: the nodes and cells of a domain that is not a box.

    Raises:
        KanpdeError: (a ValueError) a name, a shape or a value does not fit; it names which.
    """

    axes: Mapping[str, Array]
    fields: Mapping[str, AnyArray]
    time: str | None = None
    exact: Mapping[str, Array] = field(default_factory=dict)
    errors: Mapping[str, Array] = field(default_factory=dict)
    residuals: Mapping[str, Array] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    title: str = ""
    cells: Cells | None = None
    deviations: Mapping[str, Array] = field(default_factory=dict)
    readings: Mapping[str, Readings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked: dict[str, object] = {
            "axes": {name: _coordinates(name, values) for name, values in self.axes.items()},
            "fields": {name: _values(name, values) for name, values in self.fields.items()},
            "units": dict(self.units),
            "vectors": {name: tuple(parts) for name, parts in self.vectors.items()},
        }
        for group in _GROUPS:
            checked[group] = {n: np.asarray(v) for n, v in getattr(self, group).items()}
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if not self.fields:
            raise KanpdeError("a grid has at least one field; none is given")
        if self.cells is not None and set(self.axes) != {self.time} - {None}:
            raise KanpdeError(
                f"of fields on cells the time is the only axis, not {_join(self.axes)}"
            )
        if self.time is not None and self.time not in self.axes:
            raise KanpdeError(
                f"the time is called {self.time!r}, which is not one of the axes {_join(self.axes)}"
            )
        self._check_names()
        self._check_shapes()
        self._check_vectors()

    @property
    def space(self) -> dict[str, Array]:
        """The axes other than time; none on cells."""
        return {name: values for name, values in self.axes.items() if name != self.time}

    @property
    def times(self) -> Array | None:
        """The coordinates (T,) of the axis that is time, if there is one."""
        return None if self.time is None else self.axes[self.time]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The names of the coordinates of space."""
        return tuple(self.space) if self.cells is None else self.cells.space

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each space axis, or of nodes."""
        if self.cells is not None:
            return (len(self.cells.nodes),)
        return tuple(len(values) for values in self.space.values())

    @property
    def sampled(self) -> tuple[int, ...]:
        """Shape of a scalar field: number of points along each axis."""
        along = tuple(len(values) for values in self.axes.values())
        return along if self.cells is None else along + self.shape

    def dims(self, name: str) -> tuple[str, ...]:
        """Name of each dimension of a field, such as ("t", "x", "y", "component")."""
        along = tuple(self.axes) if self.cells is None else (*self.axes, POINT)
        return along + (COMPONENT,) * len(self.components(name))

    def components(self, name: str) -> tuple[int, ...]:
        """The dimension of components of a field: () for a scalar, or (c,)."""
        return tuple(int(n) for n in self.fields[name].shape[len(self.sampled) :])

    def only(self, names: Sequence[str]) -> GridData:
        """The same with some of the fields; vectors that lack a component are left out."""

        def keep(arrays: Mapping[str, Array]) -> dict[str, Array]:
            return {n: v for n, v in arrays.items() if n in names}

        vectors = {n: p for n, p in self.vectors.items() if set(p) <= set(names)}
        known = {*self.axes, *self.coordinates, *names, *vectors}
        return replace(
            self,
            fields={n: self.fields[n] for n in names},
            exact=keep(self.exact),
            errors=keep(self.errors),
            deviations=keep(self.deviations),
            readings={n: r for n, r in self.readings.items() if n in names},
            residuals={},
            vectors=vectors,
            units={n: unit for n, unit in self.units.items() if n in known},
        )

    def with_time_first(self) -> GridData:
        """The same with time as the first axis and the others in their order."""
        if self.cells is not None:
            return self
        order = sorted(self.axes, key=lambda name: name != self.time)
        at = [list(self.axes).index(name) for name in order]

        def move(arrays: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
            return {n: v.transpose([*at, *range(len(at), v.ndim)]) for n, v in arrays.items()}

        return replace(
            self,
            axes={name: self.axes[name] for name in order},
            fields=move(self.fields),
            exact=move(self.exact),
            errors=move(self.errors),
            residuals=move(self.residuals),
            deviations=move(self.deviations),
        )

    def _check_names(self) -> None:
        names = [*self.axes, *self.fields, *self.vectors]
        names += () if self.cells is None else self.cells.space
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise KanpdeError(
                f"the name {twice[0]!r} stands for two things among the axes, the fields and the "
                "vectors; rename one"
            )
        for name in self.units:
            if name not in names:
                raise KanpdeError(
                    f"a unit is given for {name!r}, which is not one of {_join(names)}"
                )

    def _check_shapes(self) -> None:
        for name, values in self.fields.items():
            extra = self.components(name)
            if values.shape[: len(self.sampled)] != self.sampled or len(extra) > 1 or extra == (0,):
                self._refuse_shape(f"field {name!r}", values)
        for group in _GROUPS:
            for name, values in getattr(self, group).items():
                if values.shape != self.sampled:
                    self._refuse_shape(f"{group}[{name!r}]", values)

    def _refuse_shape(self, what: str, values: AnyArray) -> None:
        raise KanpdeError(
            f"{what} has the shape {values.shape}; give it {self.sampled} for "
            f"({_join(self.axes)}), with one more dimension only if it has components"
        )

    def _check_vectors(self) -> None:
        for name, parts in self.vectors.items():
            for part in parts:
                if part not in self.fields:
                    raise KanpdeError(
                        f"vector {name!r} names {part!r}, which is not one of the fields "
                        f"{_join(self.fields)}"
                    )
                if self.components(part):
                    raise KanpdeError(f"vector {name!r} names {part!r}, which is not a scalar")


def _join(names: Iterable[str]) -> str:
    return ", ".join(names)


def _coordinates(name: str, values: npt.ArrayLike) -> Array:
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise KanpdeError(f"the coordinates of axis {name!r} must be one row of finite numbers")
    if (np.diff(array) <= 0).any():
        raise KanpdeError(
            f"the coordinates of axis {name!r} must increase strictly: sort them, drop equal ones"
        )
    return array


def _values(name: str, values: npt.ArrayLike) -> AnyArray:
    """The values with a number type that all file formats and their readers support."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or (array.dtype.itemsize == 8 and array.dtype.kind == "u"):
        raise KanpdeError(
            f"field {name!r} holds {array.dtype}: convert it to real numbers (float64) or to int64"
        )
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        return array.astype(np.float32 if array.dtype.itemsize == 2 else np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
