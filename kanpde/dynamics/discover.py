"""discover: from measured trajectories to equations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from kanpde.arrays import Array
from kanpde.dynamics.data import Trajectories, trajectories
from kanpde.dynamics.kanode.formulas import kan_route
from kanpde.dynamics.ode.flow import flow
from kanpde.dynamics.ode.library import Library, polynomial_library
from kanpde.dynamics.ode.result import Candidate, Dynamics, Estimate, Forecast
from kanpde.dynamics.ode.rhs import Sparse
from kanpde.dynamics.ode.segments import cut
from kanpde.dynamics.ode.selection import Selection, select
from kanpde.dynamics.ode.shooting import Fit, covariance, shoot
from kanpde.dynamics.ode.smoothing import SmoothRun, smooth
from kanpde.dynamics.reading import read_trajectories
from kanpde.errors import KanpdeError
from kanpde.geometry.box import Box
from kanpde.symbols.parse import parse

Report = Callable[[str], None]
# Below this amplitude sin(x) is its Taylor polynomial; above the other it wraps too often.
_WAVES = (0.3, 100.0)


def discover(
    data: Any,
    *,
    states: Sequence[str] = (),
    inputs: Sequence[str] = (),
    time: str | None = None,
    degree: int = 3,
    waves: bool = True,
    terms: Sequence[str] = (),
    holdout: float = 0.2,
    kan: bool = False,
    report: Report | None = None,
) -> Dynamics:
    """The equations behind trajectories.

    Args:
        data: a CSV or HDF5 file, or what `trajectories` takes: a mapping of columns, a pair
            (times (N,), states (N, n)), or a sequence of them.
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
        report: is told what is being done.

    Raises:
        KanpdeError: for data or options that cannot be used.
    """
    if not 0 <= holdout <= 0.5:
        raise KanpdeError(f"holdout must be a share between 0 and 0.5, not {holdout}")
    if isinstance(data, str | Path):
        data = read_trajectories(data, states=states, inputs=inputs, time=time)
    data = trajectories(data, states=states or None, inputs=inputs, time=time)
    tell = report or (lambda _: None)
    tell("smoothing")
    library = build_library(data, degree, waves=waves, terms=terms)
    train, test = data.split(holdout)
    smoothed = smooth(train)
    tell(f"choosing among {len(library)} terms for each of {len(data.states)} states")
    selection = select(train, smoothed, library)
    if selection is not None and not selection.model.pairs:
        raise KanpdeError(
            "nothing found: no term explains the data better than constants with noise; measure "
            "at shorter steps or with less noise, or add terms"
        )
    if selection is None:
        raise KanpdeError(
            "no equation with these terms follows the data: every trajectory diverged; add "
            "terms, or leave out columns that are not part of the motion"
        )
    forecast, rollout = judge(selection.fit, train, test) if test is not None else (None, None)
    fit = selection.fit
    if test is not None:
        tell("fitting the coefficients to all samples")
        fit = refit(fit, smooth(data)) or fit
    found = build_dynamics(fit, data, forecast, rollout, selection)
    if kan:
        tell("training a KAN-ODE and looking for formulas of its edges")
        found = _compared(found, train, smoothed, selection)
    return found


def _compared(
    found: Dynamics, train: Trajectories, smoothed: Sequence[SmoothRun], selection: Selection
) -> Dynamics:
    """With the KAN's formulas beside it, or in its place where they explain the data better."""
    try:
        snapped = kan_route(train, smoothed)
    except KanpdeError as error:
        return replace(found, notes=(*found.notes, f"the KAN-ODE failed: {error}"))
    if snapped is None:
        return replace(found, notes=(*found.notes, "no formula of the KAN-ODE can be integrated"))
    same = refit(selection.fit, smoothed, snapped.fit.segments.samples - 1)
    price = selection.criterion - selection.fit.deviance
    each = price / max(selection.model.size, 1)
    criterion = snapped.fit.deviance + each * snapped.parameters
    candidate = Candidate("kan", snapped.equations, criterion, snapped.parameters, None)
    beaten = same is not None and criterion < same.deviance + price - 1
    if not beaten:
        return replace(found, candidates=(*found.candidates, candidate))
    return replace(
        found, equations=snapped.equations, estimates=(), route="kan",
        covariance=covariance(snapped.fit), noise=snapped.fit.noise, forecast=None, rollout=None,
        path=fitted_path(snapped.fit), candidates=(candidate, *found.candidates),
    )  # fmt: skip


