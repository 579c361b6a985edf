"""The options of `kanpde operator` and `kanpde dataset`; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

operator = typer.Typer(help="Learn a solution operator from data, and apply it.")
dataset = typer.Typer(help="Make data by classical solvers.")

MaybeInt = Optional[int]  # noqa: UP045
MaybeFloat = Optional[float]  # noqa: UP045
DataFile = Annotated[Path, typer.Argument(help="Data: HDF5 or NPZ (docs/operators.md).")]
RunFolder = Annotated[Path, typer.Argument(help="A folder that `kanpde operator train` wrote.")]
Samples = Annotated[int, typer.Option(min=1, help="Training samples.")]
Tests = Annotated[int, typer.Option(min=0, help="Test samples.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the random fields.")]
Resolution = Annotated[int, typer.Option(min=4, help="Grid points along each space axis.")]
OutFile = Annotated[Path, typer.Option("--out", help="The HDF5 file to write.")]
Times = Annotated[int, typer.Option(min=2, help="Times recorded, the first one included.")]
End = Annotated[float, typer.Option(help="The last time recorded.")]
Viscosity = Annotated[float, typer.Option(help="Viscosity.")]


@operator.command()
def train(
    data: DataFile,
    out: Annotated[Path, typer.Option("--out", help="The run folder.")],
    model: Annotated[str, typer.Option(help="fno, or branch (branch and trunk).")] = "fno",
    maps: Annotated[str, typer.Option(help="kan or mlp: the pointwise maps.")] = "kan",
    width: Annotated[MaybeInt, typer.Option(min=1, help="Channels.")] = None,
    modes: Annotated[
        MaybeInt, typer.Option(min=1, help="Highest Fourier wavenumber kept along each axis.")
    ] = None,
    depth: Annotated[MaybeInt, typer.Option(min=1, help="Fourier blocks.")] = None,
    epochs: Annotated[MaybeInt, typer.Option(min=1, help="Passes over the samples.")] = None,
    budget: Annotated[
        MaybeFloat, typer.Option(metavar="SECONDS", help="Seconds of training for each network.")
    ] = None,
    batch: Annotated[MaybeInt, typer.Option(min=1, help="Samples in a step.")] = None,
    rate: Annotated[MaybeFloat, typer.Option(help="Highest learning rate.")] = None,
    loss: Annotated[str, typer.Option(help="h1 or l2: the norm of the loss.")] = "h1",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the first network.")] = 0,
    members: Annotated[int, typer.Option(min=1, help="Networks of an ensemble.")] = 1,
    step: Annotated[
        bool, typer.Option("--step", help="Learn one step in time of trajectories, for rollouts.")
    ] = False,
    physics: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="PROBLEM", help="A problem whose residual joins the loss."),
    ] = None,
    physics_weight: Annotated[float, typer.Option(min=0, help="Its weight.")] = 0.1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train an operator; leaves model, errors, pictures and fields in a run folder."""
    from kanpde.cli.operator.train import run_train

    chosen = {
        "width": width, "modes": modes, "depth": depth, "epochs": epochs, "budget": budget,
        "batch": batch, "rate": rate,
    }  # fmt: skip
    equation = None if physics is None else (physics, physics_weight)
    code = run_train(data, out, model, maps, loss, seed, members, step, device, equation, chosen)
    raise typer.Exit(code)


@operator.command()
def resume(
    folder: RunFolder,
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--data", help="The data, if they have moved."),
    ] = None,
) -> None:
    """Go on with an interrupted training, as if it had not been interrupted."""
    from kanpde.cli.operator.train import run_resume

    raise typer.Exit(run_resume(folder, data))


@operator.command()
def predict(
    folder: RunFolder,
    data: DataFile,
    out: OutFile,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Predict the outputs for the inputs of a file, and compare where it has outputs."""
    from kanpde.cli.operator.train import run_predict

    run_predict(folder, data, out, device)


@operator.command()
def rollout(
    folder: RunFolder,
    data: DataFile,
    out: OutFile,
    steps: Annotated[int, typer.Option(min=1, help="Steps in time.")],
    split: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="The group of the file to start from (default: the last one)."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Step on in time from first states; draws the error against time."""
    from kanpde.cli.operator.train import run_rollout

    run_rollout(folder, data, out, steps, split, device)


@operator.command()
def info(folder: RunFolder) -> None:
    """Show the summary of a training."""
    from kanpde.cli.operator.train import run_info

    run_info(folder)


@dataset.command()
def darcy(
    out: OutFile,
    samples: Samples = 1000,
    tests: Tests = 100,
    resolution: Resolution = 64,
    seed: Seed = 0,
    test_resolution: Annotated[
        Optional[list[int]],  # noqa: UP045
        typer.Option(min=4, help="A further resolution of the test samples; repeatable."),
    ] = None,
) -> None:
    """Darcy flow: -div(a grad u) = 1, u = 0 around the unit square, a of two values."""
    from kanpde.cli.operator.train import run_dataset
    from kanpde.operator.generators.periodic import Darcy

    run_dataset(Darcy(), out, samples, tests, resolution, seed, test_resolution or [])


@dataset.command()
def burgers(
    out: OutFile,
    samples: Samples = 1000,
    tests: Tests = 100,
    resolution: Resolution = 128,
    seed: Seed = 0,
    viscosity: Viscosity = 0.01,
    times: Times = 17,
    end: End = 1.0,
) -> None:
    """Burgers: u_t + u u_x = viscosity u_xx, periodic, from random u0."""
    from kanpde.cli.operator.train import run_dataset
    from kanpde.operator.generators.periodic import Burgers

    run_dataset(Burgers(viscosity, times, end), out, samples, tests, resolution, seed, [])


@dataset.command("navier_stokes")
def navier_stokes(
    out: OutFile,
    samples: Samples = 200,
    tests: Tests = 20,
    resolution: Resolution = 64,
    seed: Seed = 0,
    viscosity: Viscosity = 1e-3,
    times: Times = 11,
    end: End = 10.0,
) -> None:
    """Forced 2-D Navier-Stokes in vorticity form, periodic; the tests run twice as long."""
    from kanpde.cli.operator.train import run_dataset
    from kanpde.operator.generators.periodic import NavierStokes

    run_dataset(NavierStokes(viscosity, times, end), out, samples, tests, resolution, seed, [])


@dataset.command("allen_cahn")
def allen_cahn(
    out: OutFile,
    samples: Samples = 200,
    tests: Tests = 20,
    resolution: Resolution = 64,
    seed: Seed = 0,
    width: Annotated[float, typer.Option(help="Width of the fronts.")] = 0.05,
    times: Times = 11,
    end: End = 10.0,
) -> None:
    """Allen-Cahn: u_t = width^2 lap u + u - u^3, periodic in two dimensions."""
    from kanpde.cli.operator.train import run_dataset
    from kanpde.operator.generators.periodic import AllenCahn

    run_dataset(AllenCahn(width, times, end), out, samples, tests, resolution, seed, [])
