"""Meshes: measures, points, normals and names, from cells made here and from files."""

import json
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes_made import cube, holed_plate, ring, square, to_meshio, write_msh

from kanpde import KanpdeError, Mesh
from kanpde.geometry import domain_from_data
from kanpde.geometry.cells import KINDS, Cells
from kanpde.geometry.meshes.elements import element, gauss_rule
from kanpde.geometry.simplices import FACETS, simplices

Array = np.ndarray[Any, Any]
FLAT = ["triangle", "triangle6", "quad", "quad8", "quad9"]
SOLID = ["tetra", "tetra10", "hexahedron", "wedge", "pyramid"]


def made(kind: str) -> Cells:
    return square(kind) if kind in FLAT else cube(kind)


# --- elements -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("vertex", "pyramid")])
def test_shape_functions_are_one_at_their_node(kind: str) -> None:
    own = element(kind)
    np.testing.assert_allclose(own.values(own.nodes), np.eye(KINDS[kind][0]), atol=1e-12)
    at, weights = gauss_rule(kind, 3)
    assert weights.sum() == pytest.approx(own.content, rel=1e-13)
    np.testing.assert_allclose(own.slopes(at).sum(1), 0, atol=1e-12)
    step = 1e-6
    for k, along in enumerate(step * np.eye(own.dimension)):
        moved = (own.values(at + along) - own.values(at - along)) / (2 * step)
        np.testing.assert_allclose(own.slopes(at)[:, :, k], moved, atol=1e-8)


@pytest.mark.parametrize(("kind", "exact"), [("triangle", 1 / 420), ("tetra", 1 / 15120)])
def test_gauss_points_are_exact_to_their_degree(kind: str, exact: float) -> None:
    # The integral of x^3 y^2 (z^... left out) over the simplex: prod k! / (sum k + d)!
    at, weights = gauss_rule(kind, 3)
    if kind == "triangle":
        assert weights @ (at[:, 0] ** 3 * at[:, 1] ** 2) == pytest.approx(exact, rel=1e-12)
    else:
        found = weights @ (at[:, 0] * at[:, 1] ** 2 * at[:, 2] ** 2)
        assert found == pytest.approx(4 / 40320, rel=1e-12)


@pytest.mark.parametrize("kind", FLAT + SOLID)
def test_facets_are_those_around_a_cell(kind: str) -> None:
    cells = Cells(made(kind).names, made(kind).nodes, {kind: made(kind).cells[kind][:1]})
    (corners,) = cells.cells.values()
    centre = cells.nodes[corners[0]].mean(0)
    for places in FACETS[kind]:
        facet = cells.nodes[corners[0][list(places)]]
        if len(centre) == 2:
            along = facet[1] - facet[0]
            normal = np.array([along[1], -along[0]])
        else:
            normal = np.cross(facet[1] - facet[0], facet[2] - facet[0])
        assert normal @ (facet[: 3 if len(centre) == 3 else 2].mean(0) - centre) > 0


@pytest.mark.parametrize("kind", FLAT + SOLID)
def test_simplices_fill_the_cells(kind: str) -> None:
    cells = made(kind)
    corners, owners = simplices(cells.cells)
    edges = cells.nodes[corners[:, 1:]] - cells.nodes[corners[:, :1]]
    content = np.abs(np.linalg.det(edges)) / (2 if kind in FLAT else 6)
    assert content.sum() == pytest.approx(1, rel=1e-12)
    assert set(owners) == set(range(len(cells.cells[kind])))


# --- measures, points, normals --------------------------------------------------------------


@pytest.mark.parametrize("kind", FLAT + SOLID)
@given(seed=st.integers(0, 2**20))
@settings(max_examples=5, deadline=None)
def test_the_divergence_theorem_holds_in_any_cells(kind: str, seed: int) -> None:
    cells = made(kind)
    dimension = cells.nodes.shape[1]
    random = np.random.default_rng(seed)
    matrix = np.eye(dimension) + 0.4 * random.uniform(-1, 1, (dimension, dimension))
    if abs(np.linalg.det(matrix)) < 0.1:
        matrix = np.eye(dimension)
    mesh = Mesh.of_cells(Cells(cells.names, cells.nodes @ matrix.T, cells.cells))
    assert mesh.interior.measure == pytest.approx(abs(np.linalg.det(matrix)), rel=1e-10)
    rim = mesh.boundary().quadrature(400, 0)
    flux = float(rim.weights @ (rim.normals * rim.points).sum(1))
    assert flux == pytest.approx(dimension * mesh.interior.measure, rel=1e-10)
    for part in (mesh.interior, mesh.boundary(), mesh.over(t=(0, 2)).boundary()):
        for sample in (part.sample(300, seed), part.quadrature(3000, seed)):
            assert sample.weights.sum() == pytest.approx(part.measure, rel=1e-10)
            assert (sample.weights > 0).all()
            assert part.domain.contains(sample.points).all()


