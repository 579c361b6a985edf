"""One solve on several ranks: the same digits on any number of them, and what is said of faults."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kanpde import load
from kanpde.cli.app import main
from kanpde.distributed.environment import read_rank, require_one_process
from kanpde.errors import KanpdeError

# A fresh interpreter of one thread, which forks the ranks: they import everything once.
PREFIX = """
import json, os, signal, sys, time
from pathlib import Path
import kanpde.cli.solve
from kanpde.cli.app import main
from kanpde.distributed import join as joining
from kanpde.distributed.join import join_ranks
from kanpde.distributed.ranks import RankPolicy
from kanpde.problem.loading import load_problem_file
from kanpde.training.plan import Plan
from kanpde.training.sharing import follow
from kanpde.training.solve import solve

out = Path(sys.argv[1])

def fork(size, port, work):
    processes = []
    for rank in range(size):
        process = os.fork()
        if not process:
            os.environ.update(
                RANK=str(rank), WORLD_SIZE=str(size), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
            )
            code = 70
            try:
                code = work(rank) or 0
            except SystemExit as error:
                code = error.code or 0
            finally:
                sys.stdout.flush(); sys.stderr.flush()
                os._exit(code)
        processes.append(process)
    return processes

def wait(processes):
    return [os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in processes]
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PREFIX + textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


TRACES = """
from kanpde import Box, Condition, LBFGS, LeastSquares, Observation, Problem, Sampling, d
from kanpde.geometry.points import Points
from kanpde.assembly.ansatz import build_ansatz
from kanpde.assembly.network_for import build_network
from kanpde.solution.outcome import UNFINISHED
from kanpde.training.trainer import Trainer
import numpy as np

class Only:
    # The stages, without trials before and a diagnosis after them.

    def solve(self, problem, session, start):
        ansatz = build_ansatz(problem)
        network = build_network(problem, session.plan.architecture, session.seed)
        trainer = Trainer(problem, ansatz, network, session)
        for stage in session.plan.stages:
            trainer.run(stage)
        errors = trainer.errors.fields
        return session.solution(problem, [trainer.piece], UNFINISHED, errors)

def traced(stages):
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    places = np.random.default_rng(0).random((21, 2))
    values = np.sin(3 * places[:, 0]) * np.exp(-places[:, 1])
    problem = Problem(box, {"u": (x, t), "a": ()}, [
        Condition("heat", box, lambda u, a: d(u, t) - a * d(u, x, x)),
        Observation("sensors", Points(box, places), {"u": values}),
    ])
    plan = Plan((6,), stages=stages, sampling=Sampling(points=300), tolerance=0, strategy=Only())
    def work(rank):
        with join_ranks(lambda: "cpu") as ranks:
            if rank:
                follow(ranks)
                return
            solution = solve(problem, plan, device=ranks)
            (out / f"{ranks.size}.json").write_text(
                json.dumps([solution.trace["loss"].tolist(), solution.estimate]))
    return work

for size in (1, 2, 4):
    stages = (LeastSquares(steps=30), LBFGS(steps=5))
    codes = wait(fork(size, int(sys.argv[2]) + size, traced(stages)))
    assert codes == [0] * size, codes
"""


def test_1_2_and_4_ranks_give_the_same_losses(tmp_path: Path) -> None:
    done = run(TRACES, tmp_path, 20000 + os.getpid() % 20000)
    assert done.returncode == 0, done.stdout + done.stderr
    one, two, four = (json.loads((tmp_path / f"{n}.json").read_text()) for n in (1, 2, 4))
    losses, estimate = one
    assert losses[3] < 1e-4 * losses[0]
    assert estimate is not None
    # Sums are formed in one order, whatever the number of ranks: bit by bit.
    assert one == two == four


RUNS = """
from kanpde.distributed import ranks as own
port = int(sys.argv[2])
short = RankPolicy(answer=20.0)
folder = out / "run"

def command(*arguments):
    return lambda rank: main(list(arguments))

# Ranks 1 and 2 of 3 are killed in the midst of a solve.
processes = fork(3, port, command("solve", "poisson", "--out", str(folder), "--budget", "200"))
while not (folder / "model.safetensors").exists():
    time.sleep(0.05)
begun = time.monotonic()
for process in processes[1:]:
    os.kill(process, signal.SIGKILL)
codes = [wait(processes), time.monotonic() - begun]
# Two ranks go on with what three have left.
codes.append(wait(fork(2, port + 1, command("resume", str(folder), "--budget", "2"))))
(out / "codes.json").write_text(json.dumps(codes))
"""


