"""The picture of a network: nodes, edge functions, and how much each edge matters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.files.whole import write_whole
from kanpde.network.kan import KAN
from kanpde.network.products import ProductKAN
from kanpde.output.plot.canvas import new_figure, save, settle, styled
from kanpde.symbolic.symbolify import Edge, edges

_NAMES = 12.0  # points of the names of inputs and output


def plot_network(
    network: KAN | ProductKAN,
    points: Array,
    path: str | os.PathLike[str],
    inputs: Sequence[str] = (),
    output: str = "",
) -> Path:
    """Writes `network_figure` as a PNG or SVG file.

    Raises:
        KanpdeError: the path ends in neither.
    """
    target = Path(path)
    with styled():
        figure = network_figure(network, points, inputs, output)
        if target.suffix.lower() == ".svg":
            write_whole(target, lambda p: figure.savefig(p, format="svg"))
            return target
        if target.suffix.lower() != ".png":
            raise KanpdeError(f"a picture ends in .png or .svg, not {target.suffix or target.name}")
        return save(figure, target)


def network_figure(
    network: KAN | ProductKAN, points: Array, inputs: Sequence[str] = (), output: str = ""
) -> Figure:
    """Layers from bottom to top; each edge shows its function at `points` (N, V).

    `inputs` and `output` are the names at the bottom and at the top.

    The opacity is tanh(3 importance), as in pykan: edges that do not matter fade.
    """
    layers = edges(network, points)
    kan = network.kan if isinstance(network, ProductKAN) else network
    counts = [kan.stack[0].inputs, *(layer.outputs for layer in kan.stack)]
    names = list(inputs)
    if isinstance(network, ProductKAN):
        names = [str(f).replace("*", " ") for f in network.features]
    slots = max(len(layer) for layer in layers)
    with styled():
        figure = new_figure(max(4.0, 0.75 * slots), 1.2 + 1.9 * len(layers))
        ax = figure.subplots()
        places = [np.linspace(0, 1, 2 * n + 1)[1::2] for n in counts]
        for level, layer in enumerate(layers):
            _draw_layer(ax, level, layer, places[level], places[level + 1])
        for level, row in enumerate(places):
            ax.plot(
                row, np.full(len(row), float(level)), "o", color="black", markersize=5, zorder=5
            )
        for place, name in zip(places[0], names, strict=False):
            ax.text(place, -0.12, name, ha="center", va="top", fontsize=_NAMES)
        if output:
            ax.text(0.5, len(layers) + 0.12, output, ha="center", va="bottom", fontsize=_NAMES)
        ax.set_xlim(0, 1)
        ax.set_ylim(-0.3, len(layers) + (0.35 if output else 0.15))
        ax.axis("off")
        settle(figure)
        return figure


def _draw_layer(ax: object, level: int, layer: list[Edge], below: Array, above: Array) -> None:
    slots = np.linspace(0, 1, 2 * len(layer) + 1)[1::2]
    width = 0.8 / len(layer)
    for slot, edge in zip(slots, sorted(layer, key=lambda e: (e.index, e.output)), strict=True):
        opacity = float(np.clip(np.tanh(3 * edge.importance), 0.04, 1))
        line = {"color": "black", "alpha": opacity, "linewidth": 0.8}
        ax.plot([below[edge.index], slot], [level, level + 0.36], **line)  # type: ignore[attr-defined]
        ax.plot([slot, above[edge.output]], [level + 0.64, level + 1], **line)  # type: ignore[attr-defined]
        order = np.argsort(edge.x)
        x, y = edge.x[order], edge.y[order]
        across = slot + width * ((x - x.min()) / (np.ptp(x) or 1) - 0.5)
        up = level + 0.5 + 0.24 * ((y - y.min()) / (np.ptp(y) or 1) - 0.5)
        ax.plot(across, up, color="#1f5fa8", alpha=opacity, linewidth=1.3)  # type: ignore[attr-defined]
