"""A small run folder, whose files the cases spoil."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from kanpde.cli.app import main

_FILE = '''"""Heat."""
from kanpde import Box, Chebyshev, Condition, LeastSquares, Plan, Problem, Sampling, d, pi, sin

def problem():
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    return Problem(
        box,
        "u",
        [
            Condition("heat", box, lambda u: d(u, t) - 0.1 * d(u, x, x)),
            Condition("start", box.face(t=0), lambda u: u - sin(pi * x)),
            Condition("walls", box.faces(x), lambda u: u),
        ],
    )

def plan():
    few = (LeastSquares(steps=2),)
    return Plan((2,), Chebyshev(3), few, Sampling(points=40), budget=2.0, windows=1)
'''


def make_run(folder: Path) -> dict[str, bytes]:
    """Solve a small problem in `folder`; its run folder as names and contents."""
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        Path("heat.py").write_text(_FILE, encoding="utf-8")
        with contextlib.suppress(SystemExit):
            main(["solve", "heat.py", "--out", "R"])
    return {path.name: path.read_bytes() for path in sorted((folder / "R").iterdir())}
