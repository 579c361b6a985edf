"""The second route: a KAN-ODE, its edges snapped to formulas, their numbers fitted again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.kanode.kanode import KANODE, train_kanode
from kanpde.dynamics.ode.rhs import Formula
from kanpde.dynamics.ode.segments import cut
from kanpde.dynamics.ode.shooting import Fit, estimate_covariance, shoot
from kanpde.dynamics.ode.smoothing import SmoothRun, interpolate_inputs
from kanpde.symbolic.numbers import parametrise
from kanpde.symbolic.symbolify import symbolify

# Standard errors from zero beyond which a term stays.
_SURE = 4.0


@dataclass(frozen=True)
class SnappedFormulas:
    """Formulas from a KAN-ODE, fitted to the trajectories; `parameters` counts their numbers."""

    model: KANODE
    fit: Fit
    equations: Mapping[str, sympy.Expr]

    @property
    def parameters(self) -> int:
        return self.fit.rhs.size


def snap(model: KANODE, smoothed: Sequence[SmoothRun]) -> SnappedFormulas | None:
    """The formulas behind a KAN-ODE without hidden layers; None where they cannot be integrated."""
    data = model.data
    points = np.concatenate(
        [np.c_[s.values(s.run.times), interpolate_inputs(s.run, s.run.times)] for s in smoothed]
    )
    slopes = np.concatenate([s.derivatives(s.run.times) for s in smoothed])
    noise = float(np.mean((model.fit.noise / data.scale) ** 2))
    with np.errstate(all="ignore"):
        left = np.mean(
            (model(points[:, : len(data.states)], points[:, len(data.states) :]) - slopes) ** 2
        )
        floor = float(np.clip(0.1 * left / np.mean(slopes**2) + noise, 1e-8, 1e-2))
        sides = symbolify(model.rhs.network, points, floor=floor)
    best: SnappedFormulas | None = None
    while True:
        found = _fit_numbers(model, sides, smoothed)
        if found is None:
            return best
        best = found
        fewer = _drop_weakest(found, data)
        if fewer is None:
            return best
        sides = fewer


def _fit_numbers(
    model: KANODE, sides: Sequence[sympy.Expr], smoothed: Sequence[SmoothRun]
) -> SnappedFormulas | None:
    """The formulas with numbers that follow the trajectories; None where they diverge."""
    data = model.data
    formulas, symbols, c = parametrise(sides)
    if not symbols:
        return None
    rhs = Formula(data.states, data.inputs, formulas, symbols)
    fit: Fit | None = None
    longest = model.fit.segments.samples - 1
    intervals = min(6, longest)
    while True:
        after = shoot(
            rhs, cut(smoothed, intervals), c if fit is None else fit.c, data.scale,
            noise=model.fit.noise if fit is None else fit.noise, before=fit,
        )  # fmt: skip
        if after is None:
            break
        fit = after
        if intervals >= longest:
            break
        intervals = min(longest, 3 * intervals)
    if fit is None:
        return None
    return SnappedFormulas(model, fit, dict(zip(data.states, rhs.expressions(fit.c), strict=True)))


def _drop_weakest(found: SnappedFormulas, data: Trajectories) -> list[sympy.Expr] | None:
    """The formulas without the term whose factor is the least sure, None if all are sure."""
    rhs = found.fit.rhs
    assert isinstance(rhs, Formula)
    errors = np.sqrt(np.maximum(np.diagonal(estimate_covariance(found.fit)), 1e-300))
    sure = dict(zip(rhs.parameters, np.abs(found.fit.c) / errors, strict=True))
    worst: tuple[float, int, sympy.Expr] | None = None
    for k, side in enumerate(rhs.formulas):
        for term in sympy.Add.make_args(side):
            factors = [f for f in sympy.Mul.make_args(term) if f in sure]
            if factors and (worst is None or sure[factors[0]] < worst[0]):
                worst = (float(sure[factors[0]]), k, term)
    if worst is None or worst[0] > _SURE:
        return None
    values = dict(zip(rhs.parameters, map(sympy.Float, found.fit.c), strict=True))
    return [
        (side - worst[2] if k == worst[1] else side).xreplace(values)
        for k, side in enumerate(rhs.formulas)
    ]


def train_and_snap(data: Trajectories, smoothed: Sequence[SmoothRun]) -> SnappedFormulas | None:
    """Train a KAN-ODE on trajectories and find the formulas behind it.

    Args:
        data: the trajectories.
        smoothed: the same, smoothed.

    Returns:
        The formulas; None where none can be integrated.

    Raises:
        KanpdeError: the KAN-ODE cannot be trained.
    """
    return snap(train_kanode(data), smoothed)
