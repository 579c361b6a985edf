"""What `kanpde export` does."""

from __future__ import annotations

from kanpde.cli.messages import warn
from kanpde.cli.options.solve import ExportOptions
from kanpde.output import results


def run_export(options: ExportOptions) -> None:
    """Write a run's fields for other programs."""
    path, complete = results.export(options.folder, options.format)
    print(f"wrote {path}")
    if not complete:
        warn("errors against a reference are not in it; `kanpde resume` writes them when it ends")
