"""`kanpde operator` and `kanpde dataset`: what they leave, say, refuse and survive."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from kanpde.cli.app import app, main
from kanpde.operator import load_operator, read_pairs, write_pairs
from kanpde.operator.run_folder import new_folder, read_config
from kanpde.output.export import read_vtkhdf

pytestmark = pytest.mark.usefixtures("one_thread", "blank_pictures")


def kanpde(*arguments: Any) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def read_json(*arguments: Any) -> Any:
    """What a command prints on stdout alone."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    return json.loads(result.stdout)


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The one sentence for a user's mistake."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("kanpde: ")
    assert error.count("\n") == 1
    return error


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    sizes = ("--samples", 40, "--tests", 6, "--resolution", 16)
    kanpde("dataset", "darcy", *sizes, "--test-resolution", 32, "--out", folder / "darcy.h5")
    kanpde("dataset", "burgers", *sizes, "--times", 5, "--out", folder / "burgers.h5")
    kanpde(
        "dataset",
        "allen_cahn",
        *sizes,
        "--times",
        4,
        "--end",
        0.6,
        "--out",
        folder / "allen_cahn.h5",
    )
    return folder


SMALL = ("--width", 6, "--depth", 2, "--epochs", 2)


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    out = data / "runs" / "op"
    kanpde("operator", "train", data / "darcy.h5", "--out", out, *SMALL, "--members", 2)
    return out


