"""The functional majorant of Repin, with a second network for the flux.

For -div(a grad u) + c u = f with zero error on the boundary, any vector field q and c >= 0,

    |e|_a <= |a^(-1/2) (q - a grad w)| + |div q - c w + f| / sqrt(mu),

mu the least eigenvalue (Repin, A Posteriori Estimates for Partial Differential Equations, 2008,
section 3.2). It asks for no more of the domain than the constant mu. The network is q - a grad w,
which is as small as the error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kanpde.bounds.by_energy import require_energy
from kanpde.bounds.case import Case
from kanpde.bounds.certificate import Bound, Norm
from kanpde.bounds.field_models import Boxes
from kanpde.bounds.flux import Flux, train_flux
from kanpde.bounds.monomials import UP
from kanpde.bounds.refinement import elements_of
from kanpde.bounds.supremum import UNKNOWN, Models, SearchPolicy, find_suprema

_DEGREE = 10
# The residual of the balance, relative to the equation's, that is small enough.
_AIM = 0.02


def bound_by_majorant(case: Case) -> list[Bound]:
    """A bound of the energy norm of the error; raises NotCovered where there is no energy."""
    setting = case.setting
    comparison, least = require_energy(case)
    # F = sign (-div(a grad u) + c u - f), so that div q - c w + f = div p - sign F(w).
    residual = comparison.sign * setting.equation.expression
    factor = 1 / math.sqrt(least)
    case.report("a network for the flux")
    flux = train_flux(case.approximation(0), residual, factor, case.deadline.part(0.5))
    diffusion = [comparison.diffusion[a.name].lower for a in setting.space]
    size, balance = _norms(case, flux, residual, diffusion)
    constants = {"least eigenvalue": least, "flux": size, "balance": factor * balance}
    upper = UP * (size + factor * balance)
    return [Bound("functional majorant (Repin)", Norm.ENERGY, upper, 0.0, constants)]


def _norms(
    case: Case, flux: Flux, residual: Any, diffusion: Sequence[float]
) -> tuple[float, float]:
    """Upper bounds of the L2 norms of a^(-1/2) p and of div p - residual."""
    approximation = case.approximation(0)

    def evaluate(boxes: Boxes) -> Models:
        u = approximation.evaluation(boxes, [residual], _DEGREE)
        p = flux.approximation.evaluation(boxes, [*flux.symbols, flux.divergence], _DEGREE).plain
        named = {s.name: p.of(s) for s in flux.symbols}
        balance = p.of(flux.divergence) - u.plain.of(residual)
        return Models({"balance": balance, **named}, u.network)

    policy = SearchPolicy(aim=_AIM * flux.size, order=_DEGREE - 1.0)
    start = elements_of(approximation)
    limit = case.deadline.part(0.7)
    found = find_suprema(evaluate, start, "balance", limit, case.report, policy)
    volume = math.prod(a.upper - a.lower for a in case.setting.space)
    fields = zip(flux.symbols, diffusion, strict=True)
    square = sum(found.get(s.name, UNKNOWN).mean ** 2 / least for s, least in fields)
    root = math.sqrt(volume) * (1 + 1e-12)
    return root * math.sqrt(square), root * found["balance"].mean
