"""A folder with everything that was discovered, and the words for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kanpde._version import __version__
from kanpde.dynamics.agreement import Agreement, Judgement
from kanpde.dynamics.data import Trajectories
from kanpde.dynamics.intervals import INTERVAL
from kanpde.dynamics.ode.result import Dynamics
from kanpde.dynamics.pictures import Truth, plot_fit, plot_phase, plot_truth
from kanpde.dynamics.problem_text import write_dynamics_problem
from kanpde.errors import KanpdeError
from kanpde.files.whole import finite_or_none, write_json, write_text, write_whole
from kanpde.symbolic.classify import Classified
from kanpde.symbolic.fitted import Fitted, Verdict
from kanpde.symbolic.found import Found

FILES = (
    "equations.json", "discovery.json", "equations.txt", "equations.tex", "fit.png", "phase.png",
    "discovery.h5",
)  # fmt: skip


# What `kanpde solve` takes as it is.
PROBLEM = "problem.py"
OUTSIDE = "no equations of these terms explain the data"


def describe_data(data: Trajectories) -> str:
    """What was understood of the data, for `kanpde check` and the head of a report."""
    runs = data.runs
    first, last = min(r.times[0] for r in runs), max(r.times[-1] for r in runs)
    word = "trajectory" if len(runs) == 1 else "trajectories"
    lines = [f"{len(runs)} {word}, {data.samples} samples, {data.time} = {first:g} ... {last:g}"]
    steps = np.concatenate([np.diff(r.times) for r in runs])
    even = np.ptp(steps) < 1e-6 * steps.mean()
    lines.append(
        f"time step {steps.mean():.4g}" if even else
        f"irregular time steps, {steps.min():.4g} ... {steps.max():.4g}"
    )  # fmt: skip
    stacked = np.concatenate([r.states for r in runs])
    for k, name in enumerate(data.states):
        column = stacked[:, k]
        lines.append(f"state {name}: {np.nanmin(column):.4g} ... {np.nanmax(column):.4g}")
    driven = np.concatenate([r.inputs for r in runs])
    for k, name in enumerate(data.inputs):
        lines.append(f"input {name}: {driven[:, k].min():.4g} ... {driven[:, k].max():.4g}")
    return "\n".join([*lines, *(f"note: {note}" for note in data.notes)])


def describe(found: Dynamics) -> str:
    """The equations, what they are worth, how sure they are, and how the forecast went."""
    if found.judgement.agreement is Agreement.OUTSIDE:
        near = _indent(_format_equations(found.equations))
        lines = [OUTSIDE, f"warning: {found.judgement.text}", "the nearest equations:", near]
    else:
        lines = [found.text(), "", "± is half a 95 % interval"]
        rounded = found.rounded()
        if rounded is not None:
            same = _indent(_format_equations(rounded.equations))
            lines += ["the data cannot tell these from:", same]
        lines.append(found.judgement.text)
        lines += [f"warning: {each}" for each in found.warnings]
        lines += [f"conserved by these equations: {each}" for each in found.conserved]
    levels = ", ".join(f"{s} {n:.2g}" for s, n in zip(found.states, found.noise, strict=True))
    lines.append(f"misfit (rms): {levels}")
    if found.forecast is not None:
        ahead = found.forecast
        lines.append(
            f"forecast of the {ahead.samples} samples held out from the choice of terms: error "
            f"{ahead.error:.2g} standard deviations (the last value kept: {ahead.persistence:.2g})"
        )
        if not ahead.error < ahead.persistence:
            lines.append("warning: the forecast is not better than the last value: do not trust it")
    else:
        lines.append("no samples were held out: how well it forecasts is not known")
    for other in found.candidates[1:]:
        lines += [f"second choice ({other.route}):", _indent(_format_equations(other.equations))]
    lines += [f"note: {note}" for note in found.notes]
    return "\n".join(lines)


def _format_equations(equations: Any) -> str:
    return "\n".join(f"{s}' = {e.evalf(6)}" for s, e in equations.items())


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def save_report(found: Dynamics, folder: str | Path, truth: Truth | None = None) -> Path:
    """Writes everything into a folder, each file whole or not at all.

    Args:
        found: what was discovered.
        folder: made if it is not there; files of the same names are replaced.
        truth: the true right-hand side where it is known, x (N, n) -> (N, n).

    Raises:
        KanpdeError: the folder is a file, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise KanpdeError(f"{folder} is a file; name a folder")
    equations = {s: str(e) for s, e in found.equations.items()}
    with open_folder(folder):
        write_equations(folder, equations, describe(found), found.latex())
        write_json(folder / "discovery.json", to_data(found))
        write_whole(folder / "discovery.h5", lambda p: _write_hdf5(found, p))
        plot_fit(found, folder / "fit.png")
        plot_phase(found, folder / "phase.png")
        if truth is not None:
            plot_truth(found, truth, folder / "rhs.png")
        write_problem(folder, found.judgement, lambda: write_dynamics_problem(found))
    return folder


def write_problem(folder: Path, judgement: Judgement, write: Callable[[], str]) -> None:
    """problem.py, where the equations are worth solving and can be."""
    (folder / PROBLEM).unlink(missing_ok=True)
    if judgement.agreement is Agreement.OUTSIDE:
        return
    with suppress(KanpdeError):
        write_text(folder / PROBLEM, write())


