"""The picture of laws: a panel for each, its curve with the 95 % band, and its formula."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpde.errors import KanpdeError
from kanpde.output.plot.canvas import new_figure, save, settle, styled
from kanpde.output.plot.panel import BAND
from kanpde.output.plot.text import plain
from kanpde.solution.laws import FoundLaw

# Values of the argument of a curve.
_VALUES = 200


def plot_laws(laws: Sequence[FoundLaw], path: str | os.PathLike[str]) -> Path:
    """Write `laws_figure` as a PNG file and return its path.

    Raises:
        KanpdeError: the path does not end in .png, or there is nothing to draw.
    """
    with styled():
        return save(laws_figure(laws), path)


def laws_figure(laws: Sequence[FoundLaw]) -> Figure:
    """A panel for each law of one argument, where the readings say it.

    Raises:
        KanpdeError: there is nothing to draw.
    """
    shown = [law for law in laws if len(law.ranges) == 1]
    if not shown:
        raise KanpdeError("there are no laws of one argument to draw")
    with styled():
        figure = new_figure(1.2 + 4.0 * len(shown), 3.4)
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for ax, law in zip(panels, shown, strict=True):
            _draw(ax, law)
        settle(figure)
        return figure


def _draw(ax: Axes, law: FoundLaw) -> None:
    at = np.linspace(*law.ranges[0], _VALUES)
    values, deviations = law(at), law.deviations(at)
    ax.plot(at, values, color="C0", label="curve")
    if np.isfinite(deviations).any():
        ends = values - BAND * deviations, values + BAND * deviations
        ax.fill_between(at, *ends, color="C0", alpha=0.25, linewidth=0, label="95 %")
    ax.set_xlabel(plain(law.arguments[0]))
    ax.set_ylabel(plain(law.name))
    if law.formula is not None:
        ax.set_title(plain(f"{law.name} = {law.formula.text}"))
    ax.grid(True)
    ax.set_axisbelow(True)
    ax.legend()
