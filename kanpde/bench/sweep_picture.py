"""The picture of a sweep: errors and estimates against the parameter with most values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import matplotlib
from matplotlib.axes import Axes

from kanpde.bench.cell import Record
from kanpde.bench.span import Span
from kanpde.output.plot.canvas import new_figure, save, settle, styled
from kanpde.output.plot.text import plain

# Lines of a picture at most; each is a combination of the other parameters.
_MOST = 10

Found = Sequence[tuple[Mapping[str, str], Record]]


def plot_sweep(spans: Sequence[Span], found: Found, path: Path) -> Path | None:
    """Draw the medians over the seeds, and a dot for each; None without numbers to draw against."""
    if not spans:
        return None
    along = max(spans, key=lambda span: len(span.values))
    groups: dict[str, list[tuple[float, Record]]] = {}
    for values, record in found:
        rest = ", ".join(f"{n} = {v}" for n, v in values.items() if n != along.name)
        with suppress(ValueError):  # a parameter may be a word
            groups.setdefault(rest, []).append((float(values[along.name]), record))
    if not any(_points(group, key) for group in groups.values() for key in ("error", "estimate")):
        return None
    with styled():
        figure = new_figure(6.4, 4.2)
        ax = figure.subplots()
        for k, (rest, group) in enumerate(list(groups.items())[:_MOST]):
            colour = matplotlib.color_sequences["tab10"][k]
            _draw(ax, group, ("error", "-"), colour, f"error {rest}".strip())
            _draw(ax, group, ("estimate", "--"), colour, f"estimated error {rest}".strip())
        ax.set_yscale("log")
        if along.logarithmic:
            ax.set_xscale("log")
        ax.set_xlabel(plain(along.name))
        ax.set_ylabel("relative L₂ error")
        ax.grid(True)
        ax.set_axisbelow(True)
        ax.legend()
        settle(figure)
        return save(figure, path)


def _points(group: Sequence[tuple[float, Record]], key: str) -> list[tuple[float, float]]:
    return sorted((at, r[key]) for at, r in group if r[key])


def _draw(
    ax: Axes,
    group: Sequence[tuple[float, Record]],
    shown: tuple[str, str],
    colour: object,
    label: str,
) -> None:
    key, style = shown
    points = _points(group, key)
    if not points:
        return
    places = sorted({at for at, _ in points})
    middle = [median(v for other, v in points if other == at) for at in places]
    ax.plot(places, middle, style, color=colour, label=plain(label))
    ax.plot(*zip(*points, strict=True), ".", color=colour, markersize=4)
