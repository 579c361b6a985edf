"""What `kanpde discover`, `kanpde fit` and `kanpde check` of a data file do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kanpde.dynamics.discover import discover
from kanpde.dynamics.fields import discover_field
from kanpde.dynamics.reading import read_table, read_trajectories
from kanpde.dynamics.report import describe, describe_data, save_report
from kanpde.errors import KanpdeError
from kanpde.store import write_json
from kanpde.symbolic.picture import plot_network
from kanpde.symbolic.table import fit


def _tell(line: str) -> None:
    print(f"... {line}", file=sys.stderr, flush=True)


def run_check_data(path: str) -> None:
    """Print what was understood of a data file."""
    field = _field(Path(path))
    print(path)
    if field is not None:
        u, x, t = field
        print(
            f"a field u(x, t): {len(t)} times, {len(x)} positions, {u.min():.4g} ... {u.max():.4g}"
        )
        return
    print(describe_data(read_trajectories(path)))


def run_discover(
    path: Path,
    states: list[str],
    inputs: list[str],
    time: str | None,
    order: int,
    out: Path | None,
    **options: Any,
) -> None:
    """Print the equations behind a data file; with `out`, leave a report."""
    if out is not None and out.exists() and not out.is_dir():
        raise KanpdeError(f"{out} is a file; --out names a folder for the report")
    field = _field(path)
    if field is not None:
        found = discover_field(*field, order=order)
        print(found.text())
        print(f"± is half a 95 % interval; noise of the samples: {found.noise:.2g}")
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "equations.json", {"u": str(found.sympy().doit())})
            print(f"report: {out}")
        return
    data = read_trajectories(path, states=states, inputs=inputs, time=time)
    print(describe_data(data))
    dynamics = discover(data, report=_tell, **options)
    print()
    print(describe(dynamics))
    if out is not None:
        save_report(dynamics, out)
        print(f"report: {out}")


def run_fit(path: Path, target: str, variables: list[str], out: Path | None) -> None:
    """Print what was fitted; with `out`, leave the formula and a picture of the network."""
    if out is not None and out.exists() and not out.is_dir():
        raise KanpdeError(f"{out} is a file; --out names a folder for the report")
    table = read_table(path)
    found = fit(table, target, variables=variables, report=_tell)
    print(found.text())
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        told = {
            "target": target,
            "variables": list(found.variables),
            "formula": None if found.formula is None else str(found.formula),
            "network_rmse": found.rmse,
            "network_parameters": found.parameters,
        }
        write_json(out / "formula.json", told)
        rows = np.stack([table[n] for n in found.variables], 1)
        rows = rows[np.isfinite(rows).all(1)]
        plot_network(found.network, rows, out / "network.png", found.variables)
        print(f"report: {out}")


def _field(path: Path) -> tuple[Any, Any, Any] | None:
    """u, x, t of an HDF5 file that holds a field, None for any other file."""
    if path.suffix.lower() not in (".h5", ".hdf5") or not path.is_file():
        return None
    try:
        with h5py.File(path, "r") as file:
            if not all(isinstance(file.get(n), h5py.Dataset) for n in ("u", "x", "t")):
                return None
            if file["u"].ndim != 2 or file["x"].ndim != 1:
                return None
            return np.asarray(file["u"]), np.asarray(file["x"]), np.asarray(file["t"])
    except OSError as error:
        raise KanpdeError(f"{path} is no HDF5 file, or damaged ({error})") from error
