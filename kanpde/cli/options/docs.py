"""Options of the command that shows the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer


@dataclass(frozen=True)
class DocsOptions:
    """What `kanpde docs` is asked to show."""

    page: Annotated[str, typer.Argument(help="A page's name (default: the list).")] = ""
    search: Annotated[str, typer.Option("--search", help="Words that a passage must contain.")] = ""
