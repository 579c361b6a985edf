"""Pictures: what the figures hold, and what the files show.

The fields are an asymmetric function of position and time. The oracle evaluates it at the
coordinates that a panel's own axes and title report, so that no order of axes is assumed.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage, imread
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation, Text

from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells
from kanpde.output.plot import (
    convergence_figure,
    plot_convergence,
    plot_points,
    plot_residual,
    plot_solution,
    points_figure,
    residual_figure,
    solution_figure,
)
from kanpde.output.plot.domain import Marks, domain_figure
from kanpde.output.plot.panel import _decade_ticks
from kanpde.output.plot.scale import HOLE, decade_scale, error_scale, field_scale
from kanpde.output.plot.text import error_note, number
from kanpde.solution.grid_data import GridData

Array = np.ndarray[Any, np.dtype[np.float64]]

POINTS = {
    "x": np.linspace(-1.0, 1.0, 9),
    "y": np.linspace(0.0, 1.5, 7),
    "z": np.linspace(2.0, 3.0, 5),
    "w": np.linspace(-3.0, -1.0, 3),
    "t": np.linspace(0.0, 0.5, 13),
}
UNITS = {"x": "m", "y": "m", "z": "m", "w": "m", "t": "s", "u": "K"}
WEIGHTS = {"x": 1.0, "y": -2.3, "z": 3.1, "w": 0.7, "t": 9.0}
KINDS = ("x", "t", "xt", "xy", "xyt", "xyz", "xyzt", "xyzw")


def truth(at: Mapping[str, Any]) -> Any:
    """Another value at each point of the grids, on both sides of 0."""
    return sum(WEIGHTS[name] * value + 0.2 * value**2 for name, value in at.items()) - 8.0


def example(kind: str, **changes: Any) -> GridData:
    """u with its reference, an error of 1e-3 x^.. and a residual, on the axes named by letters."""
    axes = {name: POINTS[name] for name in kind}
    grid = dict(zip(axes, np.meshgrid(*axes.values(), indexing="ij"), strict=True))
    exact = truth(grid)
    error = 1e-3 * np.cos(exact)
    content: dict[str, Any] = {
        "axes": axes,
        "time": "t" if "t" in kind else None,
        "title": "A problem",
        "fields": {"u": exact + error},
        "exact": {"u": exact},
        "errors": {"u": error},
        "residuals": {"heat": 10.0**exact},
    }
    content |= changes
    known = {*content["axes"], *content["fields"]}
    units = {name: unit for name, unit in UNITS.items() if name in known}
    return GridData(**(content | {"units": units}))


def flow(kind: str = "xy", scale: float = 1.0) -> GridData:
    """A vortex (u, v) with a reference, and a pressure p without."""
    axes = {name: POINTS[name] for name in kind}
    grid = np.meshgrid(*axes.values(), indexing="ij")
    x, y = grid[kind.index("x")], grid[kind.index("y")] - 0.75
    exact = {"u": -scale * y, "v": scale * x}
    fields = {name: values * 1.01 for name, values in exact.items()} | {"p": x**2 + y**2}
    time = "t" if "t" in kind else None
    vectors = {"velocity": ("u", "v")}
    return GridData(axes, fields, time, exact=exact, vectors=vectors, title="Vortex")


@pytest.fixture
def without_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what takes most of the time, where texts and fine pixels do not matter."""
    monkeypatch.setattr("kanpde.output.plot.canvas.DPI", 75)
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *_: None)


def images(figure: Figure) -> list[tuple[Axes, AxesImage]]:
    return [(ax, ax.images[0]) for ax in figure.axes if ax.images]


def values(image: AxesImage) -> Array:
    return np.ma.filled(np.ma.asarray(image.get_array(), dtype=np.float64), np.nan)


def named(figure: Figure, start: str) -> list[tuple[Axes, AxesImage]]:
    """The images whose title starts with these words."""
    return [each for each in images(figure) if each[0].get_title().startswith(start)]


# --- texts have room ------------------------------------------------------------------------


