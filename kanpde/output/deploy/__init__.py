"""A solution as a program for others: a torch program, ONNX, or one file of NumPy.

A new kind is a module of this package with `write(solution, path)`, and its line in PROGRAMS.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kanpde.solution.solution import Solution


# Name on the command line -> the file that it writes; the module has the same name.
PROGRAMS = {"torch": "solution.pt2", "onnx": "solution.onnx", "numpy": "solution.py"}


def write_program(solution: Solution, folder: Path, kind: str) -> Path:
    """Write a solution as one of PROGRAMS into a folder, whole or not at all; the file's path.

    Raises KanpdeError for what this kind cannot hold, or where a package is missing.
    """
    path = folder / PROGRAMS[kind]
    import_module(f"kanpde.output.deploy.{kind}").write(solution, path)
    return path
