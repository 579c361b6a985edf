"""What an ensemble leaves: a run folder for each seed, and mean, spread and summary beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kanpde.errors import KanpdeError
from kanpde.files.whole import finite_or_none, write_json, write_text
from kanpde.output.export import FORMATS, find_format
from kanpde.output.fields import can_be_sampled
from kanpde.output.run_folder import MODEL, SUMMARY, TEXT, load
from kanpde.solution.ensemble import Ensemble
from kanpde.solution.solution import Solution

# What tells the folder of an ensemble: its seeds, and how it was asked for.
ENSEMBLE = "ensemble.json"


def member_folder(folder: Path, seed: int) -> Path:
    """Where the run of one seed is."""
    return folder / f"seed={seed}"


def begin_ensemble(folder: Path, request: dict[str, Any]) -> None:
    """Write what a resume needs: the seeds and the options of each solve."""
    write_json(folder / ENSEMBLE, request)


def read_ensemble(folder: Path) -> dict[str, Any] | None:
    """What `begin_ensemble` wrote; None for the folder of a single run.

    Raises KanpdeError for a file that is damaged.
    """
    path = folder / ENSEMBLE
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        seeds = [int(seed) for seed in data["seeds"]]
        if not seeds or not isinstance(data["problem"], str):
            raise ValueError("it names no seeds or no problem")
        settings = [str(pair) for pair in data["settings"] or ()]
    except (ValueError, KeyError, TypeError) as error:
        raise KanpdeError(f"{path} is damaged ({error})") from error
    return {**data, "seeds": seeds, "settings": settings}


def load_members(folder: Path, seeds: list[int]) -> list[Solution]:
    """The solutions of the seeds that have one."""
    parts = (member_folder(folder, seed) for seed in seeds)
    return [load(part) for part in parts if (part / MODEL).exists()]


def save_ensemble(folder: Path, ensemble: Ensemble, name: str) -> tuple[str, dict[str, Any]]:
    """Write fields, picture and summary of mean and spread; the summary as text and as data."""
    from kanpde.output.plot import plot_solution

    if can_be_sampled(ensemble.problem):
        grid = ensemble.samples()
        find_format(FORMATS[0]).write(folder, grid, {})
        plot_solution(grid, folder / "solution.png")
    text, summary = describe_ensemble(ensemble, name), _summarize(ensemble, name)
    write_text(folder / TEXT, text)
    write_json(folder / SUMMARY, summary)
    return text, summary


def describe_ensemble(ensemble: Ensemble, name: str) -> str:
    """Lines for a person: each member, how far they differ and where."""
    lines = [f"{name}: an ensemble of {len(ensemble.members)} solutions"]
    for member in ensemble.members:
        found = member.estimate
        shown = "not estimated" if found is None else f"estimated relative L2 error {found:.1e}"
        lines.append(f"  seed {member.seed}: {member.outcome.status}, {shown}")
    for field, each in ensemble.disagreements.items():
        lines.append(f"  {field}: {each}")
    for field, error in ensemble.errors.items():
        lines.append(f"  {field}_mean: relative L2 error {error.rel_l2:.2e}")
    lines.append("  the spread is what training leaves open, not a bound of the error")
    return "\n".join(lines) + "\n"


def _summarize(ensemble: Ensemble, name: str) -> dict[str, Any]:
    return {
        "problem": name,
        "seeds": [member.seed for member in ensemble.members],
        "members": len(ensemble.members),
        "estimates": [finite_or_none(member.estimate) for member in ensemble.members],
        "spread": {
            n: {
                "rel_l2": finite_or_none(each.relative),
                "max": finite_or_none(each.largest),
                "at": dict(each.place),
            }
            for n, each in ensemble.disagreements.items()
        },
        "errors": {
            n: {"rel_l2": finite_or_none(e.rel_l2), "max": finite_or_none(e.max)}
            for n, e in ensemble.errors.items()
        },
    }
