"""Equations of fields from scattered samples; the data are in closed form."""

from pathlib import Path

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy.sparse import csr_matrix

from kanpde import KanpdeError, discover_field
from kanpde.cli.app import main
from kanpde.dynamics.field.joint_fit import JointFit, differentiate_power
from kanpde.dynamics.field.surface import Splines, Surface, TensorSplines, smooth_surface

pytestmark = pytest.mark.usefixtures("one_thread")
BASIS = TensorSplines(Splines(-1.0, 2.0, 14), Splines(0.0, 1.0, 12))


def points(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 2 * np.pi, count), rng.uniform(0, 2, count)


def advected(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """u_t = -u_x + 0.1 u_xx, mode by mode."""
    return sum(
        a * np.exp(-0.1 * k**2 * t) * np.cos(k * (x - t) + p)
        for k, a, p in ((1, 1.0, 0.0), (2, 0.7, 1.0))
    )


def samples(count: int, level: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    x, t = points(count, seed)
    u = advected(x, t)
    return u + level * u.std() * np.random.default_rng(seed).standard_normal(count), x, t


@pytest.mark.parametrize("derivative", [(0, 0), (1, 0), (3, 1), (0, 2), (4, 0)])
def test_polynomials_and_their_derivatives_are_exact(derivative: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x, t = rng.uniform(-1, 2, 900), rng.uniform(0, 1, 900)
    first, second = Polynomial([1, -2, 0, 0.5, 0.3, -0.1]), Polynomial([0.2, 1, -3, 1])
    design = BASIS.design(x, t).toarray()
    c = np.linalg.lstsq(design, first(x) * second(t), rcond=None)[0]
    i, j = derivative
    expected = (first.deriv(i) if i else first)(x) * (second.deriv(j) if j else second)(t)
    np.testing.assert_allclose(BASIS.design(x, t, derivative) @ c, expected, atol=1e-6)


def test_noise_is_smoothed_away_and_measured() -> None:
    u, x, t = samples(1500, 0.1)
    surface = smooth_surface(x, t, u)
    exact = advected(x, t)
    assert surface.noise == pytest.approx(0.1 * exact.std(), rel=0.1)
    assert np.std(surface(x, t) - exact) < 0.03 * exact.std()


@pytest.mark.parametrize("term", [(2, 0), (3, 1), (2, 4), (1, 3)])
def test_derivatives_of_powers(term: tuple[int, int]) -> None:
    x = np.linspace(-1, 1, 7)
    u = Polynomial([0.3, -1, 0.5, 0.2, -0.7])
    jets = [(u.deriv(k) if k else u)(x) for k in range(5)]
    power, order = term
    expected = (u**power).deriv(order) if order else u**power
    np.testing.assert_allclose(differentiate_power(jets, power, order), expected(x), atol=1e-12)


def test_the_residual_is_linearised_rightly() -> None:
    terms = ((1, 0), (2, 1), (3, 2), (1, 4), (0, 0))
    rng = np.random.default_rng(1)
    a, change = rng.standard_normal((2, BASIS.size))
    x, t = rng.uniform(-1, 2, 300), rng.uniform(0, 1, 300)
    joint = JointFit.of(
        Surface(BASIS, a, 0.1, csr_matrix((BASIS.size, BASIS.size))),
        0 * x,
        x,
        t,
        terms,
        1,
        {(1, 2): 0.3},
    )
    support, c = (0, 1, 2, 3, 4), rng.standard_normal(5)
    step = 1e-6
    ahead, back = (joint.residual(a + s * step * change, support, c) for s in (1, -1))
    slope = joint._slope(a, support, c) @ change
    np.testing.assert_allclose((ahead - back) / (2 * step), slope, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(("level", "bound"), [(0.0, 2e-3), (0.1, 0.1)])
def test_convection_and_diffusion_from_points(level: float, bound: float) -> None:
    found = discover_field(*samples(900, level))
    told = found.coefficients()
    assert set(told) == {(1, 1), (1, 2)}
    assert told[(1, 1)] == pytest.approx(-1, rel=bound)
    assert told[(1, 2)] == pytest.approx(0.1, rel=bound)
    assert found.noise == pytest.approx(level * found_deviation(), rel=0.1, abs=1e-3)


def found_deviation() -> float:
    return float(advected(*points(900)).std())


def test_known_terms_stay_known() -> None:
    told = discover_field(*samples(500, 0.05), known={(1, 1): -1.0}).coefficients()
    assert told[(1, 1)] == -1.0
    assert set(told) == {(1, 1), (1, 2)}


def test_units_do_not_matter() -> None:
    u, x, t = samples(500, 0.05)
    plain = discover_field(u, x, t).coefficients()
    scaled = discover_field(1e-9 * u, 1e9 * x, 1e-6 * t).coefficients()
    assert scaled == pytest.approx({(1, 1): plain[1, 1] * 1e15, (1, 2): plain[1, 2] * 1e24})


def test_noise_alone_gives_no_term() -> None:
    x, t = points(400)
    noise = np.random.default_rng(1).standard_normal(400)
    assert discover_field(noise, x, t).text() == "u_t = 0"


def test_rows_of_a_grid_are_the_grid() -> None:
    x, t = np.arange(40) * 2 * np.pi / 40, np.linspace(0, 2, 30)
    u = advected(x, t[:, None])
    rows = np.random.default_rng(0).permutation(u.size)
    px, pt = (p.ravel()[rows] for p in np.meshgrid(x, t))
    once, again = discover_field(u, x, t), discover_field(u.ravel()[rows], px, pt)
    assert once.coefficients() == again.coefficients()


@pytest.mark.parametrize(
    ("u", "x", "t", "message"),
    [
        (np.ones(50), np.arange(50.0), np.arange(50.0), "50 scattered samples are too few"),
        (np.ones(200), *points(200), "u is constant"),
        (samples(200, 0)[0], np.ones(200), points(200)[1], "x is constant"),
        (samples(200, 0)[0], points(200)[0], np.arange(200) % 5.0, "one of 5 t"),
        (samples(200, 0)[0], points(199)[0], points(200)[1], "200 of u, 199 of x, 200 of t"),
        (np.full(200, np.nan), *points(200), "0 scattered samples are too few"),
    ],
)
def test_bad_points_are_told(u: np.ndarray, x: np.ndarray, t: np.ndarray, message: str) -> None:
    with pytest.raises(KanpdeError, match=message):
        discover_field(u, x, t)


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    told = capsys.readouterr()
    return int(end.value.code or 0), told.out, told.err


def test_a_table_of_points_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    u, x, t = samples(500, 0.02)
    path, report = str(tmp_path / "points.csv"), tmp_path / "report"
    np.savetxt(path, np.column_stack([x, t, u]), delimiter=",", header="x,t,u", comments="")
    assert "a field u(x, t) at 500 scattered points" in command(capsys, "check", path)[1]
    code, output, _ = command(capsys, "discover", path, "--out", str(report))
    assert code == 0
    assert "u_xx" in output
    assert (report / "equations.json").is_file()


def test_points_without_a_time_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "points.csv"
    np.savetxt(path, np.ones((30, 2)), delimiter=",", header="x,u", comments="")
    code, output, errors = command(capsys, "discover", str(path), "--points")
    assert (code, output) == (2, "")
    assert "`t` is missing" in errors
    assert errors.count("\n") == 1
