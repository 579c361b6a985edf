"""A program that `torch.export.load` reads, in Python or C++, without kanpde."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from kanpde.files.whole import write_whole
from kanpde.output.deploy.graph import export_program
from kanpde.solution.solution import Solution


def write(solution: Solution, path: Path) -> None:
    """Write the program: `torch.export.load(path).module()(points)` with points (N, dimension)."""
    program = export_program(solution)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of weights that share memory, on the CPU
        write_whole(path, lambda part: torch.export.save(program, part))
