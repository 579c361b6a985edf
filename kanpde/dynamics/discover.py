"""discover: from measured trajectories to equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.dynamics.agreement import Agreement
from kanpde.dynamics.data import Trajectories, trajectories
from kanpde.dynamics.intervals import INTERVAL
from kanpde.dynamics.kanode.formulas import train_and_snap
from kanpde.dynamics.ode.doubts import doubt_series
from kanpde.dynamics.ode.fractional import Fractional
from kanpde.dynamics.ode.holdout import fitted_paths, forecast_holdout
from kanpde.dynamics.ode.invariants import find_invariants
from kanpde.dynamics.ode.judge import judge_fit
from kanpde.dynamics.ode.library import build_library
from kanpde.dynamics.ode.rational import add_fractions
from kanpde.dynamics.ode.relations import find_relations
from kanpde.dynamics.ode.result import Candidate, Dynamics, Estimate, Forecast
from kanpde.dynamics.ode.rhs import Sparse
from kanpde.dynamics.ode.segments import cut
from kanpde.dynamics.ode.selection import Selection, select
from kanpde.dynamics.ode.shooting import Fit, estimate_covariance, shoot
from kanpde.dynamics.ode.smoothing import SmoothRun, smooth
from kanpde.dynamics.reading import read_trajectories
from kanpde.errors import KanpdeError
from kanpde.options import Reporter, fill_options, ignore


class DiscoverKeywords(TypedDict, total=False):
    """The keywords of `discover`; `DiscoverOptions` says what they mean."""

    states: Sequence[str]
    inputs: Sequence[str]
    time: str | None
    degree: int
    waves: bool
    terms: Sequence[str]
    holdout: float
    kan: bool
    fractions: bool


@dataclass(frozen=True)
class DiscoverOptions:
    """How to look for the equations behind trajectories.

    Args:
        states: the columns to explain; all but time and inputs by default.
        inputs: controls and parameters: they act, and are not explained.
        time: the column of times.
        degree: of the monomials in the library.
        waves: whether sin and cos of each state are in it.
        terms: further terms, such as "exp(-x)" or "x/(1 + x)".
        holdout: the last share of each trajectory, on which the forecast is judged. The terms
            are chosen without it; their coefficients are then fitted to everything.
        kan: whether to go the second way too, formulas from the edges of a KAN-ODE; the better
            of the two, by the same criterion, is the answer, the other stands in `candidates`.
        fractions: whether fractions such as x/(K + x), whose constants are fitted, may stand for
            equations of many terms.
    """

    states: Sequence[str] = ()
    inputs: Sequence[str] = ()
    time: str | None = None
    degree: int = 3
    waves: bool = True
    terms: Sequence[str] = ()
    holdout: float = 0.2
    kan: bool = False
    fractions: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.holdout <= 0.5:
            raise KanpdeError(f"holdout must be a share between 0 and 0.5, not {self.holdout}")


def discover(
    data: Any, *, report: Reporter | None = None, **options: Unpack[DiscoverKeywords]
) -> Dynamics:
    """The equations behind trajectories.

    Args:
        data: a CSV or HDF5 file, or what `trajectories` takes: a mapping of columns, a pair
            (times (N,), states (N, n)), or a sequence of them.
        report: is told what is being done.
        **options: the fields of `DiscoverOptions`: `states`, `inputs` and `time` name columns;
            `degree`, `waves` and `terms` make the library; `holdout`, `kan` and
            `fractions`.

    Raises:
        KanpdeError: for data or options that cannot be used.
    """
    chosen = fill_options(DiscoverOptions, options, "discover")
    tell = report or ignore
    measured = _read(data, chosen)
    tell("smoothing")
    library = build_library(measured, chosen.degree, waves=chosen.waves, terms=chosen.terms)
    train, test = measured.split(chosen.holdout)
    smoothed = smooth(train)
    tell(f"choosing among {len(library)} terms for each of {len(measured.states)} states")
    selection = _require(select(train, smoothed, library))
    if chosen.fractions:
        selection = add_fractions(selection, train, smoothed, library) or selection
    fit, forecast, rollout = selection.fit, None, None
    if test is not None:
        forecast, rollout = forecast_holdout(fit, train, test)
        tell("fitting the coefficients to all samples")
        fit = _refit(fit, smooth(measured)) or fit
    found = replace(build_dynamics(fit, measured, selection.criterion, forecast), rollout=rollout)
    if chosen.kan:
        tell("training a KAN-ODE and looking for formulas of its edges")
        found = _compare_with_kan(found, train, smoothed, selection)
    notes = (*found.notes, *_describe_relations(measured, smooth(measured)))
    return replace(found, notes=notes, conserved=_find_conserved(found))


def _describe_relations(data: Trajectories, smoothed: Sequence[SmoothRun]) -> list[str]:
    """Which columns follow from the others, and what to do."""
    relations = find_relations(data, smoothed)
    return [
        f"{relation.text()} at all samples (within {relation.rest:.1g}): one of these columns "
        f"follows from the others, so that the equations can be written in many ways; leave out "
        f"{relation.columns[-1]} for the shortest"
        for relation in relations
    ]


def _find_conserved(found: Dynamics) -> tuple[sympy.Expr, ...]:
    """Conserved quantities of the equations, or of these with rounded coefficients."""
    if found.inputs or found.judgement.agreement is Agreement.OUTSIDE:
        return ()
    table = np.concatenate([run.states for run in found.data.runs])
    low, high = np.nanmin(table, axis=0), np.nanmax(table, axis=0)
    for each in (found, found.rounded()):
        conserved = find_invariants(each, found.states, low, high) if each is not None else []
        if conserved:
            return tuple(conserved)
    return ()


def _read(data: Any, options: DiscoverOptions) -> Trajectories:
    if isinstance(data, str | Path):
        return read_trajectories(
            data, states=options.states, inputs=options.inputs, time=options.time
        )
    states = options.states or None
    return trajectories(data, states=states, inputs=options.inputs, time=options.time)


def _require(selection: Selection | None) -> Selection:
    """The selection, if there is one with terms."""
    if selection is None:
        raise KanpdeError(
            "no equation with these terms follows the data: every trajectory diverged; add "
            "terms, or leave out columns that are not part of the motion"
        )
    if not selection.model.pairs:
        raise KanpdeError(
            "nothing found: no term explains the data better than constants with noise; measure "
            "at shorter steps or with less noise, or add terms"
        )
    return selection


def _refit(fit: Fit, smoothed: Sequence[SmoothRun], intervals: int | None = None) -> Fit | None:
    """The same terms on other data, in segments of the same or another length."""
    segments = cut(smoothed, intervals or fit.segments.samples - 1)
    return shoot(fit.rhs, segments, fit.c, fit.size, before=fit)


def build_dynamics(
    fit: Fit, data: Trajectories, criterion: float, forecast: Forecast | None
) -> Dynamics:
    """The fit of a sum of terms as a value for people.

    Args:
        fit: the model and its coefficients.
        data: what it was fitted to.
        criterion: by which its terms were chosen.
        forecast: of the samples held out; None where there were none.
    """
    model = fit.rhs
    assert isinstance(model, Sparse | Fractional)
    terms = model.list_terms(fit.c)
    covariance = estimate_covariance(fit)
    errors = np.sqrt(np.maximum(np.diagonal(covariance), 0))
    estimates = tuple(
        Estimate(data.states[i], term, float(value), float(error))
        for (i, term), value, error in zip(terms, fit.c, errors, strict=False)
    )
    equations: dict[str, sympy.Expr] = dict(zip(data.states, model.expressions(fit.c), strict=True))
    candidate = Candidate("sparse", equations, criterion, model.size, forecast)
    return Dynamics(
        equations, estimates, covariance[: len(terms), : len(terms)], data, fit.noise, forecast,
        "sparse", (candidate,), (*data.notes, *_describe_constants(fit, errors)),
        path=fitted_paths(fit), judgement=judge_fit(fit, data.states),
        warnings=_doubt(fit, data.states),
    )  # fmt: skip


def _doubt(fit: Fit, states: Sequence[str]) -> tuple[str, ...]:
    """Why the terms of a library may not be the law."""
    if not isinstance(fit.rhs, Sparse):
        return ()
    smoothed = fit.segments.smoothed
    rows = [np.concatenate([s.values(s.run.times), s.run.inputs], 1) for s in smoothed]
    return tuple(doubt_series(fit.rhs, fit.c, np.concatenate(rows), states))


def _describe_constants(fit: Fit, errors: Array) -> list[str]:
    """The constants in the denominators with their intervals."""
    if not isinstance(fit.rhs, Fractional):
        return []
    logs = errors[len(fit.rhs.terms) :]
    return [
        f"the constant {value:.6g} in a denominator is known within {INTERVAL * error * value:.2g}"
        for value, error in zip(fit.rhs.read_constants(fit.c).values(), logs, strict=True)
    ]


def _compare_with_kan(
    found: Dynamics, train: Trajectories, smoothed: Sequence[SmoothRun], selection: Selection
) -> Dynamics:
    """The KAN's formulas as second candidate, or as the answer where they explain more."""
    try:
        snapped = train_and_snap(train, smoothed)
    except KanpdeError as error:
        return replace(found, notes=(*found.notes, f"the KAN-ODE failed: {error}"))
    if snapped is None:
        return replace(found, notes=(*found.notes, "no formula of the KAN-ODE can be integrated"))
    same = _refit(selection.fit, smoothed, snapped.fit.segments.samples - 1)
    price = selection.criterion - selection.fit.deviance
    each = price / max(selection.fit.rhs.size, 1)
    criterion = snapped.fit.deviance + each * snapped.parameters
    candidate = Candidate("kan", snapped.equations, criterion, snapped.parameters, None)
    beaten = same is not None and criterion < same.deviance + price - 1
    if not beaten:
        return replace(found, candidates=(*found.candidates, candidate))
    covariance: Array = estimate_covariance(snapped.fit)
    return replace(
        found, equations=snapped.equations, estimates=(), route="kan", covariance=covariance,
        warnings=(), noise=snapped.fit.noise, forecast=None, rollout=None,
        path=fitted_paths(snapped.fit),
        candidates=(candidate, *found.candidates), judgement=judge_fit(snapped.fit, found.states),
    )  # fmt: skip
