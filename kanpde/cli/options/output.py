"""Options of what a command prints, shared by several commands."""

from __future__ import annotations

from typing import Annotated

import typer

Quiet = Annotated[
    bool, typer.Option("--quiet", help="Print nothing but warnings: no progress, no summary.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout, and progress on stderr.")
]