@contextmanager
def room_for_texts() -> Iterator[None]:
    """No text that is drawn in the block overlaps another or leaves its figure.

    Slanted texts, whose boxes are larger than they are, are left out.
    """
    seen: list[tuple[str, Array, Figure]] = []
    draw = Text.draw

    def record(self: Text, renderer: Any) -> None:
        if self.get_visible() and self.get_text() and self.get_rotation() in (0, 90):
            figure = self.get_figure(root=True)
            seen.append((self.get_text(), self.get_window_extent(renderer).extents, figure))
        draw(self, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", record)
        yield
    assert len(seen) > 5
    boxes = np.array([box for _, box, _ in seen])
    for i, (text, box, figure) in enumerate(seen):
        assert (figure.bbox.min <= box[:2]).all(), f"{text!r} is cut off"
        assert (box[2:] <= figure.bbox.max).all(), f"{text!r} is cut off"
        shared = np.minimum(box[2:], boxes[:i, 2:]) - np.maximum(box[:2], boxes[:i, :2])
        for j in np.flatnonzero((shared > 1).all(axis=1)):  # pixels
            assert figure is not seen[j][2], f"{text!r} lies on {seen[j][0]!r}"


def assert_texts_have_room(figure: Figure) -> None:
    with room_for_texts():
        FigureCanvasAgg(figure).draw()


# --- where a value stands -------------------------------------------------------------------


def coordinates(ax: Axes, image: AxesImage, kind: str) -> dict[str, Array | float]:
    """Of each pixel of an image, from its extent, its origin and the panel's labels and title."""
    rows, columns = values(image).shape
    left, right, bottom, top = image.get_extent()
    assert image.origin == "lower"
    across = left + (np.arange(columns) + 0.5) / columns * (right - left)
    up = bottom + (np.arange(rows) + 0.5) / rows * (top - bottom)
    first, second = np.meshgrid(across, up)
    # Only the first of a row of like panels has a label.
    ylabel = ax.get_ylabel() or next(a.get_ylabel() for a in ax.figure.axes if a.get_ylabel())
    at: dict[str, Array | float] = {ax.get_xlabel()[0]: first, ylabel[0]: second}
    held = dict(re.findall(r"(\w) = (\S+?) [ms]", ax.get_title()))
    at |= {name: float(value.replace("−", "-")) for name, value in held.items()}
    assert sorted(at) == sorted(kind)
    return at


@pytest.mark.usefixtures("without_layout")
@pytest.mark.parametrize("kind", ["xt", "tx", "xy", "xyt", "txy", "xyz", "xyzt", "xyzw"])
def test_each_pixel_has_the_value_of_its_place(kind: str) -> None:
    figure = solution_figure(example(kind))
    for start in ("reference", "u", "error"):
        found = named(figure, start)
        assert len(found) == {"xt": 1, "tx": 1, "xy": 1, "xyt": 4, "txy": 4}.get(kind, 3)
        for ax, image in found:
            # Titles round 0.1666.. to three digits.
            at = coordinates(ax, image, kind)
            at |= {
                n: POINTS[n][np.abs(POINTS[n] - v).argmin()]
                for n, v in at.items()
                if np.isscalar(v)
            }
            exact = truth(at)
            error = 1e-3 * np.cos(exact)
            expected = {"reference": exact, "u": exact + error, "error": error}[start]
            np.testing.assert_allclose(values(image), expected, atol=1e-12)


@pytest.mark.usefixtures("without_layout")
@pytest.mark.parametrize("kind", ["xt", "xy", "xyt", "xyz"])
def test_residuals_are_decades_at_their_places(kind: str) -> None:
    figure = residual_figure(example(kind))
    for ax, image in images(figure):
        at = coordinates(ax, image, kind)
        at |= {
            n: POINTS[n][np.abs(POINTS[n] - v).argmin()] for n, v in at.items() if np.isscalar(v)
        }
        np.testing.assert_allclose(values(image), truth(at), atol=1e-12)
        assert ax.get_title().startswith("|heat|")


@pytest.mark.usefixtures("without_layout")
def test_times_run_from_the_first_to_the_last() -> None:
    titles = [ax.get_title() for ax, _ in named(solution_figure(example("xyt")), "u")]
    assert titles == [f"u at t = {time} s" for time in ("0", "0.167", "0.333", "0.5")]
    (ax, _), *_ = images(solution_figure(example("xt")))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("t [s]", "x [m]")
    assert sorted(float(line.get_xdata()[0]) for line in ax.lines) == pytest.approx([1 / 6, 1 / 3])


@pytest.mark.usefixtures("without_layout")
def test_planes_of_space_lie_in_the_middle_and_in_line() -> None:
    figure = solution_figure(example("xyzt"))
    titles = [ax.get_title() for ax, _ in named(figure, "u")]
    assert titles == [f"u at {held}, t = 0.5 s" for held in ("z = 2.5 m", "y = 0.75 m", "x = 0 m")]
    FigureCanvasAgg(figure).draw()
    tops = [ax.get_position().y1 for ax, _ in named(figure, "u")]
    assert tops == pytest.approx([tops[0]] * 3)


def test_cuts_are_lines_of_solution_and_reference() -> None:
    samples = example("tx")
    cuts = [ax for ax in solution_figure(samples).axes if not ax.images]
    for ax, i in zip(cuts, (0, 4, 8, 12), strict=True):
        solution, reference = ax.lines
        np.testing.assert_array_equal(solution.get_xdata(), POINTS["x"])
        np.testing.assert_array_equal(solution.get_ydata(), samples.fields["u"][i])
        np.testing.assert_array_equal(reference.get_ydata(), samples.exact["u"][i])
        assert (solution.get_linestyle(), reference.get_linestyle()) == ("-", "--")
        assert ax.get_ylim() == cuts[0].get_ylim()


@pytest.mark.usefixtures("without_layout")
@pytest.mark.parametrize("kind", ["x", "t"])
def test_one_axis_has_lines_and_the_error_in_decades(kind: str) -> None:
    samples = example(kind)
    profile, error = solution_figure(samples).axes
    assert [line.get_label() for line in profile.lines] == ["solution", "reference"]
    np.testing.assert_array_equal(profile.lines[0].get_ydata(), samples.fields["u"])
    np.testing.assert_array_equal(error.lines[0].get_ydata(), np.abs(samples.errors["u"]))
    assert (profile.get_yscale(), error.get_yscale()) == ("linear", "log")
    unit = UNITS[kind]
    assert (profile.get_xlabel(), profile.get_ylabel()) == (f"{kind} [{unit}]", "u [K]")


@pytest.mark.usefixtures("without_layout")
def test_a_bright_spot_is_seen_where_it_is() -> None:
    """In the pixels of the file itself: the figure's row 0 is at the top, the field's below."""
    x, y = (np.linspace(0, 1, 41),) * 2
    spot = np.exp(-60 * ((x[:, None] - 0.8) ** 2 + (y - 0.3) ** 2))
    figure = solution_figure(GridData({"x": x, "y": y}, {"u": spot}))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3] / 255
    ((ax, _),) = images(figure)

    def colour(across: float, up: float) -> Array:
        column, row = ax.transData.transform((across, up)).astype(int)
        return pixels[len(pixels) - 1 - row, column]

    np.testing.assert_allclose(
        colour(0.8, 0.3), matplotlib.colormaps["viridis"](1.0)[:3], atol=0.05
    )
    for other in ((0.3, 0.8), (0.2, 0.3), (0.8, 0.7)):
        np.testing.assert_allclose(
            colour(*other), matplotlib.colormaps["viridis"](0.0)[:3], atol=0.05
        )


