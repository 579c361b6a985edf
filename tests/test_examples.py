"""Each example runs from anywhere, writes only where it is told to, and reaches its accuracy."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NUMBER = r"(\d\.\d+e[-+]\d+|\d\.\d+)"


def run(folder: Path, *arguments: str | Path) -> str:
    """What a fresh interpreter prints that runs an example with `folder` as working directory."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def example(folder: Path, name: str, *arguments: str | Path) -> str:
    return run(folder, EXAMPLES / name, *arguments)


def printed(output: str, label: str) -> float:
    """The number behind `label` in the last line that holds it."""
    return float(re.findall(rf"{label}:? {NUMBER}", output)[-1])


# An untrained network is wrong by 0.3 or more; the bounds leave room for a slow, busy machine.
ERRORS = {
    "poisson.py": 1e-3,
    "heat_equation.py": 1e-2,
    "wave_with_velocity.py": 3e-2,
    "sensors.py": 0.15,
    "unknown_conductivity.py": 1e-3,
    "own_training_loop.py": 1e-5,
}


@pytest.mark.parametrize(("name", "bound"), ERRORS.items())
def test_example_finds_the_answer_and_leaves_no_file(
    name: str, bound: float, tmp_path: Path
) -> None:
    output = example(tmp_path, name, "--budget", "5")
    assert printed(output, "error") < bound
    assert list(tmp_path.iterdir()) == []


def test_poisson_gives_the_value_in_the_middle(tmp_path: Path) -> None:
    output = example(tmp_path, "poisson.py", "--budget", "3")
    assert printed(output, r"u\(0.5, 0.5\) =") == pytest.approx(1, abs=1e-3)


def test_free_end_cools_like_the_exact_mode(tmp_path: Path) -> None:
    # m tan^-1: m cos m + 2 sin m = 0 has the root 2.288929728; u(1, t) = sin(m) exp(-m^2 t).
    output = example(tmp_path, "heat_equation.py", "--budget", "12", "--transfer", "2")
    assert printed(output, r"t = 0.25: u =") == pytest.approx(0.752985 * 0.269848, abs=2e-3)


def test_wave_writes_its_picture_where_it_is_told_to(tmp_path: Path) -> None:
    example(tmp_path, "wave_with_velocity.py", "--budget", "1", "--out", tmp_path / "here")
    assert [path.name for path in tmp_path.rglob("*")] == ["here", "string.png"]


def test_sensors_with_no_noise_are_exact(tmp_path: Path) -> None:
    output = example(tmp_path, "sensors.py", "--budget", "4", "--noise", "0")
    assert printed(output, "error") < 1e-2


def test_spline_grows_twice_without_a_jump(tmp_path: Path) -> None:
    output = example(tmp_path, "spline_grid_extension.py", "--steps", "25")
    changes = re.findall(rf"the field changed by {NUMBER}", output)
    assert len(changes) == 2
    assert max(map(float, changes)) < 1e-6
    assert "rolled back" not in output
    assert "grid_size=16" in output.splitlines()[-2]
    assert printed(output, "error") < 1e-3


def test_every_choice_is_tried(tmp_path: Path) -> None:
    output = example(tmp_path, "what_matters.py", "poisson", "--steps", "3", "--points", "300")
    rows = re.findall(
        rf"^(.*?)  +\d+ parameters +3 steps  relative L2 error {NUMBER}$", output, re.M
    )
    assert len(rows) == len(output.splitlines()) >= 9
    assert len({error for _, error in rows}) > len(rows) / 2, "the choices change nothing"


def test_derivatives_of_a_saved_run(tmp_path: Path) -> None:
    command = ["solve", "burgers", "--set", "nu=0.05", "--budget", "4", "--out", tmp_path / "run"]
    run(tmp_path, "-m", "kanpde", *command)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    output = example(tmp_path, "look_at_derivatives.py", tmp_path / "run")
    assert printed(output, "relative error") < 1e-2
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_operator_answers_on_a_grid_that_it_has_not_seen(tmp_path: Path) -> None:
    options = ("--samples", "100", "--width", "8", "--budget", "10")
    output = example(tmp_path, "learn_operator.py", *options)
    seen, unseen = (float(e) for e in re.findall(rf"relative error {NUMBER}", output))
    assert seen < 0.4, "an untrained operator is wrong by 1"
    assert unseen < 1.2 * seen


def test_pendulum_is_discovered_and_forecast(tmp_path: Path) -> None:
    output = example(tmp_path, "discover_pendulum.py", "--out", tmp_path / "report")
    assert "sin(angle)" in output
    assert printed(output, "relative error") < 0.05
    assert (tmp_path / "report" / "rhs.png").is_file()


def test_source_is_found_to_a_thousandth(tmp_path: Path) -> None:
    output = example(tmp_path, "discover_source.py")
    assert printed(output, "largest error of a coefficient") < 1e-3
    assert list(tmp_path.iterdir()) == []


def test_every_example_is_tested_and_explained() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert f'"{path.name}"' in tested
        assert f"python examples/{path.name}" in text.split('"""')[1], "how it is run"
        assert len(text.splitlines()) <= 80