@pytest.mark.parametrize("kind", ["triangle6", "quad8", "quad9"])
def test_bent_sides_follow_the_circle(kind: str) -> None:
    mesh = Mesh.of_cells(ring(kind))
    # 32 pieces of parabolas: measured 4e-6 and 4e-5; with straight sides 6e-3.
    assert mesh.interior.measure == pytest.approx(3 * np.pi, rel=1e-3)
    inner = min(mesh.boundaries.values(), key=lambda part: part.measure)
    sample = inner.sample(200, 0)
    radius = np.linalg.norm(sample.points, axis=1)
    assert np.abs(radius - 1).max() < 2e-3
    cosine = (sample.points * sample.normals).sum(1) / radius
    assert cosine.max() < -0.99
    # Behind a chord and before the circle: inside, and found by Newton's method.
    angle = np.linspace(0, 2 * np.pi, 400)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    assert mesh.contains(1.9985 * circle).all()
    assert not mesh.contains(2.01 * circle).any()
    assert not mesh.contains(0.99 * circle).any()


def test_even_points_are_even() -> None:
    mesh = Mesh.of_cells(holed_plate())
    sample = mesh.interior.sample(2048, 3)
    x = sample.points[:, 0]
    exact = 1 / 3 - np.pi * 0.04 * (0.25 + 0.01)  # of x^2, without the round hole
    # Measured 2e-4; independent points would give 6e-3.
    assert sample.weights @ x**2 == pytest.approx(exact, rel=3e-3)
    rim = mesh.boundary("hole").sample(200, 0)
    angle = np.sort(np.arctan2(rim.points[:, 1] - 0.5, rim.points[:, 0] - 0.5))
    assert np.diff(angle).max() < 4 * 2 * np.pi / 200
    assert (mesh.interior.sample(100, 1).points == mesh.interior.sample(100, 1).points).all()
    assert (mesh.interior.sample(100, 1).points != mesh.interior.sample(100, 2).points).any()


def test_quadrature_integrates_polynomials_exactly() -> None:
    mesh = Mesh.of_cells(cube("tetra"))
    nodes = mesh.over(t=(0, 2)).interior.quadrature(20_000, 0)
    x, y, _, t = nodes.points.T
    assert nodes.weights @ (x**2 * y * t**3) == pytest.approx(1 / 6 * 4, rel=1e-12)


def test_time_and_windows() -> None:
    mesh = Mesh.of_cells(holed_plate(10, 20)).over(t=(0, 2))
    assert mesh.names == ("x", "y", "t")
    start = mesh.face(t=0)
    assert (start.sample(50, 0).points[:, 2] == 0).all()
    assert start.end == ("t", 0)
    assert start.measure == pytest.approx(mesh.interior.measure / 2)
    window = mesh.restricted(t=(1, 1.5))
    assert start.within(window) is None
    rim = mesh.boundary("west").within(window)
    assert rim is not None
    times = rim.sample(100, 0).points[:, 2]
    assert times.min() >= 1
    assert times.max() <= 1.5
    assert mesh.contains(np.array([[0.1, 0.1, 1.0], [0.1, 0.1, 3], [0.5, 0.5, 1]])).tolist() == [
        True,
        False,
        False,
    ]
    assert mesh.grid(5).points.shape == (5 * len(mesh.body.make_cells(1).nodes), 3)
    vanishing = mesh.vanishing(start)
    assert str(vanishing) == "t"
    assert mesh.vanishing(mesh.boundary("west")) is None
    with pytest.raises(KanpdeError, match="a mesh cannot be cut along x"):
        mesh.restricted(x=(0, 0.5))


# --- names ----------------------------------------------------------------------------------


def two_materials() -> Cells:
    cells = square("triangle", 4)
    corners = cells.cells["triangle"]
    right = cells.nodes[corners].mean(1)[:, 0] > 0.5
    line = np.flatnonzero(np.isclose(cells.nodes[:, 0], 0.5))
    between = np.stack([line[:-1], line[1:]], 1)
    return Cells(
        cells.names,
        cells.nodes,
        cells.cells,
        {"joint": {"line": between}},
        {"triangle": right.astype(np.int64)},
        ("steel", "copper"),
    )