@pytest.mark.usefixtures("without_layout")
def test_uneven_axes_keep_their_places() -> None:
    samples = example("xt")
    uneven = GridData(dict(samples.axes) | {"t": POINTS["t"] ** 2}, samples.fields, "t")
    (ax,) = (ax for ax in solution_figure(uneven).axes if ax.collections)
    (mesh,) = ax.collections
    corners = mesh.get_coordinates()  # type: ignore[attr-defined]
    middles = (corners[0, 1:-2, 0] + corners[0, 2:-1, 0]) / 2
    gaps = np.diff(POINTS["t"] ** 2)
    # Cells meet half-way between the points.
    np.testing.assert_allclose(np.diff(corners[0, 1:-1, 0]), (gaps[1:] + gaps[:-1]) / 2)
    assert len(middles) == len(POINTS["t"]) - 2
    np.testing.assert_array_equal(mesh.get_array(), samples.fields["u"])


def lowered(power: str) -> int:
    """The number of raised digits; none is 0."""
    return int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


# --- colours --------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_layout")
def test_solution_and_reference_share_colours_and_errors_are_about_0() -> None:
    base = example("xyt")
    middle = base.exact["u"].mean()
    # The reference reaches further than the solution.
    exact = {"u": base.exact["u"] - middle}
    figure = solution_figure(example("xyt", fields={"u": 0.5 * exact["u"]}, exact=exact))
    limits = {
        start: {image.get_clim() for _, image in named(figure, start)}
        for start in ("u", "reference", "error")
    }
    assert limits["u"] == limits["reference"]
    for each in limits.values():
        ((low, high),) = each  # the values lie on both sides of 0
        assert low == -high
    ((_, high),) = limits["u"]
    shown = [values(image) for start in ("u", "reference") for _, image in named(figure, start)]
    assert high == np.abs(shown).max()


some_values = st.lists(
    st.floats(-1e6, 1e6, allow_subnormal=False) | st.just(np.nan) | st.just(np.inf), max_size=30
).map(np.array)


@given(some_values, some_values)
def test_scales_hold_their_values(first: Array, second: Array) -> None:
    both = np.concatenate([first, second])
    finite = both[np.isfinite(both)]
    for scale in (field_scale(first, second), error_scale(first, second)):
        assert scale.low < scale.high
        if scale.extend == "neither":
            assert ((scale.low <= finite) & (finite <= scale.high)).all()
        assert 10.0**scale.power <= max(-scale.low, scale.high) * 1.001 or scale.power == 0
    error = error_scale(first, second)
    assert error.low == -error.high
    field = field_scale(first, second)
    assert (field.colours == "viridis") or field.low == -field.high


def test_only_fields_of_both_signs_have_two_colours() -> None:
    names = [field_scale(np.array(ends)).colours for ends in ((-1, 1), (0, 1), (-1, 0), (-0.01, 1))]
    assert names == ["RdBu_r", "viridis", "viridis", "viridis"]


