"""What `kanpde export` does."""

from __future__ import annotations

from kanpde.cli.checks import parse_counts, parse_times, parse_values, split_names
from kanpde.cli.messages import warn
from kanpde.cli.options.solve import ExportOptions
from kanpde.errors import KanpdeError
from kanpde.output import results
from kanpde.output.export import FORMATS


def run_export(options: ExportOptions) -> None:
    """Write a run's fields for other programs."""
    wanted = results.Wanted(
        parse_counts(options.resolution),
        tuple(split_names(options.fields)),
        options.out,
        tuple(parse_values("--at", text) for text in options.at or ()),
        parse_times(options.times),
    )
    if options.on is not None:
        _export_on(options, wanted)
        return
    found = results.export_at(options.folder, options.format, wanted)
    for path, _ in found:
        print(f"wrote {path}")
    complete = all(each for _, each in found)
    if not complete and (wanted.counts or wanted.times):
        warn("errors against a reference are not in it: they are known on the run's own grid alone")
    elif not complete:
        warn("errors against a reference are not in it; `kanpde resume` writes them when it ends")


def _export_on(options: ExportOptions, wanted: results.Wanted) -> None:
    if options.resolution:
        raise KanpdeError("--on takes the points of its file; leave --resolution out")
    if options.format != FORMATS[0]:
        raise KanpdeError("--on writes a file of the kind that it reads; leave --format out")
    assert options.on is not None
    for found in results.export_on(options.folder, options.on, wanted):
        print(f"wrote {found.path}")
        if found.note:
            print(found.note)
