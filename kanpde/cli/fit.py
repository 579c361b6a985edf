"""What `kanpde fit` does: a network and a formula for a table."""

from __future__ import annotations

import numpy as np

from kanpde.cli.checks import check_folder, split_names
from kanpde.cli.messages import Answer, report_step, say_nothing
from kanpde.cli.options.discover import FitOptions
from kanpde.dynamics.report import describe_fit, fit_to_data
from kanpde.errors import KanpdeError
from kanpde.files.tables import read_table
from kanpde.files.whole import write_json
from kanpde.symbolic.fit import fit
from kanpde.symbolic.picture import plot_network


def run_fit(options: FitOptions) -> Answer:
    """Print what was fitted; with a folder, leave the formula and a picture of the network."""
    out, target, variables = options.out, options.target, split_names(options.variables)
    check_folder(out, "the report")
    if target in variables:
        raise KanpdeError(
            f"--variables {options.variables}: {target} is the target, which cannot explain "
            "itself; leave it out"
        )
    table = read_table(options.table)
    found = fit(
        table, target, variables=variables, report=say_nothing if options.quiet else report_step
    )
    print(describe_fit(found))
    data = fit_to_data(found)
    if out is None:
        return Answer(data=data)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "formula.json", data)
    rows = np.stack([table[n] for n in found.variables], 1)
    rows = rows[np.isfinite(rows).all(1)]
    plot_network(found.network, rows, out / "network.png", found.variables, target)
    print(f"report: {out}")
    return Answer(data=data)