def test_a_singular_corner_leaves_colours_for_the_rest() -> None:
    smooth = np.linspace(0.0, 1.0, 10_000)
    spiked = np.append(smooth, 1e6)
    scale = field_scale(spiked)
    assert scale.extend == "both"
    assert 0.99 < scale.high < 1.01
    # A peak of many points is no spike.
    assert field_scale(np.append(smooth, np.full(100, 1e6))).high == 1e6


@given(st.floats(-300, 300), st.floats(1, 6))
def test_decade_ticks_say_what_they_are(low: float, length: float) -> None:
    ticks, words = _decade_ticks(low, low + length)
    assert len(ticks) >= 2
    for at, text in zip(ticks, words, strict=True):
        assert low <= at <= low + length
        step, power = text.split("10", 1)
        assert np.log10(int(step.rstrip("×") or 1)) + lowered(power) == pytest.approx(at)


def test_decade_scale_spans_one_to_six_decades() -> None:
    wide, narrow = decade_scale(np.linspace(-40, -2, 99)), decade_scale(np.array([-2.0, -2.1]))
    assert (wide.low, wide.high, wide.extend) == (-8, -2, "min")
    assert (narrow.low, narrow.high, narrow.extend) == (-3, -2, "neither")


# --- numbers --------------------------------------------------------------------------------


@given(st.floats(-1e300, 1e300, allow_subnormal=False))
def test_numbers_are_read_back(value: float) -> None:
    text = number(value)
    mantissa, _, power = text.replace("−", "-").partition("×10")
    assert float(mantissa) * 10.0 ** lowered(power) == pytest.approx(value, rel=0.051)


def test_error_note_is_the_relative_norm_and_the_maximum() -> None:
    exact = np.array([3.0, 4.0, 0.0, np.nan])
    error = np.array([0.0, 0.3, 0.4, 9.0])
    assert error_note(error, exact) == "relative L₂ 0.1, max 0.4"
    assert error_note(error, np.zeros(4)) == "max 9"
    assert error_note(error, None) == "max 9"
    assert error_note(error * np.nan, exact) == "no values"
    huge = error_note(error * 1e200, exact * 1e200)
    assert huge.startswith("relative L₂ 0.1,")


@pytest.mark.usefixtures("without_layout")
def test_errors_are_computed_where_they_are_not_given() -> None:
    samples = example("xy")
    (given_errors,) = named(solution_figure(samples), "error")
    (computed,) = named(solution_figure(example("xy", errors={})), "error")
    np.testing.assert_allclose(values(computed[1]), values(given_errors[1]), atol=1e-12)
    assert "relative L₂" in computed[0].get_title()


@pytest.mark.usefixtures("without_layout")
def test_pictures_of_some_planes_state_the_error_of_all() -> None:
    samples = example("xyt")
    texts = [text.get_text() for text in solution_figure(samples).findobj(Text)]
    whole = error_note(samples.errors["u"], samples.exact["u"])
    assert f"error of u at all points: {whole}" in texts


# --- names and shapes ---------------------------------------------------------------------


def test_texts_have_room_with_long_names_and_odd_shapes() -> None:
    samples = example("xyt")
    long = "concentration_of_the_second_species"
    renamed = GridData(
        {"x": POINTS["x"] * 1e-9, "y": POINTS["y"] * 5e-9, "t": POINTS["t"] * 1e5},
        {long: samples.fields["u"] * 1e-12},
        "t",
        exact={long: samples.exact["u"] * 1e-12},
        units={"x": "m", "y": "m", "t": "s", long: "mol/m^3"},
        title="A title that goes on for longer than any picture is wide, " * 4,
    )
    assert_texts_have_room(solution_figure(renamed))
    assert_texts_have_room(solution_figure(flow()))


# --- vectors --------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_layout")
@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e5])
def test_vectors_are_streamlines_over_their_length(scale: float) -> None:
    samples = flow(scale=scale)
    figure = solution_figure(samples)
    assert len(images(figure)) == 3 + 3 + 1 + 3
    ((ax, image),) = named(figure, "|velocity|")
    length = np.hypot(samples.fields["u"], samples.fields["v"])
    np.testing.assert_allclose(values(image), length.T)
    lines = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    assert len(lines) > 100
    # The streamlines of a rigid rotation are circles.
    for path in ax.collections[0].get_paths():
        radius = np.hypot(path.vertices[:, 0], path.vertices[:, 1] - 0.75)
        assert np.ptp(radius) < 0.02
    assert ax.get_xlim() == (-1, 1)
    assert ax.get_ylim() == (0, 1.5)


@pytest.mark.usefixtures("without_layout")
def test_vectors_have_streamlines_at_each_time() -> None:
    figure = solution_figure(flow("xyt"))
    assert [len(ax.collections) for ax, _ in named(figure, "|velocity|")] == [1, 1, 1, 1]


