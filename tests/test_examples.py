"""Each example runs from anywhere, writes only where it is told to, and reaches its accuracy.

They run in this process, which has imported torch, and count steps instead of seconds, so that
what they reach does not depend on the machine; one runs as a reader does it.
"""

import contextlib
import io
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kanpde
import kanpde.operator

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NUMBER = r"(\d\.\d+e[-+]\d+|\d\.\d+)"
NEVER = 3600.0  # seconds that no budget needs
Example = Callable[..., str]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Example:
    """Runs an example in an empty folder and returns what it prints.

    With `steps` each solve of it is so many steps of least squares, and with `epochs` each
    training of an operator so many epochs.
    """
    monkeypatch.chdir(tmp_path)
    solve, learn = kanpde.solve, kanpde.operator.learn_operator

    def run(
        name: str, *arguments: str | Path, steps: int | None = None, epochs: int | None = None
    ) -> str:
        def count_steps(problem: Any, plan: Any, **options: Any) -> Any:
            stages = (kanpde.LeastSquares(steps=steps),) if steps else plan.stages
            return solve(problem, replace(plan, stages=stages, budget=NEVER), **options)

        def count_epochs(samples: Any, plan: Any, training: Any, **options: Any) -> Any:
            counted = replace(training, budget=NEVER, epochs=epochs)
            return learn(samples, plan, counted, **options)

        monkeypatch.setattr(kanpde, "solve", count_steps)
        monkeypatch.setattr(kanpde.operator, "learn_operator", count_epochs)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return printed.getvalue()

    return run


def printed(output: str, label: str) -> float:
    """The number behind `label` in the last line that holds it."""
    return float(re.findall(rf"{label}:? {NUMBER}", output)[-1])


def test_an_example_runs_as_its_reader_does_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "poisson.py", "--budget", "1"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("budget after ")
    assert list(tmp_path.iterdir()) == []


def test_poisson_finds_its_answer(example: Example, tmp_path: Path) -> None:
    output = example("poisson.py", steps=16)
    assert printed(output, r"u\(0.5, 0.5\) =") == pytest.approx(1, abs=1e-5)  # measured: 3e-7
    assert printed(output, "error") < 1e-5  # 2.3e-6
    assert list(tmp_path.iterdir()) == []


def test_two_materials_meet_with_one_flux(example: Example, tmp_path: Path) -> None:
    # Without the condition at the interface u(0.5) was 0.068 instead of 0.0227.
    output = example("two_materials.py", steps=20)
    assert printed(output, "relative error") < 0.05
    assert list(tmp_path.iterdir()) == []


def test_free_end_cools_like_the_exact_mode(example: Example, tmp_path: Path) -> None:
    # m tan^-1: m cos m + 2 sin m = 0 has the root 2.288929728; u(1, t) = sin(m) exp(-m^2 t).
    output = example("heat_equation.py", "--transfer", "2", steps=40)
    assert printed(output, r"t = 0.25: u =") == pytest.approx(0.203225, abs=1e-5)
    assert printed(output, "error") < 1e-6  # 5.8e-8
    assert list(tmp_path.iterdir()) == []


def test_wave_writes_its_picture_where_it_is_told_to(example: Example, tmp_path: Path) -> None:
    output = example("wave_with_velocity.py", "--out", tmp_path / "here", steps=15)
    assert printed(output, "error") < 1e-2  # 1.8e-3
    assert [path.name for path in tmp_path.rglob("*")] == ["here", "string.png"]


def test_sensors_find_the_start_within_their_noise(example: Example, tmp_path: Path) -> None:
    assert printed(example("sensors.py", steps=15), "error") < 0.15  # 0.043
    assert list(tmp_path.iterdir()) == []


def test_sensors_with_no_noise_are_exact(example: Example) -> None:
    assert printed(example("sensors.py", "--noise", "0", steps=15), "error") < 2e-3  # 5.4e-4


def test_conductivity_is_found(example: Example, tmp_path: Path) -> None:
    output = example("unknown_conductivity.py", steps=12)
    assert printed(output, "relative error") < 2e-5  # 4.9e-6
    assert list(tmp_path.iterdir()) == []


