"""Parameters as axes: one network for a range, and solutions at values of it."""

import json

import h5py
import numpy as np
import pytest
import torch

import kanpde
from kanpde import (
    Box,
    Condition,
    Disk,
    Integral,
    Interval,
    KanpdeError,
    LeastSquares,
    Periodic,
    Plan,
    Problem,
    Rectangle,
    Role,
    d,
    exact,
    family,
    observe,
    parameter,
    pi,
    sin,
)
from kanpde.cli.app import main
from kanpde.network.bases import BSpline
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet, autograd_jet
from kanpde.network.kan import KAN
from kanpde.network.perceptron import Perceptron
from kanpde.network.smooth_basis import TensorBasis, list_exponents
from kanpde.output.describe import describe
from kanpde.output.results import Wanted, export_at
from kanpde.problem.fixed import fix_parameters
from kanpde.problem.serialise import problem_from_data, problem_to_data
from kanpde.problem.wellposed import find_uncovered
from kanpde.reference import cole_hopf, cole_hopf_over
from kanpde.symbols.expression import Scale

LOG = Coordinates(
    (0.0, 0.01, -1.0), (1.0, 1.0, 1.0), (False,) * 3, logarithmic=(False, True, False)
)
POINTS = torch.tensor([[0.1, 0.02, -0.5], [0.7, 0.3, 0.2], [0.4, 0.9, 0.9]], dtype=torch.float64)


def command(*arguments):
    with pytest.raises(SystemExit) as exit_code:
        main([str(each) for each in arguments])
    return exit_code.value.code or 0


def heat(**more):
    box = Box(x=(0, 1), t=(0, 1), nu=parameter(0.05, 0.5, scale="log"))
    x, _, nu = box.axes
    conditions = [
        Condition("heat", box, lambda u: d(u, box.axis("t")) - nu * d(u, x, x)),
        Condition("start", box.face(t=0), lambda u: u - sin(pi * x)),
        Condition("walls", box.faces(x), lambda u: u),
    ]
    conditions += more.pop("conditions", lambda box: [])(box)
    return Problem(
        box,
        "u",
        conditions,
        derived={"flux": lambda u: -nu * d(u, x)},
        integrals={"loss": Integral(lambda u: -nu * d(u, x), box.face(x=0))},
        **more,
    )


def heat_reference():
    return exact(u=lambda x, t, nu: np.exp(-(np.pi**2) * nu * t) * np.sin(np.pi * x))


@pytest.fixture(scope="module")
def solved():
    plan = Plan(widths=(6, 6), stages=(LeastSquares(steps=30),), windows=1, budget=600)
    return kanpde.solve(heat(reference=heat_reference()), plan, progress=False)


@pytest.fixture(scope="module")
def run(solved, tmp_path_factory):
    return kanpde.save(solved, tmp_path_factory.mktemp("runs") / "run")


# --- axes -----------------------------------------------------------------------------------


def test_a_parameter_is_neither_space_nor_time_nor_boundary():
    box = Box(x=(0, 1), t=(0, 1), nu=parameter(0.01, 1, scale="log"))
    x, t, nu = box.axes
    assert (nu.role, nu.scale) == (Role.PARAMETER, Scale.LOG)
    assert box.space == (x,)
    assert (box.parameters, box.product_axes) == ((nu,), (x, t))
    assert list(box.boundaries) == ["x = 0", "x = 1", "t = 0", "t = 1"]
    assert len(box.faces().parts) == len(box.normal) + 1 == 2
    assert nu.middle == pytest.approx(0.1)
    normals = box.face(x=1).sample(10, 0).normals
    assert np.array_equal(normals, np.tile([1.0, 0, 0], (10, 1)))


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_points_are_even_by_the_scale(scale):
    box = Box(x=(0, 1), nu=parameter(0.01, 1, scale=scale))
    sample = box.interior.sample(1024, 0)
    column = np.log10(sample.points[:, 1]) / 2 + 1 if scale == "log" else sample.points[:, 1]
    assert abs(column.mean() - 0.5) < 0.01
    assert sample.weights.sum() == pytest.approx(box.interior.measure)


