"""Writing a file as a whole or not at all."""

import re

from kanpde.errors import KanpdeError


def check_file_name(name: str) -> None:
    """Raises KanpdeError unless `name` is plain enough for a file and a reference in XML."""
    if not re.fullmatch(r"\w[\w.+=-]*", name):
        raise KanpdeError(
            f"{name!r} cannot begin the name of a file: take letters, digits and any of _.+=- "
            "(a folder goes into the first argument)."
        )