def test_regions_and_parts_inside() -> None:
    mesh = Mesh.of_cells(two_materials())
    copper = mesh.region("copper")
    assert copper.measure == pytest.approx(0.5)
    assert copper.is_interior
    assert (copper.sample(100, 0).points[:, 0] >= 0.5).all()
    assert copper.count(1000) == 1000  # its equations are one of two groups that share the points
    joint = mesh.boundary("joint").sample(20, 0)
    assert np.abs(np.abs(joint.normals[:, 0]) - 1).max() < 1e-12
    # A part inside of the domain is not the boundary, which has no name here.
    assert mesh.boundary().measure == pytest.approx(4)
    assert mesh.find_uncovered([mesh.boundary("joint")]) == ["side 1 (length 4)"]
    with pytest.raises(KanpdeError, match=r"no region 'coper'; it has steel, copper; did you mean"):
        mesh.region("coper")


def test_free_parts_are_named_with_their_length() -> None:
    mesh = Mesh.of_cells(holed_plate())
    assert mesh.find_uncovered([mesh.boundary("west")]) == [
        "other (length 3)",
        f"hole (length {mesh.boundary('hole').measure:.4g})",
    ]
    assert mesh.find_uncovered([mesh.boundary()]) == []
    with pytest.raises(KanpdeError, match=r"no boundary 'hohle'; it has west, other, hole; did"):
        mesh.boundary("hohle")
    with pytest.raises(KanpdeError, match=r"has named parts instead; take boundary"):
        mesh.face(x=0)
    with pytest.raises(KanpdeError, match=r"the point x = 0\.5, y = 0\.5 lies outside of the mesh"):
        mesh.point(x=0.5, y=0.5)


def test_pieces_without_a_name_are_told_apart() -> None:
    cells = holed_plate()
    mesh = Mesh.of_cells(Cells(cells.names, cells.nodes, cells.cells))
    assert list(mesh.boundaries) == ["side 1", "side 2"]
    assert mesh.boundary("side 1").measure == pytest.approx(4)
    assert "names no part of its boundary" in mesh.notes[0]


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.2", "4.1"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_gmsh_files_keep_their_names(version: str, dimension: int, tmp_path: Path) -> None:
    cells = holed_plate(8, 16) if dimension == 2 else cube("tetra")
    if dimension == 3:
        facets = cells.nodes[:, 2] == 0
        bottom = Mesh.of_cells(cells).body.surface.cells["triangle"]
        floor = bottom[facets[bottom].all(1)]
        cells = Cells(cells.names, cells.nodes, cells.cells, {"floor": {"triangle": floor}})
    mesh = Mesh(write_msh(tmp_path / "a.msh", cells, version))
    assert mesh.interior.measure == pytest.approx(Mesh.of_cells(cells).interior.measure)
    assert mesh.body.regions == ("plate",)
    expected = ["west", "other", "hole"] if dimension == 2 else ["floor", "side 1"]
    assert list(mesh.boundaries) == expected
    if dimension == 3:
        assert mesh.boundary("floor").measure == pytest.approx(1)
        assert (mesh.boundary("floor").sample(9, 0).normals == [0, 0, -1]).all()


@pytest.mark.parametrize("suffix", [".vtu", ".xdmf", ".inp", ".vtk"])
def test_other_formats_are_read(suffix: str, tmp_path: Path) -> None:
    cells = holed_plate(8, 16)
    mesh = to_meshio(cells)
    if suffix == ".inp":
        west = np.unique(cells.parts["west"]["line"])
        mesh = meshio.Mesh(mesh.points, mesh.cells[:1], point_sets={"WEST": west})
    meshio.write(tmp_path / f"a{suffix}", mesh)
    read = Mesh(tmp_path / f"a{suffix}")
    assert read.interior.measure == pytest.approx(Mesh.of_cells(cells).interior.measure)
    west_part = read.boundary("WEST" if suffix == ".inp" else "1")
    assert west_part.measure == pytest.approx(1)


def test_a_scale_turns_millimetres_into_metres(tmp_path: Path) -> None:
    path = write_msh(tmp_path / "a.msh", holed_plate(8, 16))
    assert Mesh(path, scale=1e-3).boundary("west").measure == pytest.approx(1e-3)
    tiny = Mesh(path, scale=1e-9)
    assert "unit looks wrong; Mesh(path, scale=1e+09)" in tiny.notes[0]
    with pytest.raises(KanpdeError, match=r"Mesh\(scale=0\): give a positive number"):
        Mesh(path, scale=0)


