"""What `kanpde fit` does: a network and a formula for a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kanpde.arrays import AnyArray
from kanpde.checks import require_number
from kanpde.cli.checks import check_folder, split_names
from kanpde.cli.messages import Answer, report_step, say_nothing
from kanpde.cli.options.discover import FitOptions
from kanpde.dynamics.report import classes_to_data, describe_fit, fit_to_data
from kanpde.errors import KanpdeError
from kanpde.files.tables import HDF5, Columns, read_columns, read_table
from kanpde.files.whole import write_json
from kanpde.network.kan import KAN
from kanpde.symbolic.classify import classify
from kanpde.symbolic.fit import fit
from kanpde.symbolic.picture import plot_network

# Whole numbers of at most so many values, each of so many rows on average, are classes.
_MOST_CLASSES, _ROWS_OF_A_CLASS = 10, 10


def run_fit(options: FitOptions) -> Answer:
    """Print what was fitted; with a folder, leave the formula and a picture of the network."""
    out, target, variables = options.out, options.target, split_names(options.variables)
    check_folder(out, "the report")
    require_number("--budget", options.budget, above=0)
    if target in variables:
        raise KanpdeError(
            f"--variables {options.variables}: {target} is the target, which cannot explain "
            "itself; leave it out"
        )
    report = say_nothing if options.quiet else report_step
    table = _read(options.table, target, variables)
    if _has_classes(table.get(target), options.classes):
        if options.units:
            raise KanpdeError(
                f"--units {options.units}: {target} holds classes, which have no units; "
                "leave the option out, or give --numbers"
            )
        classes = classify(
            table, target, variables=variables, seconds=options.budget, report=report
        )
        print(classes.text())
        if options.classes is None and table[target].dtype.kind == "f":
            print("whole numbers of few values are classes; --numbers fits them as numbers")
        data = classes_to_data(classes)
        _write(out, data, classes.network, table, classes.variables)
        return Answer(data=data)
    found = fit(
        table, target, variables=variables, seconds=options.budget, report=report,
        units=_read_units(options.units, table, target, variables),
    )  # fmt: skip
    print(describe_fit(found))
    data = fit_to_data(found)
    _write(out, data, found.network, table, found.variables, target)
    return Answer(data=data)


def _read(path: Path, target: str, variables: Sequence[str]) -> Columns:
    """The columns of a file; what a CSV file holds beside the named ones does not matter."""
    if path.suffix.lower() in HDF5:
        return read_columns(path)
    return read_table(path, words=target, only=(target, *variables) if variables else ())


def _write(
    out: Path | None,
    data: Mapping[str, Any],
    network: KAN,
    table: Mapping[str, AnyArray],
    variables: tuple[str, ...],
    target: str = "",
) -> None:
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "formula.json", data)
    rows = np.stack([table[n] for n in variables], 1)
    rows = rows[np.isfinite(rows).all(1)]
    plot_network(network, rows, out / "network.png", variables, target)
    print(f"report: {out}")


def _has_classes(values: AnyArray | None, told: bool | None) -> bool:
    """Whether a target holds classes: words, or few whole numbers, unless it is told.

    Raises:
        KanpdeError: for words that are told to be numbers.
    """
    if values is None:
        return False
    words = values.dtype.kind != "f"
    if told is not None:
        if words and not told:
            raise KanpdeError("--numbers: the target holds words; leave the option out")
        return told
    if words:
        return True
    there = values[np.isfinite(values)]
    kinds = np.unique(there)
    few = 2 <= len(kinds) <= min(_MOST_CLASSES, len(there) / _ROWS_OF_A_CLASS)
    return bool(few and (kinds == np.round(kinds)).all())


def _read_units(
    text: str, table: Mapping[str, AnyArray], target: str, variables: Sequence[str]
) -> dict[str, str] | None:
    """Units by the names of columns, from `x=m,t=s` or in the order of the variables and target.

    Raises:
        KanpdeError: for another number of units than columns.
    """
    if not text:
        return None
    parts = [part.strip() for part in text.split(",")]
    if all("=" in part for part in parts):
        pairs = [part.split("=", 1) for part in parts]
        return {name.strip(): unit.strip() for name, unit in pairs}
    columns = [*(variables or (n for n in table if n != target)), target]
    if len(parts) != len(columns):
        raise KanpdeError(
            f"--units {text}: {len(parts)} units for {len(columns)} columns, "
            f"{', '.join(columns)}; give one for each, the target last"
        )
    return dict(zip(columns, parts, strict=True))
