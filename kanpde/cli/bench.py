"""What `kanpde bench` does."""

from __future__ import annotations

from kanpde.bench import measure
from kanpde.cli.checks import check_budget, check_folder
from kanpde.cli.options.bench import BenchOptions
from kanpde.problem.library import shipped

_BUDGETS = (120.0,)  # seconds


def run_bench(options: BenchOptions) -> None:
    """Run a benchmark, or the rest of one."""
    budgets = options.budgets or _BUDGETS
    for budget in budgets:
        check_budget(budget)
    check_folder(options.out)
    measure(options.problems or list(shipped()), options.seeds, budgets, options.out, options.jobs)
