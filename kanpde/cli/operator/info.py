"""What `kanpde operator info` does."""

from __future__ import annotations

from kanpde.cli.messages import Answer, say, warn
from kanpde.cli.options.operator import InfoOptions
from kanpde.files.locks import describe_holder
from kanpde.operator.compare import describe_folder, folder_to_data


def run_info(options: InfoOptions) -> Answer:
    """Print the summary of a training, or what is known of an unfinished one."""
    folder = options.folder
    text = describe_folder(folder)
    holder = describe_holder(folder)
    if holder is not None:
        warn(f"{holder} works in {folder} now; this is what was saved so far")
    say(text.removesuffix("\n"))
    return Answer(data=folder_to_data(folder) if options.json else None)
