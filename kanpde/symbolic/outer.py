"""Outer functions: what is a sparse sum need not be y, but can be log y, 1/y, y^2 ..."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array


@dataclass(frozen=True)
class Outer:
    """A function of y, its slope, where it may be taken, and its inverse in SymPy."""

    forward: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    allows: Callable[[Array], bool]
    inverse: Callable[[Any], Any]


OUTER = (
    Outer(lambda y: y, np.ones_like, lambda y: True, lambda z: z),
    Outer(np.log, lambda y: 1 / y, lambda y: bool((y > 0).all()), sympy.exp),
    Outer(lambda y: 1 / y, lambda y: y**-2, lambda y: bool((y != 0).all()), lambda z: 1 / z),
    Outer(np.square, lambda y: 2 * y, lambda y: bool((y >= 0).all()), sympy.sqrt),
    Outer(np.sin, np.cos, lambda y: bool((abs(y) <= np.pi / 2).all()), sympy.asin),
    Outer(np.exp, np.exp, lambda y: bool((abs(y) < 30).all()), sympy.log),
)


def transform(outer: Outer, y: Array) -> Array | None:
    """outer(y), (N,); None where it is not allowed, not finite or constant."""
    if not outer.allows(y):
        return None
    with np.errstate(all="ignore"):
        target = outer.forward(y)
    return target if np.isfinite(target).all() and np.ptp(target) > 0 else None
