"""Options of `kanpde operator`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kanpde.cli.options.output import Json

DataFile = Annotated[Path, typer.Argument(help="Data: HDF5 or NPZ (docs/operators.md).")]
RunFolder = Annotated[Path, typer.Argument(help="A folder that `kanpde operator train` wrote.")]
OutFile = Annotated[Path, typer.Option("--out", help="The HDF5 file to write.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


@dataclass(frozen=True)
class TrainOptions:
    """What `kanpde operator train` is asked to do; None stands for the default of the library."""

    data: DataFile
    out: Annotated[Path, typer.Option("--out", help="The run folder.")]
    model: Annotated[str, typer.Option(help="fno, or branch (branch and trunk).")] = "fno"
    maps: Annotated[str, typer.Option(help="kan or mlp: the pointwise maps.")] = "kan"
    width: Annotated[int | None, typer.Option(min=1, help="Channels.")] = None
    modes: Annotated[
        int | None, typer.Option(min=1, help="Highest Fourier wavenumber kept along each axis.")
    ] = None
    depth: Annotated[int | None, typer.Option(min=1, help="Fourier blocks.")] = None
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the samples.")] = None
    budget: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Seconds of training for each network."),
    ] = None
    batch: Annotated[int | None, typer.Option(min=1, help="Samples in a step.")] = None
    rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None
    loss: Annotated[str, typer.Option(help="h1 or l2: the norm of the loss.")] = "h1"
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the first network.")] = 0
    members: Annotated[
        int,
        typer.Option("--members", "--seeds", min=1, max=1000, help="Networks of an ensemble."),
    ] = 1
    step: Annotated[
        bool, typer.Option("--step", help="Learn one step in time of trajectories, for rollouts.")
    ] = False
    physics: Annotated[
        str | None,
        typer.Option(metavar="PROBLEM", help="A problem whose residual joins the loss."),
    ] = None
    physics_weight: Annotated[float, typer.Option(min=0, help="The weight of that residual.")] = 0.1
    device: Device = "auto"


@dataclass(frozen=True)
class ResumeOptions:
    """What `kanpde operator resume` is asked to do."""

    folder: RunFolder
    data: Annotated[Path | None, typer.Option("--data", help="The data file, if it has moved.")] = (
        None
    )
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the folder's problem.py, even if another wrote it.")
    ] = False


@dataclass(frozen=True)
class PredictOptions:
    """What `kanpde operator predict` is asked to do."""

    folder: RunFolder
    data: DataFile
    out: OutFile
    device: Device = "auto"


@dataclass(frozen=True)
class RolloutOptions:
    """What `kanpde operator rollout` is asked to do."""

    folder: RunFolder
    data: DataFile
    out: OutFile
    steps: Annotated[int, typer.Option(min=1, help="Steps in time.")]
    split: Annotated[
        str | None,
        typer.Option(help="The group of the file whose states are the start (default: the last)."),
    ] = None
    device: Device = "auto"


@dataclass(frozen=True)
class InfoOptions:
    """What `kanpde operator info` is asked to show."""

    folder: RunFolder
    json: Json = False