def describe_fit(found: Fitted) -> str:
    """What was fitted to a table and what that is worth, for the terminal.

    Noise hides differences: where it is what a formula leaves, others that leave no more than the
    tolerance are listed too.
    """
    lines = [found.text(), found.verdict.value]
    front = found.front
    if len(front) > 1:
        lines.append("size against error, the best formula of each size:")
        lines += [f"  {f.complexity:3}  {f.error:.1e}  {f.formula.evalf(5)}" for f in front]
    if found.verdict is Verdict.WITHIN_NOISE:
        others = _find_rivals(found)
        lines.append(
            "other formulas may fit as well"
            + (f"; these leave less than the tolerance, {found.tolerance:.1e}:" if others else "")
        )
        lines += [
            f"  {found.target} = {other.formula.evalf(5)}   (noise that is left {other.error:.1e})"
            for other in others
        ]
    return "\n".join(lines)


def _find_rivals(found: Fitted) -> list[Found]:
    """The formulas after the first whose errors are within the tolerance."""
    return [other for other in found.formulas[1:] if other.error < found.tolerance]


def fit_to_data(found: Fitted) -> dict[str, Any]:
    """Everything of a fit but the network, as JSON data."""
    best = found.nearest
    return {
        "version": __version__,
        "target": found.target,
        "variables": list(found.variables),
        "formula": None if found.formula is None else str(found.formula),
        "verdict": found.verdict.name,
        "noise": finite_or_none(found.noise),
        "tolerance": finite_or_none(found.tolerance),
        "training": finite_or_none(found.training),
        "nearest": None
        if best is None
        else {
            "formula": str(best.formula),
            "error": finite_or_none(best.error),
            "structure": finite_or_none(best.structure),
        },
        "front": [
            {"size": f.complexity, "error": finite_or_none(f.error), "formula": str(f.formula)}
            for f in found.front
        ],
        "network_rmse": finite_or_none(found.rmse),
        "network_parameters": found.parameters,
    }


def classes_to_data(found: Classified) -> dict[str, Any]:
    """Everything of a fit of classes but the network, as JSON data."""
    return {
        "version": __version__,
        "target": found.target,
        "variables": list(found.variables),
        "classes": list(found.classes),
        "logits": [str(logit) for logit in found.logits],
        "formula_accuracy": finite_or_none(found.formula_accuracy),
        "accuracy": finite_or_none(found.accuracy),
        "standard_error": finite_or_none(found.standard_error),
        "training": finite_or_none(found.training),
        "majority": finite_or_none(found.majority),
        "cross_entropy": finite_or_none(found.cross_entropy),
        "held_out_rows": found.judges,
        "network_parameters": found.network.parameter_count,
    }


@contextmanager
def open_folder(folder: Path) -> Iterator[None]:
    """The folder, made if it is not there; what goes wrong in it is told in one sentence."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise KanpdeError(f"{folder} cannot be written ({error.strerror})") from error


def write_equations(folder: Path, equations: Mapping[str, str], text: str, latex: str) -> None:
    """The files that every report has."""
    write_json(folder / "equations.json", dict(equations))
    write_text(folder / "equations.txt", text + "\n")
    write_text(folder / "equations.tex", latex + "\n")


def to_data(found: Dynamics) -> dict[str, Any]:
    """Everything but the arrays, as JSON data."""
    return {
        "version": __version__,
        "states": list(found.states),
        "inputs": list(found.inputs),
        "equations": {s: str(e) for s, e in found.equations.items()},
        "route": found.route,
        "coefficients": [
            {
                "state": e.state,
                "term": str(e.term),
                "value": e.value,
                "standard_error": finite_or_none(e.error),
                "interval": [finite_or_none(e.value + s * INTERVAL * e.error) for s in (-1, 1)],
            }
            for e in found.estimates
        ],
        "misfit": dict(zip(found.states, map(float, found.noise), strict=True)),
        "forecast": None
        if found.forecast is None
        else {
            "samples": found.forecast.samples,
            "error": finite_or_none(found.forecast.error),
            "persistence": finite_or_none(found.forecast.persistence),
        },
        "agreement": found.judgement.agreement.value,
        "advice": found.judgement.text,
        "conserved": [str(each) for each in found.conserved],
        "warnings": list(found.warnings),
        "notes": list(found.notes),
    }  # fmt: skip


def _write_hdf5(found: Dynamics, path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["kanpde"] = __version__
        file.attrs["states"] = list(found.states)
        for state, equation in found.equations.items():
            file.attrs[f"equation {state}"] = str(equation)
        file["covariance"] = found.covariance
        file["values"] = [e.value for e in found.estimates]
        file["terms"] = [f"{e.state}: {e.term}" for e in found.estimates]
        for k, run in enumerate(found.data.runs):
            group = file.create_group(f"run{k}")
            group[found.data.time] = run.times
            for name, column in zip(found.states, run.states.T, strict=True):
                group[name] = column
            for name, column in zip(found.inputs, run.inputs.T, strict=True):
                group[f"input {name}"] = column
            if k < len(found.path):
                group["fit"] = found.path[k]
        if found.rollout is not None:
            file["forecast"] = found.rollout
