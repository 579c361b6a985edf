"""What `kanpde discover`, `kanpde fit` and `kanpde check` of a data file do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.dynamics.discover import discover
from kanpde.dynamics.field.checks import find_grid
from kanpde.dynamics.field.discover import discover_field
from kanpde.dynamics.field.equation import Term, read_terms
from kanpde.dynamics.field.source import discover_source
from kanpde.dynamics.reading import read_field, read_points, read_table, read_trajectories
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
from kanpde.files import write_json
from kanpde.symbolic.fit import fit
from kanpde.symbolic.picture import plot_network


def _tell(line: str) -> None:
    print(f"... {line}", file=sys.stderr, flush=True)


def run_check_data(path: str) -> None:
    """Print what was understood of a data file."""
    field = read_field(path)
    print(path)
    if field is not None:
        u, x, t = field
        whole = u[np.isfinite(u)]
        span = f"{whole.min():.4g} ... {whole.max():.4g}" if len(whole) else "no number at all"
        print(f"a field u(x, t): {len(t)} times, {len(x)} positions, {span}")
        if len(whole) < u.size:
            print(f"note: {u.size - len(whole)} of {u.size} values are gaps or infinite")
        return
    points = read_points(path)
    if points is not None:
        u, x, t = points
        complete = np.isfinite(u) & np.isfinite(x) & np.isfinite(t)
        print(f"a field u(x, t) at {complete.sum()} scattered points")
        for name, values in (("x", x), ("t", t), ("u", u)):
            print(f"{name}: {values[complete].min():.4g} ... {values[complete].max():.4g}")
        if not complete.all():
            print(f"note: {(~complete).sum()} of {len(u)} samples are incomplete: left out")
        return
    print(describe_data(read_trajectories(path)))


def run_discover(
    path: Path,
    states: list[str],
    inputs: list[str],
    time: str | None,
    out: Path | None,
    *,
    order: int = 1,
    points: bool = False,
    known: str = "",
    source: bool = False,
    **options: Any,
) -> None:
    """Print the equations behind a data file; with `out`, leave a report."""
    if out is not None and out.exists() and not out.is_dir():
        raise KanpdeError(f"{out} is a file; --out names a folder for the report")
    terms = read_terms(known)
    named = bool(states or inputs or time)
    field = None if points else read_field(path)
    if field is None and (points or not named):
        field = read_points(path, sure=points)
    if field is not None:
        _discover_field(field, order, terms, source, out)
        return
    data = read_trajectories(path, states=states, inputs=inputs, time=time)
    for option, given in (("--order", order != 1), ("--known", known), ("--source", source)):
        if given:
            hint = "; for equations of second order give the velocities as columns too"
            raise KanpdeError(
                f"{option} is for fields u(x, t), and {path} holds trajectories"
                f"{hint if option == '--order' else ''}; leave {option} out"
            )
    print(describe_data(data))
    dynamics = discover(data, report=_tell, **options)
    print()
    print(describe(dynamics))
    if out is not None:
        save_report(dynamics, out)
        print(f"report: {out}")


def _discover_field(
    field: tuple[Any, Any, Any],
    order: int,
    known: dict[Term, float],
    source: bool,
    out: Path | None,
) -> None:
    u, x, t = field
    scattered = u.ndim == 1 and find_grid(u, x, t) is None
    if source and not scattered:
        u, x, t = (u, x, t) if u.ndim == 2 else find_grid(u, x, t) or (u, x, t)
        found = discover_source(u, x, t, known, order=order)
        print(describe_source(found))
        if out is not None:
            save_source_report(found, out)
    else:
        equation = discover_field(
            u, x, t, order=order, known=known, report=_tell,
            derivatives=0 if source else 4, powers=5 if source else 3,
        )  # fmt: skip
        print(describe_field(equation))
        if out is not None:
            save_field_report(equation, out)
    if out is not None:
        print(f"report: {out}")


def run_fit(path: Path, target: str, variables: list[str], out: Path | None) -> None:
    """Print what was fitted; with `out`, leave the formula and a picture of the network."""
    if out is not None and out.exists() and not out.is_dir():
        raise KanpdeError(f"{out} is a file; --out names a folder for the report")
    table = read_table(path)
    found = fit(table, target, variables=variables, report=_tell)
    print(found.text())
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        told = {
            "target": target,
            "variables": list(found.variables),
            "formula": None if found.formula is None else str(found.formula),
            "network_rmse": found.rmse,
            "network_parameters": found.parameters,
        }
        write_json(out / "formula.json", told)
        rows = np.stack([table[n] for n in found.variables], 1)
        rows = rows[np.isfinite(rows).all(1)]
        plot_network(found.network, rows, out / "network.png", found.variables)
        print(f"report: {out}")
