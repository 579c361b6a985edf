"""What `kanpde check` does: the file says whether it is a problem or data."""

from __future__ import annotations

from kanpde.cli.messages import Answer
from kanpde.cli.options.solve import CheckOptions

_DATA = (".csv", ".tsv", ".txt", ".dat", ".h5", ".hdf5", ".npz")


def run_check(options: CheckOptions) -> Answer:
    """Print what was understood of a problem or of a data file."""
    if options.problem.lower().endswith(_DATA):
        from kanpde.cli.check_data import check_data

        return Answer(data=check_data(options.problem))
    from kanpde.cli.check_problem import check_problem

    return Answer(data=check_problem(options))
