"""What the commands do: files and terminal around solve."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from kanpde import run
from kanpde.ansatz import build_ansatz
from kanpde.describe import describe
from kanpde.errors import KanpdeError
from kanpde.plan import Plan
from kanpde.problem_file import ProblemFile, find_problem, load_problem_file
from kanpde.progress import Ticker
from kanpde.sampling import Sampler
from kanpde.solution import Solution
from kanpde.solver import build_network
from kanpde.solver import solve as train
from kanpde.store import save_model


def run_solve(
    name: str,
    settings: Mapping[str, str],
    out: Path | None,
    seed: int,
    budget: float | None,
    tolerance: float | None,
    device: str,
) -> int:
    """Solve and fill a run folder; the exit code."""
    file = load_problem_file(name, settings)
    _check_device(device)
    options = {"seed": seed, "budget": budget, "tolerance": tolerance, "device": device}
    plan = _plan(file, options)
    folder = run.fresh_folder(out, file.name)
    run.begin(folder, file, options)
    return _train(folder, file, plan, options, None)


def run_resume(folder: Path, budget: float | None, tolerance: float | None) -> int:
    """Go on from the best model of a run; the exit code."""
    file, options, start = run.reopen(folder)
    given = {"budget": budget, "tolerance": tolerance}
    options |= {k: v for k, v in given.items() if v is not None}
    start = replace(start, trace=run.read_trace(folder / run.TRACE))
    return _train(folder, file, _plan(file, options), options, start)


def _plan(file: ProblemFile, options: Mapping[str, Any]) -> Plan:
    plan = file.plan or Plan()
    chosen = {k: options[k] for k in ("budget", "tolerance") if options.get(k) is not None}
    return replace(plan, **chosen)


def _check_device(device: str) -> None:
    import torch

    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise KanpdeError(f"there is no device {device}; take cpu or cuda") from None
    if kind not in ("cpu", "cuda"):
        raise KanpdeError(f"the device {device} cannot be used; take cpu or cuda")
    if kind == "cuda" and not torch.cuda.is_available():
        raise KanpdeError("no CUDA device is available here; leave --device away for the CPU")


def _train(
    folder: Path,
    file: ProblemFile,
    plan: Plan,
    options: Mapping[str, Any],
    start: Solution | None,
) -> int:
    for line in describe(file.problem, build_ansatz(file.problem, enforce=plan.enforce)).warnings:
        print(f"warning: {line}", file=sys.stderr)
    with _terminable(), Ticker(sys.stdout, plan.budget) as ticker:
        solution = train(
            file.problem,
            plan,
            seed=int(options["seed"]),
            device=str(options["device"]),
            report=ticker,
            save=_throttled(lambda s: _checkpoint(folder, s)),
            start=start,
        )
    summary = run.save_results(folder, solution, file.name)
    print(run.summary_text(summary), end="")
    print(f"  look at {folder / 'solution.png'}; open {folder / run.FIELDS} in ParaView")
    return {"interrupted": 130, "diverged": 1}.get(solution.outcome.status, 0)


def _checkpoint(folder: Path, solution: Solution) -> None:
    save_model(solution, folder / run.MODEL)
    run.save_trace(folder / run.TRACE, solution.trace)


def _throttled(
    save: Callable[[Solution], None], interval: float = 2.0
) -> Callable[[Solution], None]:
    """At most one checkpoint in `interval` seconds: the first one comes at once."""
    last = -interval

    def maybe(solution: Solution) -> None:
        nonlocal last
        if time.monotonic() - last >= interval:
            save(solution)
            last = time.monotonic()

    return maybe


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends training as Ctrl-C does: with the best model saved."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_check(name: str, settings: Mapping[str, str], out: Path | None) -> None:
    """Print what was understood; with `out`, draw the points."""
    from kanpde.plot import plot_points

    file = load_problem_file(name, settings)
    plan = file.plan or Plan()
    ansatz = build_ansatz(file.problem, enforce=plan.enforce)
    network = build_network(file.problem, plan, 0)
    sampler = Sampler(file.problem, ansatz, plan.sampling, 0)
    told = describe(file.problem, ansatz)
    parameters = ", ".join(f"{n} = {v}" for n, v in file.parameters.items())
    print(f"{file.name} ({file.path})" + (f" with {parameters}" if parameters else ""))
    for line in told.lines:
        print(line)
    print(
        f"network: widths {network.widths}, {network.basis}, {network.parameter_count} parameters"
    )
    points = sampler.points_by_condition(network)
    print("points: " + ", ".join(f"{n} {len(p)}" for n, p in points.items()))
    sampler.check(network)
    for line in told.warnings:
        print(f"warning: {line}")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        path = out / "points.png"
        plot_points(file.problem.box.intervals, points, path, told.warnings)
        print(f"wrote {path}")


def run_init(name: str, out: Path | None) -> None:
    """Copy a shipped problem file."""
    source = find_problem(name)
    target = out or Path(source.name)
    if target.exists():
        raise KanpdeError(f"{target} exists; take another name with --out")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"wrote {target}; solve it with `kanpde solve {target}`")


def run_info(folder: Path, as_json: bool) -> None:
    """Print a run's summary, or what is known of an unfinished run."""
    path = folder / run.SUMMARY
    if path.is_file():
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            text = run.summary_text(summary)
        except (ValueError, KeyError, TypeError) as error:
            raise KanpdeError(f"{path} is damaged ({error})") from error
    else:
        solution = run.load(folder)
        summary = run.summarize(solution, solution.problem.title)
        text = run.summary_text(summary)
    print(json.dumps(summary, indent=2) if as_json else text, end="\n" if as_json else "")
