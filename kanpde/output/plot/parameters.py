"""The picture of errors against parameters: measured and estimated, a panel for each parameter."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpde.errors import KanpdeError
from kanpde.output.plot.canvas import new_figure, save, settle, styled
from kanpde.output.plot.text import plain
from kanpde.solution.errors_along import ErrorsAlong

# A range over more than this factor is drawn logarithmically.
_WIDE = 5.0


def plot_parameters(
    errors: Mapping[str, ErrorsAlong],
    estimates: Mapping[str, ErrorsAlong],
    path: str | os.PathLike[str],
) -> Path:
    """Write `parameters_figure` as a PNG file and return its path.

    Raises:
        KanpdeError: the path does not end in .png, or there is nothing to draw.
    """
    with styled():
        return save(parameters_figure(errors, estimates), path)


def parameters_figure(
    errors: Mapping[str, ErrorsAlong], estimates: Mapping[str, ErrorsAlong]
) -> Figure:
    """A panel for each parameter by its name: errors against it, and dashed the estimates.

    Raises:
        KanpdeError: there is nothing to draw.
    """
    names = list(dict.fromkeys([*errors, *estimates]))
    if not names:
        raise KanpdeError("there are no errors against a parameter to draw")
    with styled():
        figure = new_figure(1.2 + 4.0 * len(names), 3.4)
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for ax, name in zip(panels, names, strict=True):
            _draw(ax, name, errors.get(name), estimates.get(name))
        panels[0].set_ylabel("relative L₂ error")
        settle(figure)
        return figure


def _draw(ax: Axes, name: str, errors: ErrorsAlong | None, estimates: ErrorsAlong | None) -> None:
    colours: dict[str, str] = {}
    ends: list[float] = []
    for along, style, what in ((errors, "-", "{}"), (estimates, "--", "{}, estimated")):
        for field, found in ({} if along is None else along.fields).items():
            colour = colours.setdefault(field, f"C{len(colours)}")
            assert along is not None
            shown = np.where(np.array(found) > 0, found, np.nan)
            label = what.format(plain(field))
            ax.plot(along.values, shown, style, marker=".", color=colour, label=label)
            ends += [along.values[0], along.values[-1]]
    if min(ends) > 0 and max(ends) > _WIDE * min(ends):
        ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(plain(name))
    ax.grid(True)
    ax.set_axisbelow(True)
    ax.legend()
