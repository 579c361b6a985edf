"""Subdomains: bumps that add up to one, networks blended by them, and sparse normal equations."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import kanpde
from kanpde import (
    Box,
    Chebyshev,
    Condition,
    Disk,
    KanpdeError,
    LeastSquares,
    Plan,
    Problem,
    Solution,
    Subdomains,
    d,
    exact,
    observe,
    pi,
    sin,
    solve,
)
from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.network_for import build_network
from kanpde.assembly.sampler import Sampler
from kanpde.assembly.sampling import Sampling
from kanpde.cli.check_problem import check_problem
from kanpde.cli.options.solve import CheckOptions
from kanpde.network import network_from_data
from kanpde.network.composite import Composite, Part
from kanpde.network.constant import Constant
from kanpde.network.coordinates import Coordinates
from kanpde.network.cover import Cover
from kanpde.network.jet import JetSet, autograd_jet
from kanpde.network.kan import KANArchitecture
from kanpde.network.partition_of_unity import PartitionOfUnity
from kanpde.optim.block_cholesky import Elimination
from kanpde.output.deploy import write_program
from kanpde.training.cost import estimate_costs
from kanpde.training.suggestion import suggest_subdomains

SMALL = KANArchitecture((4,), Chebyshev(4))


def waves(count: int = 4) -> Problem:
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes

    def solution(x, y):
        return sin(count * pi * x) * sin(pi * y)

    source = -(count**2 + 1) * pi**2 * solution(x, y)
    return Problem(
        box,
        fields="u",
        conditions=[
            Condition("poisson", box, lambda u: d(u, x, x) + d(u, y, y) - source),
            Condition("walls", box.faces(x, y), lambda u: u),
        ],
        reference=exact(u=solution),
    )


def make_network(counts=(3, 2), periodic=(False, False), outputs: int = 2) -> PartitionOfUnity:
    coordinates = Coordinates((0.0, -1.0), (2.0, 1.0), periodic)
    network = Subdomains(counts, SMALL).build(
        coordinates, outputs, torch.Generator().manual_seed(1)
    )
    assert isinstance(network, PartitionOfUnity)
    return network


def some_points(count: int = 60) -> torch.Tensor:
    unit = torch.rand(count, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return unit * torch.tensor([2.0, 2.0]) + torch.tensor([0.0, -1.0])


@pytest.mark.parametrize("periodic", [(False, False), (True, False)])
@pytest.mark.parametrize("overlap", [0.1, 0.5])
def test_bumps_add_up_to_one(periodic, overlap):
    coordinates = Coordinates((0.0, -1.0), (2.0, 1.0), periodic)
    cover = Cover.of(coordinates, (4, 3), overlap)
    total = torch.stack(cover.values(some_points(500))).sum(0)
    assert float((total - 1).abs().max()) < 1e-13
    derived = cover.table(some_points(500), 2)[1:, :4].sum(1)
    assert float(derived.abs().max()) < 1e-8


@pytest.mark.parametrize("periodic", [(False, False), (True, False)])
def test_jets_are_those_of_autograd(periodic):
    network, points = make_network(periodic=periodic), some_points()
    jets = JetSet.closing([(2, 0), (1, 1), (0, 3)], 2)
    found = network.jet_from(network.inputs_at(points, jets), jets)
    oracle = autograd_jet(network, points, jets).transpose(1, 2)
    assert torch.allclose(found, oracle, rtol=1e-9, atol=1e-9)


def test_a_periodic_axis_has_no_seam():
    network = make_network(counts=(3, 1), periodic=(True, False))
    y = torch.linspace(-1, 1, 9, dtype=torch.float64)
    ends = [torch.stack([torch.full_like(y, x), y], 1) for x in (0.0, 2.0)]
    jets = JetSet.closing([(2, 0)], 2)
    low, high = (network.jet_from(network.inputs_at(p, jets), jets) for p in ends)
    assert torch.allclose(low, high, rtol=1e-10, atol=1e-10)


def test_pullbacks_are_rows_of_the_jacobian():
    network, points = make_network(), some_points()
    jets = JetSet.closing([(2, 0), (0, 1)], 2)
    lin = network.linearize_from(network.inputs_at(points, jets), jets)
    cotangent = torch.randn(lin.value.shape, generator=torch.Generator().manual_seed(3)).double()
    jacobian = lin.value.new_empty(lin.parameters, len(points))
    lin.jacobian(cotangent, jacobian)
    pulled = torch.cat([part.reshape(-1) for part in lin.pullback(cotangent)])
    assert torch.allclose(jacobian.sum(1), pulled, rtol=1e-12, atol=1e-12)
    theta, step = network.flat(), torch.randn(lin.parameters, generator=torch.Generator()).double()
    values = []
    for sign in (1, -1):
        network.load_flat(theta + sign * 1e-6 * step)
        values.append((network.jet_from(network.inputs_at(points, jets), jets) * cotangent).sum())
    slope = float((values[0] - values[1]) / 2e-6)
    assert slope == pytest.approx(float(pulled @ step), rel=1e-6)


@pytest.mark.parametrize("counts", [(4, 1), (3, 3)])
def test_sparse_normal_equations_are_the_dense_ones(counts):
    problem = waves()
    ansatz = build_ansatz(problem, enforce=False)
    network = build_network(problem, Subdomains(counts, SMALL), 0)
    sampler = Sampler(problem, ansatz, Sampling(points=400), 0)
    system, theta = sampler.draw(network), network.flat()
    dense, sparse = system.squares(theta), system.sparse(theta)
    assert torch.allclose(sparse.residual, system.residual(theta))
    assert torch.allclose(sparse.matrix.triu(), dense.matrix.triu(), rtol=1e-9, atol=1e-9)
    steps = []
    for normal in (dense, sparse):
        damped = normal.damped(1e-3)
        assert damped is not None
        steps.append(damped.correct(normal.residual, damped.start()).step)
    assert float((steps[0] - steps[1]).norm() / steps[0].norm()) < 1e-7
    moved = sparse.push(steps[0]) - dense.push(steps[0])
    assert float(moved.norm() / dense.push(steps[0]).norm()) < 1e-10


def test_elimination_of_a_row_couples_neighbours_only():
    row = Elimination.of([5] * 20, [(k, k + 1) for k in range(19)])
    assert sorted(row.order) == list(range(20))
    assert max(map(len, row.below)) == 1
    grid = [(8 * i + j, 8 * i + j + s) for i in range(7) for j in range(7) for s in (1, 8, 9)]
    # The front of a square of 8 x 8 blocks: measured 10, of 63 others.
    assert max(map(len, Elimination.of([5] * 64, grid).below)) < 20


@cache
def solve_waves(count: int, steps: int) -> Solution:
    plan = Plan(
        (4,),
        subdomains=(3, 1),
        stages=(LeastSquares(steps=steps),),
        sampling=Sampling(points=500),
        budget=1000.0,
        windows=1,
    )
    return solve(waves(count), plan)


def test_a_square_is_solved():
    solution = solve_waves(6, 12)
    # 6 half waves in three cells; measured 5e-3 after 12 steps.
    assert solution.errors["u"].rel_l2 < 5e-2
    assert "in each of 3 x 1 subdomains" in solution.network.description


def test_another_solve_goes_on_from_a_solution():
    first = solve_waves(6, 12)
    plan = Plan(
        (4,), subdomains=(3, 1), stages=(LeastSquares(steps=0),), sampling=Sampling(points=500)
    )
    again = solve(waves(6), plan, start=first)
    assert again.errors["u"].rel_l2 == pytest.approx(first.errors["u"].rel_l2, rel=1e-6)


def test_a_saved_model_is_the_same_function(tmp_path: Path):
    solution = solve_waves(6, 12)
    solution.save(tmp_path / "model.safetensors")
    again = kanpde.load(tmp_path / "model.safetensors")
    x, y = np.random.default_rng(0).random((2, 7))
    assert np.array_equal(again(x=x, y=y), solution(x=x, y=y))


def test_a_program_is_the_same_function(tmp_path: Path):
    solution = solve_waves(6, 12)
    points = np.random.default_rng(0).random((7, 2))
    program: dict[str, Any] = {}
    exec(write_program(solution, tmp_path, "numpy").read_text(encoding="utf-8"), program)
    found = program["evaluate"](points)[:, 0]
    expected = solution.evaluate(points)["u"]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kanpde", *arguments], capture_output=True, text=True, check=False
    )


def test_a_run_with_subdomains_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("rod.py").write_text(
        "from kanpde import *\n"
        "def problem():\n"
        "    box = Box(x=(0, 1)); (x,) = box.axes\n"
        '    return Problem(box, "u", [\n'
        '        Condition("rod", box, lambda u: d(u, x, x) + sin(20 * x)),\n'
        '        Condition("ends", box.faces(x), lambda u: u)])\n'
        "def plan(): return Plan(widths=(3,), stages=(LeastSquares(steps=3),))\n"
    )
    assert command("solve", "rod.py", "--subdomains", "3", "--out", "run").returncode == 0
    assert kanpde.load("run").network.description.startswith("in each of 3 subdomains")
    first = json.loads(Path("run/summary.json").read_text())
    assert command("resume", "run").returncode == 0
    assert kanpde.load("run").network.description.startswith("in each of 3 subdomains")
    assert json.loads(Path("run/summary.json").read_text())["steps"] > first["steps"]


def test_cells_without_points_of_a_shape_are_left_out():
    disk = Disk(x=0, y=0, radius=1.0)
    x, y = disk.axes
    problem = Problem(
        disk,
        fields="u",
        conditions=[
            Condition("poisson", disk, lambda u: d(u, x, x) + d(u, y, y) + 1),
            Condition("rim", disk.boundary(), lambda u: u),
        ],
    )
    network = build_network(problem, Subdomains((9, 9), SMALL, overlap=0.1), 0)
    assert isinstance(network, PartitionOfUnity)
    assert len(network.members) < 81
    points = torch.from_numpy(disk.interior.sample(2000, 5).points)
    total = torch.stack(network.cover.values(points)).sum(0)
    assert float((total - 1).abs().max()) < 1e-12


def test_data_read_back_are_the_same_network():
    network, points = make_network(), some_points()
    data, weights = network.to_data(), network.state_dict()
    again = network_from_data(data, network.coordinates, weights)
    assert torch.equal(again(points), network(points))


def test_an_extension_keeps_the_function():
    network, points = make_network(), some_points(300)
    larger = network.extended(Chebyshev(6), points)
    assert larger.parameter_count > network.parameter_count
    assert torch.allclose(larger(points), network(points), rtol=0, atol=1e-8)


def test_the_cost_of_a_step_grows_with_the_sum():
    problem = waves()
    ansatz = build_ansatz(problem)
    costs = [estimate_costs(problem, Plan(subdomains=(n, 1)), ansatz)[0] for n in (10, 40)]
    assert costs[1].parameters == 4 * costs[0].parameters
    assert costs[1].seconds < 6 * costs[0].seconds


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"subdomains": (0, 2)}, "at least 1"),
        ({"subdomains": 4}, r"\(4, 4\)"),
        ({"subdomains": (60, 60)}, "more than"),
    ],
)
def test_counts_that_cannot_be_used_are_named(plan, message):
    with pytest.raises(KanpdeError, match=message):
        Plan(**plan)


def test_check_tells_the_subdomains_and_their_cost(capsys):
    check_problem(CheckOptions("poisson", subdomains="3,2"))
    told = capsys.readouterr().out
    assert "in each of 3 x 2 subdomains widths (6, 6)" in told
    assert "cost: about" in told
    for counts, message in [("3;2", "write a whole number"), ("3", "the axes of space are x, y")]:
        with pytest.raises(KanpdeError, match=message):
            check_problem(CheckOptions("poisson", subdomains=counts))


def test_an_axis_that_is_cut_cannot_be_held():
    network = make_network(counts=(3, 1))
    at = some_points()
    at[:, 1] = 0.25
    fixed = network.fix(1, 0.25)
    assert torch.allclose(fixed(at[:, :1]), network(at), rtol=1e-12, atol=1e-12)
    with pytest.raises(KanpdeError, match="cut into subdomains"):
        network.fix(0, 0.5)


def test_subdomains_are_suggested_where_one_network_leads_nowhere():
    stages, points = (LeastSquares(steps=1),), Sampling(points=200)
    plan = Plan((3,), stages=stages, sampling=points, budget=1000.0, windows=1)
    assert "--subdomains 4,4 takes about" in solve(waves(20), plan).outcome.advice
    ansatz = build_ansatz(waves())
    assert suggest_subdomains(waves(), Plan(budget=1.0), ansatz) == ""
    assert suggest_subdomains(waves(), Plan(subdomains=(2, 2)), ansatz) == ""


def test_a_composite_has_the_heads_of_all_cells():
    network, none = make_network(counts=(3, 2)), Coordinates((), (), ())
    both = Composite(
        network.coordinates, [network, Constant(none, 1)], [Part((0, 1), (0, 1)), Part((), (2,))]
    )
    assert len(both.heads()) == 6 * 2 + 1


def test_an_unknown_number_is_found_beside_subdomains():
    rod = Box(x=(0, 1), t=(0, 1))
    x, t = rod.axes
    places = {"x": np.linspace(0.1, 0.9, 40), "t": np.linspace(1, 0, 40)}
    values = np.sin(np.pi * places["x"]) * np.exp(-0.1 * np.pi**2 * places["t"])
    problem = Problem(
        rod,
        fields={"u": (x, t), "k": ()},
        conditions=[
            Condition("heat", rod, lambda u, k: d(u, t) - k * d(u, x, x)),
            Condition("ends", rod.faces(x), lambda u: u),
            Condition("start", rod.face(t=0), lambda u: u - sin(pi * x)),
            observe("readings", rod.points(**places), u=values),
        ],
    )
    stages, points = (LeastSquares(steps=10),), Sampling(points=150)
    plan = Plan((3,), subdomains=(2,), stages=stages, sampling=points, budget=1000.0)
    number = solve(problem, plan).evaluate(np.array([[0.5, 0.5]]))["k"]
    # Measured 0.1 to 1e-4.
    assert float(number[0]) == pytest.approx(0.1, rel=2e-2)


def test_another_number_of_axes_is_named():
    with pytest.raises(KanpdeError, match="the axes of space are x, y"):
        solve(waves(), Plan(subdomains=(2, 2, 2), budget=1.0))
