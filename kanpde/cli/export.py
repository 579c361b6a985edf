"""What `kanpde export` does."""

from __future__ import annotations

from kanpde.cli.checks import parse_counts, parse_values, split_names
from kanpde.cli.messages import warn
from kanpde.cli.options.solve import ExportOptions
from kanpde.output import results


def run_export(options: ExportOptions) -> None:
    """Write a run's fields for other programs."""
    wanted = results.Wanted(
        parse_counts(options.resolution),
        tuple(split_names(options.fields)),
        options.out,
        tuple(parse_values("--at", text) for text in options.at or ()),
    )
    found = results.export_at(options.folder, options.format, wanted)
    for path, _ in found:
        print(f"wrote {path}")
    complete = all(each for _, each in found)
    if not complete and wanted.counts:
        warn("errors against a reference are not in it: they are known on the run's own grid alone")
    elif not complete:
        warn("errors against a reference are not in it; `kanpde resume` writes them when it ends")