def test_the_thermometer_that_says_most_is_named(example: Example) -> None:
    lines = example("where_to_measure.py").splitlines()
    assert "without readings" in lines[1]
    # 0.017 and 0.11, the smallest intervals of k and c.
    assert lines[2].split("k ±")[0].split("c ±")[0].strip() in ("u at x = 0.5", "u at x = 0.375")


def test_drum_has_its_lowest_tone(example: Example, tmp_path: Path) -> None:
    output = example("own_training_loop.py", "--budget", NEVER)
    assert printed(output, "relative error") < 1e-6  # 2.4e-7
    assert list(tmp_path.iterdir()) == []


def test_spline_grows_twice_without_a_jump(example: Example) -> None:
    output = example("spline_grid_extension.py", "--steps", "8")
    changes = re.findall(rf"the field changed by {NUMBER}", output)
    assert len(changes) == 2
    assert max(map(float, changes)) < 1e-6
    assert "rolled back" not in output
    assert "grid_size=16" in output.splitlines()[-2]
    assert printed(output, "error") < 1e-5  # 1.6e-6


def test_every_choice_is_tried(example: Example) -> None:
    output = example("what_matters.py", "poisson", "--steps", "2", "--points", "300")
    rows = re.findall(
        rf"^(.*?)  +\d+ parameters +2 steps  relative L2 error {NUMBER}$", output, re.M
    )
    assert len(rows) == len(output.splitlines()) >= 9
    assert len({error for _, error in rows}) > len(rows) / 2, "the choices change nothing"


def test_derivatives_of_a_saved_run(example: Example, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from kanpde.cli.app import app

    # The tolerance ends it, at an error that is the same on every machine.
    command = ["solve", "burgers", "--set", "nu=0.05", "--out", "run"]
    limits = ["--tolerance", "1e-4", "--budget", "600"]
    assert CliRunner().invoke(app, [*command, *limits]).exit_code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    output = example("look_at_derivatives.py", "run")
    assert printed(output, "relative error") < 1e-2  # SLOPE
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_operator_answers_on_a_grid_that_it_has_not_seen(example: Example) -> None:
    output = example("learn_operator.py", "--samples", "60", "--width", "8", epochs=6)
    seen, unseen = (float(e) for e in re.findall(rf"relative error {NUMBER}", output))
    assert seen < 0.4, "an untrained operator is wrong by 1"  # 0.19
    assert unseen < 1.2 * seen


def test_pendulum_is_discovered_and_forecast(example: Example, tmp_path: Path) -> None:
    output = example("discover_pendulum.py", "--samples", "200", "--out", tmp_path / "report")
    assert "sin(angle)" in output
    assert printed(output, "relative error") < 1e-2  # 1.6e-3
    assert (tmp_path / "report" / "rhs.png").is_file()


def test_rings_are_classified(example: Example) -> None:
    output = example("classify_rings.py", "--rows", "200")
    share = float(re.findall(r"accuracy (\d+\.\d)% on", output)[0])
    assert share > 80, "of the rows, 63 % are of the outer class"  # 100, of 39 rows
    assert "the centre is inner" in output


def test_source_is_found_to_a_thousandth(example: Example, tmp_path: Path) -> None:
    output = example("discover_source.py")
    assert printed(output, "largest error of a coefficient") < 1e-3
    assert list(tmp_path.iterdir()) == []


def test_waves_of_a_plane_are_found(example: Example) -> None:
    u, v, verdict = example("discover_plane.py").splitlines()
    for line, name in ((u, "u"), (v, "v")):
        assert line.startswith(f"{name}_t = ")
        assert line.endswith(f"lap({name})")
        assert line.count("±") == 6
    assert verdict == "what the equations leave looks like noise"


def test_the_best_fin_is_found(example: Example) -> None:
    output = example("best_fin.py")
    assert float(re.findall(r"m = (\d\.\d+)", output)[0]) == pytest.approx(1.8716, abs=2e-3)


def test_every_example_is_tested_and_explained() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert f'"{path.name}"' in tested
        assert f"python examples/{path.name}" in text.split('"""')[1], "how it is run"
        assert len(text.splitlines()) <= 80