@pytest.mark.usefixtures("without_layout")
def test_vectors_in_space_have_the_lines_of_their_part_in_each_plane() -> None:
    axes = {"x": POINTS["x"], "y": POINTS["y"] - 0.75, "z": POINTS["z"] - 2.5}
    x, y, z = np.meshgrid(*axes.values(), indexing="ij")
    # A rotation about the z axis, and a drift along it.
    fields = {"a": -y, "b": x, "c": 3 + 0 * z}
    figure = solution_figure(GridData(axes, fields, vectors={"v": ("a", "b", "c")}))
    found = named(figure, "|v|")
    assert len(found) == 3
    for ax, image in found:
        assert len(ax.collections) == 1
        assert np.nanmin(values(image)) >= 3
    horizontal, upright, _ = (ax.collections[0].get_paths() for ax, _ in found)
    for path in horizontal:
        assert np.ptp(np.hypot(*path.vertices.T)) < 0.02
    assert max(np.ptp(path.vertices[:, 1]) for path in upright) > 0.9
    assert max(np.ptp(path.vertices[:, 0]) for path in upright) < 1e-6


@pytest.mark.usefixtures("without_layout")
def test_noise_in_a_vector_is_shown_on_the_vectors_scale() -> None:
    axes = {"x": POINTS["x"], "y": POINTS["y"]}
    x, y = np.meshgrid(*axes.values(), indexing="ij")
    fields = {"u": 2 + y, "v": 1e-8 * np.sin(9 * x), "p": 1e-8 * np.sin(9 * x)}
    figure = solution_figure(GridData(axes, fields, vectors={"velocity": ("u", "v")}))
    ((ax, noise),), ((_, alone),) = named(figure, "v"), named(figure, "p")
    assert noise.get_clim() == (-3.5, 3.5)
    assert "scale of velocity" in ax.get_title()
    assert alone.get_clim()[1] < 2e-8


def test_fields_without_a_reference_share_a_row() -> None:
    samples = flow()
    fields = dict(samples.fields) | {"psi": samples.fields["p"], "q": samples.fields["p"]}
    figure = solution_figure(replace(samples, fields=fields, vectors={}))
    FigureCanvasAgg(figure).draw()
    bottoms = [named(figure, name)[0][0].get_position().y0 for name in ("p", "psi", "q")]
    assert bottoms == pytest.approx(bottoms[:1] * 3)
    assert bottoms[0] < named(figure, "v")[0][0].get_position().y0


@pytest.mark.usefixtures("without_layout")
def test_vectors_on_uneven_axes_are_arrows() -> None:
    even = flow()
    uneven = GridData({"x": POINTS["x"] ** 3, "y": POINTS["y"]}, even.fields, vectors=even.vectors)
    ax = solution_figure(uneven).axes[-1]
    quiver = ax.collections[-1]
    assert quiver.get_offsets().shape == (9 * 7, 2)
    np.testing.assert_allclose(np.unique(quiver.get_offsets()[:, 0]), POINTS["x"] ** 3)


@pytest.mark.usefixtures("without_layout")
def test_equal_lengths_only_where_they_compare() -> None:
    def aspects(samples: GridData) -> set[Any]:
        return {ax.get_aspect() for ax, _ in images(solution_figure(samples))}

    base = example("xy")
    assert aspects(base) == {1.0}
    assert aspects(example("xyz")) == {1.0}
    assert aspects(example("xt")) == {"auto"}
    long = GridData({"x": POINTS["x"] * 10, "y": POINTS["y"]}, base.fields)
    assert aspects(long) == {"auto"}
    mixed = GridData(base.axes, base.fields, units={"x": "m", "y": "K"})
    assert aspects(mixed) == {"auto"}


# --- hard values ----------------------------------------------------------------------------


def hard_fields(shape: tuple[int, ...]) -> dict[str, Array]:
    ramp = np.linspace(-1.0, 1.0, int(np.prod(shape))).reshape(shape)
    hole = np.where(np.abs(ramp) < 0.2, np.nan, ramp)
    return {
        "zero": 0 * ramp,
        "constant": 0 * ramp + 3.7,
        "nearly": 1 + 1e-15 * np.sign(ramp),
        "tiny": 1e-12 * ramp,
        "huge": 1e5 + ramp,
        "hole": hole,
        "nothing": np.nan * ramp,
        "infinite": np.where(ramp > 0.9, np.inf, ramp),
        "exploded": 1e200 * ramp,
    }


