"""Cells that know in which region they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kanpde.geometry.cells import Cells
from kanpde.geometry.domain import Region


def mark_regions(cells: Cells, parts: Sequence[Region]) -> Cells:
    """Cells with these regions as materials, by their centres; as they are where they have some."""
    if not parts or cells.materials:
        return cells
    materials = {}
    for kind, corners in cells.cells.items():
        centres = dict(zip(cells.space, cells.nodes[corners].mean(1).T, strict=True))
        count = len(corners)
        if cells.times is not None:
            centres[str(cells.time)] = np.full(count, cells.times[0])
        centres |= {name: np.full(count, value) for name, value in cells.fixed.items()}
        points = np.stack([centres[name] for name in cells.names], 1)
        held = np.stack([part.holds_at(points) for part in parts])
        materials[kind] = held.argmax(0).astype(np.int64)
    return replace(cells, materials=materials, regions=tuple(part.label for part in parts))