def build_library(
    data: Trajectories, degree: int, *, waves: bool = True, terms: Sequence[str] = ()
) -> Library:
    """Monomials, sin and cos of states of a fitting amplitude, and the user's own terms."""
    if not 0 <= degree <= 9:
        raise KanpdeError(f"the degree of the monomials must be 0 to 9, not {degree}")
    names = (*data.states, *data.inputs)
    swings = [
        name
        for k, name in enumerate(data.states)
        if waves
        and _WAVES[0]
        < max(float(np.nanmax(np.abs(run.states[:, k]))) for run in data.runs)
        < _WAVES[1]
    ]
    box = Box(**dict.fromkeys(names, (0.0, 1.0)))
    extra = [parse(term.replace("^", "**"), box.names) for term in terms]
    return polynomial_library(names, degree, waves=swings, extra=extra)


def judge(fit: Fit, train: Trajectories, test: Trajectories) -> tuple[Forecast, Array]:
    """A rollout from the end of the training part over the samples held out.

    Beside how it went, that of the first run: columns t and the states.
    """
    errors, still, rollouts = [], [], []
    spread = np.nanstd(np.concatenate([run.states for run in train.runs]), axis=0)
    path = flow(fit.rhs, fit.starts, fit.c, fit.system.grid)
    for run in test.runs:
        owner = [r.name for r in train.runs].index(run.name)
        last = max(s for s, o in enumerate(fit.segments.owner) if o == owner)
        joined = Trajectories(train.states, train.inputs, (_from(train.runs[owner], run),))
        segments = cut(smooth(joined), len(run) + 1)
        grid = segments.grid(max(4, fit.system.grid.substeps))
        ahead = flow(fit.rhs, path[last, -1][None], fit.c, grid)[0, 1:]
        rollouts.append(np.c_[run.times, ahead])
        errors.append((ahead - run.states) / spread)
        still.append((train.runs[owner].states[-1] - run.states) / spread)
    return Forecast(sum(map(len, test.runs)), _rms(errors), _rms(still)), rollouts[0]


def _from(train: Any, test: Any) -> Any:
    """The last sample of one part before the other."""
    return type(train)(
        np.r_[train.times[-1:], test.times],
        np.r_[train.states[-1:], test.states],
        np.r_[train.inputs[-1:], test.inputs],
        test.name,
    )


def _rms(parts: Sequence[Array]) -> float:
    stacked = np.concatenate(parts)
    with np.errstate(all="ignore"):
        value = float(np.sqrt(np.nanmean(np.where(np.isinf(stacked), 1e300, stacked) ** 2)))
    return value if np.isfinite(value) else float("inf")


def refit(fit: Fit, smoothed: Sequence[SmoothRun], intervals: int | None = None) -> Fit | None:
    """The same terms on other data, in segments of the same or another length."""
    return shoot(
        fit.rhs, smoothed, intervals or fit.segments.samples - 1, fit.c, fit.size,
        noise=fit.noise, before=fit,
    )  # fmt: skip


def build_dynamics(
    fit: Fit,
    data: Trajectories,
    forecast: Forecast | None,
    rollout: Array | None,
    selection: Selection,
) -> Dynamics:
    """The fit as a value for people."""
    model = fit.rhs
    assert isinstance(model, Sparse)
    matrix = covariance(fit)
    errors = np.sqrt(np.maximum(np.diagonal(matrix), 0))
    estimates = tuple(
        Estimate(data.states[i], model.library.terms[j], float(value), float(error))
        for (i, j), value, error in zip(model.pairs, fit.c, errors, strict=True)
    )
    equations: dict[str, sympy.Expr] = dict(zip(data.states, model.expressions(fit.c), strict=True))
    candidate = Candidate("sparse", equations, selection.criterion, model.size, forecast)
    return Dynamics(
        equations, estimates, matrix, data, fit.noise, forecast, "sparse", (candidate,),
        data.notes, fitted_path(fit), rollout,
    )  # fmt: skip


def fitted_path(fit: Fit) -> tuple[Array, ...]:
    """For each run the fitted curve at its samples, columns t and the states."""
    path = flow(fit.rhs, fit.starts, fit.c, fit.system.grid)
    out = []
    for owner in range(len(fit.segments.smoothed)):
        rows = [
            np.c_[fit.segments.times[s], path[s]]
            for s, o in enumerate(fit.segments.owner)
            if o == owner
        ]
        stacked = np.concatenate(rows)
        _, first = np.unique(stacked[:, 0], return_index=True)
        out.append(stacked[first])
    return tuple(out)
