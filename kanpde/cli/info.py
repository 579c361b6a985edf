"""What `kanpde info` does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kanpde.cli.messages import Answer, say, warn
from kanpde.cli.options.solve import InfoOptions
from kanpde.errors import KanpdeError
from kanpde.files.locks import describe_holder
from kanpde.operator import compare
from kanpde.output import run_folder as run
from kanpde.output import runs
from kanpde.output.summary import summarize, summary_text
from kanpde.solution.outcome import Outcome, Status


def run_info(options: InfoOptions) -> Answer:
    """Print a run's summary, what is known of an unfinished run, or several runs as a table."""
    folder = options.folder
    solves, operators = runs.find_runs(folder), compare.find_operators(folder)
    if solves or operators:
        return _compare(solves, operators)
    operator = compare.is_operator(folder)
    holder = describe_holder(folder)
    if operator:
        text = compare.describe_folder(folder)
        data = compare.folder_to_data(folder) if options.json else {}
    else:
        text, data = _summarize(folder, holder, as_json=options.json)
    say(text.removesuffix("\n"))
    if holder is not None:
        warn(f"{holder} works in {folder} now; this is what was saved so far")
    return Answer(data=data)


def _compare(solves: Sequence[runs.RunRow], operators: Sequence[compare.OperatorRow]) -> Answer:
    """A table of the solves of a folder, and one of its operators."""
    tables = [
        runs.table_text(headings, [row.cells() for row in rows])
        for headings, rows in ((runs.HEADINGS, solves), (compare.HEADINGS, operators))
        if rows
    ]
    say("\n\n".join(tables))
    return Answer(data=[*map(asdict, solves), *map(asdict, operators)])


def _summarize(folder: Path, holder: str | None, *, as_json: bool) -> tuple[str, dict[str, Any]]:
    """The summary of a solve as text, and with `as_json` as data."""
    name = run.read_config(folder)["problem"]
    path = folder / (run.SUMMARY if as_json else run.TEXT)
    if path.is_file():
        text = _read(path, folder)
        _warn_of_damage(folder)
        return ("", _parse(text, path, folder)) if as_json else (text, {})
    solution = run.load(folder)
    if holder is not None:
        outcome = Outcome(Status.RUNNING, f"{holder} trains it now")
        solution = replace(solution, outcome=outcome)
    return summary_text(solution, name), summarize(solution, name)


def _read(path: Path, folder: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except ValueError as error:
        raise _damaged(path, folder, error) from error


def _parse(text: str, path: Path, folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("it is not an object")
    except (ValueError, RecursionError) as error:
        raise _damaged(path, folder, error) from error
    return found


def _damaged(path: Path, folder: Path, error: Exception) -> KanpdeError:
    return KanpdeError(f"{path} is damaged ({error}); `kanpde resume {folder}` writes it again")


def _warn_of_damage(folder: Path) -> None:
    """Warn where there is a summary, but its model can no longer be used."""
    try:
        run.load(folder)
    except KanpdeError as error:
        warn(str(error))
