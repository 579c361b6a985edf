"""The command line: kanpde solve, check, list, init, export, resume, info."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

# torch, sympy and matplotlib are imported inside the commands: `--help` answers at once.

app = typer.Typer(
    name="kanpde",
    help="Solve partial differential equations with Kolmogorov-Arnold networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ProblemName = Annotated[str, typer.Argument(help="A shipped problem's name, or a Python file.")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]
Settings = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of problem(); repeatable."),
]
Out = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--out", help="The run folder (default: runs/NAME)."),
]
Budget = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option("--budget", help="Seconds of training."),
]
Tolerance = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option("--tolerance", help="Stop at this estimated relative error."),
]


def _version(show: bool) -> None:
    if show:
        from kanpde._version import __version__

        typer.echo(f"kanpde {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    return None


@app.command()
def solve(
    problem: ProblemName,
    settings: Settings = None,
    out: Out = None,
    seed: Annotated[int, typer.Option(help="Seed of the network and of the points.")] = 0,
    budget: Budget = None,
    tolerance: Tolerance = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Solve a problem; leaves fields, pictures, model and summary in a run folder."""
    from kanpde.commands import run_solve

    raise typer.Exit(run_solve(problem, _settings(settings), out, seed, budget, tolerance, device))


@app.command()
def resume(folder: RunFolder, budget: Budget = None, tolerance: Tolerance = None) -> None:
    """Go on with a run from its best point."""
    from kanpde.commands import run_resume

    raise typer.Exit(run_resume(folder, budget, tolerance))


@app.command()
def check(
    problem: ProblemName,
    settings: Settings = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", help="A folder for the picture of the points."),
    ] = None,
) -> None:
    """Say what was understood of a problem, without training."""
    from kanpde.commands import run_check

    run_check(problem, _settings(settings), out)


@app.command("list")
def list_problems() -> None:
    """List the shipped problems."""
    from kanpde.problem_file import shipped

    names = shipped()
    width = max(map(len, names), default=0)
    for name, title in names.items():
        typer.echo(f"{name:{width}}  {title}")


@app.command()
def init(
    problem: Annotated[str, typer.Argument(help="A shipped problem's name.")],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", help="The file to write (default: NAME.py here)."),
    ] = None,
) -> None:
    """Copy a shipped problem file here, to edit it."""
    from kanpde.commands import run_init

    run_init(problem, out)


@app.command()
def export(
    folder: RunFolder,
    format: Annotated[str, typer.Option("--format", help="vtkhdf, vtu, xdmf or csv.")] = "vtkhdf",
) -> None:
    """Write a run's fields for other programs."""
    from kanpde.run import export as write

    for path in write(folder, format)[:1]:
        typer.echo(f"wrote {path}")


@app.command()
def info(
    folder: RunFolder,
    json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """Show the summary of a run."""
    from kanpde.commands import run_info

    run_info(folder, json)


def _settings(pairs: list[str] | None) -> dict[str, str]:
    from kanpde.errors import KanpdeError

    values = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise KanpdeError(f"--set {pair}: write it as --set NAME=VALUE, such as --set nu=0.02")
        values[name.strip()] = value.strip()
    return values


def main() -> None:
    """Run the command line; a user's mistake is one sentence and the exit code 2."""
    from kanpde.errors import KanpdeError

    try:
        app()
    except KanpdeError as error:
        typer.echo(f"kanpde: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("kanpde: interrupted", err=True)
        sys.exit(130)
