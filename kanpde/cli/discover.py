"""What `kanpde discover` does: equations of trajectories, of fields, and of scattered points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kanpde.cli.checks import check_folder, split_names
from kanpde.cli.messages import Answer, report_step, say_nothing
from kanpde.cli.options.discover import DiscoverOptions
from kanpde.dynamics.agreement import UNTESTED, Agreement, Judgement
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.discover import discover
from kanpde.dynamics.field.checks import find_grid
from kanpde.dynamics.field.discover import discover_field, discover_fields
from kanpde.dynamics.field.equation import FieldSystem
from kanpde.dynamics.field.rollout import Rollout, roll_out
from kanpde.dynamics.field.snapshots import Snapshots, snapshots
from kanpde.dynamics.field.source import discover_source
from kanpde.dynamics.field.wording import read_terms
from kanpde.dynamics.field_report import (
    describe_field,
    describe_rollout,
    describe_source,
    field_to_data,
    save_field_report,
    save_source_report,
    source_to_data,
)
from kanpde.dynamics.ode.library import build_library
from kanpde.dynamics.reading import read_field, read_points, read_trajectories
from kanpde.dynamics.report import (
    PROBLEM,
    describe,
    describe_data,
    save_report,
    to_data,
)
from kanpde.errors import KanpdeError
from kanpde.options import Reporter

# As a solve that does not reach its final time: a script must not take that for an answer.
OUTSIDE = 3


def run_discover(options: DiscoverOptions) -> Answer:
    """Print the equations behind a data file; with a folder, leave a report.

    The exit code is 3 where no equations of the library explain the data.
    """
    check_folder(options.out, "the report")
    states, inputs = split_names(options.states), split_names(options.inputs)
    named = bool(states or inputs or options.time)
    field = None if options.points else read_field(options.data)
    if field is not None:
        data = snapshots(field.fields, field.axes, field.times)
        return _discover_grid(replace(data, notes=(*field.notes, *data.notes)), options)
    points = read_points(options.data, sure=options.points) if options.points or not named else None
    if points is not None:
        return _discover_points(points, options)
    runs = read_trajectories(options.data, states=states, inputs=inputs, time=options.time)
    _check_field_options(options)
    return _discover_trajectories(runs, options)


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
        ("--varying", options.varying, ""),
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


def _discover_points(points: tuple[Any, Any, Any], options: DiscoverOptions) -> Answer:
    """The equation of samples u, x, t (N,) at scattered points, or of a grid in rows."""
    grid = find_grid(*points)
    if grid is not None:
        u, x, t = grid
        return _discover_grid(snapshots({"u": u}, {"x": x}, t), options)
    source = options.source
    equation = discover_field(
        *points, order=options.order, known=read_terms(options.known),
        report=_choose_reporter(options), derivatives=0 if source else 4, powers=5 if source else 3,
    )  # fmt: skip
    print(describe_field(equation))
    _save_report(save_field_report, equation, options.out)
    return _answer(equation.judgement, field_to_data(equation))


def _discover_grid(data: Snapshots, options: DiscoverOptions) -> Answer:
    """The equations of fields on a grid."""
    inputs = split_names(options.inputs)
    wanted = split_names(options.states) or [n for n in data.fields if n not in inputs]
    for name in (*wanted, *inputs):
        if name not in data.fields:
            raise KanpdeError(f"there is no field `{name}`; there are {', '.join(data.fields)}")
    if options.source:
        return _discover_source(data, options)
    inputs = [name for name in data.fields if name not in wanted]
    found = discover_fields(
        data, inputs=inputs, varying=split_names(options.varying), order=options.order,
        known=_read_known(options.known, wanted), report=_choose_reporter(options),
    )  # fmt: skip
    print(describe_field(found))
    ahead = _forecast(found, data)
    _save_report(
        lambda found, folder: save_field_report(found, folder, data, ahead), found, options.out
    )
    return _answer(found.judgement, field_to_data(found, ahead))


def _forecast(found: FieldSystem, data: Snapshots) -> Rollout | None:
    """What the equations say of the last time, in words too."""
    if found.judgement.agreement is Agreement.OUTSIDE:
        return None
    try:
        ahead = roll_out(found, data)
    except KanpdeError as error:
        print(f"warning: {error}")
        return None
    print(describe_rollout(ahead))
    return ahead


def _choose_reporter(options: DiscoverOptions) -> Reporter:
    return say_nothing if options.quiet else report_step


def _read_known(text: str, wanted: Sequence[str]) -> dict[str, str]:
    """Known terms by field: "0.1 lap(u)" of a single one, "u: 0.1 lap(u); v: 0.2 lap(v)"."""
    if not text.strip():
        return {}
    if ":" not in text:
        if len(wanted) > 1:
            raise KanpdeError(
                f'--known {text!r} does not say of which field: write "{wanted[0]}: {text}"'
            )
        return {wanted[0]: text}
    parts = [part.partition(":") for part in text.split(";") if part.strip()]
    return {name.strip(): terms.strip() for name, _, terms in parts}


def _discover_source(data: Snapshots, options: DiscoverOptions) -> Answer:
    if len(data.fields) > 1 or len(data.axes) > 1:
        raise KanpdeError("--source is for one field u(x, t); leave it out")
    (u,), (x,) = data.fields.values(), data.axes.values()
    found = discover_source(u, x, data.times, read_terms(options.known), order=options.order)
    print(describe_source(found))
    _save_report(save_source_report, found, options.out)
    return _answer(UNTESTED, source_to_data(found))


def _save_report(save: Any, found: Any, out: Path | None) -> None:
    if out is not None:
        save(found, out)
        print(f"report: {out}")
        if (out / PROBLEM).exists():
            print(f"to solve it: kanpde solve {out / PROBLEM}")
