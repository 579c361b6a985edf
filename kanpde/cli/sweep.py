"""What `kanpde sweep` does."""

from __future__ import annotations

from kanpde.bench.span import parse_span
from kanpde.bench.sweep import Sweep, solve_sweep
from kanpde.cli.checks import check_budget, check_folder
from kanpde.cli.messages import warn
from kanpde.cli.options.sweep import SweepOptions


def run_sweep(options: SweepOptions) -> int:
    """Solve at all values, or at those that are left; 1 where a solve failed."""
    check_budget(options.budget)
    check_folder(options.out)
    spans = tuple(parse_span(text) for text in options.settings or ())
    sweep = Sweep(options.problem, spans, options.seeds, options.budget)
    failed = solve_sweep(sweep, options.out, options.jobs)
    for record in failed:
        warn(f"{record['problem']}, seed {record['seed']} {record['status']}: {record['advice']}")
    return 1 if failed else 0
