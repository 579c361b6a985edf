"""The picture of a solution beside its reference and error."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.output.plot.canvas import TITLE, Block, Panel, compose, save, styled
from kanpde.output.plot.layer import Layer, plane_block, row_block
from kanpde.output.plot.panel import Mantissas, common_limits, draw_lines, draw_magnitude
from kanpde.output.plot.plane import Plane, axis, check, place, planes, shown_times
from kanpde.output.plot.scale import error_scale, field_scale
from kanpde.output.plot.text import common_power, error_note, label, plain, wrapped
from kanpde.output.samples import Samples


def plot_solution(samples: Samples, path: str | os.PathLike[str]) -> Path:
    """Writes `solution_figure` as a PNG file and returns its path.

    Raises:
        KanpdeError: the path does not end in .png, or the samples do not fit together.
    """
    with styled():
        return save(solution_figure(samples), path)


def solution_figure(samples: Samples) -> Figure:
    """Each field, and where known its reference and its error with relative L2 norm and maximum.

    One axis: lines, and |error| on a logarithmic axis. One space axis and time: images with
    time across, and lines at up to four times. Two space axes: images, with time a column for
    each of up to four times; vectors of two components as streamlines over their length. Three
    space axes and more: the middle planes of the first three, at the last time.

    Raises:
        KanpdeError: there is no field, or an array does not have the axes' shape.
    """
    check(samples)
    if not samples.fields:
        raise KanpdeError("The samples hold no field to draw.")
    with styled():
        return compose(samples.title, _blocks(samples))


def _blocks(samples: Samples) -> list[Block]:
    if len(samples.axes) == 1:
        return [_profile_block(samples)]
    shown = planes(samples)
    if len(samples.space) == 1:
        return _space_time_blocks(samples, shown[0])
    fields = {name: _field_layers(samples, name, shown) for name in samples.fields}
    vectors = [_vector_layers(samples, name, shown) for name in _plane_vectors(samples)]
    if len(shown) == 1:
        return [row_block([*fields.values(), *vectors], shown[0])]
    return [
        *(plane_block(layers, shown, _heading(samples, name)) for name, layers in fields.items()),
        *(plane_block(layers, shown) for layers in vectors),
    ]


def _known(samples: Samples, name: str) -> list[Array]:
    """A field and, if there is one, its reference."""
    return [part[name] for part in (samples.fields, samples.exact) if name in part]


def _error(samples: Samples, name: str) -> Array | None:
    if name in samples.errors:
        return samples.errors[name]
    if name not in samples.exact:
        return None
    with np.errstate(invalid="ignore"):  # of two infinities
        return samples.fields[name] - samples.exact[name]


# --- one axis -------------------------------------------------------------------------------


def _profile_block(samples: Samples) -> Block:
    rows = []
    for name in samples.fields:
        error = _error(samples, name)
        row: tuple[Panel, ...] = (Panel(partial(_draw_profile, samples=samples, name=name)),)
        if error is not None:
            row += (Panel(partial(_draw_error, samples=samples, name=name, error=error)),)
        rows.append(row)
    return Block(tuple(rows), (4.6, 2.8), bars=False)


def _draw_profile(ax: Axes, samples: Samples, name: str) -> None:
    (along,) = samples.axes
    solution, *exact = _known(samples, name)
    draw_lines(ax, axis(samples, along), solution, exact[0] if exact else None)
    low, high = common_limits(solution, *exact)
    if exact:
        high += 0.15 * (high - low)  # room for the legend
        ax.legend(loc="upper center", ncols=2)
    _value_axis(ax, samples, name, (low, high))
    ax.set_title(plain(name))


def _value_axis(ax: Axes, samples: Samples, name: str, limits: tuple[float, float]) -> None:
    power = common_power(*limits)
    ax.set_ylim(*limits)
    ax.set_ylabel(label(name, samples.units, power))
    ax.yaxis.set_major_formatter(Mantissas(power))


def _draw_error(ax: Axes, samples: Samples, name: str, error: Array) -> None:
    (along,) = samples.axes
    draw_magnitude(ax, axis(samples, along), error)
    ax.set_ylabel(f"|error of {label(name, samples.units)}|")
    ax.set_title(f"error of {plain(name)}\n{error_note(error, samples.exact.get(name))}")


# --- one space axis and time ----------------------------------------------------------------


def _space_time_blocks(samples: Samples, plane: Plane) -> list[Block]:
    """For each field a row of images and a row of lines at some times."""
    blocks = []
    for name in samples.fields:
        blocks.append(row_block([_field_layers(samples, name, (plane,))], plane))
        blocks.append(_cut_block(samples, name))
    return blocks


def _cut_block(samples: Samples, name: str) -> Block:
    times = shown_times(samples)
    along = list(samples.axes).index("t")
    cuts = [[np.take(each, i, axis=along) for each in _known(samples, name)] for i in times]
    limits = common_limits(*(line for cut in cuts for line in cut))
    row = tuple(
        Panel(partial(_draw_cut, samples=samples, name=name, index=i, lines=cut, limits=limits))
        for i, cut in zip(times, cuts, strict=True)
    )
    return Block((row,), (2.6, 1.7), bars=False)


def _draw_cut(
    ax: Axes,
    samples: Samples,
    name: str,
    index: int,
    lines: Sequence[Array],
    limits: tuple[float, float],
) -> None:
    (space,) = samples.space
    solution, *exact = lines
    draw_lines(ax, axis(samples, space), solution, exact[0] if exact else None)
    _value_axis(ax, samples, name, limits)
    title = f"{plain(name)} at {place('t', samples.axes['t'], index, samples.units)}"
    ax.set_title(wrapped(title, TITLE))
    if index > 0:
        ax.set_ylabel("")
        ax.tick_params(labelleft=False)
    if exact and index == len(samples.axes["t"]) - 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.03))


# --- layers of images -----------------------------------------------------------------------


def _field_layers(samples: Samples, name: str, shown: Sequence[Plane]) -> list[Layer]:
    """Solution, reference and error; the first two on one scale."""
    exact, error, unit = samples.exact.get(name), _error(samples, name), samples.units.get(name, "")
    scale = field_scale(*_cuts(shown, *_known(samples, name)))
    marks: list[float] = []
    if samples.has_time and len(samples.space) == 1:
        marks = [float(samples.axes["t"][i]) for i in shown_times(samples)[1:-1]]
    layers = [Layer(plain(name), unit, samples.fields[name], scale, marks=marks)]
    if exact is not None:
        layers.append(Layer(f"reference of {plain(name)}", unit, exact, scale))
    if error is not None:
        note = partial(_note, error=error, exact=exact)
        colours = error_scale(*_cuts(shown, error))
        layers.append(Layer(f"error of {plain(name)}", unit, error, colours, note))
    return layers


def _plane_vectors(samples: Samples) -> list[str]:
    """Names of the vectors whose lines can be drawn: two components in two dimensions."""
    pairs = [name for name, parts in samples.vectors.items() if len(parts) == 2]
    return pairs if len(samples.space) == 2 else []


def _vector_layers(samples: Samples, name: str, shown: Sequence[Plane]) -> list[Layer]:
    """Length and streamlines of a vector and of its reference, and the length of the error."""
    first, second = samples.vectors[name]
    unit = samples.units.get(name, samples.units.get(first, ""))
    vectors = [(samples.fields[first], samples.fields[second])]
    if first in samples.exact and second in samples.exact:
        vectors.append((samples.exact[first], samples.exact[second]))
    lengths = [np.hypot(*each) for each in vectors]
    scale = field_scale(*_cuts(shown, *lengths))
    titles = (f"|{plain(name)}|", f"reference of |{plain(name)}|")
    layers = [
        Layer(title, unit, length, scale, streams=vector)
        for title, length, vector in zip(titles, lengths, vectors, strict=False)
    ]
    if len(vectors) == 2:
        error = np.hypot(*(one - other for one, other in zip(*vectors, strict=True)))
        note = partial(_note, error=error, exact=lengths[1])
        colours = field_scale(*_cuts(shown, error))
        layers.append(Layer(f"|error of {plain(name)}|", unit, error, colours, note))
    return layers


def _heading(samples: Samples, name: str) -> str:
    """The error at all points and times, of which a picture of some planes shows a part."""
    error = _error(samples, name)
    if error is None:
        return ""
    return f"error of {plain(name)} at all points: {error_note(error, samples.exact.get(name))}"


def _cuts(shown: Sequence[Plane], *arrays: Array) -> list[Array]:
    return [plane.cut(values) for values in arrays for plane in shown]


def _note(plane: Plane, error: Array, exact: Array | None) -> str:
    return error_note(plane.cut(error), None if exact is None else plane.cut(exact))
