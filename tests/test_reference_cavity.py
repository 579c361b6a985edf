"""The cavity reference against published benchmarks, its own parts, and the momentum balance."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.polynomial import legendre
from test_reference import difference, relative

from kanpde.reference import cavity
from kanpde.reference.cavity import CavityFlow, cavity_flow, read_table, write_table
from kanpde.reference.cavity_solver import Galerkin, solve_cavity
from kanpde.reference.clamped import Walls, clamped_basis, lift
from kanpde.reference.corner import left_corner, right_corner, scraper

Array = np.ndarray


def test_scraper_flow_is_biharmonic_and_keeps_to_its_walls() -> None:
    s = np.geomspace(1e-6, 1.0, 9)
    lid, wall = scraper(s, 0.0 * s), scraper(0.0 * s, s)
    np.testing.assert_allclose([lid.value, lid.dx, wall.value, wall.dx, wall.dy], 0, atol=1e-15)
    np.testing.assert_allclose(lid.dy, -1.0, rtol=1e-14)
    x, y = np.meshgrid([0.3, 0.6], [0.35, 0.8], indexing="ij")
    h = 0.02
    flow = scraper(x, y)
    by_x = difference(lambda a: scraper(a, y).value, x, 1, h)
    by_y = difference(lambda a: scraper(x, a).value, y, 1, h)
    np.testing.assert_allclose([by_x, by_y], [flow.dx, flow.dy], atol=1e-9)
    for part, tolerance in (("value", 1e-7), ("laplacian", 1e-5)):
        laplacian = difference(lambda a, part=part: getattr(scraper(a, y), part), x, 2, h)
        laplacian += difference(lambda a, part=part: getattr(scraper(x, a), part), y, 2, h)
        expected = flow.laplacian if part == "value" else 0.0 * x
        np.testing.assert_allclose(laplacian, expected, atol=tolerance)


def test_corner_flows_mirror_each_other() -> None:
    x, y = np.random.default_rng(0).uniform(0.0, 1.0, (2, 20))
    left, right = left_corner(1.0 - x, y), right_corner(x, y)
    np.testing.assert_array_equal([left.value, -left.dx, left.dy], [*right[:3]])


def test_clamped_basis_is_flat_at_the_ends_with_orthonormal_curvatures() -> None:
    basis = clamped_basis(12)
    nodes, weights = legendre.leggauss(20)
    for m in (0, 1):
        ends = legendre.legval([-1.0, 1.0], legendre.legder(basis.T, m))
        np.testing.assert_allclose(ends, 0.0, atol=1e-13)
    curvature = legendre.legval(nodes, legendre.legder(basis.T, 2))
    np.testing.assert_allclose((curvature * weights) @ curvature.T, np.eye(9), atol=1e-13)


def test_lift_reproduces_value_and_slope_on_every_wall() -> None:
    rng = np.random.default_rng(3)
    c = rng.normal(size=(9, 9))
    nodes, _ = legendre.leggauss(9)

    def ends(a: Array) -> Array:
        """Rows p(-1), p(1), p'(-1), p'(1) in the first variable, at nodes in the second."""
        rows = [legendre.legval([-1.0, 1.0], legendre.legder(a, m)).T for m in (0, 1)]
        return legendre.legval(nodes, np.concatenate(rows).T)

    lifted = lift(Walls(along_eta=ends(c), along_xi=ends(c.T)))
    np.testing.assert_allclose(ends(lifted), ends(c), atol=1e-10)
    np.testing.assert_allclose(ends(lifted.T), ends(c.T), atol=1e-10)


def test_jacobian_is_the_derivative_of_the_residual() -> None:
    galerkin = Galerkin(9)
    at, step = np.random.default_rng(5).normal(size=(2, 6, 6))
    h = 1e-4
    ahead, back = (galerkin.residual(at + s * h * step, 80.0) for s in (1.0, -1.0))
    got = (galerkin.jacobian(at, 80.0) @ step.ravel()).reshape(6, 6)
    np.testing.assert_allclose(got, (ahead - back) / (2.0 * h), atol=1e-7 * np.abs(got).max())


@pytest.fixture(scope="module")
def recomputed() -> CavityFlow:
    return CavityFlow(100.0, solve_cavity(100.0, degree=40))


def square(n: int, edge: float = 0.0) -> Sequence[Array]:
    s = np.linspace(edge, 1.0 - edge, n)
    return np.meshgrid(s, s, indexing="ij")


def test_cavity_table_agrees_with_a_new_computation(recomputed: CavityFlow) -> None:
    """And coarser polynomials lie farther off: 2e-4 at degree 32, 3e-5 at 48 (257 points)."""
    x, y = square(101)
    table = cavity(100.0).evaluate(x=x, y=y)
    coarse = CavityFlow(100.0, solve_cavity(100.0, degree=24))
    for field, better, worse in zip(
        "uv", recomputed.velocity(x, y), coarse.velocity(x, y), strict=True
    ):
        assert relative(better, table[field]) < 1e-4
        assert relative(worse, table[field]) > 5.0 * relative(better, table[field])


@pytest.mark.parametrize("reynolds", [100.0, 400.0, 1000.0])
def test_cavity_keeps_to_its_walls(reynolds: float) -> None:
    s = np.linspace(0.0, 1.0, 41)
    u, v = (cavity(reynolds).evaluate(x=s, y=0.0 * s + 1.0)[f] for f in "uv")
    np.testing.assert_allclose(u[1:-1], 1.0, atol=1e-9)
    np.testing.assert_allclose([u[0], u[-1]], 0.0, atol=1e-9)
    np.testing.assert_allclose(v, 0.0, atol=1e-9)
    for x, y in ((0.0 * s, s), (0.0 * s + 1.0, s), (s, 0.0 * s)):
        flow = cavity(reynolds).evaluate(x=x, y=y)
        np.testing.assert_allclose([flow["u"], flow["v"]], 0.0, atol=1e-9)


# Botella and Peyret (1998): velocity extremes on the centre lines (signs and x for a lid that
# moves to the right), and the main vortex.
BENCHMARK = {
    100.0: {"u": -0.2140424, "above": 0.1795728, "below": -0.2538030},
    1000.0: {"u": -0.3885698, "above": 0.3769447, "below": -0.5270771},
}
PLACES = {
    100.0: {"u": 0.4581, "above": 0.2370, "below": 0.8104},
    1000.0: {"u": 0.1717, "above": 0.1578, "below": 0.9092},
}


def extreme(f: Array, at: Array, sign: float) -> tuple[float, float]:
    """The largest sign * f and its place, by a parabola through the three highest samples."""
    i = int(np.argmax(sign * f))
    a, b, c = np.polyfit(at[i - 1 : i + 2] - at[i], f[i - 1 : i + 2], 2)
    return float(c - b * b / (4.0 * a)), float(at[i] - b / (2.0 * a))


@pytest.mark.parametrize("reynolds", sorted(BENCHMARK))
def test_cavity_extremes_on_the_centre_lines(reynolds: float) -> None:
    s = np.linspace(0.0, 1.0, 2001)
    u = cavity(reynolds).evaluate(x=0.0 * s + 0.5, y=s)["u"]
    v = cavity(reynolds).evaluate(x=s, y=0.0 * s + 0.5)["v"]
    got = {"u": extreme(u, s, -1), "above": extreme(v, s, 1), "below": extreme(v, s, -1)}
    for name, (value, place) in got.items():
        assert value == pytest.approx(BENCHMARK[reynolds][name], abs=2e-7)
        assert place == pytest.approx(PLACES[reynolds][name], abs=6e-5)


def test_cavity_main_vortex() -> None:
    """Botella and Peyret (1998), Re = 1000: psi = 0.1189366 in the centre of the main vortex."""
    flow = cavity_flow(1000.0)
    x, y = np.meshgrid(np.linspace(0.525, 0.537, 61), np.linspace(0.56, 0.57, 51), indexing="ij")
    assert flow.stream_function(x, y).min() == pytest.approx(-0.1189366, abs=1e-7)


def momentum(flow: CavityFlow, reynolds: float, x: Array, y: Array) -> Array:
    """(u . grad) u and lap u / Re, for u and v: shape (2 terms, 2 components, points)."""
    h = 0.004
    u, v = flow.velocity(x, y)
    carried, diffused = [], []
    for i in (0, 1):

        def along_x(a: Array, i: int = i) -> Array:
            return flow.velocity(a, y)[i]

        def along_y(a: Array, i: int = i) -> Array:
            return flow.velocity(x, a)[i]

        carried.append(u * difference(along_x, x, 1, h) + v * difference(along_y, y, 1, h))
        diffused.append((difference(along_x, x, 2, h) + difference(along_y, y, 2, h)) / reynolds)
    return np.array([carried, diffused])


@pytest.mark.parametrize("reynolds", [100.0, 400.0, 1000.0])
@pytest.mark.parametrize(
    "box", [(0.2, 0.8, 0.2, 0.8), (0.1, 0.5, 0.5, 0.9), (0.5, 0.9, 0.5, 0.9), (0.5, 0.9, 0.1, 0.5)]
)
def test_cavity_balances_momentum_around_loops(
    reynolds: float, box: tuple[float, float, float, float]
) -> None:
    """Around a closed loop a pressure gradient does no work: what is carried is what diffuses."""
    flow = cavity_flow(reynolds)
    nodes, weights = legendre.leggauss(24)
    s, w = (nodes + 1.0) / 2.0, weights / 2.0
    x0, x1, y0, y1 = box
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
    carried = diffused = 0.0
    for start, end in pairwise(corners):
        x, y = start[:, None] + (end - start)[:, None] * s
        work = np.einsum("tcn,c,n->t", momentum(flow, reynolds, x, y), end - start, w)
        carried, diffused = carried + work[0], diffused + work[1]
    assert carried == pytest.approx(diffused, rel=1.5e-4)
    assert abs(carried) > 3e-3  # the loop is not a trivial one


def test_cavity_velocity_is_the_curl_of_its_stream_function() -> None:
    flow = cavity_flow(400.0)
    x, y = square(9, edge=0.1)
    u, v = flow.velocity(x, y)
    by_x = difference(lambda a: flow.stream_function(a, y), x, 1, 0.003)
    by_y = difference(lambda a: flow.stream_function(x, a), y, 1, 0.003)
    np.testing.assert_allclose([by_y, -by_x], [u, v], atol=1e-9)


def test_creeping_cavity_is_symmetric() -> None:
    flow = CavityFlow(0.0, solve_cavity(0.0, degree=24))
    x, y = square(21)
    u, v = flow.velocity(x, y)
    np.testing.assert_allclose(u, u[::-1], atol=1e-9)
    np.testing.assert_allclose(v, -v[::-1], atol=1e-9)


def test_cavity_between_the_tables_is_computed() -> None:
    """At degree 32 the extreme on the centre line moves smoothly between the tabulated ones."""
    s = np.linspace(0.0, 1.0, 401)
    lowest = {}
    for reynolds in (100.0, 200.0, 400.0):
        flow = CavityFlow(reynolds, solve_cavity(reynolds, degree=32))
        lowest[reynolds] = flow.velocity(0.0 * s + 0.5, s)[0].min()
    assert lowest[400.0] < lowest[200.0] < lowest[100.0] < -0.2


def test_write_table_round_trip(tmp_path, recomputed: CavityFlow) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "flow.npz"
    write_table(path, 100.0, degree=40)
    table = read_table(path)
    assert table.reynolds == 100.0
    np.testing.assert_allclose(table.coefficients, recomputed.coefficients, atol=1e-12)
    assert [p.name for p in tmp_path.iterdir()] == ["flow.npz"]


def test_write_table_leaves_nothing_behind_when_it_fails(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    path = tmp_path / "flow.npz"
    path.write_bytes(b"old")
    monkeypatch.setattr("numpy.savez", fail)
    with pytest.raises(OSError, match="disk full"):
        write_table(path, 0.0, degree=8)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["flow.npz"]


def test_cavity_refuses_what_it_cannot_answer() -> None:
    with pytest.raises(ValueError, match="reynolds is 5000"):
        cavity(5000.0)
    with pytest.raises(ValueError, match=r"x from -0\.5"):
        cavity().evaluate(x=np.array([-0.5]), y=np.array([0.5]))
