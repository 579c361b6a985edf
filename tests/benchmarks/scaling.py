"""Weak and strong scaling of a least-squares step over processes of one thread on this machine.

    python tests/benchmarks/scaling.py [PROBLEM] [--ranks 1 2] [--points 4000] [--steps 10]

Strong: the same points on any number of ranks. Weak: as many points for each rank. Seconds are
those of the wall, so the machine must be quiet; CPU seconds of rank 0 and of the last rank say how
the work is shared even where it is not. `--model` prints what the arithmetic says of 100 nodes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from kanpde import LeastSquares, Plan, Sampling, solve
from kanpde.distributed.join import join_ranks
from kanpde.problem.loading import load_problem_file
from kanpde.training.sharing import follow


def free_port() -> int:
    """A port that no other program uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def measure(problem: str, size: int, points: int, steps: int) -> dict[str, float]:
    """Seconds of a step, and CPU seconds of rank 0 and of the last rank."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        processes = []
        for rank in range(size):
            process = os.fork()
            if process == 0:
                os.environ.update(
                    RANK=str(rank),
                    WORLD_SIZE=str(size),
                    MASTER_ADDR="127.0.0.1",
                    MASTER_PORT=str(port),
                )
                _work(problem, points, steps, Path(folder))
                os._exit(0)
            processes.append(process)
        for process in processes:
            if os.waitpid(process, 0)[1]:
                sys.exit(f"a rank of {size} failed")
        found = [json.loads((Path(folder) / f"{k}.json").read_text()) for k in range(size)]
    return {
        "seconds": found[0]["wall"] / steps,
        "cpu_0": found[0]["cpu"] / steps,
        "cpu_last": found[-1]["cpu"] / steps,
    }


def _work(problem: str, points: int, steps: int, folder: Path) -> None:
    with join_ranks(lambda: "cpu") as ranks:
        if ranks.rank == 0:
            file = load_problem_file(problem, {})
            sampling = Sampling(points=points, every=steps)
            for count in (1, steps):  # the first one compiles
                plan = Plan(stages=(LeastSquares(steps=count),), sampling=sampling, budget=1e5)
                wall, cpu = time.perf_counter(), time.process_time()
                solve(file.problem, plan, device=ranks)
                took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        else:
            cpu = time.process_time()
            follow(ranks)
            took = {"wall": 0.0, "cpu": time.process_time() - cpu}
        (folder / f"{ranks.rank}.json").write_text(json.dumps(took))


@dataclass(frozen=True)
class Model:
    """A step on nodes of `cores` cores, from what `kanpde check` counts (training/cost.py).

    Rates of one core: products in a second, seconds for an entry of J (four jets) and for one in
    an evaluation. Of the network: bytes in a second, and seconds for a message.
    """

    cores: int = 16
    products: float = 2.5e10
    entry: float = 4 * 1.2e-9
    evaluated: float = 4 * 0.3e-9
    trials: int = 7
    bandwidth: float = 1.25e9
    latency: float = 5e-5

    def step(self, parameters: int, rows: int, nodes: int) -> tuple[float, float, float]:
        """Seconds of what is shared, of the factor, and of messages."""
        p, n = float(parameters), float(rows)
        shared = n * p * (p / 2 / self.products + self.entry + self.trials * self.evaluated)
        factor = 1.3 * p**3 / 6 / self.products / self.cores
        rounds = math.ceil(math.log2(nodes)) if nodes > 1 else 0
        triangle = 4 * p * p / self.bandwidth + self.latency
        vectors = self.trials * 2 * (8 * p / self.bandwidth + self.latency)
        return shared / self.cores / nodes, factor, rounds * (triangle + vectors)


def print_model() -> None:
    """A table for 1, 10 and 100 nodes on networks of 10 and 100 Gb/s, 12 rows a parameter."""
    print("parameters    rows   nodes  network    shared    factor  messages      step  speed-up")
    for parameters in (1_000, 5_000, 20_000):
        rows = 12 * parameters
        alone = sum(Model().step(parameters, rows, 1))
        for name, bandwidth in (("10 Gb", 1.25e9), ("100 Gb", 1.25e10)):
            for nodes in (10, 100):
                parts = Model(bandwidth=bandwidth).step(parameters, rows, nodes)
                shown = "".join(f"{x:10.3g}" for x in (*parts, sum(parts)))
                gain = f"{alone / sum(parts):10.1f}"
                print(f"{parameters:10d} {rows:7d} {nodes:7d} {name:>8}{shown}{gain}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problem", nargs="?", default="burgers")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--points", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--model", action="store_true")
    given = parser.parse_args()
    if given.model:
        print_model()
        return
    for kind in ("strong", "weak"):
        print(f"{kind} scaling of {given.problem}")
        print("ranks   points   s a step   CPU s of rank 0   of the last   efficiency")
        first = None
        for size in given.ranks:
            points = given.points * (size if kind == "weak" else 1)
            found = measure(given.problem, size, points, given.steps)
            first = first or found["seconds"] * (given.ranks[0] if kind == "strong" else 1)
            share = first / found["seconds"] / (size if kind == "strong" else 1)
            print(
                f"{size:5d} {points:8d} {found['seconds']:10.3f} {found['cpu_0']:17.3f} "
                f"{found['cpu_last']:13.3f} {share:12.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
