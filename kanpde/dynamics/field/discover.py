"""discover_field: from samples of a field to its partial differential equation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kanpde.checks import require_number, require_whole
from kanpde.dynamics.field.checks import check_grid, find_grid
from kanpde.dynamics.field.equation import FieldEquation, Term
from kanpde.dynamics.field.on_grid import discover_on_grid
from kanpde.dynamics.field.samples import GridSamples
from kanpde.dynamics.field.scattered import discover_scattered
from kanpde.errors import KanpdeError
from kanpde.options import Reporter


def read_known(known: Any) -> dict[Term, float]:
    """Known terms and their coefficients, checked."""
    if known is not None and not isinstance(known, Mapping):
        raise KanpdeError(f"known is {known!r:.60}; give such as {{(1, 2): 0.1}}, for 0.1 u_xx")
    for term, value in (known or {}).items():
        if not isinstance(term, tuple) or len(term) != 2:
            raise KanpdeError(f"known holds the term {term!r:.60}; a term is such as (1, 2), u_xx")
        for each in term:
            require_whole(f"each number of the term {term} in known", each, 0, 20)
        require_number(f"the coefficient of {term} in known", value)
    return dict(known or {})


def discover_field(
    u: Any,
    x: Any,
    t: Any,
    *,
    order: int = 1,
    powers: int = 3,
    derivatives: int = 4,
    known: Mapping[Term, float] | None = None,
    report: Reporter | None = None,
) -> FieldEquation:
    """The equation of a field.

    Args:
        u: samples (len(t), len(x)) on an even grid, without gaps, or (N,) at scattered points;
            noise is allowed.
        x: positions (Nx,), or of each sample (N,).
        t: times (Nt,), or of each sample (N,).
        order: of the derivative in time: 1 or 2.
        powers: the highest m in d^j(u^m)/dx^j.
        derivatives: the highest j; 0 looks for a source term alone.
        known: terms whose coefficients are known, as {(1, 2): 0.1} for 0.1 u_xx; the rest
            is the unknown source.
        report: is told what is being done with scattered samples, which takes a minute.

    Raises:
        KanpdeError: for samples that are neither.
    """
    require_whole("discover_field: powers", powers, 1, 20)
    require_whole("discover_field: derivatives", derivatives, 0, 20)
    known = read_known(known)
    terms = [(0, 0), *((m, j) for j in range(derivatives + 1) for m in range(1, powers + 1))]
    terms = [term for term in terms if term not in known]
    if np.ndim(u) == 1:
        grid = find_grid(u, x, t)
        if grid is None:
            return discover_scattered(u, x, t, terms, order=order, known=known, report=report)
        u, x, t = grid
    return discover_on_grid(GridSamples.of(*check_grid(u, x, t, order), order, known), terms)