def test_nothing_is_asked_on_the_ends_of_a_parameter():
    assert find_uncovered(heat()) == []
    for ask in (lambda b: b.face(nu=0.05), lambda b: b.faces(b.axis("nu"))):
        with pytest.raises(KanpdeError, match="nu is a parameter and not space"):
            ask(heat().domain)
    with pytest.raises(KanpdeError, match="nu is a parameter and not space"):
        Disk(x=0, y=0, radius=1).over(nu=parameter(1, 2)).face(nu=1)


def test_a_point_holds_for_all_values():
    box = Box(x=(0, 1), t=(0, 1), nu=parameter(1, 2))
    points = box.point(x=0.5).sample(64, 0).points
    assert np.ptp(points[:, 0]) == 0
    assert np.ptp(points[:, 2]) > 0.9


def test_a_gauge_at_one_value_is_told():
    def with_gauge(where):
        box = Box(x=(0, 1), nu=parameter(1, 2))
        x, nu = box.axes
        slope = Condition("slope", box, lambda u: d(u, x, x) - nu)
        return Problem(
            box,
            "u",
            [slope, Condition("ends", box.faces(x), lambda u: d(u, x) - nu * (x - 0.5)),
             Condition("gauge", box.point(**where), lambda u: u)],
        )  # fmt: skip

    assert find_uncovered(with_gauge({"x": 0.5})) == []
    (text,) = find_uncovered(with_gauge({"x": 0.5, "nu": 1.5}))
    assert "up to a function of nu" in text


def test_check_tells_of_parameters_and_derivatives_by_them():
    from kanpde.assembly.ansatz import build_ansatz

    problem = heat(
        conditions=lambda box: [
            Condition("more", box, lambda u: d(u, box.axis("nu")) - d(u, box.axis("nu")) * u)
        ]
    )
    lines = describe(problem, build_ansatz(problem)).lines
    assert lines[0] == "box: x in [0, 1], t in [0, 1]"
    text = "parameters: nu in [0.05, 0.5] (log); every condition holds for all their values"
    assert text in lines
    assert "note: more holds u_nu, a derivative by the parameter nu" in lines


# --- networks -------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [(0, 1, 0), (0, 2, 0), (1, 1, 0), (0, 3, 1)])
def test_jets_through_a_logarithm_are_those_of_autograd(index):
    network = KAN(LOG, (4,), 2, generator=torch.Generator().manual_seed(0))
    jets = JetSet.closing([index], 3)
    jet = network.jet_from(network.inputs_at(POINTS, jets), jets).detach()
    expected = autograd_jet(network, POINTS, jets).detach()
    assert torch.allclose(jet.transpose(1, 2), expected, rtol=1e-9, atol=1e-9)


def test_polynomials_of_a_logarithm_have_their_derivatives():
    basis = TensorBasis(LOG, list_exponents(3, [0, 1], 4))
    jets = JetSet.closing([(0, 2, 0)], 3)
    value, first, second = basis.derivatives(POINTS, jets)
    step = torch.tensor([[0.0, 1e-5, 0.0]], dtype=torch.float64)
    ahead, behind = (basis.derivatives(POINTS + s * step, jets) for s in (1, -1))
    assert torch.allclose(first, (ahead[0] - behind[0]) / 2e-5, rtol=1e-5, atol=1e-6)
    assert torch.allclose(second, (ahead[1] - behind[1]) / 2e-5, rtol=1e-5, atol=1e-4)
    assert value.shape == (basis.size, 3)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("family_of", ["kan", "splines", "tanh"])
