"""Residuals and their Jacobians are judged by autograd of lift + mask * network; steps by SciPy."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from kanpde.assembly.ansatz import Ansatz, build_ansatz
from kanpde.assembly.build_terms import group_by_region
from kanpde.assembly.rows import BoundRows, EquationSet
from kanpde.assembly.system import ResidualSystem
from kanpde.assembly.terms import BLOCK
from kanpde.assembly.threads import Threads
from kanpde.assembly.workers import SERIAL, Workers, workers
from kanpde.geometry.box import Box
from kanpde.network.bases.polynomials import Chebyshev
from kanpde.network.coordinates import Coordinates
from kanpde.network.jet import JetSet, autograd_jet
from kanpde.network.kan import KAN
from kanpde.optim.dense import Gram
from kanpde.optim.least_squares import LevenbergMarquardt
from kanpde.optim.minimise import Quiet, minimise
from kanpde.optim.normal import NormalEquations
from kanpde.optim.row_space import LayerRows, RowSpace
from kanpde.problem.conditions.condition import Condition
from kanpde.problem.conditions.observation import observe
from kanpde.problem.conditions.periodic import Periodic
from kanpde.problem.equations import Equation
from kanpde.problem.problem import Problem
from kanpde.symbols.expression import FieldSymbol
from kanpde.symbols.functions import cos, d, exp, sin, sqrt, where

pytestmark = pytest.mark.usefixtures("one_thread")

LINE = Box(x=(-1, 1), t=(0, 2))
PLANE = Box(x=(0, 2), y=(-1, 0.5))
SPACE = Box(x=(0, 1), y=(-1, 1), t=(0, 0.5))


def burgers() -> Problem:
    x, t = LINE.axes
    return Problem(LINE, "u", [
        Condition("pde", LINE, lambda u: d(u, t) + u * d(u, x) - 0.01 * d(u, x, x)),
        Condition("initial", LINE.face(t=0), lambda u: u + sin(np.pi * x)),
        Condition("walls", LINE.faces(x), lambda u: u),
    ])  # fmt: skip


def wave() -> Problem:
    x, t = LINE.axes
    return Problem(LINE, "u", [
        Condition("pde", LINE, lambda u: d(u, t, t) - exp(x) * d(u, x, x) + sin(u)),
        Condition("initial", LINE.face(t=0), lambda u: u - cos(np.pi * x)),
        Condition("velocity", LINE.face(t=0), lambda u: d(u, t) - x**2),
        Periodic(x),
    ])  # fmt: skip


def flow() -> Problem:
    x, y = PLANE.axes
    nu = 1 / 40

    def momentum(u: Any, v: Any, p: Any) -> Any:
        return (
            u * d(u, x) + v * d(u, y) + d(p, x) - nu * (d(u, x, x) + d(u, y, y)),
            u * d(v, x) + v * d(v, y) + d(p, y) - nu * (d(v, x, x) + d(v, y, y)),
            d(u, x) + d(v, y),
        )

    return Problem(PLANE, "u v p", [
        Condition("momentum", PLANE, momentum, weight=2),
        Condition("inflow", PLANE.face(x=0), lambda u, v: (u - y**2, v)),
        Condition("outflow", PLANE.face(x=2), lambda u, p: p - d(u, x)),
        observe("probes", PLANE.points(x=np.linspace(0.1, 1.9, 7), y=0.2), u=range(7), p=[5.0] * 7),
    ])  # fmt: skip


def plate() -> Problem:
    x, y = PLANE.axes

    def biharmonic(u: Any) -> Any:
        return d(u, x, x, x, x) + 2 * d(u, x, x, y, y) + d(u, y, y, y, y) - where(x > 1, u, 1)

    return Problem(PLANE, "u", [
        Condition("pde", PLANE, biharmonic),
        Condition("clamped", PLANE.faces(x), lambda u: (u - y, d(u, x))),
        Condition("Robin", PLANE.face(y=0.5), lambda u: d(u, y) + 3 * u),
    ])  # fmt: skip


def membrane() -> Problem:
    x, y, t = SPACE.axes
    return Problem(SPACE, "u", [
        Condition("pde", SPACE, lambda u: d(u, t, t) - d(sqrt(1 + u**2) * d(u, x), x) - d(u, y, y)),
        Condition("initial", SPACE.face(t=0), lambda u: u - sin(np.pi * x) * y),
        Condition("rest", SPACE.face(t=0), lambda u: d(u, t)),
        Condition("walls", SPACE.faces(x), lambda u: u),
    ])  # fmt: skip


PROBLEMS = [burgers, wave, flow, plate, membrane]
every_problem = pytest.mark.parametrize("make", PROBLEMS)


def network(problem: Problem, widths: Sequence[int] = (4,), seed: int = 0) -> KAN:
    rng = torch.Generator().manual_seed(seed)
    low, high = (tuple(i[k] for i in problem.box.intervals.values()) for k in (0, 1))
    flags = tuple(name in problem.periodic for name in problem.box.names)
    return KAN(
        Coordinates(low, high, flags), widths, len(problem.unknowns), Chebyshev(5), generator=rng
    )


def points_of(equation: Equation, count: int) -> Tensor:
    region = equation.region
    values = region.sample(count, 1).points
    return torch.from_numpy(values)


def bound(
    problem: Problem, model: KAN, count: int, workers: Workers = SERIAL, seed: int = 3
) -> list[BoundRows]:
    """All trained equations at `count` points a region, with random weights."""
    ansatz, rows = build_ansatz(problem), []
    # Observations of one problem share their points; other regions are told apart by label.
    for label in dict.fromkeys(e.region.label for e in ansatz.trained):
        equations = [e for e in ansatz.trained if e.region.label == label]
        points = points_of(equations[0], count)
        rng = torch.Generator().manual_seed(seed)
        weights = [0.5 + torch.rand(len(points), generator=rng).double() for _ in equations]
        rows.append(EquationSet(problem, ansatz, equations).at(model, points, weights, workers))
    return rows


class Fields(nn.Module):
    """lift + mask * network, written out anew: (N, dimension) -> (N, fields)."""

    def __init__(self, problem: Problem, ansatz: Ansatz, model: KAN) -> None:
        super().__init__()
        self.model = model
        axes = [axis.sympy for axis in problem.box.axes]
        self.lifts, self.masks = (
            [
                sympy.lambdify(axes, sympy.sympify(p[name]).evalf(17), "torch")
                for name in problem.unknowns
            ]
            for p in (ansatz.lift, ansatz.mask)
        )

    def forward(self, points: Tensor) -> Tensor:
        columns, values = points.unbind(1), self.model(points).unbind(1)
        parts = zip(self.lifts, self.masks, values, strict=True)
        return torch.stack(
            [lift(*columns) + mask(*columns) * value for lift, mask, value in parts], 1
        )


def by_autograd(problem: Problem, rows: BoundRows, model: KAN) -> Tensor:
    """The weighted residual (equations, N) of the rows, by nested autograd."""
    fields = Fields(problem, build_ansatz(problem), model)
    symbols = sorted({s for e in rows.system.equations for s in e.jets}, key=str)
    jets = JetSet.closing([s.index for s in symbols], problem.box.dimension)
    jet = autograd_jet(fields, rows.points, jets)

    def value(symbol: FieldSymbol) -> Tensor:
        return jet[jets.position[symbol.index], :, problem.unknowns.index(symbol.field)]

    out = []
    for equation, weight in zip(rows.system.equations, rows.weights, strict=True):
        arguments = [axis.sympy for axis in problem.box.axes] + symbols
        names = sympy.symbols(f"z:{len(arguments)}")
        renamed = equation.expression.evalf(17).xreplace(dict(zip(arguments, names, strict=True)))
        function = sympy.lambdify(names, renamed, "torch")
        residual = function(*rows.points.unbind(1), *(value(s) for s in symbols))
        if equation.observed is not None:
            residual = residual - torch.from_numpy(equation.observed)
        out.append(residual * weight)
    return torch.stack(out)


def jacobian(rows: BoundRows, model: KAN) -> tuple[Tensor, Tensor]:
    """Residuals (equations, N) and their Jacobian (equations, N, P) from `linearized`."""
    residuals, jacobians = [], []
    for at in rows.blocks:
        found = rows.linearized(model, at)
        blocks = []
        for value, cotangent in zip(found.residuals, found.cotangents, strict=True):
            block = value.new_empty(model.parameter_count, len(value))
            found.jet.jacobian(cotangent, block)
            blocks.append(block.T)
        residuals.append(torch.stack(list(found.residuals)))
        jacobians.append(torch.stack(blocks))
    return torch.cat(residuals, 1), torch.cat(jacobians, 1)


def assert_equal_to_scale(value: Tensor, truth: Tensor, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(value, truth, rtol=0, atol=tolerance * float(truth.abs().max()))


# --- residuals ------------------------------------------------------------------------------


@every_problem
def test_residuals_equal_autograd_of_the_fields(make: Callable[[], Problem]) -> None:
    problem = make()
    model = network(problem)
    for rows in bound(problem, model, 9):
        truth = by_autograd(problem, rows, model).detach()
        assert rows.count == truth.numel()
        assert_equal_to_scale(rows.residual(model), truth)
        plain = rows.residual(model, weighted=False)
        assert_equal_to_scale(plain * torch.stack(rows.weights), truth)
        assert_equal_to_scale(jacobian(rows, model)[0], truth)


@every_problem
def test_jacobians_equal_autograd_of_the_fields(make: Callable[[], Problem]) -> None:
    problem = make()
    model = network(problem)
    for rows in bound(problem, model, 3):
        own = jacobian(rows, model)[1].flatten(0, 1)
        for row, value in zip(own, by_autograd(problem, rows, model).flatten(), strict=True):
            parts = torch.autograd.grad(value, list(model.parameters()), retain_graph=True)
            assert_equal_to_scale(row, torch.cat([p.flatten() for p in parts]))


@every_problem
def test_jacobians_equal_differences_across_blocks(make: Callable[[], Problem]) -> None:
    problem = make()
    model = network(problem, (3, 3))
    theta = model.flat()
    move = torch.randn(theta.shape, generator=torch.Generator().manual_seed(5)).to(theta)
    for rows in bound(problem, model, BLOCK + 100):
        slope = jacobian(rows, model)[1] @ move
        ends = []
        for step in (1e-5, -1e-5):
            model.load_flat(theta + step * move)
            ends.append(rows.residual(model))
        model.load_flat(theta)
        assert_equal_to_scale(slope, (ends[0] - ends[1]) / 2e-5, 1e-6)


def test_a_lift_that_is_the_solution_leaves_no_residual() -> None:
    """A harmonic function that transfinite interpolation reproduces; the network is zero."""
    x, y = PLANE.axes
    g = 3 * x * y - 2 * x + y + 5
    problem = Problem(PLANE, "u", [
        Condition("laplace", PLANE, lambda u: d(u, x, x) + d(u, y, y)),
        Condition("walls", PLANE.faces(), lambda u: u - g),
    ])  # fmt: skip
    model = network(problem)
    (rows,) = bound(problem, model, 50)
    assert rows.residual(model).abs().max() > 0.1
    model.load_flat(torch.zeros_like(model.flat()))
    assert rows.residual(model).abs().max() < 1e-12


def test_a_network_that_is_the_solution_leaves_no_residual() -> None:
    """u = x^2 + 3 t on [-1, 1] x [0, 2], in the basis T_1, T_2 of a network with one layer."""
    x, t = LINE.axes
    u_exact = x**2 + 3 * t
    source = 3 + u_exact * 2 * x - 0.2
    problem = Problem(LINE, "u", [
        Condition("pde", LINE, lambda u: d(u, t) + u * d(u, x) - 0.1 * d(u, x, x) - source),
        Condition("flux", LINE.face(x=1), lambda u: d(u, x) - 2),
    ])  # fmt: skip
    model = network(problem, ())
    model.load_flat(torch.zeros_like(model.flat()))
    with torch.no_grad():
        (layer,) = model.stack
        layer.coefficients[0, 1, 0] = 0.5  # x^2 = (1 + T_2) / 2
        layer.coefficients[0, 0, 1] = 3.0  # t = 1 + T_1(t - 1)
        layer.bias[0] = 0.5 + 3.0
    for rows in bound(problem, model, 50):
        assert rows.residual(model).abs().max() < 1e-12


def test_equations_of_one_region_are_grouped() -> None:
    equations = flow().equations
    labels = [[e.condition for e in g] for g in group_by_region(equations)]
    expected = [["momentum"] * 3, ["inflow"] * 2, ["outflow"], ["probes"] * 2]
    assert labels == expected


# --- systems for the optimisers -------------------------------------------------------------


@every_problem
def test_systems_give_the_gradient_and_the_normal_matrix(make: Callable[[], Problem]) -> None:
    problem = make()
    model = network(problem, (3,))
    rows = bound(problem, model, 300)
    system, theta = ResidualSystem(model, rows), model.flat()
    stacked = [jacobian(r, model) for r in rows]
    residual = torch.cat([r.flatten() for r, _ in stacked])
    matrix = torch.cat([j.flatten(0, 1) for _, j in stacked])
    normal, (loss, gradient) = system.normal(theta), system.gradient(theta)
    truth = 0.5 * float(residual @ residual)
    assert [normal.loss, loss, system.loss(theta)] == pytest.approx([truth] * 3, rel=1e-12)
    for value in (normal.gradient, gradient):
        assert_equal_to_scale(value, matrix.T @ residual, 1e-12)
    upper = torch.from_numpy(np.triu(normal.matrix))
    assert_equal_to_scale(upper, torch.triu(matrix.T @ matrix), 1e-12)
    assert_equal_to_scale(system.residual(theta), residual, 1e-12)
    assert_equal_to_scale(normal.pull(2 * residual), 2 * gradient, 1e-12)
    assert sum(system.squared_norms()) == pytest.approx(float(matrix.square().sum()), rel=1e-12)


@every_problem
def test_workers_change_nothing(make: Callable[[], Problem]) -> None:
    problem = make()
    model = network(problem, (3, 3))
    theta = model.flat()
    pool, results = Threads(2), []
    for threads in (SERIAL, Workers(2, pool)):
        rows = bound(problem, model, BLOCK + 100, threads)
        system = ResidualSystem(model, rows, threads)
        normal = system.normal(theta)
        # The rows of several equations stand in the order of the blocks.
        results.append(
            (system.residual(theta).sort().values, normal.gradient, system.gradient(theta)[1])
        )
    pool.close()
    for one, other in zip(*results, strict=True):
        assert_equal_to_scale(one, other, 1e-12)


def test_threads_raise_what_their_work_raises_and_go_on() -> None:
    pool = Threads(2)

    def invert(number: int) -> float:
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        pool.map(invert, [1, 2, 0, 4])
    assert pool.map(invert, [1, 2, 4]) == [1, 0.5, 0.25]
    assert pool.map(invert, []) == []
    pool.close()


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize(("length", "largest"), [(1, 10), (10, 10), (101, 10), (20, 10)])
def test_slices_are_even_and_cover_everything(count: int, length: int, largest: int) -> None:
    pieces = Workers(count).slices(length, largest)
    assert [k for piece in pieces for k in range(length)[piece]] == list(range(length))
    sizes = [len(range(length)[piece]) for piece in pieces]
    assert max(sizes) <= largest
    assert max(sizes) - min(sizes) <= 1


def test_workers_leave_the_number_of_threads_alone() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with workers() as pool:
            assert torch.get_num_threads() == 1
            assert pool.map(lambda _: torch.get_num_threads(), range(4)) == [1] * 4
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# --- least squares --------------------------------------------------------------------------


@given(st.integers(1, 8), st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 99))
def test_normal_equations_add_up_over_blocks(size: int, blocks: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, residual = rng.normal(size=(sum(blocks), size)), rng.normal(size=sum(blocks))
    normal = NormalEquations(size, torch.device("cpu"))
    cuts = np.cumsum(blocks)[:-1]
    for rows, values in zip(np.split(matrix, cuts), np.split(residual, cuts), strict=True):
        normal.add(torch.from_numpy(rows.T.copy()), torch.from_numpy(values))
    np.testing.assert_allclose(np.triu(normal.matrix), np.triu(matrix.T @ matrix), atol=1e-12)
    np.testing.assert_allclose(normal.gradient, matrix.T @ residual, atol=1e-12)
    assert normal.loss == pytest.approx(0.5 * residual @ residual)
    other = rng.normal(size=sum(blocks))
    np.testing.assert_allclose(normal.pull(torch.from_numpy(other)), matrix.T @ other, atol=1e-12)


def in_factors(system: ResidualSystem, theta: Tensor) -> tuple[RowSpace, np.ndarray, np.ndarray]:
    """A system's rows in factors, its J and r."""
    stacked = [jacobian(rows, system.network) for rows in system.rows]
    matrix = torch.cat([j.flatten(0, 1) for _, j in stacked]).numpy()
    rows = system.normal(theta)
    assert isinstance(rows, RowSpace)
    return rows, matrix, torch.cat([r.flatten() for r, _ in stacked]).numpy()