@pytest.mark.usefixtures("without_layout")
@pytest.mark.parametrize("kind", ["x", "xt", "xy"])
def test_hard_values_are_drawn_without_a_word(kind: str, tmp_path: Path) -> None:
    fields = hard_fields(tuple(len(POINTS[name]) for name in kind))
    if kind == "xt":  # each field is many panels
        fields = {name: fields[name] for name in ("zero", "hole", "infinite", "exploded")}
    exact = {"hole": fields["infinite"], "infinite": fields["exploded"], "zero": fields["zero"]}
    samples = example(kind, fields=fields, exact=exact, errors={}, residuals=fields)
    for plot in (plot_solution, plot_residual):
        assert_picture(plot(samples, tmp_path / "hard.png"))


@pytest.mark.usefixtures("without_layout")
def test_holes_are_grey_and_do_not_spread() -> None:
    fields = hard_fields((9, 7))
    figure = solution_figure(example("xy", fields=fields, exact={}, errors={}))
    ((_, image),) = named(figure, "hole")
    assert np.isnan(values(image)).sum() == np.isnan(fields["hole"]).sum() > 0
    assert image.cmap.get_bad()[:3] == pytest.approx(to_rgb(HOLE))
    assert image.get_clim() == (-1, 1)


# --- files ----------------------------------------------------------------------------------


def assert_picture(path: Path) -> None:
    """The file is a PNG of some size with many colours, and the only one in its folder."""
    pixels = imread(path)
    assert min(pixels.shape[:2]) > 200
    colours = pixels[::5, ::5, :3] @ (1.0, 1e3, 1e6)
    assert len(np.unique(colours)) > 50
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_written(kind: str, tmp_path: Path) -> None:
    for plot in (plot_solution, plot_residual):
        path = tmp_path / "new" / f"{plot.__name__}" / "picture.png"
        with room_for_texts():
            assert plot(example(kind), path) == path
        assert_picture(path)


