"""Options of the commands around a problem and its run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kanpde.cli.options.output import Json, Quiet
from kanpde.output.deploy import PROGRAMS
from kanpde.output.export import FORMATS

ProblemName = Annotated[str, typer.Argument(help="A shipped problem's name, or a Python file.")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of problem(); repeatable."),
]
Budget = Annotated[
    float | None, typer.Option("--budget", metavar="SECONDS", help="Seconds of training.")
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Run the folder's problem.py, even if another wrote it.")
]
CutInto = Annotated[
    str,
    typer.Option(
        "--subdomains", metavar="COUNTS", help='Networks along the axes of space, such as "4,4".'
    ),
]
Resolution = Annotated[
    str,
    typer.Option("--resolution", metavar="AXES", help='Points along axes, such as "x=201,t=50".'),
]
Times = Annotated[
    str, typer.Option("--times", metavar="TIMES", help='Times of the fields, such as "0,0.1,0.5".')
]
FieldNames = Annotated[
    str, typer.Option("--fields", metavar="NAMES", help='Only these in the files, such as "u,p".')
]
Tolerance = Annotated[
    float | None, typer.Option("--tolerance", help="Stop at this estimated relative error.")
]


@dataclass(frozen=True)
class SolveOptions:
    """What `kanpde solve` is asked to do."""

    problem: ProblemName
    settings: Settings = None
    out: Annotated[
        Path | None, typer.Option("--out", help="The run folder (default: runs/NAME).")
    ] = None
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed of the network and the points.")
    ] = 0
    budget: Budget = None
    tolerance: Tolerance = None
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu"
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            "--members",
            min=1,
            max=1000,
            help="Size of an ensemble; its seeds start at --seed.",
        ),
    ] = 1
    resolution: Resolution = ""
    times: Times = ""
    fields: FieldNames = ""
    subdomains: CutInto = ""
    quiet: Quiet = False
    json: Json = False


@dataclass(frozen=True)
class ResumeOptions:
    """What `kanpde resume` is asked to do."""

    folder: RunFolder
    budget: Budget = None
    tolerance: Tolerance = None
    trust: Trust = False
    quiet: Quiet = False
    json: Json = False


@dataclass(frozen=True)
class CheckOptions:
    """What `kanpde check` is asked to look at."""

    problem: ProblemName
    settings: Settings = None
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A folder for pictures of the domain and the points."),
    ] = None
    subdomains: CutInto = ""
    json: Json = False


@dataclass(frozen=True)
class ListOptions:
    """What `kanpde list` is asked to show."""

    json: Json = False


@dataclass(frozen=True)
class InitOptions:
    """What `kanpde init` is asked to write."""

    problem: Annotated[str, typer.Argument(help="A shipped problem's name.")] = ""
    source: Annotated[
        str, typer.Option("--from", metavar="EQUATION", help="An equation for --shape: heat, ...")
    ] = ""
    shape: Annotated[
        str, typer.Option("--shape", help="A shape for the equation: disc, plate-with-hole, ...")
    ] = ""
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write (default: NAME.py here).")
    ] = None


@dataclass(frozen=True)
class ExportOptions:
    """What `kanpde export` is asked to write."""

    folder: RunFolder
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help=f"Of the fields: {', '.join(FORMATS)}; of the solution as a program: "
            f"{', '.join(PROGRAMS)}.",
        ),
    ] = FORMATS[0]
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="NAME=VALUE",
            help="Values of parameters, such as nu=0.01 or nu=0.3,radius=0.5; repeatable.",
        ),
    ] = None
    on: Annotated[
        Path | None,
        typer.Option(
            "--on",
            metavar="FILE",
            help="Write values at the nodes of this mesh or the points of this CSV.",
        ),
    ] = None
    resolution: Resolution = ""
    times: Times = ""
    fields: FieldNames = ""
    out: Annotated[
        Path | None, typer.Option("--out", help="Another folder (default: the run's own).")
    ] = None


@dataclass(frozen=True)
class InfoOptions:
    """What `kanpde info` is asked to show."""

    folder: Annotated[Path, typer.Argument(help="A run folder, or a folder of several to compare.")]
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False