def test_a_network_with_an_axis_fixed_is_the_same_function(family_of, axis):
    start = torch.Generator().manual_seed(1)
    coordinates = Coordinates(LOG.lower, LOG.upper, (True, False, False), (), LOG.logarithmic)
    network = {
        "kan": lambda: KAN(coordinates, (4, 3), 2, generator=start),
        "splines": lambda: KAN(coordinates, (4,), 2, BSpline(3, 5), generator=start),
        "tanh": lambda: Perceptron(coordinates, (5,), 2, start),
    }[family_of]()
    points = POINTS.clone()
    points[:, axis] = value = float(POINTS[0, axis])
    fixed = network.fix(axis, value)
    rest = points[:, [k for k in range(3) if k != axis]]
    assert torch.allclose(fixed(rest), network(points), rtol=1e-12, atol=1e-12)
    assert fixed.coordinates.dimension == 2


# --- solutions ------------------------------------------------------------------------------


def test_one_network_is_right_for_the_whole_range(solved):
    # 1.5e-5, worst 1.3e-4 where the solution has decayed to e^-5.
    assert solved.errors["u"].rel_l2 < 2e-4
    assert solved.errors_along["nu"].worst[2] < 2e-3
    assert len(solved.errors_along["nu"].values) == 13
    assert set(solved.estimates_along["nu"].fields) == {"u"}


def test_a_value_makes_a_solution_of_its_own(solved):
    at = solved.at(nu=0.2)
    assert at.problem.domain == Box(x=(0, 1), t=(0, 1))
    x = np.linspace(0, 1, 7)
    whole, own = solved(x=x, t=0.3, nu=0.2), at(x=x, t=0.3)
    for name in ("u", "flux"):
        assert np.allclose(whole[name], own[name], rtol=0, atol=1e-12)
    assert at.errors["u"].rel_l2 < 1e-3
    points = np.array([[0.3, 0.4], [0.9, 0.1]])
    whole = solved.residuals(np.insert(points, 2, 0.2, axis=1))
    assert np.allclose(at.residuals(points)["heat"], whole["heat"], atol=1e-11)
    assert np.allclose(at.module()(torch.from_numpy(points))[:, 0], at.evaluate(points)["u"])


def test_derivatives_by_the_parameter_are_exact(solved):
    slope = solved.derivative("u", "nu")
    step = 1e-5
    high, low = (solved(x=0.3, t=0.4, nu=0.1 + s * step)["u"] for s in (1, -1))
    assert float(slope(x=0.3, t=0.4, nu=0.1)) == pytest.approx((high - low) / (2 * step), rel=1e-6)
    truth = -(np.pi**2) * 0.4 * np.exp(-(np.pi**2) * 0.04) * np.sin(0.3 * np.pi)
    assert float(slope(x=0.3, t=0.4, nu=0.1)) == pytest.approx(truth, rel=5e-3)  # 2e-4
    assert solved.derivative("u", "nu", "x").name == "u_xnu"


def test_a_run_folder_holds_a_few_values(run, solved):
    parts = sorted(path.name for path in run.iterdir() if path.is_dir())
    assert parts == ["nu=0.05", "nu=0.158", "nu=0.5"]
    assert not (run / "fields.vtkhdf").exists()
    for part in parts:
        with h5py.File(run / part / "fields.vtkhdf") as file:
            assert list(file["kanpde/axes"]) == ["x"]
        assert (run / part / "solution.png").stat().st_size > 10_000
    assert (run / "parameters.png").stat().st_size > 5_000
    text = (run / "summary.txt").read_text()
    assert "worst at nu = " in text
    errors = json.loads((run / "summary.json").read_text())["parameter_errors"]["nu"]
    assert len(errors["errors"]["fields"]["u"]) == len(errors["errors"]["values"]) == 13
    assert "estimates" in errors


def test_a_saved_solution_keeps_its_parameter(run, solved):
    read = kanpde.load(run)
    assert read.problem.domain == solved.problem.domain
    assert read.problem.domain.axis("nu").scale is Scale.LOG
    where = {"x": 0.3, "t": 0.2}
    assert read(**where, nu=0.1) == solved(**where, nu=0.1)
    assert read.at(nu=0.1)(**where)["u"] == pytest.approx(float(solved(**where, nu=0.1)["u"]))
    assert read.estimates_along == solved.estimates_along


