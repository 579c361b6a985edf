"""What `kanpde export` does."""

from __future__ import annotations

from kanpde.cli.checks import parse_values
from kanpde.cli.messages import warn
from kanpde.cli.options.solve import ExportOptions
from kanpde.output import results


def run_export(options: ExportOptions) -> None:
    """Write a run's fields for other programs."""
    chosen = [parse_values("--at", text) for text in options.at or ()]
    found = results.export_at(options.folder, options.format, chosen)
    for path, _ in found:
        print(f"wrote {path}")
    if not all(complete for _, complete in found):
        warn("errors against a reference are not in it; `kanpde resume` writes them when it ends")
