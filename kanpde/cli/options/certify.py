"""Options of `kanpde certify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from kanpde.cli.options.output import Json, Quiet
from kanpde.cli.options.solve import RunFolder


@dataclass(frozen=True)
class CertifyOptions:
    """What `kanpde certify` is asked to prove."""

    folder: RunFolder
    budget: Annotated[
        float, typer.Option("--budget", metavar="SECONDS", help="Seconds of work.")
    ] = 60.0
    quiet: Quiet = False
    json: Json = False