@every_problem
def test_rows_in_factors_are_the_jacobian(make: Callable[[], Problem]) -> None:
    problem = make()
    model = network(problem, (7, 6))
    system, theta = ResidualSystem(model, bound(problem, model, 12)), model.flat()
    rows, matrix, residual = in_factors(system, theta)
    np.testing.assert_allclose(rows.residual, residual, rtol=1e-12)
    count = len(residual)
    pulled = np.stack([rows.pull(row) for row in torch.eye(count, dtype=torch.float64)])
    # D^-1 J^T: what is missing to J^T is one positive number for each parameter.
    weight = np.abs(matrix).sum(0) / np.maximum(np.abs(pulled).sum(0), 1e-300)
    assert (weight > 0).sum() > 0.9 * len(weight)
    np.testing.assert_allclose(pulled * weight, matrix, atol=1e-9 * np.abs(matrix).max())
    assert_equal_to_scale(rows.kernel, torch.from_numpy(pulled @ matrix.T), 1e-10)
    assert float(rows.kernel.trace()) == pytest.approx(count)


@given(st.integers(0, 99), st.floats(1e-4, 1e2))
def test_the_solve_in_residual_space_is_the_other_one(seed: int, damping: float) -> None:
    """Two steps of one layer of 3 x 4 parameters and 3 biases, seen through two jets."""
    generator = torch.Generator().manual_seed(seed)
    sensitivity, features, residual, other = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in [(2, 3, 6), (2, 4, 6), (6,), (6,)]
    )
    rows = RowSpace([[LayerRows(sensitivity, features)]], [residual])
    matrix = torch.einsum("aon,afn->ofn", sensitivity, features).flatten(0, 1)
    matrix = torch.cat([matrix, sensitivity[0]]).T.numpy()
    inverse = rows.pull(torch.ones(6, dtype=torch.float64)).numpy() / matrix.sum(0)
    damped = rows.damped(damping)
    assert damped is not None
    first = damped.correct(residual, damped.start())
    second = damped.correct(other, first.step)
    move = np.zeros(15)
    for step, left in ((first, residual), (second, other)):
        slope = matrix.T @ left.numpy() + damping * move / inverse
        wanted = -np.linalg.solve(matrix.T @ matrix + damping * np.diag(1 / inverse), slope)
        move = move + wanted
        assert step.size == pytest.approx(wanted @ (wanted / inverse), rel=1e-6)
        assert step.gain == pytest.approx(-0.5 * wanted @ slope, rel=1e-6)
    found = damped.parameters(first.step + second.step)
    np.testing.assert_allclose(found.numpy(), move, rtol=1e-6, atol=1e-9)


