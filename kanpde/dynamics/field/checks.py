"""What samples of a field at scattered points must be, and orders in time."""

from __future__ import annotations

from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.checks import read_reals, require_scale, require_whole
from kanpde.errors import KanpdeError


def check_points(u: Any, x: Any, t: Any, order: int) -> tuple[Array, Array, Array]:
    """u, x, t (N,) as they can be used: finite, not constant, of one length.

    Raises:
        KanpdeError: they are too few, constant, or of different lengths.
    """
    u, x, t = (read_reals(n, a).ravel() for n, a in (("u", u), ("x", x), ("t", t)))
    check_order(order)
    if not len(u) == len(x) == len(t):
        raise KanpdeError(
            f"scattered samples need one x and one t each, and there are {len(u)} of u, "
            f"{len(x)} of x, {len(t)} of t"
        )
    whole = np.isfinite(u) & np.isfinite(x) & np.isfinite(t)
    u, x, t = u[whole], x[whole], t[whole]
    if len(u) < 100:
        raise KanpdeError(f"{len(u)} scattered samples are too few for a field: give 100 or more")
    for name, values in (("u", u), ("x", x), ("t", t)):
        require_scale(name, values)
        if np.ptp(values) <= 1e-13 * np.abs(values).max():
            raise KanpdeError(f"{name} is constant in all samples: there is no law to find")
    for name, values in (("x", x), ("t", t)):
        if len(np.unique(values)) < 12:
            raise KanpdeError(
                f"all samples have one of {len(np.unique(values))} {name}: at least 12 are needed"
            )
    return u, x, t


def find_grid(u: Any, x: Any, t: Any) -> tuple[Array, Array, Array] | None:
    """u (times, positions), x and t, if samples (N,) are the rows of an even grid; else None."""
    u, x, t = (read_reals(n, a).ravel() for n, a in (("u", u), ("x", x), ("t", t)))
    if not (len(u) == len(x) == len(t)) or not np.isfinite([u, x, t]).all():
        return None
    places, column = np.unique(x, return_inverse=True)
    times, row = np.unique(t, return_inverse=True)
    if len(places) * len(times) != len(u) or min(len(places), len(times)) < 25:
        return None
    for axis in (places, times):
        steps = np.diff(axis)
        if np.ptp(steps) > 1e-6 * steps.mean():
            return None
    table = np.full((len(times), len(places)), np.nan)
    table[row, column] = u
    return (table, places, times) if np.isfinite(table).all() else None


def check_order(order: int) -> None:
    """Raise KanpdeError for an order in time that is neither 1 nor 2."""
    require_whole("the order in time", order)
    if order not in (1, 2):
        raise KanpdeError(f"the order in time must be 1 or 2, not {order}")
