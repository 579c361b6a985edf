"""What `kanpde discover` does: equations of trajectories, of fields, and of scattered points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kanpde.cli.checks import check_folder, split_names
from kanpde.cli.messages import Answer, report_step, say_nothing
from kanpde.cli.options.discover import DiscoverOptions
from kanpde.dynamics.agreement import UNTESTED, Agreement, Judgement
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.discover import discover
from kanpde.dynamics.field.checks import find_grid
from kanpde.dynamics.field.discover import discover_field
from kanpde.dynamics.field.equation import Term, read_terms
from kanpde.dynamics.field.source import discover_source
from kanpde.dynamics.ode.library import build_library
from kanpde.dynamics.reading import read_field, read_points, read_trajectories
from kanpde.dynamics.report import (
    PROBLEM,
    describe,
    describe_data,
    describe_field,
    describe_source,
    field_to_data,
    save_field_report,
    save_report,
    save_source_report,
    source_to_data,
    to_data,
)
from kanpde.errors import KanpdeError

# As a solve that does not reach its final time: a script must not take that for an answer.
OUTSIDE = 3


def run_discover(options: DiscoverOptions) -> Answer:
    """Print the equations behind a data file; with a folder, leave a report.

    The exit code is 3 where no equations of the library explain the data.
    """
    check_folder(options.out, "the report")
    known = read_terms(options.known)
    states, inputs = split_names(options.states), split_names(options.inputs)
    named = bool(states or inputs or options.time)
    field = None if options.points else read_field(options.data)
    if field is None and (options.points or not named):
        field = read_points(options.data, sure=options.points)
    if field is not None:
        return _discover_field(field, known, options)
    data = read_trajectories(options.data, states=states, inputs=inputs, time=options.time)
    _check_field_options(options)
    return _discover_trajectories(data, options)


def _answer(judgement: Judgement, data: dict[str, Any]) -> Answer:
    return Answer(OUTSIDE if judgement.agreement is Agreement.OUTSIDE else 0, data)


def _check_field_options(options: DiscoverOptions) -> None:
    """Raise KanpdeError for options of fields where there are trajectories."""
    for option, given, hint in (
        (
            "--order",
            options.order != 1,
            "; for equations of second order give the velocities as columns too",
        ),
        ("--known", options.known, ""),
        ("--source", options.source, ""),
    ):
        if given:
            raise KanpdeError(
                f"{option} is for fields u(x, t), and {options.data} holds trajectories{hint}; "
                f"leave {option} out"
            )


def _discover_trajectories(data: Trajectories, options: DiscoverOptions) -> Answer:
    terms = options.terms or []
    # What cannot be a library is refused before anything is printed.
    build_library(data, options.degree, terms=terms)
    print(describe_data(data))
    dynamics = discover(
        data,
        report=say_nothing if options.quiet else report_step,
        degree=options.degree,
        terms=terms,
        holdout=options.holdout,
        kan=options.kan,
    )
    print()
    print(describe(dynamics))
    _save_report(save_report, dynamics, options.out)
    return _answer(dynamics.judgement, to_data(dynamics))


def _discover_field(
    field: tuple[Any, Any, Any], known: dict[Term, float], options: DiscoverOptions
) -> Answer:
    u, x, t = field
    order, source, out = options.order, options.source, options.out
    grid = find_grid(u, x, t) if u.ndim == 1 else (u, x, t)
    if source and grid is not None:
        u, x, t = grid
        found = discover_source(u, x, t, known, order=order)
        print(describe_source(found))
        _save_report(save_source_report, found, out)
        return _answer(UNTESTED, source_to_data(found))
    equation = discover_field(
        u, x, t, order=order, known=known,
        report=say_nothing if options.quiet else report_step,
        derivatives=0 if source else 4, powers=5 if source else 3,
    )  # fmt: skip
    print(describe_field(equation))
    _save_report(lambda found, folder: save_field_report(found, folder, grid), equation, out)
    return _answer(equation.judgement, field_to_data(equation))


def _save_report(save: Any, found: Any, out: Path | None) -> None:
    if out is not None:
        save(found, out)
        print(f"report: {out}")
        if (out / PROBLEM).exists():
            print(f"to solve it: kanpde solve {out / PROBLEM}")