def test_export_at_values(run, capsys):
    assert command("export", run, "--format", "csv", "--at", "nu=0.07", "--at", "nu=0.5") == 0
    assert (run / "nu=0.07" / "fields.csv").exists()
    assert "nu=0.5/fields.csv" in capsys.readouterr().out
    first, *_ = (run / "nu=0.07" / "fields.csv").read_text().splitlines()
    assert "nu" not in first
    ((whole, _),) = export_at(run, "numpy")
    ((own, _),) = export_at(run, "numpy", Wanted(at=({"nu": 0.07},)))
    space: dict = {}
    exec(whole.read_text(), space)
    part: dict = {}
    exec(own.read_text(), part)
    values = space["solution"](x=0.3, t=0.2, nu=0.07), part["solution"](x=0.3, t=0.2)
    found = [v["u"] if isinstance(v, dict) else v for v in values]
    assert float(found[0]) == pytest.approx(float(found[1]), abs=1e-12)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nu": 2.0}, "nu = 2 lies outside of the range 0.05 to 0.5"),
        ({"nu": float("nan")}, "must be finite"),
        ({"nu": "a"}, "must be a number"),
        ({"x": 0.5}, "x is an axis and not a parameter"),
        ({"mu": 0.5}, "mu is unknown; the parameters are nu"),
        ({}, "give a value for at least one parameter of nu"),
    ],
)
def test_values_that_cannot_be(solved, values, message):
    with pytest.raises(KanpdeError, match=message):
        solved.at(**values)


@pytest.mark.parametrize("text", ["nu=2", "mu=1", "nu", "nu=a", "x=0.5"])
def test_export_refuses_values(run, text, capsys):
    assert command("export", run, "--at", text) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_derivative_that_does_not_exist_is_refused(solved):
    for names in (("v", "x"), ("u", "y"), ("u",)):
        with pytest.raises(KanpdeError):
            solved.derivative(*names)


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: parameter(0, 1, scale="log"), "stays above zero"),
        (lambda: parameter(-1, 1, scale="log"), "stays above zero"),
        (lambda: parameter(1, 1), "the range is empty"),
        (lambda: parameter(2, 1), "the range is empty"),
        (lambda: parameter(0, float("inf")), "must be finite"),
        (lambda: parameter(0, float("nan")), "must be finite"),
        (lambda: parameter("0", 1), "must be a number"),
        (lambda: parameter(1, 2, scale="cubic"), 'the scale is "linear" or "log"'),
        (lambda: Box(x=Interval(-1, 1, Role.SPACE, Scale.LOG)), "stays above zero"),
    ],
)
def test_ranges_that_cannot_be(make, message):
    with pytest.raises(KanpdeError, match=message):
        make()


def test_problems_that_cannot_be():
    box = Box(x=(0, 1), nu=parameter(1, 2))
    x = box.axis("x")
    law = Condition("law", box, lambda u: d(u, x, x))
    with pytest.raises(KanpdeError, match="nu names a field and an axis"):
        Problem(box, "nu", [law])
    ranges = Box(a=parameter(1, 2), b=parameter(1, 2))
    with pytest.raises(KanpdeError, match="all axes of the domain"):
        Problem(ranges, "u", [Condition("law", ranges, lambda u: u)])
    wide = Box(x=(0, 1), nu=parameter(1, 2, scale="log"))
    with pytest.raises(KanpdeError, match="Periodic"):
        Problem(
            wide,
            "u",
            [Periodic(wide.axis("nu")), Condition("law", wide, lambda u: d(u, wide.axis("x")))],
        )


# --- readings, references, problems as data -------------------------------------------------


