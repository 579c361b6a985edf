"""Options of the commands that look for equations and formulas in data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kanpde.cli.options.output import Json, Quiet

DataFile = Annotated[Path, typer.Argument(help="A CSV or HDF5 file; for fields also NPZ.")]
ReportFolder = Annotated[
    Path | None,
    typer.Option("--out", help="A folder for the report (default: nothing is written)."),
]


@dataclass(frozen=True)
class DiscoverOptions:
    """What `kanpde discover` is asked to explain."""

    data: DataFile
    states: Annotated[str, typer.Option(help="Columns to explain (default: all).")] = ""
    inputs: Annotated[str, typer.Option(help="Columns of controls and parameters.")] = ""
    time: Annotated[
        str | None, typer.Option(help="The column of times (default: t or time, else the first).")
    ] = None
    degree: Annotated[int, typer.Option(help="Highest degree of the monomials in the library.")] = 3
    terms: Annotated[
        list[str] | None,
        typer.Option("--term", metavar="FORMULA", help='A further term, "exp(-x)"; repeatable.'),
    ] = None
    holdout: Annotated[
        float, typer.Option(help="The share of the data that is kept to judge the forecast.")
    ] = 0.2
    kan: Annotated[bool, typer.Option("--kan", help="Compare with the formulas of a KAN-ODE.")] = (
        False
    )
    order: Annotated[int, typer.Option(help="For a field u(x, t): 1 for u_t, 2 for u_tt.")] = 1
    points: Annotated[
        bool, typer.Option("--points", help="The rows (u, x, t) are a field at scattered points.")
    ] = False
    known: Annotated[
        str, typer.Option(help='A field\'s known terms, "0.1 u_xx - u_x"; "u: u; v: 2 v" of two.')
    ] = ""
    varying: Annotated[
        str, typer.Option(help="Axes, such as x,t, on which a field's coefficients may depend.")
    ] = ""
    source: Annotated[
        bool,
        typer.Option("--source", help="Find only a field's source f(u), beside the known terms."),
    ] = False
    out: ReportFolder = None
    quiet: Quiet = False
    json: Json = False


@dataclass(frozen=True)
class FitOptions:
    """What `kanpde fit` is asked to explain."""

    table: DataFile
    target: Annotated[str, typer.Option(help="The column to explain.")]
    variables: Annotated[str, typer.Option(help="What explains it (default: the rest).")] = ""
    classes: Annotated[
        bool | None,
        typer.Option(
            "--classes/--numbers",
            help="What the target holds (default: classes, if it holds words or few integers).",
        ),
    ] = None
    units: Annotated[
        str,
        typer.Option(help="Of the variables and the target, as m,s,m/s or x=m,t=s,v=m/s."),
    ] = ""
    budget: Annotated[
        float, typer.Option(help="Seconds for the search of expression trees, or for classes.")
    ] = 60
    out: ReportFolder = None
    quiet: Quiet = False
    json: Json = False
