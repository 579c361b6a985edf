"""Boxes, faces and points: where sample points lie, how evenly, and what is refused."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanpde.errors import KanpdeError
from kanpde.geometry import domain_from_data
from kanpde.geometry.box import Box, Face, Interval
from kanpde.geometry.union import Union
from kanpde.symbols.expression import Role

BOX = Box(x=(-1, 1), y=(0, 3), t=(0, 2))
x, y, t = BOX.axes

intervals = st.tuples(st.floats(-100, 100), st.floats(0.01, 100)).map(lambda p: (p[0], p[0] + p[1]))
boxes = st.lists(intervals, min_size=1, max_size=4).map(
    lambda parts: Box(**dict(zip("xyzt", parts, strict=False)))
)


# --- sample points --------------------------------------------------------------------------


@given(boxes, st.data(), st.integers(1, 70), st.integers(0, 2**32))
def test_points_lie_in_the_box_and_exactly_on_their_face(
    box: Box, data: st.DataObject, count: int, seed: int
) -> None:
    names = data.draw(st.lists(st.sampled_from(box.names), unique=True), label="fixed axes")
    fixed = {name: box.intervals[name][data.draw(st.integers(0, 1))] for name in names}
    region = box.face(**fixed) if fixed else box.interior
    sample = region.sample(count, seed)
    points = sample.points
    assert sample.weights.sum() == pytest.approx(region.measure)
    assert region.dimension == box.dimension - len(fixed)
    assert points.shape == (count if region.dimension else 1, box.dimension)
    for axis, column in zip(box.axes, points.T, strict=True):
        if axis.name in fixed:
            assert set(column) == {fixed[axis.name]}
        else:
            assert axis.lower <= column.min()
            assert column.max() <= axis.upper
            assert len(set(column)) == count
    np.testing.assert_array_equal(region.sample(count, seed).points, points)
    if region.dimension:
        assert not np.array_equal(region.sample(count, seed + 1).points, points)


def test_each_free_axis_takes_its_own_coordinates() -> None:
    unit = np.array([[0.25, 0.5], [1.0, 0.0]])
    np.testing.assert_array_equal(BOX.face(y=3).place(unit), [[-0.5, 3, 1], [1, 3, 0]])


@pytest.mark.parametrize(
    "region", [BOX.interior, BOX.face(t=0), BOX.face(x=1, t=2)], ids=lambda r: r.label
)
def test_points_are_more_even_than_random_ones(region: Face) -> None:
    """The mean of a smooth function converges like 1/N (here N^-0.8 at least); random: N^-0.5."""

    def error(count: int) -> float:
        def one(seed: int) -> float:
            a, b, c = (
                (column - axis.lower) / (axis.upper - axis.lower)
                for axis, column in zip(BOX.axes, region.sample(count, seed).points.T, strict=True)
            )
            fixed = region.fixed
            truth = 1.0
            for axis in BOX.axes:
                unit = (fixed.get(axis.name, 0) - axis.lower) / (axis.upper - axis.lower)
                truth *= 1 + unit**2 if axis.name in fixed else 4 / 3
            return float(np.mean((1 + a**2) * (1 + b**2) * (1 + c**2))) - truth

        return float(np.sqrt(np.mean([one(seed) ** 2 for seed in range(40)])))

    assert error(2048) < error(32) / 64**0.8
    assert error(2048) < 2e-4


@pytest.mark.parametrize("count", [1, 3, 100])
def test_any_number_of_points_is_even_along_each_axis(count: int) -> None:
    """Of N points, every one of the largest 2^k <= N equal slices holds at least one."""
    slices = 2 ** int(np.log2(count))
    for axis, column in zip(BOX.axes, BOX.interior.sample(count, 5).points.T, strict=True):
        unit = (column - axis.lower) / (axis.upper - axis.lower)
        assert set((unit * slices).astype(int)) == set(range(slices))


# --- the parts of a box ---------------------------------------------------------------------


def test_a_box_knows_its_axes() -> None:
    assert (BOX.names, BOX.dimension) == (("x", "y", "t"), 3)
    assert BOX.intervals == {"x": (-1, 1), "y": (0, 3), "t": (0, 2)}
    assert BOX.time is t
    assert BOX.space == (x, y)
    assert Box(x=(0, 1)).time is None
    assert repr(BOX) == "Box(x=(-1, 1), y=(0, 3), t=(0, 2))"


def test_boxes_are_equal_by_their_intervals() -> None:
    same, longer = Box(x=(-1, 1), y=(0, 3), t=(0, 2)), Box(x=(-1, 1), y=(0, 3), t=(0, 2.5))
    assert same == BOX
    assert hash(BOX) == hash(same)
    assert longer != BOX
    assert BOX.face(t=0) == same.face(t=0)
    assert len({BOX, same, longer, BOX.face(t=0), same.face(t=0), BOX.face(t=2)}) == 4


def test_faces_are_both_ends_of_the_named_axes() -> None:
    ends = {"x": (-1, 1), "y": (0, 3), "t": (0, 2)}
    for count in (1, 2, 3):
        for named in combinations(BOX.axes, count):
            union = BOX.faces(*named)
            expected = [BOX.face(**{a.name: end}) for a in named for end in ends[a.name]]
            assert list(union.parts) == expected
    assert BOX.faces() == BOX.faces(x, y)
    assert isinstance(BOX.faces(t), Union)


def test_labels_say_where() -> None:
    assert BOX.interior.label == "the interior"
    assert BOX.face(x=-1, t=0).label == BOX.face(t=0, x=-1).label == "t = 0, x = -1"
    assert BOX.faces(x).label == "x = -1; x = 1"
    assert BOX.points(x=[0, 0.5], y=1, t=0).label == "2 points"


def test_a_point_inside() -> None:
    point = BOX.point(t=0.5, x=0.25, y=2)
    assert (point.dimension, point.label) == (0, "t = 0.5, x = 0.25, y = 2")
    np.testing.assert_array_equal(point.sample(100, 0).points, [[0.25, 2, 0.5]])
    assert BOX.face(x=0.25, y=2, t=0.5) == point


def test_given_points_broadcast_in_the_order_of_the_axes() -> None:
    grid_x, grid_y = np.meshgrid([-1, 0, 1], [0, 3])
    points = BOX.points(t=1, y=grid_y, x=grid_x)
    expected = np.stack([grid_x.ravel(), grid_y.ravel(), np.ones(6)], 1)
    np.testing.assert_array_equal(points.coordinates, expected)


def test_grids_are_even_and_hold_the_ends() -> None:
    for axis, line, count in zip(
        BOX.axes, BOX.grid({"x": 3, "y": 4, "t": 5}).axes.values(), (3, 4, 5), strict=True
    ):
        np.testing.assert_allclose(line, np.linspace(axis.lower, axis.upper, count))
    assert [len(line) for line in BOX.grid(7).axes.values()] == [7, 7, 7]


@given(boxes)
def test_values_up_to_rounding_count_as_on_the_boundary(box: Box) -> None:
    for name, (low, high) in box.intervals.items():
        box.face(**{name: float(np.nextafter(low, -np.inf))})
        box.face(**{name: float(np.nextafter(high, np.inf))})
    box.points(**{name: [low, high] for name, (low, high) in box.intervals.items()})


# --- mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda: Box(), r"at least one interval: Box\(x=\(0, 1\)\)"),
        (lambda: Box(x=(1, 0)), r"Box\(x=\(1, 0\)\): the interval is empty or not finite"),
        (lambda: Box(x=(2, 2)), "empty"),
        (lambda: Box(x=(0, float("inf"))), "not finite"),
        (lambda: Box(x=(float("nan"), 1)), "not finite"),
        (lambda: Box(x=(0, 1, 2)), r"Box\(x=\.\.\.\) needs two numbers.*not \(0, 1, 2\)"),
        (lambda: Box(x=1), "needs two numbers.*not 1"),  # type: ignore[arg-type]
        (lambda: Box(x=("a", "b")), "needs two numbers"),  # type: ignore[arg-type]
        (lambda: BOX.face(), r"face\(\) needs a coordinate"),
        (lambda: BOX.face(z=0), "no axis z; it has x, y, t"),
        (lambda: BOX.face(x=3), "x = 3 lies outside of the box, where x goes from -1 to 1"),
        (
            lambda: BOX.face(x=0.5),
            r"face\(x=0\.5\) is not on the boundary.*ends at -1 and 1.*point",
        ),
        (lambda: BOX.face(x=1, t=0.5), r"face\(t=0\.5\) is not on the boundary"),
        (lambda: BOX.face(x=float("nan")), "x must be finite, not nan"),
        (lambda: BOX.faces(Box(z=(0, 1)).axes[0]), r"faces\(z\): the axes of the box are x, y, t"),
        (lambda: BOX.faces("x"), r"faces\(x\): the axes of the box are"),  # type: ignore[arg-type]
        (lambda: BOX.point(x=0, t=0), "needs a value for y"),
        (lambda: BOX.point(x=0, y=-1, t=0), "y = -1 lies outside"),
        (lambda: BOX.point(x=0, y=0, t=0, z=1), "no axis z"),
        (lambda: BOX.points(x=[0], y=[0]), "exactly the axes x, y, t, not x, y"),
        (lambda: BOX.points(), "exactly the axes x, y, t, not none"),
        (lambda: BOX.points(x=[0, 1.5], y=0, t=0), "x = 1.5 lies outside"),
        (lambda: BOX.points(x=[0, np.nan], y=0, t=0), "x must be finite, not nan"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(mistake: Callable[[], Any], says: str) -> None:
    with pytest.raises(KanpdeError, match=says):
        mistake()


# --- identity -------------------------------------------------------------------------------


def test_regions_are_known_by_their_key() -> None:
    same = Box(x=(-1, 1), y=(0, 3), t=(0, 2))
    assert BOX.face(t=0).key() == same.face(t=0).key() != same.face(t=2).key()
    two = [BOX.points(x=[0, 0.5], y=1, t=1) for _ in range(2)]
    assert two[0].key() == two[1].key() != BOX.points(x=[0, 0.6], y=1, t=1).key()
    assert (
        len(
            {BOX.interior.key(), BOX.face(t=0).key(), two[0].key(), BOX.points(x=0, y=1, t=1).key()}
        )
        == 4
    )


def test_a_face_that_is_an_end_but_for_rounding_is_that_end() -> None:
    box = Box(x=(-1, 1), t=(0.3, 1))
    assert 0.1 + 0.2 != 0.3
    assert box.face(t=0.1 + 0.2) == box.face(t=0.3)
    assert box.point(x=1 - 1e-12, t=0.1 + 0.2) == box.point(x=1, t=0.3)
    assert box.point(x=0.5, t=0.30001).fixed == {"t": 0.30001, "x": 0.5}


# --- what other parts of the house ask for --------------------------------------------------


def test_normals_point_outward() -> None:
    for axis in BOX.axes:
        for end, sign in ((axis.lower, -1), (axis.upper, 1)):
            normals = BOX.face(**{axis.name: end}).sample(5, 0).normals
            assert normals is not None
            expected = np.zeros((5, 3))
            expected[:, BOX.names.index(axis.name)] = sign
            np.testing.assert_array_equal(normals, expected)
    assert BOX.face(x=1, y=0).sample(5, 0).normals is None
    assert BOX.interior.sample(5, 0).normals is None


def test_measures_are_those_of_the_parts() -> None:
    assert BOX.interior.measure == 12
    assert BOX.face(t=0).measure == 6
    assert BOX.faces().measure == 2 * 3 * 2 + 2 * 2 * 2
    assert BOX.point(x=0, y=0, t=0).measure == 1
    union = BOX.faces(x, y).sample(1000, 0)
    assert union.weights.sum() == pytest.approx(BOX.faces(x, y).measure)
    assert union.normals is not None


def test_a_vanishing_function_is_zero_on_its_face_with_slope_one() -> None:
    for name, face in BOX.boundaries.items():
        assert BOX.boundary(name).key() == face.key()
        function = BOX.vanishing(face)
        assert function is not None
        ((axis, value),) = face.fixed.items()
        symbol = BOX.axis(axis).sympy
        assert float(function.sympy.subs(symbol, value)) == 0
        inward = 1 if value == BOX.axis(axis).lower else -1
        assert function.sympy.diff(symbol) == inward
    assert BOX.vanishing(BOX.interior) is None
    with pytest.raises(KanpdeError, match="no boundary 'top'; it has x = -1, x = 1"):
        BOX.boundary("top")


def test_a_restricted_box_keeps_what_lies_in_it() -> None:
    window = BOX.restricted(t=(1, 2))
    assert window.intervals == {"x": (-1, 1), "y": (0, 3), "t": (1, 2)}
    assert BOX.face(t=0).within(window) is None
    assert BOX.face(x=1).within(window) == window.face(x=1)
    end = BOX.face(t=2).within(window)
    assert end is not None
    assert end.fixed == {"t": 2}
    points = BOX.points(x=0, y=1, t=[0.5, 1, 1.5]).within(window)
    assert points is not None
    np.testing.assert_array_equal(points.coordinates, [[0, 1, 1.5]])
    first = BOX.points(x=0, y=1, t=[0, 1, 1.5]).within(BOX.restricted(t=(0, 1)))
    assert first is not None
    assert len(first.coordinates) == 2


def test_a_role_can_be_given_and_comes_back_from_data() -> None:
    box = Box(x=(0, 1), tau=Interval(0, 5, Role.TIME), nu=Interval(1, 2, Role.PARAMETER))
    assert box.time is box.axes[1]
    assert box.space == (box.axes[0],)
    again = domain_from_data(box.to_data())
    assert again == box
    assert domain_from_data(BOX.to_data()) == BOX
    for region in (BOX.interior, BOX.face(x=1, t=0), BOX.faces(x), BOX.points(x=0, y=1, t=1)):
        assert BOX.region_from_data(region.to_data()).key() == region.key()


@given(boxes, st.integers(1, 50))
def test_a_box_contains_its_points_and_no_others(box: Box, count: int) -> None:
    points = box.interior.sample(count, 0).points
    assert box.contains(points).all()
    low, high = box.bounds
    assert not box.contains(points + (high - low) * 1.01).any()
