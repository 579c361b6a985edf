"""Ensembles: several seeds of one problem, their mean and their spread."""

import json

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import kanpde
from kanpde import Box, Condition, KanpdeError, LeastSquares, Plan, Problem, d, exact, parameter
from kanpde.cli.app import app
from kanpde.solution.ensemble import Ensemble

FILE = """
import numpy as np
from kanpde import Box, Condition, LeastSquares, Plan, Problem, d, exact


def problem() -> Problem:
    box = Box(x=(0, 1))
    (x,) = box.axes
    law = Condition("law", box, lambda u: d(u, x, x) - 6 * x)
    ends = Condition("ends", box.faces(x), lambda u: u - x)
    return Problem(box, "u", [law, ends], reference=exact(u=lambda x: x**3))


def plan() -> Plan:
    return Plan(widths=(3,), stages=(LeastSquares(steps=3),), budget=600, tolerance=0)
"""


def bar(**axes):
    box = Box(x=(0, 1), **axes)
    x = box.axis("x")
    law = Condition("law", box, lambda u: d(u, x, x) - 6 * x)
    ends = Condition("ends", box.faces(x), lambda u: u - x)
    known = exact(u=lambda x, **others: x**3)
    return Problem(box, "u", [law, ends], reference=known, derived={"slope": lambda u: d(u, x)})


PLAN = Plan(widths=(3,), stages=(LeastSquares(steps=2),), budget=600, tolerance=0)


@pytest.fixture(scope="module")
def ensemble():
    return kanpde.solve_ensemble(bar(), PLAN, seeds=3, seed=4, progress=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    (folder / "bar.py").write_text(FILE)
    done = CliRunner().invoke(
        app, ["solve", str(folder / "bar.py"), "--seeds", "3", "--out", str(folder / "run")]
    )
    assert done.exit_code == 0, done.output
    return folder / "run", done.output


def test_mean_and_spread_are_those_of_the_members(ensemble):
    assert [member.seed for member in ensemble.members] == [4, 5, 6]
    x = np.linspace(0, 1, 11)
    found = ensemble(x=x)
    assert set(found) == {"u_mean", "u_spread", "slope_mean", "slope_spread"}
    each = np.stack([member(x=x)["u"] for member in ensemble.members])
    assert np.allclose(found["u_mean"], each.mean(0))
    assert np.allclose(found["u_spread"], each.std(0, ddof=1))
    single = kanpde.solve(bar(), PLAN, seed=5, progress=False)
    assert np.array_equal(each[1], single(x=x)["u"])


def test_it_is_said_where_members_disagree(ensemble):
    worst = ensemble.disagreements["u"]
    at = ensemble(x=worst.place["x"])["u_spread"]
    assert float(at) == pytest.approx(
        float(ensemble(x=np.linspace(0, 1, 999))["u_spread"].max()), rel=0.05
    )
    assert 0 < worst.relative < worst.largest
    assert "near x = " in str(worst)
    assert ensemble.errors["u"].rel_l2 < 0.1  # 7e-3


def test_an_ensemble_of_a_parameter_has_values():
    both = kanpde.solve_ensemble(bar(k=parameter(1, 2)), PLAN, seeds=2, progress=False)
    at = both.at(k=1.5)
    assert np.allclose(at(x=0.3)["u_mean"], both(x=0.3, k=1.5)["u_mean"])
    assert set(both.samples({"x": 5}).fields) == {
        "u_mean",
        "u_spread",
        "slope_mean",
        "slope_spread",
    }


def test_a_run_keeps_all_and_writes_mean_and_spread(run):
    folder, output = run
    assert all((folder / f"seed={k}" / "model.safetensors").exists() for k in range(3))
    assert "an ensemble of 3 solutions" in output
    assert "u: spread " in output
    with h5py.File(folder / "fields.vtkhdf") as file:
        assert {"u_mean", "u_spread"} <= set(file["kanpde/fields"])
    assert (folder / "solution.png").stat().st_size > 10_000
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["seeds"] == [0, 1, 2]
    assert set(summary["spread"]["u"]) == {"rel_l2", "max", "at"}
    assert summary["errors"]["u"]["rel_l2"] < 1


def test_a_run_is_resumed_where_it_stopped(run):
    folder, _ = run
    kept = (folder / "seed=0" / "model.safetensors").read_bytes()
    for name in ("summary.json", "summary.txt"):
        (folder / "seed=1" / name).unlink()
    for path in (folder / "seed=2").iterdir():
        path.unlink()
    (folder / "seed=2").rmdir()
    done = CliRunner().invoke(app, ["resume", str(folder)])
    assert done.exit_code == 0, done.output
    assert (folder / "seed=0" / "model.safetensors").read_bytes() == kept
    assert (folder / "seed=1" / "summary.json").exists()
    assert (folder / "seed=2" / "summary.json").exists()
    assert "an ensemble of 3 solutions" in done.output


def test_info_compares_the_members(run):
    done = CliRunner().invoke(app, ["info", str(run[0])])
    assert done.exit_code == 0, done.output
    assert all(f"seed={k}" in done.output for k in range(3))


@pytest.mark.parametrize("seeds", [1, 0, 2.5, "3", 10**6])
def test_numbers_of_seeds_that_cannot_be(seeds):
    with pytest.raises(KanpdeError, match="seeds"):
        kanpde.solve_ensemble(bar(), PLAN, seeds=seeds)


def test_members_of_different_problems_are_refused(ensemble):
    other = kanpde.solve(bar(k=parameter(1, 2)), PLAN, progress=False)
    with pytest.raises(KanpdeError, match="different problems"):
        Ensemble((ensemble.members[0], other))
    with pytest.raises(KanpdeError, match="at least two"):
        Ensemble(ensemble.members[:1])


def test_a_damaged_ensemble_is_said(tmp_path):
    (tmp_path / "ensemble.json").write_text('{"seeds": []}')
    done = CliRunner().invoke(app, ["resume", str(tmp_path)])
    assert isinstance(done.exception, KanpdeError)
    assert "ensemble.json is damaged" in str(done.exception)
