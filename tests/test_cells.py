"""Triangulations, pictures of fields on cells, and what `check` shows of a domain."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapes_made import circle, cube, holed_plate, side, write_msh

from kanpde import Box, KanpdeError, Mesh
from kanpde.geometry.cells import Cells
from kanpde.geometry.simplices import outer_facets
from kanpde.geometry.triangulation import triangulate
from kanpde.output.export import read_vtkhdf
from kanpde.output.plot import residual_figure, solution_figure
from kanpde.output.plot.planes import planes
from kanpde.solution.grid_data import GridData

Array = np.ndarray[Any, Any]


def ring(*corners: tuple[float, float], count: int) -> list[Array]:
    ends = zip(corners, corners[1:] + corners[:1], strict=True)
    return [side(a, b, max(1, round(count * float(np.hypot(*np.subtract(b, a)))))) for a, b in ends]


SQUARE = ring((0, 0), (1, 0), (1, 1), (0, 1), count=30)
DISC, HALF = circle(0, 0, 1, 120), 1 / 30
HOLED = {"rim": [DISC], "hole": [circle(0.3, 0, 0.05, 24)]}
L_SHAPE = ring((0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2), count=15)
SHAPES: dict[str, tuple[dict[str, list[Array]], float, float]] = {
    "disc": ({"rim": [DISC]}, np.pi, 0.052),
    "small hole": (HOLED, np.pi * 0.9975, 0.052),
    "L": ({"rim": L_SHAPE}, 3, 1 / 15),
    "thin gap": ({"rim": SQUARE, "hole": [circle(0.5, 0.21, 0.2, 50)]}, 1 - np.pi * 0.04, HALF),
    "two parts": ({"one": SQUARE, "other": [s + np.array([2, 0]) for s in SQUARE]}, 2, HALF),
}


def angles(cells: Cells) -> Array:
    """The smallest angle of each triangle in degrees."""
    corners = cells.nodes[cells.cells["triangle"]]
    found = []
    for k in range(3):
        one, other = (corners[:, (k + j) % 3] - corners[:, k] for j in (1, 2))
        length = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        found.append(np.degrees(np.arccos((one * other).sum(1) / length)))
    return np.min(found, axis=0)


@pytest.mark.parametrize("name", SHAPES)
def test_triangles_fill_the_shape_without_slivers(name: str) -> None:
    curves, area, spacing = SHAPES[name]
    cells = triangulate(("x", "y"), curves, spacing)
    corners = cells.nodes[cells.cells["triangle"]]
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(area, rel=1e-3)
    # Measured from 25 degrees (thin gap) to 33.
    assert angles(cells).min() > 15
    outer = np.sort(outer_facets(cells.cells)["line"][0], axis=1)
    named = np.sort(np.concatenate([part["line"] for part in cells.parts.values()]), axis=1)
    assert {*map(tuple, outer.tolist())} == {*map(tuple, named.tolist())}
    whole = np.concatenate([c for each in curves.values() for c in each])
    rim = cells.nodes[np.unique(outer)]
    on = np.linalg.norm(rim[:, None] - whole[None], axis=2).min(1) < 1e-12
    assert on.mean() > (0.9 if name == "thin gap" else 0.999)


def test_curves_that_do_not_close_are_told_with_their_place() -> None:
    with pytest.raises(KanpdeError, match=r"a curve ends at \(\d, \d\), where none goes on"):
        triangulate(("x", "y"), {"rim": [side((0, 0), (1, 0), 4), side((1, 0), (1, 1), 4)]}, 0.2)


# --- pictures -------------------------------------------------------------------------------


def fields(cells: Cells, time: bool = False) -> GridData:
    u = cells.nodes @ np.arange(1, cells.nodes.shape[1] + 1)
    times = np.array([0.0, 0.5, 2.0])
    if time:
        u, cells = np.outer(1 + times, u), cells.over("t", times)
    axes = {"t": times} if time else {}
    return GridData(
        axes,
        {"u": u, "v": -u},
        "t" if time else None,
        exact={"u": u},
        errors={"u": 0 * u},
        residuals={"law": u},
        vectors={"w": ("u", "v")} if cells.nodes.shape[1] == 2 else {},
        title="a shape",
        cells=cells,
    )


@pytest.mark.parametrize("kind", ["tetra", "hexahedron", "wedge", "tetra10"])
def test_slices_of_a_cube_are_squares_with_exact_values(kind: str) -> None:
    grid = fields(cube(kind, 3))
    for plane in planes(grid):
        at = plane.corners  # type: ignore[attr-defined]
        corners = at[plane.triangles]  # type: ignore[attr-defined]
        one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        area = np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
        assert area.sum() == pytest.approx(1, rel=1e-9)
        sides = np.linalg.norm(np.diff(plane.outline, axis=1), axis=2)  # type: ignore[attr-defined]
        assert sides.sum() == pytest.approx(4, rel=1e-9)
        weight = dict(zip("xyz", (1, 2, 3), strict=True))
        (held,) = set("xyz") - {plane.across.name, plane.up.name}
        exact = at @ [weight[plane.across.name], weight[plane.up.name]] + 0.5 * weight[held]
        np.testing.assert_allclose(plane.cut(grid.fields["u"]), exact, atol=1e-5)


@pytest.mark.parametrize("time", [False, True])
def test_a_hole_stays_empty_in_pictures(time: bool) -> None:
    grid = fields(holed_plate(12, 24), time)
    for figure in (solution_figure(grid), residual_figure(grid)):
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]
        drawn = [ax for ax in figure.axes if ax.get_title()]
        assert drawn
        for ax in drawn:
            x, y = ax.transData.transform((0.5, 0.5))
            assert np.ptp(pixels[len(pixels) - int(y), int(x)]) == 0  # grey
            x, y = ax.transData.transform((0.05, 0.06))
            assert np.ptp(pixels[len(pixels) - int(y), int(x)]) > 0
    (first, *_) = planes(grid)
    _, _, values = first.on_grid(first.cut(grid.fields["u"]))
    assert np.isnan(values[len(values) // 2, values.shape[1] // 2])


# --- what check shows -----------------------------------------------------------------------

PLATE = '''"""A plate with a hole, from a mesh."""
from kanpde import Condition, Mesh, Problem, d


def problem() -> Problem:
    mesh = Mesh("plate.msh"){over}
    x, y = mesh.axes[:2]
    n = mesh.normal
    return Problem(mesh, "u", [
        Condition("heat", mesh, lambda u: d(u, x, x) + d(u, y, y)),
        Condition("hot", mesh.boundary("west"), lambda u: u - 1),
        Condition("insulated", mesh.boundary("hole"), lambda u: n[0] * d(u, x) + n[1] * d(u, y)),
    ])
'''


def test_check_shows_the_domain_with_its_conditions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kanpde.cli.check import run_check
    from kanpde.cli.options.solve import CheckOptions

    write_msh(tmp_path / "plate.msh", holed_plate(8, 16))
    (tmp_path / "plate.py").write_text(PLATE.replace("{over}", ""))
    monkeypatch.chdir("/")  # the mesh is found beside the problem file
    run_check(CheckOptions(str(tmp_path / "plate.py"), out=tmp_path / "out"))
    told = capsys.readouterr()
    assert "no condition holds on other (length 3)" in told.out + told.err
    assert (tmp_path / "out" / "domain.png").read_bytes().startswith(b"\x89PNG")
    grid = read_vtkhdf(tmp_path / "out" / "domain.vtkhdf")
    assert grid.cells is not None
    assert list(grid.cells.parts) == ["west", "other", "hole"]
    hole = grid.fields["condition"] == 3
    at = grid.cells.nodes[hole] - 0.5
    normals = np.stack([grid.fields[f"normal_{a}"][hole] for a in "xy"], 1)
    assert (np.linalg.norm(at, axis=1) <= 0.2 + 1e-12).all()
    assert ((at * normals).sum(1) < -0.19).all()  # out of the plate, into the hole


BOXES = [Box(x=(0, 2), t=(0, 1)), Box(x=(0, 1), y=(0, 1), z=(0, 3))]


@pytest.mark.parametrize("box", BOXES)
def test_the_outline_of_a_box_has_its_faces(box: Box) -> None:
    outline = box.outline()
    assert set(outline.parts) == set(box.boundaries)
    mesh = Mesh.of_cells(outline)
    assert mesh.interior.measure == pytest.approx(box.interior.measure)
    for name, face in box.boundaries.items():
        part = mesh.boundary(name)
        assert part.measure == pytest.approx(face.measure)
        ours, its = part.sample(4, 0).normals, face.sample(4, 0).normals
        assert ours is not None
        assert its is not None
        np.testing.assert_allclose(ours, its, atol=1e-12)