def test_json_brings_the_same_mesh_back() -> None:
    mesh = Mesh.of_cells(two_materials()).over(t=(0, 1))
    data = json.loads(json.dumps(mesh.to_data()))
    back = domain_from_data(data)
    assert back == mesh
    assert back != mesh.restricted(t=(0, 0.5))
    assert back != Mesh.of_cells(square("triangle", 4)).over(t=(0, 1))
    for region in (mesh.region("steel"), mesh.boundary("joint"), mesh.face(t=0), mesh.interior):
        assert back.region_from_data(json.loads(json.dumps(region.to_data()))).key() == region.key()
    data["mesh"]["nodes"]["shape"] = [10**6, 10**6]
    with pytest.raises(KanpdeError, match="a shape or a type that cannot be"):
        domain_from_data(data)
    data["mesh"]["nodes"]["shape"] = [3, 2]
    with pytest.raises(KanpdeError, match="another size than it says"):
        domain_from_data(data)


# --- bad input ------------------------------------------------------------------------------


def changed(nodes: Array | None = None, cells: dict[str, Array] | None = None) -> Cells:
    good = square("triangle")
    return Cells(
        good.names, good.nodes if nodes is None else nodes, good.cells if cells is None else cells
    )


def moved(node: tuple[float, float], to: tuple[float, float]) -> Cells:
    nodes = square("triangle").nodes.copy()
    nodes[np.isclose(nodes, node).all(1)] = to
    return changed(nodes)


def hanging() -> Cells:
    """Two squares side by side, the right one with a node more on their common side."""
    nodes = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [2, 0], [2, 1], [1, 0.5]], float)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [1, 4, 6], [6, 4, 5], [6, 5, 2]])
    return Cells(("x", "y"), nodes, {"triangle": triangles})


def twice() -> Cells:
    own = square("triangle").cells["triangle"]
    return changed(cells={"triangle": np.concatenate([own, own])})


def crossed() -> Cells:
    nodes = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    return Cells(("x", "y"), nodes, {"quad": np.array([[0, 2, 1, 3]])})


BAD_CELLS = [
    (lambda: moved((1 / 3, 1 / 3), (0.9, 0.9)), r"flipped over onto a neighbour, the first near"),
    (lambda: moved((0, 0), (1 / 3, 1 / 3)), r"without content \(degenerate\), the first near \("),
    (hanging, r"hanging nodes\), the first near \(1, 0.5\); mesh both sides together"),
    (twice, r"flipped over onto a neighbour|belongs to three cells"),
    (crossed, r"folded over, the first near"),
]


@pytest.mark.parametrize(("make", "words"), BAD_CELLS)
def test_bad_cells_are_told_with_their_place(make: Any, words: str) -> None:
    with pytest.raises(KanpdeError, match=words):
        Mesh.of_cells(make())


def test_a_crack_is_a_note() -> None:
    nodes = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [2, 0], [2, 1], [1, 0], [1, 1]], float)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [6, 4, 5], [6, 5, 7]])
    mesh = Mesh.of_cells(Cells(("x", "y"), nodes, {"triangle": triangles}))
    assert any("nodes that are there twice and must be merged" in note for note in mesh.notes)


def write_bent(path: Path) -> None:
    mesh = to_meshio(square("triangle"))
    mesh.points[0, 2] = 0.1
    meshio.write(path, mesh)


def write_upright(path: Path) -> None:
    mesh = to_meshio(square("triangle"))
    mesh.points = mesh.points[:, [0, 2, 1]]
    meshio.write(path, mesh)


def write_lines(path: Path) -> None:
    meshio.write(path, meshio.Mesh(np.eye(3), [("line", np.array([[0, 1], [1, 2]]))]))


BAD_FILES = [
    ("a.vtu", write_bent, "whose z goes from 0 to 0.1: a plane mesh has one z"),
    ("a.vtu", write_upright, "lies in the plane y = const; turn it into the plane of x and y"),
    ("a.vtu", write_lines, "has no triangles, quadrilaterals or solid cells"),
    ("a.msh", lambda path: path.write_bytes(b"\x00\x01nonsense"), "cannot be read as a mesh"),
    ("a.vtu", lambda path: path.write_text("<VTKFile"), "cannot be read as a mesh"),
    ("a.step", lambda path: path.write_text("ISO"), "known by its ending; take one of .msh"),
    ("a.msh", lambda path: None, "there is no mesh file"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "write", "words"), BAD_FILES)
def test_bad_files_end_in_a_sentence(name: str, write: Any, words: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    with pytest.raises(KanpdeError, match=words):
        Mesh(tmp_path / name)
