"""Fields and vectors as layers: solution, reference and error, on scales that compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from kanpde.arrays import Array
from kanpde.output.plot.layer import Layer
from kanpde.output.plot.plane import Plane, error, known
from kanpde.output.plot.planes import shown_times
from kanpde.output.plot.scale import Scale, error_scale, field_scale, scale_about_zero
from kanpde.output.plot.text import error_note, number, plain
from kanpde.solution.grid_data import GridData

# A component smaller than this part of its vector is shown on the vector's scale: of a flow
# along x the other component is noise of 1e-8, which looked like a wrong answer in full colour.
_NOISE = 1e-4


def field_layers(grid: GridData, name: str, shown: Sequence[Plane]) -> list[Layer]:
    """Solution, reference and error; the first two on one scale."""
    exact, unit = grid.exact.get(name), grid.units.get(name, "")
    scale, small = _scale(grid, name, shown)
    marks: list[float] = []
    words = [small] if small else []
    if grid.times is not None and len(grid.space) == 1:
        marks = [float(grid.times[i]) for i in shown_times(grid)[1:-1]]
        words += ["dotted: times of the lines below"]
    dots = _places_of_readings(grid, name, shown)
    words += ["circles: readings"] if dots else []
    note = (lambda _: "\n".join(words)) if words else None
    layers = [Layer(plain(name), unit, grid.fields[name], scale, note, marks=marks, dots=dots)]
    if exact is not None:
        layers.append(Layer(f"reference of {plain(name)}", unit, exact, scale))
    difference = error(grid, name)
    if difference is not None:
        note = partial(_note, difference=difference, exact=exact)
        colours = error_scale(*_cuts(shown, difference))
        layers.append(Layer(f"error of {plain(name)}", unit, difference, colours, note))
    deviation = grid.deviations.get(name)
    if deviation is not None and len(shown) == 1:
        colours = field_scale(*_cuts(shown, deviation))
        title = f"standard deviation of {plain(name)}"
        layers.append(Layer(title, unit, deviation, colours))
    return layers


def _places_of_readings(
    grid: GridData, name: str, shown: Sequence[Plane]
) -> Mapping[str, Array] | None:
    """Where a field was read, if the planes show all of space."""
    readings = grid.readings.get(name)
    flat = len(grid.coordinates) <= 2
    axes = {axis.name for plane in shown for axis in (plane.across, plane.up)}
    if readings is None or not flat or not axes <= set(readings.at):
        return None
    return readings.at


def _scale(grid: GridData, name: str, shown: Sequence[Plane]) -> tuple[Scale, str]:
    """The scale of a field and its reference, and a remark where it is that of a vector."""
    cuts = _cuts(shown, *known(grid, name))
    size = _largest(cuts)
    for vector, parts in grid.vectors.items():
        if name not in parts:
            continue
        whole = _largest(_cuts(shown, *(each for part in parts for each in known(grid, part))))
        if 0 < size < _NOISE * whole:
            return scale_about_zero(whole), f"at most {number(size)}, scale of {plain(vector)}"
    return field_scale(*cuts), ""


def drawn_vectors(grid: GridData) -> list[str]:
    """Names of the vectors whose lines can be drawn: a component for each of 2 or 3 space axes."""
    count = len(grid.coordinates)
    return [n for n, parts in grid.vectors.items() if len(parts) == count and count in (2, 3)]


def vector_layers(grid: GridData, name: str, shown: Sequence[Plane]) -> list[Layer]:
    """Length and streamlines of a vector and of its reference, and the length of the error.

    In three dimensions the lines are those of the part of the vector that lies in the plane.
    """
    parts = grid.vectors[name]
    unit = grid.units.get(name, grid.units.get(parts[0], ""))
    vectors = [[grid.fields[part] for part in parts]]
    if all(part in grid.exact for part in parts):
        vectors.append([grid.exact[part] for part in parts])
    lengths = [_length(each) for each in vectors]
    scale = field_scale(*_cuts(shown, *lengths))
    titles = (f"|{plain(name)}|", f"reference of |{plain(name)}|")
    layers = [
        Layer(title, unit, length, scale, streams=dict(zip(grid.coordinates, vector, strict=True)))
        for title, length, vector in zip(titles, lengths, vectors, strict=False)
    ]
    if len(vectors) == 2:
        difference = _length([one - other for one, other in zip(*vectors, strict=True)])
        note = partial(_note, difference=difference, exact=lengths[1])
        colours = field_scale(*_cuts(shown, difference))
        layers.append(Layer(f"|error of {plain(name)}|", unit, difference, colours, note))
    return layers


def _length(parts: Sequence[Array]) -> Array:
    """The Euclidean length; `hypot` does not overflow where squares would."""
    length = np.abs(parts[0])
    for part in parts[1:]:
        length = np.hypot(length, part)
    return length


def _largest(parts: Sequence[Array]) -> float:
    sizes = (np.abs(part[np.isfinite(part)]) for part in parts)
    return max((float(size.max()) for size in sizes if size.size), default=0.0)


def _cuts(shown: Sequence[Plane], *arrays: Array) -> list[Array]:
    return [plane.cut(values) for values in arrays for plane in shown]


def _note(plane: Plane, difference: Array, exact: Array | None) -> str:
    return error_note(plane.cut(difference), None if exact is None else plane.cut(exact))
