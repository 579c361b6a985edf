"""What `kanpde fit` does: a network and a formula for a table."""

from __future__ import annotations

import numpy as np

from kanpde.cli.checks import check_folder, split_names
from kanpde.cli.discover import report_step
from kanpde.cli.options.discover import FitOptions
from kanpde.dynamics.reading import read_table
from kanpde.errors import KanpdeError
from kanpde.files import write_json
from kanpde.symbolic.fit import fit
from kanpde.symbolic.picture import plot_network


def run_fit(options: FitOptions) -> None:
    """Print what was fitted; with a folder, leave the formula and a picture of the network."""
    out, target, variables = options.out, options.target, split_names(options.variables)
    check_folder(out, "the report")
    if target in variables:
        raise KanpdeError(
            f"--variables {options.variables}: {target} is the target, which cannot explain "
            "itself; leave it out"
        )
    table = read_table(options.table)
    found = fit(table, target, variables=variables, report=report_step)
    print(found.text())
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    content = {
        "target": target,
        "variables": list(found.variables),
        "formula": None if found.formula is None else str(found.formula),
        "network_rmse": found.rmse,
        "network_parameters": found.parameters,
    }
    write_json(out / "formula.json", content)
    rows = np.stack([table[n] for n in found.variables], 1)
    rows = rows[np.isfinite(rows).all(1)]
    plot_network(found.network, rows, out / "network.png", found.variables)
    print(f"report: {out}")
