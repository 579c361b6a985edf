"""Functions that vanish on pieces of a boundary (Rvachev, 1982; Sukumar & Srivastava, 2022).

Each primitive gives a smooth function that is zero on all of its curve or surface. It serves where
that curve meets the shape at its own piece only; so no R-function, with its singular second
derivatives in corners, is needed. Conditions elsewhere are trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.geometry.domain import Region
from kanpde.geometry.solids.facet import Facet
from kanpde.geometry.solids.part import Part
from kanpde.symbols.expression import Expression, exact_number

if TYPE_CHECKING:
    from kanpde.geometry.solids.shape import Shape

# Points inside at which a function must not vanish, and how near to zero, relative to the size of
# the shape, it may come on other pieces than its own.
_PROBES = 4096
_NEAR = 1e-9


def vanishing_product(shape: Shape, region: Region) -> Expression | None:
    """A product of a factor for each curve or surface that a region lies on, at most one inside.

    None for holes: with factors 1 - R / r of three holes and their values blended, Laplace's
    equation was at an error of 7e-2 after 10 steps, with values there trained at 1e-4.
    """
    if not isinstance(region, Part) or region.facets is None or region.values:
        return None
    solid = shape.solid
    symbols = [a.sympy for a in solid.axes]
    inside = solid.interior.sample(_PROBES, 0).points
    others = [f for k, f in enumerate(solid.facets) if k not in region.facets]
    product: Any = sympy.S.One
    for number, facet in enumerate(region.pieces):
        if facet.inverted and facet.is_whole:
            return None
        factor = facet.piece.vanishing(symbols, not facet.inverted)
        if factor is None:
            return None
        value = sympy.lambdify(symbols, factor, "numpy")
        values = np.broadcast_to(value(*inside.T), len(inside))
        if not (values > 0).all() or _is_zero_on(value, others, shape.size):
            return None
        if _is_zero_on(value, region.pieces[:number], shape.size):
            continue
        product *= factor
    if product == 1:
        return None
    size = sympy.lambdify(symbols, product, "numpy")(*inside.T)
    return Expression(product / exact_number(float(np.max(size))))


def _is_zero_on(value: Any, facets: Sequence[Facet], size: float) -> bool:
    """Whether a function vanishes on all of one of the facets."""
    for facet in facets:
        points: Array = facet.outermost
        if (np.abs(np.broadcast_to(value(*points.T), len(points))) < _NEAR * size).all():
            return True
    return False
