"""Snapshots: fields at even times on an even grid of one, two or three dimensions, by names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.checks import read_reals, require_scale
from kanpde.dynamics.field.gaps import fill_gaps
from kanpde.errors import KanpdeError

# Samples along each axis, at least: bumps need so many, and those of a line are fewer.
_LEAST, _LEAST_OF_MORE = 25, 17
# The share of the samples that may be gaps: measured up to 30 %.
_GAPS = 0.4
# The names of fields that have none.
_NAMES = ("u", "v", "w")


@dataclass(frozen=True)
class Snapshots:
    """Fields (Nt, Nx, ...) by name, rows of positions by the axes' names, and times (Nt,).

    `notes` tell what was done to the data on the way in.
    """

    fields: Mapping[str, Array]
    axes: Mapping[str, Array]
    times: Array
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Array, ...]:
        """t and the positions along each axis."""
        return (self.times, *self.axes.values())

    def spread(self, name: str) -> Array:
        """An axis of space, or t, as a field."""
        place = ["t", *self.axes].index(name)
        shape = [-1 if k == place else 1 for k in range(len(self.rows))]
        return np.broadcast_to(
            self.rows[place].reshape(shape), [len(row) for row in self.rows]
        ).copy()


def snapshots(fields: Any, axes: Any, t: Any) -> Snapshots:
    """Snapshots from arrays.

    Args:
        fields: arrays (Nt, Nx, ...) by name, or one such array, which is called u.
        axes: rows of positions by name, {"x": x, "y": y}, or one row, which is called x.
        t: times (Nt,).

    Raises:
        KanpdeError: for arrays that are not fields on an even grid, with place and mend.

    Gaps (nan) are filled by `fill_gaps`, and a note says how many there were.
    """
    named = dict(fields) if isinstance(fields, Mapping) else {"u": fields}
    rows = dict(axes) if isinstance(axes, Mapping) else {"x": axes}
    if not named or not 1 <= len(rows) <= 3:
        raise KanpdeError(
            f"{len(named)} fields on {len(rows)} axes are given; at least one field is needed, "
            "on one to three axes of space"
        )
    values = {str(name): read_reals(str(name), u) for name, u in named.items()}
    places = {str(name): read_reals(str(name), row) for name, row in rows.items()}
    times = read_reals("t", t)
    _check_names([*values], [*places])
    for name, row in {**places, "t": times}.items():
        if row.ndim != 1:
            raise KanpdeError(f"{name} must be a row of numbers, not of the shape {row.shape}")
    for name, u in values.items():
        _check_shape(name, u, places, times)
    for name, row in {"t": times, **places}.items():
        _check_row(name, row)
    notes = []
    for name, u in values.items():
        count = int(np.isnan(u).sum())
        if 0 < count <= _GAPS * u.size and not _find_empty(u):
            values[name] = fill_gaps(u)
            notes.append(
                f"{count} of {u.size} values of {name} are gaps: they were filled by what the "
                "other samples have in common"
            )
        _check_values(name, values[name], places, times)
    return Snapshots(values, places, times, tuple(notes))


def read_pysindy(
    u: Any, grid: Any, t: Any = None, *, names: Sequence[str] = (), axes: Sequence[str] = ()
) -> Snapshots:
    """Snapshots from arrays in the shapes that PySINDy takes: axes x, y, t, then the fields.

    Args:
        u: samples (Nx, Ny, Nt, fields); without the last axis for one field.
        grid: `spatial_grid`, (Nx,) or (Nx, Ny, 2), or `spatiotemporal_grid`, (Nx, Ny, Nt, 3).
        t: times (Nt,); not needed with a spatiotemporal grid.
        names: of the fields; u, v, w by default.
        axes: of the axes of space; x, y, z by default.

    Raises:
        KanpdeError: the shapes do not fit together.
    """
    u, grid = read_reals("u", u), read_reals("the grid", grid)
    if grid.ndim == 1:
        grid = grid[:, None]
    rows = [_take_row(grid, k) for k in range(grid.shape[-1])]
    if len(rows) == grid.ndim - 1 and t is None:
        rows, t = rows[:-1], rows[-1]
    elif t is None:
        raise KanpdeError("a spatial grid says nothing about the times: give t too")
    t = read_reals("t", t)
    shape = (*map(len, rows), t.size)
    if u.shape == shape:
        u = u[..., None]
    if u.shape[:-1] != shape or not 1 <= len(rows) <= 3:
        raise KanpdeError(
            f"u has the shape {u.shape}; with this grid and these times it must be "
            f"(positions, times, fields) = {(*shape, 'fields')}".replace("'", "")
        )
    names = list(names) or _name_fields(u.shape[-1])
    if len(names) != u.shape[-1]:
        raise KanpdeError(f"{len(names)} fields are named, and u has {u.shape[-1]}")
    values = np.moveaxis(u, -2, 0)
    return snapshots(
        {name: values[..., k] for k, name in enumerate(names)},
        dict(zip(list(axes) or ["x", "y", "z"], rows, strict=False)), t.ravel(),
    )  # fmt: skip


def _take_row(grid: Array, axis: int) -> Array:
    """The row of positions of an axis from a mesh grid whose last axis tells coordinates."""
    place = tuple(slice(None) if k == axis else 0 for k in range(grid.ndim - 1))
    return np.asarray(grid[(*place, axis)])


def _name_fields(count: int) -> list[str]:
    return list(_NAMES[:count]) if count <= len(_NAMES) else [f"u{k + 1}" for k in range(count)]


def _check_names(fields: Sequence[str], axes: Sequence[str]) -> None:
    for name in (*fields, *axes):
        if not name.isidentifier() or iskeyword(name) or "_" in name or name in ("t", "d"):
            raise KanpdeError(
                f"`{name}` cannot be the name of a field or an axis: take letters and digits, "
                "and neither t nor d"
            )
    both = sorted(set(fields) & set(axes))
    if both:
        raise KanpdeError(f"`{both[0]}` names a field and an axis: rename one of them")


def _check_shape(name: str, u: Array, axes: Mapping[str, Array], times: Array) -> None:
    shape = (len(times), *map(len, axes.values()))
    if u.shape == shape:
        least = _LEAST if len(axes) == 1 else _LEAST_OF_MORE
        if min(shape) < least:
            raise KanpdeError(
                f"a grid of {shape} is too small: at least "
                f"{' x '.join([str(least)] * len(shape))} samples are needed"
            )
        return
    words = "positions" if len(axes) == 1 else f"positions along {', '.join(axes)}"
    hint = ""
    if u.shape == (*shape[1:], shape[0]):
        hint = f"; its times are last: give np.moveaxis({name}, -1, 0)"
    elif u.ndim == len(shape) + 1 and u.shape[:-1] == (*shape[1:], shape[0]):
        hint = "; arrays of PySINDy's shape are read by `read_pysindy`"
    raise KanpdeError(
        f"{name} has the shape {u.shape}; it must be (times, {words}) = {shape}{hint}"
    )


def _check_row(name: str, row: Array) -> None:
    require_scale(name, row)
    steps = np.diff(row)
    if not (steps > 0).all() or np.ptp(steps) > 1e-6 * steps.mean():
        raise KanpdeError(
            f"{name} must increase in even steps, and they are {steps.min():.4g} ... "
            f"{steps.max():.4g}: interpolate the fields to an even grid"
        )


def _find_empty(u: Array) -> bool:
    """Whether there are no samples at all at some time, or at some place along an axis."""
    known = np.isfinite(u)
    others = [tuple(k for k in range(u.ndim) if k != axis) for axis in range(u.ndim)]
    return any(not known.any(axis=each).all() for each in others)


def _check_values(name: str, u: Array, axes: Mapping[str, Array], times: Array) -> None:
    require_scale(name, u)
    gaps = np.argwhere(~np.isfinite(u))
    if len(gaps):
        place = ", ".join(
            f"{axis} = {row[k]:g}"
            for axis, row, k in zip(("t", *axes), (times, *axes.values()), gaps[0], strict=True)
        )
        raise KanpdeError(
            f"{len(gaps)} of {u.size} values of {name} are gaps or infinite, the first at "
            f"{place}; nan may stand for up to 40 % of the samples, but not for all at one time or "
            "place: fill the others, or cut the grid"
        )
    if np.ptp(u) <= 1e-13 * np.abs(u).max():
        raise KanpdeError(f"{name} is constant: nothing moves, so there is no law to find")
