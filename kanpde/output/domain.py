"""What a person sees of a domain before a solve: a picture and a file of its conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kanpde.arrays import Array
from kanpde.geometry.cells import Cells
from kanpde.geometry.domain import Region, Sample
from kanpde.output.export.vtkhdf import write_vtkhdf
from kanpde.problem.problem import Problem
from kanpde.solution.grid_data import GridData

DOMAIN, PICTURE = "domain.vtkhdf", "domain.png"
# Points of a part of the boundary, and of a condition.
_PART, _CONDITION = 24, 256


@dataclass(frozen=True, eq=False)
class Shown:
    """Points of a condition, (N, d), with weights (N,) and normals (N, d) or zeros."""

    name: str
    points: Array
    weights: Array
    normals: Array | None
    is_interior: bool
    places: tuple[str, ...] = ()


def can_be_drawn(problem: Problem) -> bool:
    """Whether its domain has two or three coordinates to be drawn in."""
    return len(problem.domain.outline().space) >= 2


def write_domain(problem: Problem, folder: Path, notes: Sequence[str]) -> tuple[Path, Path]:
    """Write the picture and the file of a problem's domain and conditions; their paths."""
    from kanpde.output.plot.domain import Marks, plot_domain

    domain = problem.domain
    outline = domain.outline()
    parts = []
    for name, region in domain.boundaries.items():
        if name in outline.parts:
            shown = _show(name, region, region.sample(_PART, 0), outline)
            parts.append(Marks(name, shown.points, shown.normals))
    conditions = _find_conditions(problem, outline)
    marks = [
        Marks(c.name, c.points, c.normals, c.is_interior, f"[{', '.join(c.places)}]")
        for c in conditions
    ]
    picture = plot_domain(outline, parts, marks, folder / PICTURE, notes=notes, units=problem.units)
    _write_file(folder / DOMAIN, outline, conditions)
    return picture, folder / DOMAIN


def _find_conditions(problem: Problem, outline: Cells) -> list[Shown]:
    """The points of each condition, once for each region that it holds on."""
    found: dict[str, Shown] = {}
    seen = set()
    for equation in problem.equations:
        region, key = equation.region, (equation.condition, equation.region.key())
        if key in seen:
            continue
        seen.add(key)
        count = min(_CONDITION, region.count(4 * _CONDITION))
        own = _show(equation.condition, region, region.sample(count, 0), outline)
        name = equation.condition
        found[name] = _join(found[name], own) if name in found else own
    return list(found.values())


def _show(name: str, region: Region, sample: Sample, outline: Cells) -> Shown:
    columns = [region.domain.names.index(axis) for axis in outline.space]
    normals = None if sample.normals is None else sample.normals[:, columns]
    wide = normals is None and _is_wide(region)
    place = (region.label,)
    return Shown(name, sample.points[:, columns], sample.weights, normals, wide, place)


def _is_wide(region: Region) -> bool:
    """Whether it fills space: the interior, or its state at one time."""
    return region.is_interior or region.dimension >= len(region.domain.space)


def _join(one: Shown, other: Shown) -> Shown:
    normals = None
    if one.normals is not None and other.normals is not None:
        normals = np.concatenate([one.normals, other.normals])
    return replace(
        one,
        points=np.concatenate([one.points, other.points]),
        weights=np.concatenate([one.weights, other.weights]),
        normals=normals,
        is_interior=one.is_interior or other.is_interior,
        places=one.places + other.places,
    )


def _write_file(path: Path, outline: Cells, conditions: Sequence[Shown]) -> None:
    """The cells and facets of the domain and, as vertices, the points of each condition."""
    count = len(outline.nodes)
    nodes = np.concatenate([outline.nodes, *(c.points for c in conditions)])
    sizes = [len(c.points) for c in conditions]
    number = np.concatenate([np.zeros(count, int), np.repeat(np.arange(len(sizes)) + 1, sizes)])
    weights = np.concatenate([np.zeros(count), *(c.weights for c in conditions)])
    zeros = [np.zeros_like(c.points) if c.normals is None else c.normals for c in conditions]
    normals = np.concatenate([np.zeros_like(outline.nodes), *zeros])
    vertices = np.arange(count, len(nodes))[:, None]
    cells = {**outline.cells, "vertex": vertices}
    names = tuple(f"normal_{axis}" for axis in outline.space)
    grid = GridData(
        {},
        {
            "condition": number,
            "weight": weights,
            **dict(zip(names, normals.T, strict=True)),
        },
        vectors={"normal": names},
        cells=replace(outline, nodes=nodes, cells=cells, materials={}, regions=()),
    )
    texts = [c.name for c in conditions]
    write_vtkhdf(path, grid, lambda file: file["kanpde"].attrs.update({"conditions": texts}))
