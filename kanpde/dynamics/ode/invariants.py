"""Conserved quantities of discovered equations: H with grad H . f = 0 for every state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.dynamics.ode.library import Library, polynomial_library
from kanpde.symbols.expression import rounded

# Relative to the largest: singular values that are rounding errors, and coefficients that are.
_NULL = 1e-9
_ZERO = 1e-7
# Places of the box of the data at which it has to hold, for each term.
_PLACES = 6
# Degrees of the monomials, tried in this order; the energy of Duffing's equation is of degree 4.
_DEGREES = (2, 4)
_MOST_TERMS = 150


def find_invariants(
    function: Callable[[Array], Array], states: Sequence[str], low: Array, high: Array
) -> list[sympy.Expr]:
    """Quantities that stay constant along every solution, as sums of simple terms.

    The terms are monomials, sin and cos of each state, and the logarithm of positive ones. The
    derivative along f must vanish everywhere in the box of the data, and not only on the measured
    trajectory, where any function of the time would do.

    Args:
        function: the right-hand side, (N, n) -> (N, n).
        states: the names of the n states.
        low: the least of each state, (n,).
        high: the greatest, (n,).

    Returns:
        At most n - 1 quantities, none of which is a function of the others; the simplest first.
    """
    if len(states) < 2:
        return []
    for degree in _DEGREES:
        library = _build_library(states, low, degree)
        if len(library) > _MOST_TERMS:
            return []
        count = _PLACES * len(library)
        points = low + (high - low) * np.random.default_rng(0).random((count, len(states)))
        found = _find_in(library, points, function(points))
        if found:
            return found
    return []


def _build_library(states: Sequence[str], low: Array, degree: int) -> Library:
    logs = [
        sympy.log(sympy.Symbol(name, real=True))
        for name, least in zip(states, low, strict=True)
        if least > 0
    ]
    library = polynomial_library(states, degree, waves=states, extra=logs)
    # Without the constant, which is conserved always.
    return library.subset(range(1, len(library)))


def _find_in(library: Library, points: Array, rates: Array) -> list[sympy.Expr]:
    gradients = library.gradients(points)
    along = np.einsum("vpn,nv->np", gradients, rates)
    if not np.isfinite(along).all():
        return []
    speed = np.sqrt(np.mean(np.sum(gradients**2, 0), 1) * np.mean(np.sum(rates**2, 1)))
    speed = np.where(speed > 0, speed, 1.0)
    _, values, rows = np.linalg.svd(along / speed, full_matrices=False)
    null = rows[values < _NULL * values[0]]
    out: list[sympy.Expr] = []
    slopes: list[Array] = []
    for row in sorted(_reduce(null), key=np.count_nonzero):
        weights = row / speed
        weights /= weights[np.flatnonzero(row)[0]]
        slope = np.einsum("p,vpn->nv", weights, gradients)
        if not _is_independent(slope, slopes) or len(slopes) == points.shape[1] - 1:
            continue
        slopes.append(slope)
        terms = ((float(f"{w:.6g}"), library.terms[k]) for k, w in enumerate(weights) if w)
        out.append(sympy.Add(*(rounded(sympy.Float(w)) * term for w, term in terms)))
    return out


def _reduce(null: Array) -> Array:
    """Reduced row echelon form, from the last term: what spans the same with few terms.

    Each row has one of the last terms, the logarithms, for itself, and the others are without:
    x + y + z beside x + y - 0.25 log(x).
    """
    rows, top = null.copy(), 0
    for column in reversed(range(rows.shape[1])):
        if top == len(rows):
            break
        best = top + int(np.argmax(np.abs(rows[top:, column])))
        if abs(rows[best, column]) < _ZERO:
            continue
        rows[[top, best]] = rows[[best, top]]
        rows[top] /= rows[top, column]
        for k in range(len(rows)):
            if k != top:
                rows[k] -= rows[k, column] * rows[top]
        top += 1
    rows[np.abs(rows) < _ZERO * np.abs(rows).max(1, keepdims=True)] = 0
    return rows


def _is_independent(slope: Array, others: Sequence[Array]) -> bool:
    """Whether a gradient (N, n) is independent of others, place by place."""
    if not others:
        return True
    stack = np.stack([*others, slope], 1)
    stack = stack / np.maximum(np.linalg.norm(stack, axis=2, keepdims=True), 1e-300)
    least = np.linalg.svd(stack, compute_uv=False)[:, -1]
    return bool(np.median(least) > 1e-6)
