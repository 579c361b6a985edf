"""What `kanpde info` does."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from kanpde.cli.messages import say, warn
from kanpde.cli.options.solve import InfoOptions
from kanpde.errors import KanpdeError
from kanpde.files.locks import describe_holder
from kanpde.output import run_folder as run
from kanpde.output.runs import find_runs, table_text
from kanpde.output.summary import summarize, summary_text
from kanpde.solution.outcome import Outcome, Status


def run_info(options: InfoOptions) -> None:
    """Print a run's summary, what is known of an unfinished run, or several runs as a table."""
    folder = options.folder
    if rows := find_runs(folder):
        say(json.dumps(list(map(asdict, rows)), indent=2) if options.json else table_text(rows))
        return
    name = run.read_config(folder)["problem"]
    holder = describe_holder(folder)
    path = folder / (run.SUMMARY if options.json else run.TEXT)
    if path.is_file():
        text = _read(path, folder, is_json=options.json)
        _warn_of_damage(folder)
    else:
        solution = run.load(folder)
        if holder is not None:
            outcome = Outcome(Status.RUNNING, f"{holder} trains it now")
            solution = replace(solution, outcome=outcome)
        text = (
            json.dumps(summarize(solution, name), indent=2) + "\n"
            if options.json
            else summary_text(solution, name)
        )
    say(text.removesuffix("\n"))
    if holder is not None:
        warn(f"{holder} works in {folder} now; this is what was saved so far")


def _read(path: Path, folder: Path, *, is_json: bool) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        if is_json:
            json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KanpdeError(
            f"{path} is damaged ({error}); `kanpde resume {folder}` writes it again"
        ) from error
    return text


def _warn_of_damage(folder: Path) -> None:
    """Warn where there is a summary, but its model can no longer be used."""
    try:
        run.load(folder)
    except KanpdeError as error:
        warn(str(error))
