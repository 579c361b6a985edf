"""Fields sampled on a uniform grid: what each writer of this package takes."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError

TIME = "t"  # the name of the times in units, in tables and among the dimensions of a field
COMPONENT = "component"  # the last dimension of a field that is no scalar
HIDDEN = "vtkGhostType"  # VTK's own array, which marks what it must not draw

# An axis may stray from even spacing by this part of a cell: float32 coordinates do.
EVEN = 1e-3


@dataclass(frozen=True, eq=False)
class GridData:
    """Fields sampled on a uniform grid of a box, at one time or at several.

    Everything is turned into NumPy arrays and checked when the value is made.

    Attributes:
        axes: the 1 to 3 space axes in index order, name -> uniform increasing coordinates
            of shape (n_i,), n_i >= 2.
        fields: name -> real values of shape (n_0, .., n_{k-1}) for a scalar, with one more
            dimension for the components of a vector or tensor, and with a leading dimension
            T where `times` is given. NaN marks a point outside of the domain (a hole).
        times: (T,), strictly increasing, or None for fields without time. Its name in
            `units`, in tables and among dimensions is "t".
        units: name of an axis, of a field, of a vector or "t" -> unit. May be partial.
        vectors: name of a vector -> the names of the scalar fields that are its 1 to 3
            components, e.g. {"velocity": ("u", "v")}. The VTK writers add it, padded to
            three components, beside the scalars.

    Raises:
        KanpdeError: (a ValueError) a name, a shape or a value does not fit; it names which.
    """

    axes: dict[str, Array]
    fields: dict[str, Array]
    times: Array | None = None
    units: dict[str, str] = field(default_factory=dict)
    vectors: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked = {
            "axes": {name: _coordinates(name, values) for name, values in self.axes.items()},
            "fields": {name: _values(name, values) for name, values in self.fields.items()},
            "times": None if self.times is None else _increasing("The times", self.times),
            "units": dict(self.units),
            "vectors": {name: tuple(parts) for name, parts in self.vectors.items()},
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if not 1 <= len(self.axes) <= 3:
            raise KanpdeError(f"A grid has 1 to 3 space axes, not {len(self.axes)}.")
        if not self.fields:
            raise KanpdeError("A grid has at least one field; none is given.")
        self._check_names()
        for name, values in self.fields.items():
            self._check_shape(name, values)
        for name, parts in self.vectors.items():
            self._check_vector(name, parts)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each space axis, in index order."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def sampled(self) -> tuple[int, ...]:
        """Shape of a scalar field: `shape`, with the number of times in front if there are any."""
        return (() if self.times is None else (len(self.times),)) + self.shape

    def dims(self, name: str) -> tuple[str, ...]:
        """Name of each dimension of a field, such as ("t", "x", "y", "component")."""
        named = (() if self.times is None else (TIME,)) + tuple(self.axes)
        return named + (COMPONENT,) * len(self.components(name))

    def components(self, name: str) -> tuple[int, ...]:
        """The dimension of components of a field: () for a scalar, or (c,)."""
        return tuple(int(n) for n in self.fields[name].shape[len(self.sampled) :])

    def _check_names(self) -> None:
        time = () if self.times is None else (TIME,)
        names = [*time, *self.axes, *self.fields, *self.vectors]
        for name in names:
            _check_name(name)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise KanpdeError(
                f"The name {twice[0]!r} stands for two things among the axes, the fields, the "
                f'vectors and the times (which are called "{TIME}"); rename one.'
            )
        for name in self.units:
            if name not in names:
                raise KanpdeError(
                    f"A unit is given for {name!r}, which is none of {', '.join(names)}."
                )

    def _check_shape(self, name: str, values: Array) -> None:
        lead, extra = values.shape[: len(self.sampled)], self.components(name)
        if lead != self.sampled or len(extra) > 1 or extra == (0,):
            dims = ", ".join(([] if self.times is None else [TIME]) + list(self.axes))
            raise KanpdeError(
                f"Field {name!r} has the shape {values.shape}; give it {self.sampled} for "
                f"({dims}), with one more dimension only if it has components."
            )

    def _check_vector(self, name: str, parts: tuple[str, ...]) -> None:
        if not 1 <= len(parts) <= 3:
            raise KanpdeError(f"Vector {name!r} has {len(parts)} components; 1 to 3 can be drawn.")
        for part in parts:
            if part not in self.fields:
                raise KanpdeError(
                    f"Vector {name!r} names {part!r}, which is none of the fields "
                    f"{', '.join(self.fields)}."
                )
            if self.components(part):
                raise KanpdeError(f"Vector {name!r} names {part!r}, which is not a scalar.")


def _check_name(name: str) -> None:
    # "/" and "." are paths inside an HDF5 file.
    taken = (".", "..", COMPONENT, HIDDEN)
    if name in taken or "/" in name or not name.strip() or not name.isprintable():
        raise KanpdeError(
            f"{name!r} cannot name an axis, a field or a vector: take a printable name "
            f'without "/", and none of {", ".join(taken)}.'
        )


def _increasing(what: str, values: npt.ArrayLike) -> Array:
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise KanpdeError(f"{what} must be one row of finite numbers.")
    if (np.diff(array) <= 0).any():
        raise KanpdeError(f"{what} must increase strictly: sort them and drop equal ones.")
    return array


def _coordinates(name: str, values: npt.ArrayLike) -> Array:
    array = _increasing(f"The coordinates of axis {name!r}", values)
    if len(array) < 2:
        raise KanpdeError(f"Axis {name!r} has one point: leave the axis out of the grid.")
    even = np.linspace(array[0], array[-1], len(array))
    if np.abs(array - even).max() > EVEN * (even[1] - even[0]):
        raise KanpdeError(f"Axis {name!r} is not uniform: sample it with equal spacing.")
    return array


def _values(name: str, values: npt.ArrayLike) -> Array:
    """The values with a type of number that each format and each of its readers has."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or (array.dtype.itemsize == 8 and array.dtype.kind == "u"):
        raise KanpdeError(
            f"Field {name!r} holds {array.dtype}: convert it to real numbers (float64) or to int64."
        )
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        return array.astype(np.float32 if array.dtype.itemsize == 2 else np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
