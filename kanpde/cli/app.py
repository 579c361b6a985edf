"""The command line: every command, its options, and who runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer

from kanpde.cli.declare import Command, add_commands
from kanpde.cli.interrupt import interruptible
from kanpde.cli.options import bench, certify, dataset, discover, docs, operator, solve, sweep
from kanpde.errors import KanpdeError
from kanpde.output.terminal import escape_controls

# torch, sympy and matplotlib are imported by what runs a command: `--help` answers at once.

COMMANDS = (
    Command(
        "solve",
        "Solve a problem; writes fields, pictures, model and summary to a run folder.",
        solve.SolveOptions,
        "solve:run_solve",
        "kanpde solve burgers --set nu=0.01 --budget 60 --out runs/b",
        ranked=True,
    ),
    Command(
        "resume",
        "Continue a run from its best point.",
        solve.ResumeOptions,
        "solve:run_resume",
        "kanpde resume runs/b --budget 300",
        ranked=True,
    ),
    Command(
        "check",
        "Show how a problem or a data file is understood, without training.",
        solve.CheckOptions,
        "check:run_check",
        "kanpde check burgers --set nu=0.01",
    ),
    Command(
        "list",
        "List the shipped problems.",
        solve.ListOptions,
        "library:run_list",
        "kanpde list --json",
    ),
    Command(
        "init",
        "Copy a shipped problem file here to edit it, or write an equation on a shape.",
        solve.InitOptions,
        "library:run_init",
        "kanpde init --from heat --shape disc",
    ),
    Command(
        "export",
        "Write a run's fields for other programs.",
        solve.ExportOptions,
        "export:run_export",
        "kanpde export runs/b --format csv --fields u --times 0,0.5",
    ),
    Command(
        "info",
        "Show the summary of a run, or compare runs.",
        solve.InfoOptions,
        "info:run_info",
        "kanpde info runs",
    ),
    Command(
        "certify",
        "Prove a bound on the error of a run, with explicit constants.",
        certify.CertifyOptions,
        "certify:run_certify",
        "kanpde certify runs/b",
    ),
    Command(
        "sweep",
        "Solve a problem at many values of its parameters: a table and a picture.",
        sweep.SweepOptions,
        "sweep:run_sweep",
        "kanpde sweep burgers --set nu=0.003:0.1:log:20",
    ),
    Command(
        "bench",
        "Measure errors over problems, seeds and budgets: a table, curves and a picture.",
        bench.BenchOptions,
        "bench:run_bench",
        "kanpde bench poisson burgers --seeds 3 --budget 30",
    ),
    Command(
        "discover",
        "Find the equations behind measured trajectories, or behind a field u(x, t).",
        discover.DiscoverOptions,
        "discover:run_discover",
        "kanpde discover prey.csv",
    ),
    Command(
        "fit",
        "Fit a KAN to a table, and look for a formula.",
        discover.FitOptions,
        "fit:run_fit",
        "kanpde fit table.csv --target y",
    ),
    Command(
        "docs",
        "Show a page of the documentation.",
        docs.DocsOptions,
        "docs:run_docs",
        "kanpde docs --search periodic",
    ),
)
OPERATOR = (
    Command(
        "train",
        "Train an operator; writes model, errors, pictures and fields to a run folder.",
        operator.TrainOptions,
        "operator.train:run_train",
        "kanpde operator train darcy.h5 --out runs/darcy",
        ranked=True,
    ),
    Command(
        "resume",
        "Continue an interrupted training, as if it had not been interrupted.",
        operator.ResumeOptions,
        "operator.train:run_resume",
        "kanpde operator resume runs/darcy",
        ranked=True,
    ),
    Command(
        "predict",
        "Predict the outputs for the inputs of a file, and compare where it has outputs.",
        operator.PredictOptions,
        "operator.predict:run_predict",
        "kanpde operator predict runs/darcy new.h5 --out answer.h5",
    ),
    Command(
        "rollout",
        "Step forward in time from given states; draws the error against time.",
        operator.RolloutOptions,
        "operator.rollout:run_rollout",
        "kanpde operator rollout runs/flow flow.h5 --steps 20 --out ahead.h5",
    ),
    Command(
        "info",
        "Show the summary of a training.",
        operator.InfoOptions,
        "operator.info:run_info",
        "kanpde operator info runs/darcy",
    ),
)
DATASET = (
    Command(
        "darcy",
        "Darcy flow: -div(a grad u) = 1, u = 0 around the unit square, a of two values.",
        dataset.DarcyOptions,
        "dataset:run_darcy",
        "kanpde dataset darcy --out darcy.h5",
    ),
    Command(
        "burgers",
        "Burgers: u_t + u u_x = viscosity u_xx, periodic, from random u0.",
        dataset.BurgersOptions,
        "dataset:run_burgers",
        "kanpde dataset burgers --out burgers.h5 --times 9",
    ),
    Command(
        "navier_stokes",
        "Forced 2-D Navier-Stokes in vorticity form, periodic; the tests run twice as long.",
        dataset.NavierStokesOptions,
        "dataset:run_navier_stokes",
        "kanpde dataset navier_stokes --out flow.h5",
    ),
    Command(
        "allen_cahn",
        "Allen-Cahn: u_t = width^2 lap u + u - u^3, periodic in two dimensions.",
        dataset.AllenCahnOptions,
        "dataset:run_allen_cahn",
        "kanpde dataset allen_cahn --out fronts.h5",
    ),
)

app = typer.Typer(
    name="kanpde",
    help="Solve partial differential equations with Kolmogorov-Arnold networks.",
    pretty_exceptions_enable=False,
)
add_commands(app, COMMANDS)
for _name, _help, _commands in (
    ("operator", "Learn a solution operator from data, and apply it.", OPERATOR),
    ("dataset", "Generate data with classical solvers.", DATASET),
):
    _group = typer.Typer(help=_help)
    add_commands(_group, _commands)
    app.add_typer(_group, name=_name)


def _show_version(show: bool) -> None:
    if show:
        from kanpde._version import __version__

        typer.echo(f"kanpde {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    return None


@cache
def _build_command() -> Callable[..., Any]:
    """The commands as click has them; to build them takes 15 ms, more than many of them."""
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `arguments` are those of the program by default.

    Exits with 0; with 1 for a file that cannot be written, a lack of memory, and a training that
    diverged; with 2 for a user's mistake, said in one sentence; with 130 for an interrupt.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with interruptible():
        try:
            sys.exit(_build_command()(given or ["--help"], standalone_mode=False))
        except KanpdeError as error:
            _fail(2, str(error))
        except BrokenPipeError:
            # The reader has gone; what is still buffered must not fail again at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(1, f"{where}{error.strerror or error}")
        except MemoryError as error:
            _fail(1, f"there is not enough memory ({error or 'of this machine'}); take less data")
        except Exception as error:
            # Typer's copy of click has no public name for the errors of usage.
            if not hasattr(error, "format_message"):
                raise
            command = getattr(getattr(error, "ctx", None), "command_path", "kanpde")
            message = error.format_message().rstrip(".")
            _fail(2, f"{message}; `{command} --help` shows what can be given")


def _fail(code: int, message: str) -> None:
    sentence = " ".join(message.splitlines())
    typer.echo(f"kanpde: {escape_controls(sentence)}", err=True)
    sys.exit(code)
