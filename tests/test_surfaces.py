"""Surfaces from files: what lies inside, its measure, its normals, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapes_made import sphere, write_stl

from kanpde import KanpdeError, Surface
from kanpde.geometry import domain_from_data

Array = np.ndarray[Any, Any]
BOX = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
SIDES = np.array(
    [
        (0, 2, 1), (1, 2, 3), (4, 5, 6), (5, 7, 6), (0, 1, 4), (1, 5, 4),
        (2, 6, 3), (3, 6, 7), (0, 4, 2), (2, 4, 6), (1, 3, 5), (3, 7, 5),
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Surface:
    """Between two spheres, by a file that names them."""
    path = tmp_path_factory.mktemp("stl") / "shell.stl"
    return Surface(write_stl(path, {"outer": sphere(2.0), "inner": sphere(1.0, 1)}))


def test_a_cube_is_measured_exactly() -> None:
    cube = Surface.of_triangles(BOX, SIDES)
    assert cube.interior.measure == pytest.approx(1, rel=1e-14)
    assert cube.boundary().measure == pytest.approx(6, rel=1e-14)
    at = np.random.default_rng(0).uniform(-0.5, 1.5, (2000, 3))
    np.testing.assert_array_equal(cube.contains(at), ((at >= 0) & (at <= 1)).all(1))
    rim = cube.boundary().sample(400, 0)
    assert cube.contains(rim.points).all()
    assert not cube.contains(rim.points + 1e-6 * rim.normals).any()
    assert cube.contains(rim.points - 1e-6 * rim.normals).all()


def test_nested_spheres_leave_the_shell(shell: Surface) -> None:
    assert list(shell.boundaries) == ["outer", "inner"]
    sample = shell.interior.sample(2000, 0)
    radius = np.linalg.norm(sample.points, axis=1)
    assert radius.min() > 0.9
    assert radius.max() < 2
    assert sample.weights.sum() == pytest.approx(shell.interior.measure)
    for name, sign in (("outer", 1), ("inner", -1)):
        rim = shell.boundary(name).sample(100, 1)
        outward = (rim.points * rim.normals).sum(1) / np.linalg.norm(rim.points, axis=1)
        assert (sign * outward > 0.9).all()
    whole = shell.boundary().quadrature(1, 0)
    flux = whole.weights @ (whole.points * whole.normals).sum(1)
    assert flux == pytest.approx(3 * shell.interior.measure, rel=1e-12)
    assert shell.find_uncovered([shell.boundary("outer")])[0].startswith("inner (area ")


def test_tetrahedra_fill_the_shell(shell: Surface) -> None:
    cells = shell.grid(13)
    corners = cells.nodes[cells.cells["tetra"]]
    content = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / 6
    assert content.sum() == pytest.approx(shell.interior.measure, rel=1e-3)
    # The vertices of the surface are nodes, so that its triangles are facets of the cells.
    assert set(cells.parts) == {"outer", "inner"}


def test_over_time_and_back_from_json(shell: Surface) -> None:
    moving = shell.over(t=(0, 1))
    back = domain_from_data(json.loads(json.dumps(moving.to_data())))
    assert back == moving != shell
    assert moving.face(t=0).sample(10, 0).points.shape == (10, 4)
    inside = moving.contains(np.array([[1.5, 0, 0, 0.5], [1.5, 0, 0, 2], [0, 0, 0, 0.5]]))
    assert inside.tolist() == [True, False, False]


def test_triangles_in_any_order_are_turned_outward(tmp_path: Path) -> None:
    faces = SIDES.copy()
    faces[::2] = faces[::2, ::-1]
    cube = Surface(write_stl(tmp_path / "a.stl", {"part": (BOX, faces)}))
    assert cube.interior.measure == pytest.approx(1)
    assert list(cube.boundaries) == ["side 1"]


def write_text(text: str) -> Any:
    return lambda path: path.write_text(text)


def write_faces(faces: Array) -> Any:
    return lambda path: write_stl(path, {"part": (BOX, faces)})


BAD = [
    ("a.stl", write_faces(SIDES[1:]), r"not closed: 3 edges .* around 1 hole, the first near \("),
    ("a.stl", write_faces(np.vstack([SIDES, [(1, 2, 4)]])), "edges belong to"),
    ("a.stl", write_text("nonsense"), "cannot be read as a surface|has no triangles"),
    ("a.obj", write_text("v 0 0 0\n"), "cannot be read as a surface|has no triangles"),
    ("a.step", write_text("ISO"), "known by its ending; take one of .stl"),
    ("a.stl", lambda path: None, "there is no surface file"),
]


@pytest.mark.parametrize(("name", "write", "words"), BAD)
def test_what_is_not_closed_or_readable_is_refused(
    name: str, write: Any, words: str, tmp_path: Path
) -> None:
    write(tmp_path / name)
    with pytest.raises(KanpdeError, match=words):
        Surface(tmp_path / name)


def test_a_flat_surface_encloses_nothing() -> None:
    flat = BOX * [1, 1, 0]
    with pytest.raises(KanpdeError, match="encloses no volume"):
        Surface.of_triangles(flat, SIDES)
