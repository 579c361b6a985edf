"""Options of `kanpde sweep`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kanpde.cli.options.solve import ProblemName


@dataclass(frozen=True)
class SweepOptions:
    """What `kanpde sweep` is asked to solve."""

    problem: ProblemName
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUES",
            help="Values of a parameter: LOW:HIGH:COUNT, LOW:HIGH:log:COUNT or A,B,C; repeatable.",
        ),
    ] = None
    seeds: Annotated[
        int, typer.Option(min=1, help="Solves at each value, with seeds 0, 1, ...")
    ] = 1
    budget: Annotated[
        float, typer.Option("--budget", metavar="SECONDS", help="Seconds of each training.")
    ] = 120.0
    out: Annotated[
        Path,
        typer.Option("--out", help="The folder of the results; finished solves there are kept."),
    ] = Path("sweep")
    jobs: Annotated[
        int, typer.Option(min=1, help="Solves at the same time; they share the cores.")
    ] = 1