def test_readings_at_a_value_stay_at_that_value():
    def sensors(box):
        return [observe("sensors", box.points(x=[0.5, 0.5], t=[0.1, 0.1], nu=[0.1, 0.2]), u=[1, 2])]

    problem = heat(conditions=sensors)
    again = problem_from_data(problem_to_data(problem))
    assert again.domain == problem.domain

    at = fix_parameters(again, {"nu": 0.2})
    (reading,) = (e for e in at.equations if e.observed is not None)
    assert reading.observed.tolist() == [2.0]
    assert len(fix_parameters(again, {"nu": 0.3}).equations) == len(at.equations) - 1


def test_cole_hopf_for_a_range_is_that_of_each_value():
    axis = Box(x=(-1, 1), t=(0, 1), nu=parameter(0.003, 0.3, scale="log")).axis("nu")
    random = np.random.default_rng(0)
    x, t = random.uniform(-1, 1, 200), random.uniform(0, 1, 200)
    nu = np.repeat([0.003, 0.02, 0.0999, 0.3], 50)
    found = cole_hopf_over(axis).evaluate(x=x, t=t, nu=nu)["u"]
    for value in np.unique(nu):
        own = nu == value
        expected = cole_hopf(float(value)).evaluate(x=x[own], t=t[own])["u"]
        assert np.allclose(found[own], expected, rtol=0, atol=1e-12)
    with pytest.raises(KanpdeError, match="must lie in"):
        cole_hopf_over(Box(x=(0, 1), nu=parameter(1e-6, 1, scale="log")).axis("nu"))


# --- shapes ---------------------------------------------------------------------------------


def plate(radius):
    return Rectangle(x=(0, 2), y=(0, 2)) - Disk(x=0, y=0, radius=radius, name="hole")


@pytest.fixture(scope="module")
def plates():
    return family(plate, radius=parameter(0.3, 0.7)).over(nu=parameter(0.2, 0.4))


def test_a_family_has_the_form_of_each_value(plates):
    assert plates.names == ("x", "y", "radius", "nu")
    rim = plates.boundary("hole").sample(500, 0)
    distance = np.hypot(rim.points[:, 0], rim.points[:, 1])
    assert np.abs(distance - rim.points[:, 2]).max() < 1e-12
    assert np.allclose(rim.normals[:, :2], -rim.points[:, :2] / distance[:, None])
    assert not rim.normals[:, 2:].any()
    inside = plates.interior.sample(3000, 0)
    assert plates.contains(inside.points).all()
    assert (np.hypot(inside.points[:, 0], inside.points[:, 1]) > inside.points[:, 2]).all()
    near = np.array([[0.5, 0, 0.45, 0.3], [0.5, 0, 0.55, 0.3]])
    assert plates.contains(near).tolist() == [True, False]


def test_integrals_over_a_family_are_those_of_its_members(plates):
    rule = plates.interior.quadrature(20_000, 0)
    length = np.array([4 - np.pi * r**2 / 4 for r in np.linspace(0.3, 0.7, 1001)])
    assert rule.weights.sum() == pytest.approx(length.mean() * 0.4 * 0.2, rel=1e-5)


def test_a_family_is_data_and_has_members_as_shapes(plates):
    from kanpde.geometry import domain_from_data

    again = domain_from_data(json.loads(json.dumps(plates.to_data())))
    assert again == plates
    part = plates.boundary("hole")
    assert again.region_from_data(part.to_data()).key() == part.key()
    assert plates.fix({"radius": 0.6, "nu": 0.3}) == plate(0.6)
    assert plates.fix({"radius": 0.6}) == plate(0.6).over(nu=parameter(0.2, 0.4))
    assert plates.fix({"nu": 0.3}) == family(plate, radius=parameter(0.3, 0.7))
    assert len(plates.poles) == 1
    assert plates.restricted(nu=(0.2, 0.3)).axis("nu").upper == 0.3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: family(plate), "needs a parameter"),
        (lambda: family(plate, radius=(0.3, 0.7)), "write radius=parameter"),
        (lambda: family(lambda r: plate(r * r), r=parameter(0.4, 0.7)), "depend linearly"),
        (lambda: family(lambda r: r, r=parameter(0.4, 0.7)), "not a solid"),
        (lambda: family(plate, radius=parameter(0.5, 2.5)), "another number of pieces"),
    ],
)
def test_families_that_cannot_be(make, message):
    with pytest.raises(KanpdeError, match=message):
        make()


