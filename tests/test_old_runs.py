"""Run folders that version 0.1.0 wrote are read and resumed, and give the same values."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import kanpde
from kanpde.cli.app import main

DATA = Path(__file__).parent / "data"
# Values at x = 0.1, 0.3, 0.77 and t = 0, 0.4, 1, as version 0.1.0 gave them.
VALUES = {
    "run_0_1_0": [0.5877852522924731, 0.1961486931670331, -0.019194177933450463],
    "windows_0_1_0": [0.5877852522924731, 0.19444907619191676, -0.02188572163906899],
}

pytestmark = pytest.mark.usefixtures("one_thread", "blank_pictures")


@pytest.mark.parametrize("name", VALUES)
def test_an_old_model_gives_its_values(name: str) -> None:
    solution = kanpde.load(DATA / name)
    values = solution(x=np.array([0.1, 0.3, 0.77]), t=np.array([0.0, 0.4, 1.0]))
    np.testing.assert_allclose(values, VALUES[name], rtol=1e-12)
    assert len(solution.pieces) == (1 if name == "run_0_1_0" else 30)
    assert solution.steps == (20 if name == "run_0_1_0" else 380)


@pytest.mark.parametrize("name", VALUES)
def test_an_old_run_is_resumed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(DATA / name, folder)
    before = kanpde.load(folder)
    with pytest.raises(SystemExit) as ended:
        main(["resume", str(folder), "--trust", "--budget", "1"])
    assert ended.value.code in (0, None)
    assert "estimated relative L2 error" in capsys.readouterr().out
    after = kanpde.load(folder)
    assert after.steps >= before.steps
    assert after.seconds > before.seconds
    assert len(after.trace["step"]) > len(before.trace["step"])
