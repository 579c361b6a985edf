"""`kanpde check` of a data file: what `discover` would find in it."""

from __future__ import annotations

import numpy as np

from kanpde.dynamics.reading import read_field, read_points, read_trajectories
from kanpde.dynamics.report import describe_data


def check_data(path: str) -> None:
    """Print what was understood of a data file."""
    field = read_field(path)
    print(path)
    if field is not None:
        shape = f"({', '.join((*field.axes, 't'))})"
        sizes = [f"{len(row)} along {name}" for name, row in field.axes.items()]
        where = f"{len(field.times)} times, "
        where += f"{len(field.axes['x'])} positions" if [*field.axes] == ["x"] else ", ".join(sizes)
        for name, u in field.fields.items():
            whole = u[np.isfinite(u)]
            span = f"{whole.min():.4g} ... {whole.max():.4g}" if len(whole) else "no number at all"
            print(f"a field {name}{shape}: {where}, {span}")
            if len(whole) < u.size:
                print(f"note: {u.size - len(whole)} of {u.size} values are gaps or infinite")
        for note in field.notes:
            print(f"note: {note}")
        return
    points = read_points(path)
    if points is not None:
        u, x, t = points
        complete = np.isfinite(u) & np.isfinite(x) & np.isfinite(t)
        print(f"a field u(x, t) at {complete.sum()} scattered points")
        for name, values in (("x", x), ("t", t), ("u", u)):
            print(f"{name}: {values[complete].min():.4g} ... {values[complete].max():.4g}")
        if not complete.all():
            print(f"note: {(~complete).sum()} of {len(u)} samples are incomplete: left out")
        return
    print(describe_data(read_trajectories(path)))
