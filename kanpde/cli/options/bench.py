"""Options of `kanpde bench`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer


@dataclass(frozen=True)
class BenchOptions:
    """What `kanpde bench` is asked to measure."""

    problems: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names or files, with settings such as cavity:reynolds=400 (default: all shipped)."
        ),
    ] = None
    seeds: Annotated[
        int, typer.Option(min=1, help="Runs of each problem, with seeds 0, 1, ...")
    ] = 5
    budgets: Annotated[
        list[float] | None,
        typer.Option(
            "--budget", metavar="SECONDS", help="Seconds of a run; repeatable (default: 120)."
        ),
    ] = None
    out: Annotated[
        Path, typer.Option("--out", help="The folder of the results; finished runs there are kept.")
    ] = Path("bench")
    jobs: Annotated[
        int, typer.Option(min=1, help="Runs at the same time; they share the cores.")
    ] = 1