def test_a_killed_rank_ends_the_run_which_other_ranks_resume(tmp_path: Path) -> None:
    done = run(RUNS, tmp_path, 20000 + os.getpid() % 20000 + 100)
    assert done.returncode == 0, done.stderr
    first, seconds, second = json.loads((tmp_path / "codes.json").read_text())
    assert first == [2, -signal.SIGKILL, -signal.SIGKILL]
    assert seconds < 100
    assert second == [0, 0]
    told = [line for line in done.stderr.splitlines() if line.startswith("kanpde: ")]
    assert len(told) == 1
    assert "rank 0 of 3 cannot reach" in told[0]
    assert "resume" in told[0]
    solution = load(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["steps"] == solution.steps


FAULTS = """
import socket
port = int(sys.argv[2])

def command(*arguments):
    return lambda rank: main(list(arguments))

def other_version(rank):
    if rank:
        joining.__version__ = "0.0"
    main(["solve", "poisson"])

def wrong_problem(rank):
    main(["solve", "no_such_problem"])

os.chdir(out)
codes = {"versions": wait(fork(2, port, other_version))}
codes["problem"] = wait(fork(2, port + 1, wrong_problem))
codes["bench"] = wait(fork(2, port + 2, command("bench", "poisson")))
with socket.socket() as taken:
    taken.bind(("0.0.0.0", port + 3))
    taken.listen()
    codes["port"] = wait(fork(1, port + 3, command("solve", "poisson")))
codes["card"] = wait(fork(2, port + 4, command("solve", "poisson", "--device", "cuda")))
(out / "codes.json").write_text(json.dumps(codes))
"""


def test_faults_are_told_in_a_sentence(tmp_path: Path) -> None:
    import torch

    done = run(FAULTS, tmp_path, 20000 + os.getpid() % 20000 + 200)
    assert done.returncode == 0, done.stderr
    codes = json.loads((tmp_path / "codes.json").read_text())
    told = "\n".join(line for line in done.stderr.splitlines() if line.startswith("kanpde: "))
    assert "Traceback" not in done.stderr
    assert codes["versions"] == [2, 2]
    assert "rank 1 has kanpde 0.0" in told
    assert codes["problem"][0] == 2
    assert "no_such_problem" in told
    assert codes["bench"] == [2, 2]
    assert "`kanpde bench` runs in one process" in told
    assert codes["port"] == [2]
    assert "is in use by another program" in told
    if not torch.cuda.is_available():
        assert codes["card"][0] == 2
        assert "cuda" in told
    assert not (tmp_path / "runs").exists()


OPERATORS = """
from kanpde.cli.operator import train as command_module
from kanpde.cli.operator.data import read_training
port = int(sys.argv[2])
os.chdir(out)

def command(*arguments):
    return lambda rank: main(["operator", *map(str, arguments)])

def train(folder, epochs):
    # With batches of 2 one of three ranks has nothing to do.
    options = ("--epochs", epochs, "--batch", 2, "--width", 6, "--modes", 3, "--seed", 4)
    return command("train", "darcy.h5", *options, "--out", folder)

def interrupted(rank):
    # Rank 0 is interrupted in the midst of an epoch.
    from kanpde.operator.trainer import OperatorTrainer
    step, count = OperatorTrainer._step, [0]
    def counted(self, *arguments):
        count[0] += 1
        if count[0] == 40:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, *arguments)
    OperatorTrainer._step = counted
    return train("stopped", 3)(rank)

def elsewhere(rank):
    if rank:
        command_module.read_quietly = lambda path, step: read_training(out / "other.h5", step)[0]
    return train("differs", 1)(rank)

from kanpde.cli.operator.data import read_training
codes = {}
for size in (1, 2):
    codes[f"of {size}"] = wait(fork(size, port + size, train(f"of_{size}", 3)))
codes["stopped"] = wait(fork(2, port + 5, interrupted))
codes["resumed"] = wait(fork(3, port + 6, command("resume", "stopped")))
codes["differs"] = wait(fork(2, port + 7, elsewhere))
(out / "codes.json").write_text(json.dumps(codes))
"""


def test_operators_are_trained_on_several_ranks(tmp_path: Path) -> None:
    for name, seed in (("darcy.h5", 0), ("other.h5", 1)):
        options = ["--samples", "48", "--tests", "4", "--resolution", "12", "--seed", str(seed)]
        with pytest.raises(SystemExit):
            main(["dataset", "darcy", *options, "--out", str(tmp_path / name)])
    done = run(OPERATORS, tmp_path, 20000 + os.getpid() % 20000 + 300)
    assert done.returncode == 0, done.stderr
    codes = json.loads((tmp_path / "codes.json").read_text())
    assert codes["of 1"] == [0]
    assert codes["of 2"] == [0, 0]
    assert codes["resumed"] == [0, 0, 0]
    assert codes["stopped"] == [130, 0]
    # Single precision, added up in another order; a resumed training is the same one.
    one, *others = (losses(tmp_path / n) for n in ("of_1", "of_2", "stopped"))
    for other in others:
        np.testing.assert_allclose(other, one, rtol=1e-3)
    assert codes["differs"] == [2, 0]
    assert "rank 1: " in done.stderr
    assert "holds other samples there than on rank 0" in done.stderr


def losses(folder: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Loss and held-out error of each epoch."""
    table: np.ndarray[Any, np.dtype[np.float64]] = np.genfromtxt(
        folder / "trace.csv", delimiter=",", names=True
    )
    return np.stack([table["loss"], table["validation"]])


def test_numbers_of_ranks_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MASTER_ADDR": "a", "MASTER_PORT": "1", "RANK": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(KanpdeError, match="rank 2 of 2"):
        read_rank()
    monkeypatch.setenv("RANK", "one")
    with pytest.raises(KanpdeError, match="'one', not a number"):
        require_one_process("kanpde list")
