"""The command line: kanpde solve, check, list, init, export, resume, info, bench."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Optional

import typer

from kanpde.cli.options.operator import dataset, operator
from kanpde.output.export import FORMATS

# torch, sympy and matplotlib are imported inside the commands: `--help` answers at once.

app = typer.Typer(
    name="kanpde",
    help="Solve partial differential equations with Kolmogorov-Arnold networks.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(operator, name="operator")
app.add_typer(dataset, name="dataset")
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
    typer.Option("--budget", metavar="SECONDS", help="Seconds of training."),
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
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed of the network and of the points.")
    ] = 0,
    budget: Budget = None,
    tolerance: Tolerance = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Solve a problem; leaves fields, pictures, model and summary in a run folder."""
    from kanpde.cli.solve import run_solve

    raise typer.Exit(run_solve(problem, _settings(settings), out, seed, budget, tolerance, device))


@app.command()
def resume(folder: RunFolder, budget: Budget = None, tolerance: Tolerance = None) -> None:
    """Go on with a run from its best point."""
    from kanpde.cli.solve import run_resume

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
    """Say what was understood of a problem or of a data file, without training."""
    if problem.lower().endswith((".csv", ".tsv", ".txt", ".dat", ".h5", ".hdf5")):
        from kanpde.cli.discover import run_check_data

        run_check_data(problem)
        return
    from kanpde.cli.solve import run_check

    run_check(problem, _settings(settings), out)


@app.command("list")
def list_problems() -> None:
    """List the shipped problems."""
    from kanpde.problem.library import shipped

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
    from kanpde.problem.library import copy_problem

    target = copy_problem(problem, out)
    typer.echo(f"wrote {target}; solve it with `kanpde solve {target}`")


@app.command()
def export(
    folder: RunFolder,
    format: Annotated[
        str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")
    ] = FORMATS[0],
) -> None:
    """Write a run's fields for other programs."""
    from kanpde.cli.solve import run_export

    run_export(folder, format)


@app.command()
def info(
    folder: RunFolder,
    json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """Show the summary of a run."""
    from kanpde.cli.solve import run_info

    run_info(folder, json)


@app.command()
def bench(
    problems: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            help="Names or files, with settings such as cavity:reynolds=400 (default: all shipped)."
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Runs of each problem, with seeds 0, 1, ...")
    ] = 5,
    budgets: Annotated[
        Optional[list[float]],  # noqa: UP045
        typer.Option("--budget", metavar="SECONDS", help="Of a run; repeatable (default: 120)."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="The folder of the results; one begun goes on.")
    ] = Path("bench"),
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time; they share the cores.")] = 1,
) -> None:
    """Measure errors over problems, seeds and budgets: a table, curves and a picture."""
    from kanpde.cli.solve import run_bench

    raise typer.Exit(run_bench(problems or [], seeds, budgets or [120.0], out, jobs))


DataFile = Annotated[Path, typer.Argument(help="A CSV or HDF5 file.")]
ReportFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--out", help="A folder for the report (default: nothing is written)."),
]
Terms = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--term", metavar="FORMULA", help='A further term, "exp(-x)"; repeatable.'),
]


@app.command()
def discover(
    data: DataFile,
    states: Annotated[str, typer.Option(help="Columns to explain (default: all).")] = "",
    inputs: Annotated[str, typer.Option(help="Columns of controls and parameters.")] = "",
    time: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="The column of times (default: t or time, else the first)."),
    ] = None,
    degree: Annotated[int, typer.Option(help="Of the monomials in the library.")] = 3,
    terms: Terms = None,
    holdout: Annotated[float, typer.Option(help="The share kept to judge the forecast.")] = 0.2,
    kan: Annotated[bool, typer.Option("--kan", help="Compare with formulas of a KAN-ODE.")] = False,
    order: Annotated[int, typer.Option(help="For a field u(x, t): 1 for u_t, 2 for u_tt.")] = 1,
    points: Annotated[
        bool, typer.Option("--points", help="The rows u, x, t are a field at scattered points.")
    ] = False,
    known: Annotated[str, typer.Option(help='A field\'s known terms, "0.1 u_xx - u_x".')] = "",
    source: Annotated[
        bool, typer.Option("--source", help="Beside what is known, a field's source f(u) alone.")
    ] = False,
    out: ReportFolder = None,
) -> None:
    """Find the equations behind measured trajectories, or behind a field u(x, t)."""
    from kanpde.cli.discover import run_discover

    run_discover(
        data, _names(states), _names(inputs), time, out,
        order=order, points=points, known=known, source=source,
        degree=degree, terms=terms or [], holdout=holdout, kan=kan,
    )  # fmt: skip


@app.command()
def fit(
    table: DataFile,
    target: Annotated[str, typer.Option(help="The column to explain.")],
    variables: Annotated[str, typer.Option(help="What explains it (default: the rest).")] = "",
    out: ReportFolder = None,
) -> None:
    """Fit a KAN to a table, and look for a formula."""
    from kanpde.cli.discover import run_fit

    run_fit(table, target, _names(variables), out)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _settings(pairs: list[str] | None) -> dict[str, str]:
    from kanpde.errors import KanpdeError

    values = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise KanpdeError(f"--set {pair}: write it as --set NAME=VALUE, such as --set nu=0.02")
        values[name.strip()] = value.strip()
    return values


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `arguments` are those of the program by default.

    Exits with 0; with 1 for a file that cannot be written and a training that diverged; with
    2 for a user's mistake, told in one sentence; with 130 for an interrupt.
    """
    from kanpde.errors import KanpdeError

    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(app(given or ["--help"], standalone_mode=False))
    except KanpdeError as error:
        _fail(2, str(error))
    except BrokenPipeError:
        # The reader has gone; what is still buffered must not fail again at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(1, f"{where}{error.strerror or error}")
    except Exception as error:
        # Typer's copy of click has no public name for the errors of usage.
        if not hasattr(error, "format_message"):
            raise
        command = getattr(getattr(error, "ctx", None), "command_path", "kanpde")
        told = error.format_message().rstrip(".")
        _fail(2, f"{told}; `{command} --help` shows what can be given")


def _fail(code: int, message: str) -> None:
    typer.echo(f"kanpde: {message}", err=True)
    sys.exit(code)