def test_large_networks_are_solved_with_few_rows() -> None:
    """16,721 parameters and 200 rows."""
    problem = burgers()
    model = network(problem, (40, 40, 40))
    system, theta = ResidualSystem(model, bound(problem, model, 200)), model.flat()
    assert isinstance(system.normal(theta), RowSpace)
    solver, losses = LevenbergMarquardt(), [system.loss(theta)]
    for _ in range(20):
        step = solver.step(system, theta)
        theta = step.theta
        losses.append(step.after)
    assert all(a > b for a, b in pairwise(losses))
    assert losses[-1] < 1e-2 * losses[0]


class Curve:
    """A residual vector by autograd, for LevenbergMarquardt."""

    def __init__(self, residual: Callable[[Tensor], Tensor]) -> None:
        self.residual = residual

    def normal(self, theta: Tensor) -> NormalEquations:
        normal = NormalEquations(len(theta), theta.device)
        matrix = torch.autograd.functional.jacobian(self.residual, theta)
        normal.add(matrix.T.contiguous(), self.residual(theta))
        return normal


def rosenbrock(p: Tensor) -> Tensor:
    return torch.stack([10 * (p[1] - p[0] ** 2), 1 - p[0]])


# Misra1a of the NIST Statistical Reference Datasets: y = b1 (1 - exp(-b2 x)).
MISRA = torch.tensor([
    [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8,
     378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0],
    [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02,
     44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78],
], dtype=torch.float64)  # fmt: skip


