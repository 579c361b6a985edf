"""Sums of many terms that look like the series of a law outside of the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.dynamics.ode.library import Library
from kanpde.dynamics.ode.rhs import Sparse


@dataclass(frozen=True)
class SeriesPolicy:
    """When an equation looks like a series."""

    # Michaelis and Menten's law with 1 % of noise gets 4 to 6 terms. Van der Pol, Duffing, Lorenz
    # and Roessler have at most 3 terms, FitzHugh and Nagumo 4, Hindmarsh and Rose 5.
    least: int = 4
    # Every power of one variable up to the highest, whose sum is this many times smaller than the
    # largest of the terms: 26 and 34 for Michaelis and Menten, 4 to 8 for FitzHugh and Nagumo,
    # Hindmarsh and Rose, and a tilted double well.
    cancelling: float = 10.0


def doubt_series(
    model: Sparse,
    c: Array,
    points: Array,
    states: Sequence[str],
    policy: SeriesPolicy | None = None,
) -> list[str]:
    """A sentence for each equation that looks like the series of another law.

    Either sin or cos of a variable stand beside higher powers of it, which no law of mechanics,
    chemistry or biology that is in use has; or all powers of a variable nearly cancel.

    Args:
        model: a sparse right-hand side of n states.
        c: its coefficients, (p,).
        points: where there are data, states and inputs (N, V).
        states: the names of the n states.
        policy: how many terms are many.
    """
    policy = policy or SeriesPolicy()
    values = model.library.values(points)
    out: list[str] = []
    for state, name in enumerate(states):
        own = [(j, value) for (i, j), value in zip(model.pairs, c, strict=True) if i == state]
        if len(own) < policy.least:
            continue
        terms = [model.library.terms[j] for j, _ in own]
        parts = np.array([value * values[j] for j, value in own])
        symbols = model.library.symbols
        reasons = [_find_reason(terms, parts, s, model.library, policy) for s in symbols]
        out += [
            f"the equation of {name} needs {len(own)} terms, {reason}: such sums stand for a law "
            "outside of the library, and hold only where there are data; add terms that may be in "
            "it"
            for reason in filter(None, reasons)
        ][:1]
    return out


def _find_reason(
    terms: list[sympy.Expr],
    parts: Array,
    symbol: sympy.Symbol,
    library: Library,
    policy: SeriesPolicy,
) -> str:
    """Why terms (P,) with values (P, N) look like a series in a variable; empty if they do not."""
    waves = {sympy.sin(symbol), sympy.cos(symbol)} & set(terms)
    powers = [sympy.degree(term, symbol) for term in terms if term.is_polynomial(symbol)]
    if waves and max(powers, default=0) > 1:
        found = " and ".join(sorted(str(wave) for wave in waves))
        return f"{found} beside powers of {symbol}"
    every = _list_powers(library.terms, symbol)
    if len(every) < 3 or not every <= _list_powers(terms, symbol):
        return ""
    largest = np.sqrt(np.mean(parts**2, axis=1)).max()
    total = float(np.sqrt(np.mean(parts.sum(0) ** 2)))
    if largest < policy.cancelling * total:
        return ""
    return f"all powers of {symbol} among them, which nearly cancel"


def _list_powers(terms: Sequence[sympy.Expr], symbol: sympy.Symbol) -> set[int]:
    """The degrees of those terms that are powers of a variable."""
    pure = [t for t in terms if t.free_symbols == {symbol} and t.is_polynomial()]
    return {int(sympy.degree(term, symbol)) for term in pure}