@pytest.mark.usefixtures("without_layout")
def test_a_failure_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")

    def fail(image: Any, part: Path, *_: Any, **__: Any) -> None:
        part.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("PIL.Image.Image.save", fail)
    with pytest.raises(OSError, match="disk full"):
        plot_solution(example("x"), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("without_layout")
def test_settings_are_neither_changed_nor_obeyed(tmp_path: Path) -> None:
    samples = example("xy")
    usual = plot_solution(samples, tmp_path / "usual.png").read_bytes()
    odd = {"image.origin": "upper", "font.size": 30, "axes.edgecolor": "red", "savefig.dpi": 20}
    with matplotlib.rc_context(odd):  # type: ignore[arg-type]
        before = dict(matplotlib.rcParams.items())
        same = plot_solution(samples, tmp_path / "same.png").read_bytes()
        assert dict(matplotlib.rcParams.items()) == before
    assert same == usual


def test_pyplot_stays_out() -> None:
    code = (
        "import sys, numpy, kanpde.output.plot as p, kanpde.solution.grid_data as s;"
        "p.solution_figure(s.GridData({'x': numpy.arange(3.)}, {'u': numpy.arange(3.)}));"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.usefixtures("without_layout")
def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(KanpdeError, match=r"end in \.png"):
        plot_solution(example("x"), tmp_path / "picture.pdf")
    with pytest.raises(KanpdeError, match=r"field 'u' has the shape \(9,\); give it \(9, 7\)"):
        solution_figure(example("xy", fields={"u": POINTS["x"]}))
    with pytest.raises(KanpdeError, match="at least one field"):
        solution_figure(example("xy", fields={}))
    with pytest.raises(KanpdeError, match="no residual"):
        residual_figure(example("xy", residuals={}))
    with pytest.raises(KanpdeError, match="'velocity' names"):
        solution_figure(example("xy", vectors={"velocity": ("u", "v")}))
    with pytest.raises(KanpdeError, match="'x' has 1 points"):
        solution_figure(GridData({"x": np.zeros(1)}, {"u": np.zeros(1)}))
    with pytest.raises(KanpdeError, match="'u' has components"):
        solution_figure(GridData({"x": np.arange(2.0)}, {"u": np.zeros((2, 3))}))
    assert list(tmp_path.iterdir()) == []


# --- convergence ----------------------------------------------------------------------------


def trace(rows: int = 60) -> dict[str, np.ndarray[Any, Any]]:
    seconds = np.linspace(0.0, 90.0, rows)
    loss = 10.0 ** np.linspace(0, -6, rows)
    error = np.full(rows, np.nan)
    error[::10] = np.sqrt(loss[::10])
    return {
        "seconds": seconds,
        "step": np.arange(rows),
        "stage": np.repeat(["adam", "G = 5", "G = 10"], rows // 3),
        "loss": loss,
        "loss:burgers": 0.7 * loss,
        "loss:walls": 0.3 * loss,
        "error:u": error,
        "error:v": np.full(rows, np.nan),
        "estimate": 2 * error,
    }


@pytest.mark.usefixtures("without_layout")
def test_convergence_has_losses_above_errors() -> None:
    columns = trace()
    losses, errors = convergence_figure(columns).axes
    assert losses.get_yscale() == errors.get_yscale() == "log"
    lines = {line.get_label(): line for line in losses.lines}
    for label, name in (("loss", "loss"), ("burgers", "loss:burgers"), ("walls", "loss:walls")):
        np.testing.assert_array_equal(lines[label].get_xdata(), columns["seconds"])
        np.testing.assert_array_equal(lines[label].get_ydata(), columns[name])
    assert lines["loss"].get_linewidth() > lines["walls"].get_linewidth()
    legend = errors.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["error of u", "estimate"]
    # A line joins the measured rows across the others.
    np.testing.assert_array_equal(errors.lines[0].get_xdata(), columns["seconds"][::10])


@pytest.mark.usefixtures("without_layout")
def test_stages_are_lines_with_names() -> None:
    columns = trace()
    for ax in convergence_figure(columns).axes:
        at = [float(line.get_xdata()[0]) for line in ax.lines if len(line.get_xdata()) == 2]
        assert at == [columns["seconds"][20], columns["seconds"][40]]
    top = convergence_figure(columns).axes[0]
    assert [text.get_text() for text in top.texts] == ["adam", "G = 5", "G = 10"]
    assert [text.xy[0] for text in top.texts] == [0.0, *at]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("without_layout")
def test_names_of_many_stages_keep_their_distance() -> None:
    columns = trace(300)
    columns["stage"] = np.array([f"stage {i}" for i in range(300)])
    top = convergence_figure(columns).axes[0]
    places = [text.xy[0] for text in top.texts]  # type: ignore[attr-defined]
    assert 20 < len(places) < 40
    assert min(b - a for a, b in pairwise(places)) > 90 / 40


@pytest.mark.usefixtures("without_layout")
def test_convergence_without_errors_is_one_panel() -> None:
    columns = {name: each for name, each in trace().items() if name in ("seconds", "loss")}
    (ax,) = convergence_figure(columns).axes
    assert ax.get_xlabel() == "time [s]"


@pytest.mark.usefixtures("without_layout")
@pytest.mark.parametrize(
    "changes",
    [
        {"loss": np.zeros(60), "loss:burgers": np.zeros(60), "loss:walls": np.zeros(60)},
        {"loss": np.full(60, np.nan)},
        {"loss": np.r_[np.inf, np.full(59, 1e-300)]},
        {"seconds": np.zeros(60)},
    ],
)
def test_hard_traces_are_drawn(changes: dict[str, Array], tmp_path: Path) -> None:
    assert_picture(plot_convergence(trace() | changes, tmp_path / "convergence.png"))


@pytest.mark.usefixtures("without_layout")
@pytest.mark.parametrize(("tolerance", "drawn"), [(1e-3, True), (1e-12, False), (None, False)])
def test_the_tolerance_is_drawn_where_the_errors_come_near_it(
    tolerance: float | None, drawn: bool
) -> None:
    axes = convergence_figure(trace(), tolerance).axes[1]
    assert ("tolerance" in [line.get_label() for line in axes.lines]) is drawn


@pytest.mark.usefixtures("without_layout")
def test_one_row_is_a_mark(tmp_path: Path) -> None:
    columns = {name: each[:1] for name, each in trace().items()}
    assert convergence_figure(columns).axes[0].lines[0].get_marker() == "o"
    assert_picture(plot_convergence(columns, tmp_path / "convergence.png"))


def test_texts_of_convergence_have_room() -> None:
    assert_texts_have_room(convergence_figure(trace()))


def test_the_loss_of_one_condition_is_drawn_once_and_one_stage_lies_level() -> None:
    columns = {name: each for name, each in trace().items() if not name.startswith("loss:")}
    columns |= {"loss:heat": columns["loss"]}
    columns["stage"] = np.full(60, "least squares, 951 parameters", object)
    figure = convergence_figure(columns)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["loss: heat"]
    (name,) = (t for t in figure.axes[0].texts if t.get_text().startswith("least squares"))
    assert name.get_rotation() == 0
    assert_texts_have_room(figure)


def test_mistakes_in_a_trace_are_named() -> None:
    with pytest.raises(KanpdeError, match='no rows in its column "seconds"'):
        convergence_figure({})
    with pytest.raises(KanpdeError, match=r"'loss' of the trace has the shape \(3,\)"):
        convergence_figure({"seconds": np.arange(2.0), "loss": np.ones(3)})
    with pytest.raises(KanpdeError, match='no column "loss"'):
        convergence_figure({"seconds": np.arange(2.0)})


# --- collocation points ---------------------------------------------------------------------


def box(kind: str) -> dict[str, tuple[float, float]]:
    return {name: (float(POINTS[name][0]), float(POINTS[name][-1])) for name in kind}


def points(kind: str) -> dict[str, Array]:
    random = np.random.default_rng(0)
    ends = np.array(list(box(kind).values()))
    inside = random.uniform(ends[:, 0], ends[:, 1], (500, len(kind)))
    wall = inside[:20].copy()
    wall[:, 0] = ends[0, 0]
    return {"heat": inside, "wall": wall, "none": np.zeros((0, len(kind)))}


@pytest.mark.parametrize(
    ("kind", "pairs"),
    [
        ("xt", ["tx"]),
        ("xy", ["xy"]),
        ("xyz", ["xy", "xz", "yz"]),
        ("xyt", ["xy", "tx", "ty"]),
        ("xyzt", ["xy", "xz", "tx", "yz", "ty", "tz"]),
    ],
)
def test_points_of_each_pair_of_axes(kind: str, pairs: list[str], tmp_path: Path) -> None:
    given_points = points(kind)
    figure = points_figure(box(kind), given_points, time="t")
    assert [ax.get_xlabel() + ax.get_ylabel() for ax in figure.axes] == pairs
    for ax in figure.axes:
        across, up = kind.index(ax.get_xlabel()), kind.index(ax.get_ylabel())
        for line, each in zip(ax.lines, given_points.values(), strict=True):
            np.testing.assert_array_equal(line.get_xydata(), each[:, [across, up]])
        (low, high), limits = box(kind)[ax.get_xlabel()], ax.get_xlim()
        assert limits[0] < low < high < limits[1]
    with room_for_texts():
        assert_picture(plot_points(box(kind), given_points, tmp_path / "points.png", time="t"))


def test_points_of_one_axis_are_rows_by_condition() -> None:
    given_points = points("x")
    (ax,) = points_figure(box("x"), given_points).axes
    rows = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    for i, (line, each) in enumerate(zip(rows, given_points.values(), strict=True)):
        np.testing.assert_array_equal(line.get_xdata(), each[:, 0])
        assert set(line.get_ydata()) <= {-i}
    assert_texts_have_room(ax.figure)  # type: ignore[arg-type]


def test_points_are_counted_and_notes_are_written() -> None:
    notes = ["heat: u_t, u_xx cost $2", "wall: " + "a long note " * 30]
    figure = points_figure(box("xy"), points("xy"), notes)
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["heat (500)", "wall (20)", "none (0)"]
    colours = {line.get_color() for line in figure.axes[0].lines}
    assert len(colours) == 3
    texts = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "u_xx cost \\$2" in texts
    assert texts.replace("\n", " ").count("a long note") == 30
    assert_texts_have_room(figure)


def test_points_without_conditions_show_the_box() -> None:
    (ax,) = points_figure(box("xy"), {}).axes
    assert ax.get_xlim()[0] < -1 < 1 < ax.get_xlim()[1]
    assert ax.get_aspect() == 1
    (ax,) = points_figure(box("xt"), {}, time="t").axes
    assert ax.get_aspect() == "auto"


def test_the_box_around_a_shape_is_not_drawn() -> None:
    (ax,) = points_figure(box("xy"), points("xy")).axes
    assert len(ax.patches) == 1
    (ax,) = points_figure(box("xy"), points("xy"), fills=False).axes
    assert not ax.patches
    assert ax.get_xlim()[0] < -1 < 1 < ax.get_xlim()[1]


@pytest.mark.parametrize(("sides", "arrows"), [(1, 24), (4, 24), (12, 8)])
def test_sides_share_the_arrows_of_normals(sides: int, arrows: int) -> None:
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    rim = np.stack([np.cos(angles), np.sin(angles)], 1)
    nodes = np.concatenate([np.zeros((1, 2)), rim])
    ring = np.stack([np.arange(48), (np.arange(48) + 1) % 48], 1) + 1
    triangles = np.concatenate([np.zeros((48, 1), int), ring], 1)
    lines = {f"side {k}": {"line": part} for k, part in enumerate(np.split(ring, sides))}
    outline = Cells(("x", "y"), nodes, {"triangle": triangles}, lines)
    points = np.tile(rim, (sides, 1, 1))
    marks = [Marks(name, each, each) for name, each in zip(lines, points, strict=True)]
    left, _ = domain_figure(outline, marks, []).axes
    drawn = [text for text in left.texts if isinstance(text, Annotation)]
    assert len(drawn) == sides * arrows
    # None of a closed curve's arrows is a neighbour of another.
    starts = np.array([text.xyann for text in drawn[:arrows]])
    assert np.linalg.norm(np.roll(starts, 1, 0) - starts, axis=1).min() > 0.25


def test_mistakes_in_points_are_named() -> None:
    with pytest.raises(KanpdeError, match=r"'heat' have the shape \(5, 3\).*\(N, 2\).*x, y"):
        points_figure(box("xy"), {"heat": np.zeros((5, 3))})
    with pytest.raises(KanpdeError, match="no axis"):
        points_figure({}, {})
