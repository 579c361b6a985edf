"""`kanpde check` of a data file: what `discover` would find in it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.reading import FieldArrays, read_field, read_points, read_trajectories
from kanpde.dynamics.report import describe_data


def check_data(path: str) -> dict[str, Any]:
    """Print what was understood of a data file, which is returned as data."""
    field = read_field(path)
    print(path)
    if field is not None:
        return {"file": path} | _tell_field(field)
    points = read_points(path)
    if points is not None:
        return {"file": path} | _tell_points(*points)
    trajectories = read_trajectories(path)
    print(describe_data(trajectories))
    return {"file": path} | _to_data(trajectories)


def _tell_field(field: FieldArrays) -> dict[str, Any]:
    shape = f"({', '.join((*field.axes, 't'))})"
    sizes = {name: len(row) for name, row in field.axes.items()}
    where = ", ".join(f"{size} along {name}" for name, size in sizes.items())
    where = f"{sizes['x']} positions" if [*sizes] == ["x"] else where
    gaps = 0
    for name, u in field.fields.items():
        whole = u[np.isfinite(u)]
        span = f"{whole.min():.4g} ... {whole.max():.4g}" if len(whole) else "no number at all"
        print(f"a field {name}{shape}: {len(field.times)} times, {where}, {span}")
        if len(whole) < u.size:
            print(f"note: {u.size - len(whole)} of {u.size} values are gaps or infinite")
        gaps += u.size - len(whole)
    for note in field.notes:
        print(f"note: {note}")
    positions = math.prod(sizes.values())
    told = {"kind": "field", "times": len(field.times), "positions": positions, "gaps": gaps}
    return told | {"fields": list(field.fields), "axes": sizes}


def _tell_points(u: Any, x: Any, t: Any) -> dict[str, Any]:
    complete = np.isfinite(u) & np.isfinite(x) & np.isfinite(t)
    print(f"a field u(x, t) at {complete.sum()} scattered points")
    for name, values in (("x", x), ("t", t), ("u", u)):
        print(f"{name}: {values[complete].min():.4g} ... {values[complete].max():.4g}")
    gaps = int((~complete).sum())
    if gaps:
        print(f"note: {gaps} of {len(u)} samples are incomplete: left out")
    return {"kind": "points", "points": int(complete.sum()), "gaps": gaps}


def _to_data(data: Trajectories) -> dict[str, Any]:
    return {
        "kind": "trajectories",
        "trajectories": len(data.runs),
        "samples": data.samples,
        "time": data.time,
        "states": list(data.states),
        "inputs": list(data.inputs),
        "notes": list(data.notes),
    }
