"""What a domain from a file is in space: its inside, the named parts of its boundary, its cells."""

from __future__ import annotations

import difflib
import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy.stats import qmc

from kanpde.arrays import Array
from kanpde.errors import KanpdeError
from kanpde.geometry.cells import Cells, IntArray
from kanpde.geometry.meshes.cell_set import CellSet, Places


class Body(ABC):
    """A domain in space that was read from a file.

    Attributes:
        names: of its coordinates.
        surface: all facets of its boundary, and named facets inside of it.
        outer: which facets of `surface` are on the boundary, (F,), bool.
        parts: name -> the numbers of its facets in `surface`.
        notes: what a person may want to know of it.
    """

    names: tuple[str, ...]
    surface: CellSet
    outer: np.ndarray
    parts: Mapping[str, IntArray]
    notes: tuple[str, ...]

    @property
    def dimension(self) -> int:
        return len(self.names)

    @property
    @abstractmethod
    def regions(self) -> tuple[str, ...]:
        """The names of the parts of its inside; empty where there are none."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[Array, Array]:
        """The lower and the upper corner of the box around it."""

    @abstractmethod
    def measure(self, regions: tuple[str, ...] | None) -> float:
        """The area or volume of its inside, or of some regions."""

    @abstractmethod
    def sample(
        self,
        regions: tuple[str, ...] | None,
        count: int,
        further: int,
        random: np.random.Generator,
    ) -> tuple[Array, Array, Array]:
        """About `count` even points inside (N, dimension), numbers (N, further) and weights (N,).

        The numbers are in [0, 1], even together with the points: for further axes.
        """

    @abstractmethod
    def quadrature(
        self, regions: tuple[str, ...] | None, count: int, seed: int
    ) -> tuple[Array, Array]:
        """About `count` points inside with weights that integrate smooth functions."""

    @abstractmethod
    def contains(self, points: Array, regions: tuple[str, ...] | None = None) -> Array:
        """Which points (N, dimension) lie in it or in some regions, boundary included: (N,)."""

    def find_contact(self, one: tuple[str, ...], other: tuple[str, ...]) -> CellSet:
        """The facets between two groups of regions; none where there are no regions."""
        return CellSet(np.empty((0, self.dimension)), {})

    def bounds_of(self, regions: tuple[str, ...]) -> tuple[Array, Array]:
        """The lower and the upper corner of the box around some regions."""
        return self.bounds

    @abstractmethod
    def make_cells(self, spacing: float) -> Cells:
        """Its cells for files and pictures; of about this size where it has none."""

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """As JSON data."""

    @cached_property
    def digest(self) -> str:
        """A text that is different for different bodies."""
        found = hashlib.sha256()
        for name, values in self._identity().items():
            found.update(name.encode())
            found.update(repr(values.shape).encode())
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    @abstractmethod
    def _identity(self) -> Mapping[str, Any]:
        """The arrays that make it what it is, by name."""

    @cached_property
    def size(self) -> float:
        """The diagonal of the box around it."""
        low, high = self.bounds
        return float(np.linalg.norm(high - low))

    def find_facets(self, which: Sequence[str]) -> IntArray:
        """The numbers of the facets of these parts; those of the whole boundary for none.

        Raises KanpdeError, with near names, for a part that is not there.
        """
        if not which:
            return np.flatnonzero(self.outer)
        for name in which:
            if name not in self.parts:
                raise KanpdeError(_missing("boundary", name, list(self.parts)))
        return np.unique(np.concatenate([self.parts[name] for name in which]))

    def check_regions(self, which: Sequence[str]) -> None:
        """Raise KanpdeError, with near names, for a region that is not there."""
        for name in which:
            if name not in self.regions:
                raise KanpdeError(_missing("region", name, list(self.regions)))

    def sample_boundary(self, which: tuple[str, ...], cube: Array) -> tuple[Places, Array]:
        """Points on facets for points (N, dimension - 1) of the unit cube, and weights (N,)."""
        return self._facets(which).sample(cube)

    def gauss_boundary(self, which: tuple[str, ...], count: int) -> tuple[Places, Array]:
        """About `count` Gauss points on facets, and weights."""
        facets = self._facets(which)
        along = (count / max(facets.count, 1)) ** (1 / max(facets.dimension, 1))
        return facets.gauss(max(2, round(along)))

    def boundary_measure(self, which: tuple[str, ...]) -> float:
        return float(self.surface.measures[self.find_facets(which)].sum())

    def describe_uncovered(self, covered: IntArray) -> list[str]:
        """The parts that reach beyond these facets of the boundary, with their free size."""
        free = self.outer.copy()
        free[covered] = False
        what = "length" if self.dimension == 2 else "area"
        found = []
        for name, facets in self.parts.items():
            own = facets[free[facets]]
            if len(own):
                size = float(self.surface.measures[own].sum())
                found.append(f"{name} ({what} {size:.4g})")
                free[own] = False
        return found

    def _facets(self, which: tuple[str, ...]) -> CellSet:
        if which not in self._sets:
            self._sets[which] = self.surface.subset(self.find_facets(which))
        return self._sets[which]

    @cached_property
    def _sets(self) -> dict[tuple[str, ...], CellSet]:
        return {}


def sobol_points(dimension: int, count: int, random: np.random.Generator) -> Array:
    """Scrambled Sobol points (N, dimension) of the unit cube; one where nothing varies."""
    if dimension == 0:
        return np.empty((1, 0))
    sobol = qmc.Sobol(dimension, scramble=True, rng=random)
    points: Array = sobol.random_base2(max(0, math.ceil(math.log2(max(count, 1)))))[:count]
    return points


def _missing(what: str, name: str, known: list[str]) -> str:
    lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), list(lower), 1)
    hint = f"; did you mean {lower[near[0]]!r}?" if near else ""
    names = f"it has {', '.join(known)}" if known else "it names none"
    return f"the mesh has no {what} {name!r}; {names}{hint}"