def test_run_folder_is_whole(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "convergence.png", "model-0.safetensors", "model-1.safetensors", "run.json",
        "summary.json", "summary.txt", "test.png", "test.vtkhdf", "test_32.png",
        "test_32.vtkhdf", "trace.csv",
    ]  # fmt: skip
    summary = json.loads((trained / "summary.json").read_text(encoding="utf-8"))
    assert summary["members"] == 2
    assert summary["seeds"] == [0, 1]
    assert summary["status"] == "finished"
    assert summary["seconds"] > 0
    assert {n: t["resolution"] for n, t in summary["tests"].items()} == {
        "test": "16x16",
        "test_32": "32x32",
    }
    assert kanpde("operator", "info", trained) == (trained / "summary.txt").read_text("utf-8")
    rows = (trained / "trace.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "member,epoch,seconds,rate,loss,validation"
    assert len(rows) == 5


def test_info_shows_an_operator_and_compares_several(trained: Path) -> None:
    """The command for solves shows operators as well, and damaged ones as such."""
    assert kanpde("info", trained) == (trained / "summary.txt").read_text("utf-8")
    summary = json.loads((trained / "summary.json").read_text(encoding="utf-8"))
    assert read_json("info", trained) == summary
    assert read_json("operator", "info", trained) == summary
    bad, begun = trained.parent / "worse", trained.parent / "begun"
    for folder in (bad, begun):
        folder.mkdir()
        shutil.copy(trained / "run.json", folder / "run.json")
    (bad / "summary.json").write_text("[", encoding="utf-8")
    try:
        table = [line.split() for line in kanpde("info", trained.parent).splitlines()]
        rows = {row["folder"]: row for row in read_json("info", trained.parent)}
    finally:
        for folder in (bad, begun):
            shutil.rmtree(folder)
    assert table[0][:4] == ["operator", "network", "status", "error"]
    assert [line[0] for line in table[1:]] == sorted(rows)
    worst = max(e["rel_l2"] for test in summary["tests"].values() for e in test["errors"].values())
    assert rows["op"]["error"] == worst
    assert rows["op"]["network"] == "FNO, KAN"
    assert (rows["worse"]["status"], rows["begun"]["status"]) == ("damaged", "unfinished")


def test_errors_of_the_summary_are_those_of_the_predictions(trained: Path, data: Path) -> None:
    out = trained.parent / "prediction.h5"
    said = kanpde("operator", "predict", trained, data / "darcy.h5", "--out", out)
    summary = json.loads((trained / "summary.json").read_text(encoding="utf-8"))
    truth, found = read_pairs(data / "darcy.h5"), read_pairs(out)
    assert list(found) == list(truth) == ["train", "test", "test_32"]
    for name in ("test", "test_32"):
        u, v = truth[name].outputs["u"], found[name].outputs["u"]
        size, error = (np.linalg.norm(w.reshape(6, -1), axis=1) for w in (u, u - v))
        mean = float(np.mean(error / size))
        assert summary["tests"][name]["errors"]["u"]["rel_l2"] == pytest.approx(mean, rel=1e-5)
        assert f"{name}: u relative L2 error {mean:.2e}" in said
        assert found[name].outputs["u_spread"].shape == u.shape
        np.testing.assert_array_equal(found[name].inputs["a"], truth[name].inputs["a"])


def test_paraview_file_holds_input_truth_prediction_error(trained: Path, data: Path) -> None:
    grid = read_vtkhdf(trained / "test.vtkhdf")
    assert set(grid.fields) == {"a", "u", "u_predicted", "u_error", "u_spread"}
    truth = read_pairs(data / "darcy.h5")["test"].outputs["u"]
    np.testing.assert_allclose(grid.fields["u"], truth)
    np.testing.assert_allclose(
        grid.fields["u_error"], grid.fields["u_predicted"] - truth, rtol=1e-4, atol=1e-9
    )


def test_inputs_alone_are_enough_to_predict(trained: Path, data: Path, tmp_path: Path) -> None:
    pairs = read_pairs(data / "darcy.h5")["test"]
    with h5py.File(tmp_path / "input.h5", "w") as file:
        file["new/axes/x"] = file["new/axes/y"] = (np.arange(16) + 0.5) / 16
        file["new/inputs/a"] = 3 * pairs.inputs["a"]
    result = CliRunner().invoke(
        app,
        ["operator", "predict", str(trained), str(tmp_path / "input.h5"), "--out",
         str(tmp_path / "out.h5")],
    )  # fmt: skip
    assert result.exit_code == 0
    assert "input a leaves the range trained on, [3, 12], by 267 % of its width" in result.output
    assert read_pairs(tmp_path / "out.h5")["new"].outputs["u"].shape == (6, 16, 16)


def test_evolution_in_one_shot_and_by_steps(data: Path, tmp_path: Path) -> None:
    shot, steps = tmp_path / "shot", tmp_path / "steps"
    kanpde("operator", "train", data / "burgers.h5", "--out", shot, *SMALL, "--modes", 2)
    grid = read_vtkhdf(shot / "test.vtkhdf")
    assert grid.times is not None
    assert len(grid.times) == 5
    kanpde("operator", "train", data / "allen_cahn.h5", "--out", steps, *SMALL, "--step")
    out = tmp_path / "rolled.h5"
    said = kanpde("operator", "rollout", steps, data / "allen_cahn.h5", "--steps", 8, "--out", out)
    assert len([line for line in said.splitlines() if "relative L2 error" in line]) == 7
    rolled = read_pairs(out)["test"]
    assert rolled.outputs["u"].shape == (6, 9, 16, 16)
    assert (tmp_path / "rolled.png").is_file()


def test_branch_and_mlp_from_the_command_line(data: Path, tmp_path: Path) -> None:
    options = ("--model", "branch", "--maps", "mlp", "--epochs", 1, "--width", 8, "--loss", "l2")
    kanpde("operator", "train", data / "darcy.h5", "--out", tmp_path / "run", *options)
    operator = load_operator(tmp_path / "run")
    assert type(operator.plan).__name__ == "BranchTrunk"
    assert type(operator.plan.maps).__name__ == "MLPMaps"


def test_file_without_tests_keeps_some_samples(data: Path, tmp_path: Path) -> None:
    train = read_pairs(data / "darcy.h5")["train"]
    write_pairs(tmp_path / "one.h5", {"train": train})
    said = kanpde("operator", "train", tmp_path / "one.h5", "--out", tmp_path / "run", *SMALL)
    assert "its last 4 samples are kept for testing" in said
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    assert summary["tests"]["held_out"]["samples"] == 4


# --- interrupts -----------------------------------------------------------------------------------


LONGER = ("operator", "train", "--width", "6", "--depth", "2", "--epochs", "6")


@pytest.fixture(scope="module")
def whole(data: Path) -> Path:
    """A training of six epochs that nothing interrupts."""
    out = data / "runs" / "whole"
    kanpde(*LONGER, data / "darcy.h5", "--out", out)
    return out


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_training_is_loadable_and_goes_on_as_if_nothing_were(
    kind: signal.Signals, whole: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = [*LONGER, str(data / "darcy.h5")]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *command, "--out", str(out)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    end = time.monotonic() + 120
    while not list(out.glob("model-*.safetensors")) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(kind)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "operator resume" in error
    epoch = load_operator(out).story["epoch"]
    assert 0 < epoch < 6
    assert not (out / "summary.json").exists()
    assert "unfinished after" in kanpde("operator", "info", out)
    kanpde("operator", "resume", out)
    halves, other = (load_operator(each).story for each in (out, whole))
    assert [row[3] for row in halves["rows"]] == [row[3] for row in other["rows"]]
    assert not list(out.glob("state-*"))


# The command line, which waits in the third epoch for the signal.
SLOW = """
import sys, time
from kanpde.operator.trainer import OperatorTrainer
epoch, calls = OperatorTrainer._epoch, []
def slow(self):
    calls.append(self)
    time.sleep(100 if len(calls) == 3 else 0)
    return epoch(self)
OperatorTrainer._epoch = slow
from kanpde.cli.app import main
main(sys.argv[1:])
"""


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--maps", "spline"), "--maps spline: take one of kan, mlp"),
        (("--model", "unet"), "--model unet: take one of fno, branch"),
        (("--loss", "l7"), "--loss l7"),
        (("--device", "tpu"), "--device tpu: take auto, cpu or cuda"),
        (("--modes", 20), "too coarse for 20 Fourier modes"),
        (("--step",), "an axis t"),
        (("--model", "branch", "--modes", 3), "--modes belongs to the model fno"),
        (("--width", 0), "--width"),
        (("--budget", -3), "positive"),
    ],
)
def test_bad_options_of_train(
    arguments: tuple[Any, ...],
    words: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    told = refused(capsys, "operator", "train", data / "darcy.h5", "--out", out, *arguments)
    assert words in told
    assert not out.exists()


def test_bad_files_and_folders(
    trained: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    darcy, burgers = data / "darcy.h5", data / "burgers.h5"
    out = tmp_path / "out.h5"
    train, predict = ("operator", "train"), ("operator", "predict")
    for arguments, words in (
        ((*train, tmp_path / "no.h5", "--out", out), "there is no data file"),
        ((*train, darcy, "--out", trained), "is not empty"),
        ((*train, darcy, "--out", darcy), "is a file"),
        ((*predict, tmp_path, darcy, "--out", out), "holds no operator"),
        ((*predict, trained, burgers, "--out", out), "the axes are t, x"),
        (("operator", "resume", trained), "is over"),
        (("operator", "resume", data), "not a run folder of an operator"),
        (("operator", "rollout", trained, darcy, "--steps", 3, "--out", out), "--step"),
        (("dataset", "darcy", "--out", darcy), "exists already"),
        (("dataset", "burgers", "--viscosity", -1, "--out", out), "viscosity must be a positive"),
    ):
        assert words in refused(capsys, *arguments)
    assert not out.exists()


def test_grid_coarser_than_the_modes(
    trained: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coarse = tmp_path / "coarse.h5"
    kanpde("dataset", "darcy", "--samples", 1, "--tests", 0, "--resolution", 8, "--out", coarse)
    told = refused(capsys, "operator", "predict", trained, coarse, "--out", tmp_path / "out.h5")
    assert "coarse.h5, train: a grid of 8 x 8 points is too coarse for 7 Fourier modes" in told


def test_test_set_that_does_not_fit_is_told_before_the_training(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mixed.h5"
    path.write_bytes((data / "darcy.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file.move("test/outputs/u", "test/outputs/v")
    told = refused(capsys, "operator", "train", path, "--out", tmp_path / "run")
    assert "mixed.h5, test: the output u is missing" in told
    with h5py.File(path, "r+") as file:
        file.move("test/inputs/a", "test/inputs/b")
    told = refused(capsys, "operator", "train", path, "--out", tmp_path / "run")
    assert "mixed.h5, test: the inputs are b" in told
    assert not (tmp_path / "run").exists()


def test_nan_is_told_with_its_sample(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "nan.h5"
    path.write_bytes((data / "darcy.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["train/outputs/u"][7, 3, 3] = np.nan
    told = refused(capsys, "operator", "train", path, "--out", tmp_path / "run")
    assert "nan.h5, /train: field u holds NaN or infinity in sample 7" in told


@pytest.mark.parametrize("split", ["train", "test"])
def test_output_of_zeros_is_told_with_its_sample(
    split: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "zero.h5"
    path.write_bytes((data / "darcy.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file[f"{split}/outputs/u"][5] = 0
    told = refused(capsys, "operator", "train", path, "--out", tmp_path / "run")
    assert f"zero.h5, {split}: output u is zero everywhere in sample 5 (counted from 0)" in told
    assert not (tmp_path / "run").exists()


def test_predictions_never_replace_the_data(
    trained: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "darcy.h5"
    content = (data / "darcy.h5").read_bytes()
    path.write_bytes(content)
    for command in (("predict",), ("rollout", "--steps", 2)):
        told = refused(capsys, "operator", *command, trained, path, "--out", path)
        assert "is the file of the data" in told
    assert path.read_bytes() == content


# --- physics --------------------------------------------------------------------------------------

LAPLACE = """
from kanpde import Box, Condition, Problem, d

def problem(scale: float = 1.0) -> Problem:
    box = Box(x=(0, 1), y=(0, 1))
    x, y = box.axes

    def darcy(u, a):
        return scale * (d(a * d(u, x), x) + d(a * d(u, y), y) + 1)

    return Problem(box, "u FIELD", [Condition("darcy", box, darcy)])
"""


def test_physics_is_in_the_loss_and_in_the_resumed_one(data: Path, tmp_path: Path) -> None:
    problem = tmp_path / "darcy.py"
    problem.write_text(LAPLACE.replace("FIELD", "a"), encoding="utf-8")
    options = ("--physics", problem, "--physics-weight", 2)
    losses = {}
    for name, more in {"data": (), "both": options}.items():
        train = ("operator", "train", data / "darcy.h5", "--out", tmp_path / name, *SMALL)
        kanpde(*train, *more)
        losses[name] = load_operator(tmp_path / name).story["rows"][0][3]
    assert losses["both"] > 1.5 * losses["data"]
    assert (tmp_path / "both" / "problem.py").read_text("utf-8") == problem.read_text("utf-8")
    config = read_config(tmp_path / "both")
    new_folder(tmp_path / "again", config, problem)
    kanpde("operator", "resume", tmp_path / "again")
    again = load_operator(tmp_path / "again").story["rows"]
    assert [row[3] for row in again] == [
        row[3] for row in load_operator(tmp_path / "both").story["rows"]
    ]


def test_physics_that_does_not_fit_is_told_before_the_training(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem, out = tmp_path / "darcy.py", tmp_path / "run"
    train = ("operator", "train", data / "darcy.h5", "--out", out)
    assert "there is no file" in refused(capsys, *train, "--physics", problem)
    problem.write_text(LAPLACE.replace("FIELD", "k"), encoding="utf-8")
    told = refused(capsys, *train, "--physics", problem)
    assert "field k is neither an output nor an input of the data: u, a" in told
    assert not out.exists()


# --- what was once a traceback, or accepted without a word ----------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate", "inf"), "Training: rate must be finite, not inf"),
        (("--rate", "nan"), "Training: rate must be finite, not nan"),
        (("--budget", 0), "--budget 0: give a positive number of seconds"),
        (("--device", "cuda:99"), "--device cuda:99: there are 0 CUDA devices here"),
        (("--width", 200000), "the network would have 5.9e+12 parameters"),
        (("--width", 10**10), "the network is too large"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="counts of devices")
def test_numbers_out_of_range(
    arguments: tuple[Any, ...],
    words: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    assert words in refused(
        capsys, "operator", "train", data / "darcy.h5", "--out", out, *arguments
    )
    assert not out.exists()


def test_weight_of_physics_is_finite(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem, out = tmp_path / "darcy.py", tmp_path / "run"
    problem.write_text(LAPLACE.replace("FIELD", "a"), encoding="utf-8")
    options = ("--out", out, "--physics", problem, "--physics-weight", "inf")
    message = refused(capsys, "operator", "train", data / "darcy.h5", *options)
    assert "Physics: weight must be finite, not inf" in message
    assert not out.exists()


@pytest.mark.parametrize("command", [("predict",), ("rollout", "--steps", 2)])
def test_folder_in_place_of_the_file_to_write(
    command: tuple[Any, ...],
    trained: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("operator", *command, trained, data / "darcy.h5", "--out", tmp_path)
    assert "is a folder; name the file to write" in refused(capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("allen_cahn", "--width", "1e-9"), "AllenCahn(width=1e-09, times=11, end=10.0) at the"),
        (("burgers", "--viscosity", "1e-12"), "and at most 65536 are solved"),
        (("allen_cahn", "--width", "1e-320"), "width must be a positive number"),
        (("darcy", "--resolution", 10**6), "and at most 2048 are solved"),
        (("navier_stokes", "--times", 10**9), "take fewer samples or a lower resolution"),
        (("darcy", "--test-resolution", 10**6), "and at most 2048 are solved"),
    ],
)
def test_data_sets_that_are_too_large(
    arguments: tuple[Any, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data.h5"
    assert words in refused(capsys, "dataset", *arguments, "--out", out)
    assert not out.exists()


def test_sets_without_outputs_and_lone_samples_are_said(data: Path, tmp_path: Path) -> None:
    splits = read_pairs(data / "darcy.h5")
    few = splits["train"].select([0])
    blind = replace(splits["test"], outputs={})
    write_pairs(tmp_path / "few.h5", {"train": few, "test": blind})
    said = kanpde("operator", "train", tmp_path / "few.h5", "--out", tmp_path / "run", *SMALL)
    assert "few.h5, test: there are no outputs to compare with; it is left out" in said
    assert "of 1 samples none is held out, and the error shown is that of the training" in said
    assert "on the training samples: relative L2 error" in said
    assert "held out while training" not in said


def test_escapes_in_a_foreign_summary_are_not_sent_to_the_terminal(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_bytes((trained / "run.json").read_bytes())
    (tmp_path / "summary.txt").write_text("fine \x1b[2J\x1b]0;title\x07 \x9b31m μ\n", "utf-8")
    said = kanpde("operator", "info", tmp_path)
    assert said == "fine \\x1b[2J\\x1b]0;title\\x07 \\x9b31m μ\n"
    (tmp_path / "summary.txt").write_bytes(b"\xff\xfe\x00")
    assert "summary.txt is damaged" in refused(capsys, "operator", "info", tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"samples": "a"}, "samples is 'a'"),
        ({"seeds": ["a"]}, "seeds is ('a',)"),
        ({"seeds": []}, "seeds is not a list of whole numbers"),
        ({"seeds": 3}, "seeds is 3"),
        ({"device": None}, "device is None"),
        ({"data": 7}, "data is 7"),
        ({"physics": "much"}, "physics is 'much'"),
        ({"plan": {"kind": "FNO", "width": "wide"}}, "the kind FNO cannot be made of its fields"),
        ({"plan": {"kind": "FNO", "width": 2.5}}, "width is 2.5"),
        ({"plan": {"kind": ["FNO"]}}, "the kind ['FNO'] is unknown"),
        ({"training": {"kind": "Training", "rate": []}}, "rate must be a number"),
        ({"training": {"kind": "Training", "colour": 1}}, "cannot be made of its fields"),
    ],
    ids=str,
)
def test_configuration_with_values_of_wrong_types(
    change: dict[str, Any],
    words: str,
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = json.loads((trained / "run.json").read_text("utf-8")) | change
    (tmp_path / "run.json").write_text(json.dumps(config), "utf-8")
    for name in ("resume", "info"):
        message = refused(capsys, "operator", name, tmp_path)
        assert "run.json is damaged: " in message
        assert words in message


@pytest.mark.parametrize("text", ["[" * 5000, "[]", "{", "\udcff"])
def test_configuration_that_is_no_json(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    for name in ("resume", "info"):
        assert str(tmp_path) in refused(capsys, "operator", name, tmp_path)


def test_training_that_ended_before_its_first_model(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes((trained / "run.json").read_bytes())
    said = kanpde("operator", "info", tmp_path)
    assert f"ended before its first model; `kanpde operator resume {tmp_path}`" in said