def test_a_side_that_moves_is_not_a_face():
    wide = family(lambda w: Rectangle(x=(0, w), y=(0, 1)), w=parameter(1, 2))
    assert wide.face(x=0).label == "x = 0"
    with pytest.raises(KanpdeError):
        wide.face(x=1)


def test_a_shape_over_a_parameter_is_solved():
    disks = Disk(x=0, y=0, radius=1).over(k=parameter(1, 3))
    x, y, k = disks.axes
    poisson = Problem(
        disks,
        "u",
        [
            Condition("poisson", disks, lambda u: d(u, x, x) + d(u, y, y) + 4 * k),
            Condition("rim", disks.boundary(), lambda u: u),
        ],
        reference=exact(u=lambda x, y, k: k * (1 - x**2 - y**2)),
    )
    assert find_uncovered(poisson) == []
    plan = Plan(widths=(4,), stages=(LeastSquares(steps=8),), budget=600)
    solution = kanpde.solve(poisson, plan, progress=False)
    assert solution.errors["u"].rel_l2 < 5e-3  # 4e-4
    at = solution.at(k=2)
    assert at.samples({"x": 9, "y": 9}).cells is not None
    assert float(at(x=0, y=0)) == pytest.approx(2, rel=1e-2)


# --- shipped problems -----------------------------------------------------------------------


def test_burgers_for_all_viscosities_is_solved():
    problem = kanpde.load_problem("parametric/burgers", lowest=0.05, highest=0.2)
    plan = Plan(widths=(8, 8), stages=(LeastSquares(steps=20),), budget=3600, windows=1)
    solution = kanpde.solve(problem, plan, progress=False)
    assert solution.errors["u"].rel_l2 < 1.2e-2  # 2.3e-3
    assert solution.errors_along["nu"].worst[2] < 5e-2  # 7.7e-3
    assert solution.estimate == pytest.approx(solution.errors["u"].rel_l2, rel=2)


def test_kirsch_satisfies_the_plate_for_all_radii():
    import runpy
    from pathlib import Path

    from kanpde.assembly.lift import evaluate_at

    path = Path(__file__).resolve().parents[1] / "problems" / "parametric" / "plate_with_hole.py"
    problem = kanpde.load_problem(str(path))
    x, y, radius, nu = problem.domain.axes
    u, v = runpy.run_path(str(path))["kirsch_displacement"](x, y, radius, nu)
    answer = {"u": u.sympy, "v": v.sympy}
    for equation in problem.equations:
        sample = equation.region.sample(200, 0)
        swap = {}
        for jet in equation.jets:
            value = answer[jet.field]
            for axis, order in zip(problem.domain.axes, jet.index, strict=True):
                value = value.diff(axis.sympy, order) if order else value
            swap[jet] = value
        for axis, normal in zip((x, y), problem.domain.normal, strict=True):
            column = problem.domain.names.index(axis.name)
            values = None if sample.normals is None else sample.normals[:, column]
            # On the flat sides and the rim the normal follows from the place.
            if values is not None:
                on_rim = np.abs(values).max() < 1 or np.ptp(np.abs(values)) > 0
                known = -axis.sympy / radius.sympy if on_rim else round(float(values[0]))
                swap[normal.sympy] = known
        if "pulled" in equation.condition:
            continue  # these tractions are those of the answer itself
        expression = equation.expression.xreplace(swap)
        points = sample.points[sample.points[:, :2].min(1) > 1e-3]
        (residual,) = evaluate_at(problem.domain, [expression], points) if len(points) else ([0.0],)
        assert np.abs(residual).max() < 1e-10, equation.condition
