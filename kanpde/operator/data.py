"""Pairs of input and output fields, on a grid or at points: what operators are trained on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.symbols.expression import Role, usual_role

SYMMETRIES = ("none", "shifts", "square", "square-open")
Fields = Mapping[str, Array]


class Layout(Protocol):
    """What a network must know of data: names and shapes, not values.

    Samples have it, and so has the signature of a trained operator.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates of the outputs."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of points along each axis, or of all scattered points."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of an input of a network."""

    @property
    def periodic(self) -> tuple[bool, ...]:
        """For each axis; empty for scattered points."""

    @property
    def symmetry(self) -> str:
        """One of `SYMMETRIES`."""

    @property
    def inputs(self) -> Collection[str]:
        """The names of the input fields."""

    @property
    def outputs(self) -> Collection[str]:
        """The names of the output fields."""


class Samples:
    """What data on a grid and at scattered points share: N samples of inputs and outputs."""

    inputs: Fields
    outputs: Fields

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def select(self, samples: Sequence[int] | Array | slice) -> Self:
        """Some of the samples."""
        inputs = {n: v[samples] for n, v in self.inputs.items()}
        outputs = {n: v[samples] for n, v in self.outputs.items()}
        return replace(self, inputs=inputs, outputs=outputs)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class GridAxis:
    """Even, increasing coordinates (n,) of one axis; a periodic one leaves its end out."""

    name: str
    points: Array
    periodic: bool = False
    unit: str = ""

    def __post_init__(self) -> None:
        points = np.asarray(self.points, dtype=np.float64)
        object.__setattr__(self, "points", points)
        if points.ndim != 1 or len(points) < 2 or not np.isfinite(points).all():
            raise KanpdeError(f"axis {self.name} needs a row of two or more finite coordinates")
        gaps = np.diff(points)
        if not (gaps > 0).all() or np.ptp(gaps) > 1e-3 * gaps.mean():
            raise KanpdeError(
                f"axis {self.name} is not evenly spaced: interpolate the fields to an even grid, "
                "or give them as points for a branch and trunk operator"
            )

    def __len__(self) -> int:
        return len(self.points)

    @property
    def is_time(self) -> bool:
        """Whether it stands for time, which its name says."""
        return usual_role(self.name) is Role.TIME

    @property
    def spacing(self) -> float:
        """The distance of neighbouring points."""
        return float(self.points[-1] - self.points[0]) / (len(self.points) - 1)

    @property
    def extent(self) -> float:
        """The length that the points stand for, n times their spacing."""
        return len(self.points) * self.spacing


@dataclass(frozen=True, eq=False)
class Pairs(Samples):
    """N samples of input and output fields on one grid.

    Each input is (N, n_1, .., n_d) with 1 instead of an axis that it does not have, such as an
    initial value u0 (N, 1, nx) of outputs (N, nt, nx); each output has all axes.

    `symmetry` is "shifts" where the operator commutes with shifts along the periodic axes (no
    force or coefficient that depends on the place); "square" where it commutes with the eight
    symmetries of a square in its two axes; "square-open" if moreover the first point of an axis
    lies on the boundary and the last one lies a spacing before the opposite boundary.

    Raises KanpdeError, naming field and sample, for shapes that do not fit and values that are
    not finite.
    """

    axes: tuple[GridAxis, ...]
    inputs: Fields
    outputs: Fields
    symmetry: str = "none"
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.axes) <= 3:
            raise KanpdeError(f"operators act on grids of 1 to 3 axes, not {len(self.axes)}")
        if not self.inputs:
            raise KanpdeError("there is no input field; give at least one")
        if self.symmetry not in SYMMETRIES:
            raise KanpdeError(
                f"the symmetry is {self.symmetry!r}; take one of {', '.join(SYMMETRIES)}"
            )
        if self.symmetry == "shifts" and not any(self.periodic):
            raise KanpdeError(
                "the symmetry shifts needs a periodic axis: mark one as periodic, or take none"
            )
        if self.symmetry.startswith("square") and (len(self.axes) != 2 or len({*self.shape}) != 1):
            raise KanpdeError(f"a grid {self.shape} does not have the symmetry of a square")
        first = next(iter(self.inputs.values()))
        samples = len(first) if first.ndim else 0
        if samples == 0:
            raise KanpdeError("there is no sample; give at least one")
        for name, values in {**self.inputs, **self.outputs}.items():
            self._check(name, values, samples)

    def _check(self, name: str, values: Array, samples: int) -> None:
        fits = values.ndim == 1 + len(self.axes) and all(
            n == m or (m == 1 and name in self.inputs)
            for n, m in zip(self.shape, values.shape[1:], strict=True)
        )
        if not fits or len(values) != samples:  # `fits` has seen that it is not a lone number
            names = ", ".join(("sample", *self.names))
            raise KanpdeError(
                f"field {name} has the shape {values.shape}, and ({names}) ask for "
                f"{(samples, *self.shape)}"
            )
        _check_finite(name, values)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the axes."""
        return tuple(axis.name for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of points along each axis."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def time(self) -> GridAxis | None:
        """The axis of time; None where there is none."""
        return None if self.time_position is None else self.axes[self.time_position]

    @property
    def time_position(self) -> int | None:
        """The place of the axis of time among the axes, from 0; None where there is none."""
        return next((k for k, axis in enumerate(self.axes) if axis.is_time), None)

    @property
    def space(self) -> tuple[GridAxis, ...]:
        """The axes other than time, in their order."""
        return tuple(axis for axis in self.axes if not axis.is_time)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of an input of a network; here that of the outputs."""
        return self.shape

    @property
    def periodic(self) -> tuple[bool, ...]:
        """Whether each axis is periodic."""
        return tuple(axis.periodic for axis in self.axes)

    @property
    def box(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The first coordinates and the extents of the axes."""
        return tuple(float(a.points[0]) for a in self.axes), tuple(a.extent for a in self.axes)

    def coordinates(self, lower: Sequence[float], extent: Sequence[float]) -> Array:
        """(d, n_1, .., n_d), with [lower, lower + extent] mapped to [0, 1]."""
        lines = [
            (a.points - low) / length
            for a, low, length in zip(self.axes, lower, extent, strict=True)
        ]
        return np.stack(np.meshgrid(*lines, indexing="ij")).astype(np.float32)


@dataclass(frozen=True, eq=False)
class PointPairs(Samples):
    """N samples of inputs (N, m) at sensors and outputs (N, Q) at points (Q, d), anywhere.

    The sensors are the same for all samples, and so are the points; `names` are the coordinates
    of the points.

    Raises KanpdeError for shapes that do not fit and values that are not finite.
    """

    names: tuple[str, ...]
    points: Array
    inputs: Fields
    outputs: Fields
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        points = np.asarray(self.points, dtype=np.float64)
        object.__setattr__(self, "points", points)
        if points.ndim != 2 or points.shape[1] != len(self.names) or len(points) == 0:
            raise KanpdeError(
                f"the points have the shape {points.shape}; give one row for each, with a column "
                f"for each of {', '.join(self.names)}"
            )
        if not np.isfinite(points).all():
            raise KanpdeError("the points hold NaN or infinity")
        for name, values in self.inputs.items():
            if values.ndim != 2 or values.shape[1] == 0:
                raise KanpdeError(
                    f"field {name} has the shape {values.shape}, and (samples, sensors) ask for "
                    "two numbers of at least 1"
                )
        if not self.inputs or len(self) == 0:
            raise KanpdeError("there is no sample of an input; give at least one")
        for fields, shape, ask in (
            (self.inputs, self.input_shape, "sensors"),
            (self.outputs, self.shape, "points"),
        ):
            for name, values in fields.items():
                if values.shape != (len(self), *shape):
                    raise KanpdeError(
                        f"field {name} has the shape {values.shape}, and (samples, {ask}) ask for "
                        f"{(len(self), *shape)}"
                    )
                _check_finite(name, values)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of points."""
        return (len(self.points),)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The number of sensors."""
        return (next(iter(self.inputs.values())).shape[-1],)

    @property
    def symmetry(self) -> str:
        """None: motions would take points to others."""
        return "none"

    @property
    def periodic(self) -> tuple[bool, ...]:
        """Empty: there are no axes, along which differences could be taken."""
        return ()

    @property
    def box(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The smallest coordinates and the extents of the points."""
        low, length = self.points.min(0), np.ptp(self.points, axis=0)
        return tuple(map(float, low)), tuple(float(each) or 1.0 for each in length)

    def coordinates(self, lower: Sequence[float], extent: Sequence[float]) -> Array:
        """(d, Q), with [lower, lower + extent] mapped to [0, 1]."""
        unit: Array = (self.points - np.asarray(lower)) / np.asarray(extent)
        return unit.T.astype(np.float32)


AnyPairs = Pairs | PointPairs


def _check_finite(name: str, values: Array) -> None:
    bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if bad.any():
        which = ", ".join(map(str, np.flatnonzero(bad)[:5]))
        more = f" and {bad.sum() - 5} more" if bad.sum() > 5 else ""
        raise KanpdeError(
            f"field {name} holds NaN or infinity in sample {which}{more} (counted from 0); "
            "leave these samples out"
        )


def stack_fields(fields: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    """Fields as one float32 array (channels, samples, n_1, .., n_d)."""
    full = [np.broadcast_to(v, (len(v), *shape)) for v in fields.values()]
    return np.stack(full).astype(np.float32)


def time_steps(trajectories: Pairs, stride: int = 1) -> Pairs:
    """Pairs (state, next state) of trajectories (N, nt, ..): N (nt - 1) / stride samples.

    Raises KanpdeError where there is no time axis named t, or inputs and outputs are not one field.
    """
    time, where = trajectories.time, trajectories.time_position
    if time is None or where is None or len(trajectories.outputs) != 1:
        raise KanpdeError(
            "steps in time are learnt from one output field with an axis t; the axes here are "
            f"{', '.join(trajectories.names)} and the outputs {', '.join(trajectories.outputs)}"
        )
    ((name, values),) = trajectories.outputs.items()
    series = np.moveaxis(values, where + 1, 1)[:, ::stride]
    if series.shape[1] < 2:
        raise KanpdeError(f"{len(time)} times are too few for steps of {stride}")
    if not trajectories.space:
        raise KanpdeError("a field of time alone has no state to step from")
    return Pairs(
        trajectories.space,
        {name: series[:, :-1].reshape(-1, *series.shape[2:])},
        {name: series[:, 1:].reshape(-1, *series.shape[2:])},
        symmetry=trajectories.symmetry,
        attributes={
            **trajectories.attributes,
            "time_step": stride * time.spacing,
            "horizon": float(np.ptp(time.points)),
        },
    )
