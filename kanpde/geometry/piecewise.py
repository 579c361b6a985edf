"""Coefficients that differ from region to region."""

from __future__ import annotations

from collections.abc import Mapping

from kanpde.errors import KanpdeError
from kanpde.geometry.domain import Region
from kanpde.symbols.expression import Expression, Scalar, symbolic
from kanpde.symbols.interfaces import RegionSymbol


def piecewise(values: Mapping[Region, Expression | Scalar]) -> Expression:
    """A coefficient with a value in each region: `k = piecewise({steel: 50.0, air: 1.0})`.

    The regions (`mesh.region("steel")`, `plate.region(disk)`, `box.region(x=(0, 0.5))`) fill the
    domain and do not overlap. In a derivative its jumps count: `d(k * d(u, x), x)` says that the
    flux is continuous where two regions meet.

    Raises KanpdeError for what is not a region of full dimension, or a single one.
    """
    if not isinstance(values, Mapping) or len(values) < 2:
        raise KanpdeError(
            "piecewise(...) takes a value for each of at least two regions: "
            "piecewise({plate.region(disk): 10.0, plate.region(sheet - disk): 1.0})"
        )
    total = symbolic(0)
    for rank, (region, value) in enumerate(values.items()):
        if not isinstance(region, Region) or not region.is_interior:
            label = region.label if isinstance(region, Region) else repr(region)
            raise KanpdeError(
                f"piecewise(...): {label} is not a part of the inside of a domain; take "
                "plate.region(disk), mesh.region(name) or box.region(x=(0, 0.5))"
            )
        total = total + symbolic(value) * RegionSymbol(region, rank)
    return Expression(total)