def misra(p: Tensor) -> Tensor:
    return p[0] * (1 - torch.exp(-p[1] * MISRA[0])) - MISRA[1]


def powell(p: Tensor) -> Tensor:
    """Powell's singular function: J has rank 2 at the solution."""
    return torch.stack([
        p[0] + 10 * p[1], 5**0.5 * (p[2] - p[3]),
        (p[1] - 2 * p[2]) ** 2, 10**0.5 * (p[0] - p[3]) ** 2,
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("residual", "start", "solution"),
    [
        (rosenbrock, [-1.2, 1.0], [1, 1]),
        (misra, [500.0, 1e-4], [2.3894212918e2, 5.5015643181e-4]),
        (misra, [250.0, 5e-4], [2.3894212918e2, 5.5015643181e-4]),
        (powell, [3.0, -1.0, 0.0, 1.0], None),
    ],
)
@pytest.mark.parametrize("corrections", [0, 8])
def test_levenberg_marquardt_finds_what_scipy_finds(
    residual: Callable[[Tensor], Tensor], start: list[float], solution: Any, corrections: int
) -> None:
    theta = torch.tensor(start, dtype=torch.float64)
    solver = LevenbergMarquardt(corrections=corrections)
    losses = [0.5 * float(residual(theta).square().sum())]
    for _ in range(60):
        step = solver.step(Curve(residual), theta)
        theta = step.theta
        assert step.before == pytest.approx(losses[-1], rel=1e-12)
        assert (step.after < step.before) == step.accepted
        losses.append(step.after)
    scipy_run = scipy.optimize.least_squares(
        lambda p: residual(torch.from_numpy(p)).numpy(), start, method="lm", x_scale="jac",
        xtol=1e-14, ftol=1e-14, gtol=1e-14,
    )  # fmt: skip
    assert losses[-1] <= scipy_run.cost * (1 + 1e-9) + 1e-16
    if solution is not None:
        np.testing.assert_allclose(theta, solution, rtol=1e-6)


@pytest.mark.parametrize(
    ("stop", "few"),
    [
        (Quiet(steps=100, gain=1e-3, patience=2), False),
        (Quiet(steps=3, gain=1e-3, patience=2), True),
        (Quiet(steps=100, gain=2.0, patience=1), True),
    ],
)
def test_minimise_stops_when_it_is_quiet(stop: Quiet, few: bool) -> None:
    start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    found = minimise(Curve(rosenbrock), start, stop)
    assert torch.equal(start, torch.tensor([-1.2, 1.0], dtype=torch.float64))
    assert found.steps <= (3 if few else 30)
    near = float((found.theta - 1).abs().max()) < 1e-8
    assert near is not few


@pytest.mark.parametrize("size", [1, 7, 40])
def test_the_solve_on_a_device_is_that_on_the_host(size: int) -> None:
    """A device forms and factors J^T J by torch; here the same route runs on the CPU."""
    generator = torch.Generator().manual_seed(size)
    blocks = [torch.randn(size, n, generator=generator, dtype=torch.float64) for n in (3, 50)]
    right = torch.randn(size, generator=generator, dtype=torch.float64)
    cpu = torch.device("cpu")
    host, device = Gram(size, cpu), Gram(size, cpu, by_torch=True)
    for block in blocks:
        host.add(block)
        device.add(block)
    torch.testing.assert_close(device.diagonal, host.diagonal)
    added = 0.1 * host.diagonal
    factors = [gram.factor(added) for gram in (host, device)]
    assert all(factor is not None for factor in factors)
    one, other = (factor.solve(right) for factor in factors if factor is not None)
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
    matrix = sum(block @ block.T for block in blocks) + torch.diag(added)
    torch.testing.assert_close(matrix @ one, right, rtol=1e-9, atol=1e-9)
    for gram in (host, device):
        assert gram.factor(-2 * host.diagonal - 1) is None


def test_nothing_but_scalars_leaves_the_device_in_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the device's route, a whole step calls neither NumPy nor a copy to the host."""
    start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    curve = Curve(rosenbrock)
    expected = LevenbergMarquardt().step(curve, start)
    original = Gram.__init__

    def by_torch(self: Gram, size: int, device: torch.device, **_: bool) -> None:
        original(self, size, device, by_torch=True)

    def refuse(self: Tensor, *_: object, **__: object) -> None:
        raise AssertionError("a tensor was copied to the host")

    monkeypatch.setattr(Gram, "__init__", by_torch)
    monkeypatch.setattr(Tensor, "numpy", refuse)
    monkeypatch.setattr(Tensor, "cpu", refuse)
    step = LevenbergMarquardt().step(curve, start)
    assert step.accepted
    torch.testing.assert_close(step.theta, expected.theta, rtol=1e-10, atol=1e-12)
