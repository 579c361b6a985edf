"""What `kanpde operator info` does."""

from __future__ import annotations

from kanpde.cli.messages import say, warn
from kanpde.cli.options.operator import InfoOptions
from kanpde.errors import KanpdeError
from kanpde.files.locks import describe_holder
from kanpde.operator import run_folder as runs


def run_info(options: InfoOptions) -> None:
    """Print the summary of a training, or what is known of an unfinished one."""
    folder = options.folder
    runs.read_config(folder)
    path, holder = folder / runs.TEXT, describe_holder(folder)
    if holder is not None:
        warn(f"{holder} works in {folder} now; this is what was saved so far")
    if not path.is_file():
        say(runs.describe_unfinished(folder))
        return
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError as error:
        raise KanpdeError(
            f"{path} is damaged ({error}); {folder / runs.SUMMARY} may hold the same"
        ) from error
    say(text.removesuffix("\n"))
