"""What `kanpde discover` does: equations of trajectories, of fields, and of scattered points."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from kanpde.cli.checks import check_folder, split_names
from kanpde.cli.options.discover import DiscoverOptions
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.discover import discover
from kanpde.dynamics.field.checks import find_grid
from kanpde.dynamics.field.discover import discover_field
from kanpde.dynamics.field.equation import Term, read_terms
from kanpde.dynamics.field.source import discover_source
from kanpde.dynamics.ode.library import build_library
from kanpde.dynamics.reading import read_field, read_points, read_trajectories
from kanpde.dynamics.report import (
    describe,
    describe_data,
    describe_field,
    describe_source,
    save_field_report,
    save_report,
    save_source_report,
)
from kanpde.errors import KanpdeError


def report_step(line: str) -> None:
    """Print what is being done, where it does not disturb what is found."""
    print(f"... {line}", file=sys.stderr, flush=True)


def run_discover(options: DiscoverOptions) -> None:
    """Print the equations behind a data file; with a folder, leave a report."""
    check_folder(options.out, "the report")
    known = read_terms(options.known)
    states, inputs = split_names(options.states), split_names(options.inputs)
    named = bool(states or inputs or options.time)
    field = None if options.points else read_field(options.data)
    if field is None and (options.points or not named):
        field = read_points(options.data, sure=options.points)
    if field is not None:
        _discover_field(field, known, options)
        return
    data = read_trajectories(options.data, states=states, inputs=inputs, time=options.time)
    _check_field_options(options)
    _discover_trajectories(data, options)


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


def _discover_trajectories(data: Trajectories, options: DiscoverOptions) -> None:
    terms = options.terms or []
    # What cannot be a library is refused before anything is printed.
    build_library(data, options.degree, terms=terms)
    print(describe_data(data))
    dynamics = discover(
        data,
        report=report_step,
        degree=options.degree,
        terms=terms,
        holdout=options.holdout,
        kan=options.kan,
    )
    print()
    print(describe(dynamics))
    _save_report(save_report, dynamics, options.out)


def _discover_field(
    field: tuple[Any, Any, Any], known: dict[Term, float], options: DiscoverOptions
) -> None:
    u, x, t = field
    order, source, out = options.order, options.source, options.out
    scattered = u.ndim == 1 and find_grid(u, x, t) is None
    if source and not scattered:
        u, x, t = (u, x, t) if u.ndim == 2 else find_grid(u, x, t) or (u, x, t)
        found = discover_source(u, x, t, known, order=order)
        print(describe_source(found))
        _save_report(save_source_report, found, out)
        return
    equation = discover_field(
        u, x, t, order=order, known=known, report=report_step,
        derivatives=0 if source else 4, powers=5 if source else 3,
    )  # fmt: skip
    print(describe_field(equation))
    _save_report(save_field_report, equation, out)


def _save_report(save: Any, found: Any, out: Path | None) -> None:
    if out is not None:
        save(found, out)
        print(f"report: {out}")
