"""Points joined to cells: what files and pictures of every domain but a box are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.errors import KanpdeError

IntArray = np.ndarray[Any, np.dtype[np.int64]]

# The number of nodes and the dimension of each kind of cell, by meshio's name for it.
KINDS: dict[str, tuple[int, int]] = {
    "vertex": (1, 0),
    "line": (2, 1),
    "line3": (3, 1),
    "triangle": (3, 2),
    "triangle6": (6, 2),
    "quad": (4, 2),
    "quad8": (8, 2),
    "quad9": (9, 2),
    "tetra": (4, 3),
    "tetra10": (10, 3),
    "hexahedron": (8, 3),
    "hexahedron20": (20, 3),
    "hexahedron27": (27, 3),
    "wedge": (6, 3),
    "pyramid": (5, 3),
}


@dataclass(frozen=True, eq=False)
class Cells:
    """Nodes of a domain joined to cells, with the names of the parts of its boundary.

    Attributes:
        names: of the coordinates of the domain, such as ("x", "y", "t").
        nodes: (N, space dimension), in the order of the names of space.
        cells: meshio's name of a kind -> numbers of the nodes, (M, nodes of a cell), as VTK
            orders them.
        parts: name of a part of the boundary -> its facets, by kind as `cells`.
        materials: kind -> the place in `regions` of each cell's region, (M,); empty where there
            is one region only.
        regions: names of the regions.
        time: the name of the coordinate that is time, if there is one.
        times: (T,), where there is time.
        fixed: coordinates that have one value at all points, such as a parameter's.

    Raises:
        KanpdeError: arrays that do not fit together; it names which.
    """

    names: tuple[str, ...]
    nodes: Array
    cells: Mapping[str, IntArray]
    parts: Mapping[str, Mapping[str, IntArray]] = field(default_factory=dict)
    materials: Mapping[str, IntArray] = field(default_factory=dict)
    regions: tuple[str, ...] = ()
    time: str | None = None
    times: Array | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.time is None) != (self.times is None):
            raise KanpdeError("cells: give the name of the time and the times together")
        if self.nodes.ndim != 2 or self.nodes.shape[1] != len(self.space):
            raise KanpdeError(
                f"cells: the nodes have the shape {self.nodes.shape}; give them "
                f"(N, {len(self.space)}) for {', '.join(self.space)}"
            )
        for kinds in (self.cells, *self.parts.values()):
            for kind, corners in kinds.items():
                self._check_corners(kind, corners)
        for kind, numbers in self.materials.items():
            if numbers.shape != self.cells[kind].shape[:1]:
                raise KanpdeError(f"cells: the materials of {kind} are {numbers.shape}")

    @property
    def space(self) -> tuple[str, ...]:
        """The names of the columns of `nodes`."""
        return tuple(n for n in self.names if n != self.time and n not in self.fixed)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a scalar at all points: (N,), or (T, N) with time."""
        return (len(self.nodes),) if self.times is None else (len(self.times), len(self.nodes))

    @property
    def points(self) -> Array:
        """All points, (N, dimension), or (T N, dimension) with the time slowest."""
        count = 1 if self.times is None else len(self.times)
        columns = {n: np.tile(c, count) for n, c in zip(self.space, self.nodes.T, strict=True)}
        if self.times is not None:
            columns[str(self.time)] = np.repeat(self.times, len(self.nodes))
        columns |= {n: np.full(count * len(self.nodes), value) for n, value in self.fixed.items()}
        return np.stack([columns[name] for name in self.names], 1)

    def over(self, time: str, times: Array) -> Cells:
        """The same at these times, the name of the time last."""
        return replace(self, names=(*self.names, time), time=time, times=times)

    def at_times(self, time: str, times: Array) -> Cells:
        """The same cells at these times."""
        return replace(self, time=time, times=times)

    def fix(self, values: Mapping[str, float]) -> Cells:
        """The same with further coordinates that have one value at all points."""
        return replace(self, names=(*self.names, *values), fixed={**self.fixed, **values})

    def _check_corners(self, kind: str, corners: IntArray) -> None:
        if kind not in KINDS:
            raise KanpdeError(f"cells of the kind {kind} are not known; take {', '.join(KINDS)}")
        if corners.ndim != 2 or corners.shape[1] != KINDS[kind][0]:
            raise KanpdeError(
                f"cells: {kind} has the shape {corners.shape}; give it (M, {KINDS[kind][0]})"
            )
        if len(corners) and not 0 <= corners.min() <= corners.max() < len(self.nodes):
            raise KanpdeError(f"cells: a {kind} names a node that is not there")
