"""What `kanpde info` does."""

from __future__ import annotations

import json

from kanpde.cli.messages import say
from kanpde.cli.options.solve import InfoOptions
from kanpde.errors import KanpdeError
from kanpde.output import run_folder as run
from kanpde.output.summary import summarize, summary_text


def run_info(options: InfoOptions) -> None:
    """Print a run's summary, or what is known of an unfinished run."""
    folder = options.folder
    name = run.read_config(folder)["problem"]
    path = folder / (run.SUMMARY if options.json else run.TEXT)
    if not path.is_file():
        solution = run.load(folder)
        summary = summarize(solution, name)
        text = (
            json.dumps(summary, indent=2) + "\n" if options.json else summary_text(solution, name)
        )
    else:
        try:
            text = path.read_text(encoding="utf-8")
            json.loads(text if options.json else "{}")
        except (ValueError, RecursionError) as error:
            raise KanpdeError(
                f"{path} is damaged ({error}); `kanpde resume {folder}` writes it again"
            ) from error
    say(text.removesuffix("\n"))
