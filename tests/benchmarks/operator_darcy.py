"""Operators with KAN maps beside the plain Fourier operator: the table of docs/operators.md.

Each row is trained for the same time on the same threads, and measured on the same test sets.

    python tests/benchmarks/operator_darcy.py small --data darcy_small.h5 --budget 110 --threads 2
    python tests/benchmarks/operator_darcy.py small --data burgers_small.h5
    python tests/benchmarks/operator_darcy.py generated --resolution 64 --samples 1000 --seeds 3
    python tests/benchmarks/operator_darcy.py steps --samples 200 --tests 20 --budget 600
    python tests/benchmarks/operator_darcy.py small --data darcy_small.h5 --peer VENV/bin/python

`--cpu` counts processor seconds instead of the clock's: for machines that others use too.
`--tune` leaves the test sets alone and measures on a tenth of the training samples, kept back:
defaults are chosen with it. `--peer` runs neuraloperator's own Fourier operator (its published
example: 8 x 8 modes, 24 channels, AdamW, H1 loss, cosine rate) with the interpreter of an
environment that has `neuraloperator`, `torch` and `h5py`, for the same time on the same file.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

import kanpde.operator.trainer as trainer_module
from kanpde.operator import (
    FNO,
    Darcy,
    MLPMaps,
    NavierStokes,
    Training,
    evaluate,
    learn_operator,
    read_pairs,
    rollout,
    time_steps,
)

# What is compared; the first is the default.
DESIGNS = {
    "KAN maps, factorized": FNO(),
    "MLP maps, factorized": FNO(maps=MLPMaps()),
    "KAN maps, full weights": FNO(width=22, modes=4, factorized=False),
    "MLP maps, full weights (plain FNO)": FNO(width=22, modes=4, factorized=False, maps=MLPMaps()),
}


def quiet(count: int) -> None:
    """The progress of a generator, unseen."""


class ProcessClock:
    """Stands in for the module `time` in the training: `monotonic` counts processor seconds."""

    monotonic = staticmethod(time.process_time)


def small(options: argparse.Namespace) -> tuple:
    splits = read_pairs(options.data)
    (train,) = (n for n in splits if n.startswith("train"))
    return splits.pop(train), splits


def generated(options: argparse.Namespace) -> tuple:
    def make(split: str, count: int, resolution: int):
        return Darcy().generate(split, count, resolution, 0, quiet)

    n = options.resolution
    tests = {
        "test": make("test", options.tests, n),
        f"test_{n // 2}": make("test", options.tests, n // 2),
    }
    return make("train", options.samples, n), tests


def steps(options: argparse.Namespace) -> tuple:
    make = NavierStokes().generate
    train = make("train", options.samples, options.resolution, 0, quiet)
    return time_steps(train), {"rollout": make("test", options.tests, options.resolution, 0, quiet)}


def measure(options: argparse.Namespace, plan: FNO, train, tests, seed: int) -> dict:
    training = Training(epochs=10**6, patience=10**6, budget=options.budget)
    start, clock = time.process_time(), time.monotonic()
    operator = learn_operator(train, plan, training, seed=seed)
    row = {
        "parameters": operator.parameters,
        "seconds": round(time.monotonic() - clock, 1),
        "processor seconds": round(time.process_time() - start, 1),
    }
    for name, pairs in tests.items():
        if options.case == "steps":
            count = pairs.shape[0] - 1
            errors = rollout(operator, pairs, count).errors
            row["rollout, end of training"] = float(errors[count // 2])
            row["rollout, twice as long"] = float(errors[-1])
            row["mean over the rollout's first half"] = float(np.mean(errors[1 : count // 2 + 1]))
            pairs = time_steps(pairs)
        for field, e in evaluate(operator, pairs).items():
            row[f"{name}: {field}"] = e["rel_l2"]
            row[f"{name}: {field}, squared"] = e["mse"]
    return row


PEER = """
import json, math, sys, time, h5py, torch
from neuralop.models import FNO
from neuralop.losses import H1Loss, LpLoss
path, budget, threads, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
clock = getattr(time, sys.argv[5])
torch.set_num_threads(threads); torch.manual_seed(seed)
with h5py.File(path) as f:
    sets = {n: tuple(torch.from_numpy(f[n][k][()]).float()[:, None] for k in "au") for n in f}
x, y = sets.pop(next(n for n in sets if n.startswith("train")))
mean, scale = y.mean(), y.std()
def model_of():
    return FNO(n_modes=(8, 8), hidden_channels=24, in_channels=1, out_channels=1,
               projection_channel_ratio=2)
model, l2, h1 = model_of(), LpLoss(d=2, p=2), H1Loss(d=2)
opt = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-4)
start = clock()
spent = lambda: (clock() - start) / budget
while spent() < 1:
    order = torch.randperm(len(x))
    for i in order.split(64):
        for g in opt.param_groups: g["lr"] = 5e-3 * (1 + math.cos(math.pi * min(1, spent())))
        opt.zero_grad()
        h1(model(x[i]) * scale + mean, y[i]).backward()
        opt.step()
seconds = clock() - start
row = {"parameters": sum(p.numel() * (2 if p.is_complex() else 1) for p in model.parameters()),
       "seconds": round(seconds, 1)}
with torch.no_grad():
    for n, (a, u) in sets.items():
        v = model(a) * scale + mean
        row[n + ": u"] = float(((v - u).flatten(1).norm(dim=1) / u.flatten(1).norm(dim=1)).mean())
print(json.dumps(row))
"""


def peer(options: argparse.Namespace, seed: int) -> dict:
    clock = "process_time" if options.cpu else "monotonic"
    path = Path(options.data).resolve()
    arguments = map(str, (path, options.budget, options.threads, seed, clock))
    done = subprocess.run(
        [options.peer, "-c", PEER, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def kept_back(train) -> tuple:
    """A tenth of the training samples in the place of the test sets."""
    order = np.random.default_rng(0).permutation(len(train))
    return train.select(order[len(order) // 10 :]), {
        "kept": train.select(order[: len(order) // 10])
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=("small", "generated", "steps"))
    parser.add_argument("--data", help="the file of the case small")
    parser.add_argument("--budget", type=float, default=110, help="seconds of each training")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--tests", type=int, default=100)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--designs", nargs="*", default=list(DESIGNS), metavar="NAME")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--peer", metavar="PYTHON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.cpu:
        trainer_module.time = ProcessClock
    train, tests = {"small": small, "generated": generated, "steps": steps}[options.case](options)
    if options.tune:
        train, tests = kept_back(train)
    for seed in range(options.seeds):
        for name in options.designs:
            plan = DESIGNS[name]
            print(
                json.dumps(
                    {"design": name, "seed": seed} | measure(options, plan, train, tests, seed)
                ),
                flush=True,
            )
        if options.peer:
            row = peer(options, seed)
            print(json.dumps({"design": "neuraloperator's FNO", "seed": seed} | row), flush=True)


if __name__ == "__main__":
    main()
