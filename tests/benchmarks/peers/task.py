"""What a peer is told, and what it leaves: the same for all of them.

A peer gets a problem's name, a budget of seconds, a seed, and the points at which its answer will
be compared. It never sees the reference. The time runs from before its network is built, after the
imports, to the end of training; compilation counts, predicting at the points does not.

The conditions of Poisson and Burgers hold exactly in every program, by the same lift and mask, so
that what is compared is networks and training. Allen-Cahn is periodic by cos pi x and sin pi x as
inputs, and its initial value is trained: the periodic continuation of the initial value has a
kink at x = 1 that the answer smooths, so a lift would keep a kink which is not there. In the disc
the value holds exactly; on the plate with holes all conditions are trained by the peers.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PROBLEMS = ("poisson", "burgers", "allen_cahn", "poisson/disk", "laplace/holes")
# Who solves what; the shapes of the others are boxes.
SOLVED = {
    "kanpde": PROBLEMS,
    "deepxde": PROBLEMS,
    "pykan": PROBLEMS[:3],
    "jaxkan": PROBLEMS[:3],
}
# The plate of laplace/holes: x, y and radius of each hole, and the value or the flux into it.
SHEET = ((0.0, 2.0), (0.0, 1.0))
HOLES = {
    "warm": (0.5, 0.5, 0.2, 1.0),
    "heated": (1.2, 0.65, 0.12, 2.0),
    "cold": (1.55, 0.3, 0.15, -0.5),
}


@dataclass
class Task:
    """A problem to be solved in `budget` seconds, which run from now on."""

    problem: str
    budget: float
    seed: int
    points: np.ndarray  # (N, 2): x, t of Burgers and Allen-Cahn, x, y of the others
    out: Path
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def over(self, part: float = 1.0) -> bool:
        """Whether this part of the budget is spent."""
        return self.seconds >= part * self.budget

    def finish(self, values: Any, seconds: float, **facts: Any) -> None:
        """Leave the values at the points, and what else is worth knowing, in `out`."""
        array = np.asarray(values, dtype=np.float64).reshape(len(self.points))
        np.save(self.out.with_suffix(".npy"), array)
        self.out.write_text(json.dumps({"seconds": seconds} | facts, indent=2) + "\n")


def read_task() -> Task:
    """The task that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("budget", type=float)
    parser.add_argument("seed", type=int)
    parser.add_argument("points", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    return Task(given.problem, given.budget, given.seed, np.load(given.points), given.out)
