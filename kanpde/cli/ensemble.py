"""`kanpde solve --seeds 5`: a run for each seed, then their mean and spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kanpde.cli.checks import parse_settings
from kanpde.cli.messages import Answer, say, warn
from kanpde.cli.options.solve import ResumeOptions, SolveOptions
from kanpde.distributed.environment import require_one_process
from kanpde.files.locks import hold_folder
from kanpde.output import run_folder as run
from kanpde.output.ensemble import (
    begin_ensemble,
    load_members,
    member_folder,
    read_ensemble,
    save_ensemble,
)
from kanpde.problem.loading import load_problem_file
from kanpde.solution.ensemble import Ensemble

# What a run returns that was interrupted.
_INTERRUPTED = 130


def solve_seeds(options: SolveOptions, solve: Callable[[SolveOptions], Answer]) -> Answer:
    """Solve for each seed in a folder of its own; the exit code is the first that is not zero."""
    require_one_process("kanpde solve --seeds")
    file = load_problem_file(options.problem, parse_settings(options.settings))
    folder, _ = run.make_folder(options.out, file.name)
    seeds = list(range(options.seed, options.seed + options.seeds))
    problem = str(file.path) if Path(options.problem).exists() else options.problem
    request = {
        "problem": problem,
        "settings": list(options.settings or ()),
        "seeds": seeds,
        "budget": options.budget,
        "tolerance": options.tolerance,
        "device": options.device,
        "resolution": options.resolution,
        "times": options.times,
        "fields": options.fields,
        "subdomains": options.subdomains,
    }
    with hold_folder(folder):
        begin_ensemble(folder, request)
        return _train(folder, file.name, request, solve)


def resume_seeds(
    options: ResumeOptions,
    request: dict[str, Any],
    solve: Callable[[SolveOptions], Answer],
    resume: Callable[[ResumeOptions], Answer],
) -> Answer:
    """Continue the seeds that have not ended, or with all where a budget is given."""
    folder = options.folder

    def go_on(each: SolveOptions) -> Answer:
        part = each.out
        assert part is not None
        if not (part / run.CONFIG).exists():
            return solve(each)
        if (part / run.SUMMARY).exists() and options.budget is None:
            return Answer()
        return resume(replace(options, folder=part))

    with hold_folder(folder):
        return _train(folder, Path(request["problem"]).stem, request, go_on)


def _train(
    folder: Path, name: str, request: dict[str, Any], solve: Callable[[SolveOptions], Answer]
) -> Answer:
    code, runs = 0, []
    for seed in request["seeds"]:
        part = member_folder(folder, seed)
        say(f"seed {seed}, in {part}")
        each = SolveOptions(
            request["problem"],
            request["settings"] or None,
            part,
            seed,
            request["budget"],
            request["tolerance"],
            request["device"],
            resolution=request.get("resolution", ""),
            times=request.get("times", ""),
            fields=request.get("fields", ""),
            subdomains=request.get("subdomains", ""),
        )
        found = solve(each)
        code = code or found.code
        runs += [] if found.data is None else [found.data]
        if found.code == _INTERRUPTED:
            break
    members = load_members(folder, request["seeds"])
    if len(members) < 2:
        warn(f"{folder} holds {len(members)} solutions, and an ensemble has two or more")
        return Answer(code, {"folder": str(folder), "runs": runs})
    reference = load_problem_file(
        request["problem"], parse_settings(request["settings"])
    ).problem.reference
    known = tuple(replace(m, problem=replace(m.problem, reference=reference)) for m in members)
    text, summary = save_ensemble(folder, Ensemble(known), name)
    say(text.removesuffix("\n"))
    return Answer(code, {"folder": str(folder), **summary, "runs": runs})


__all__ = ["read_ensemble", "resume_seeds", "solve_seeds"]
