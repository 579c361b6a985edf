"""A program for ONNX runtimes."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from kanpde.checks import require_module
from kanpde.files.whole import write_whole
from kanpde.output.deploy.graph import export_exact_program
from kanpde.solution.solution import Solution


def write(solution: Solution, path: Path) -> None:
    """Write the program, with the input `points` (N, dimension) and the output `fields`, float64.

    Raises KanpdeError where onnx and onnxscript are not installed.
    """
    for name in ("onnx", "onnxscript"):
        require_module(name, "onnx")
    program = export_exact_program(solution)
    with _quiet(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of the exporter about itself
        made = torch.onnx.export(
            program, input_names=["points"], output_names=["fields"], verbose=False
        )
    assert made is not None
    write_whole(path, lambda part: made.save(part))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from logging that packages are absent which a solution does not need."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
