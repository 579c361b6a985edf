"""Options of `kanpde dataset`, one class for each generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

Samples = Annotated[int, typer.Option(min=1, help="Training samples.")]
Tests = Annotated[int, typer.Option(min=0, help="Test samples.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the random fields.")]
Resolution = Annotated[int, typer.Option(min=4, help="Grid points along each space axis.")]
OutFile = Annotated[Path, typer.Option("--out", help="The HDF5 file to write.")]
Times = Annotated[int, typer.Option(min=2, help="Times recorded, the first one included.")]
End = Annotated[float, typer.Option(help="The last time recorded.")]
Viscosity = Annotated[float, typer.Option(help="Viscosity.")]


@dataclass(frozen=True)
class DatasetOptions:
    """What every generator is given: a file, numbers of samples, a resolution and a seed."""

    out: OutFile
    samples: Samples = 1000
    tests: Tests = 100
    resolution: Resolution = 64
    seed: Seed = 0


@dataclass(frozen=True)
class DarcyOptions(DatasetOptions):
    """What `kanpde dataset darcy` is asked to make."""

    test_resolution: Annotated[
        list[int] | None,
        typer.Option(min=4, help="A further resolution of the test samples; repeatable."),
    ] = None


@dataclass(frozen=True)
class BurgersOptions(DatasetOptions):
    """What `kanpde dataset burgers` is asked to make."""

    resolution: Resolution = 128
    viscosity: Viscosity = 0.01
    times: Times = 17
    end: End = 1.0


@dataclass(frozen=True)
class NavierStokesOptions(DatasetOptions):
    """What `kanpde dataset navier_stokes` is asked to make."""

    samples: Samples = 200
    tests: Tests = 20
    viscosity: Viscosity = 1e-3
    times: Times = 11
    end: End = 10.0


@dataclass(frozen=True)
class AllenCahnOptions(DatasetOptions):
    """What `kanpde dataset allen_cahn` is asked to make."""

    samples: Samples = 200
    tests: Tests = 20
    width: Annotated[float, typer.Option(help="Width of the fronts.")] = 0.05
    times: Times = 11
    end: End = 10.0
