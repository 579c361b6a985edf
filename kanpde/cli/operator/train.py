"""What `kanpde operator` and `kanpde dataset` do: files and terminal around the library."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from kanpde.cli.interrupt import terminable
from kanpde.cli.progress import Counter, LiveLine, line
from kanpde.errors import KanpdeError
from kanpde.operator import run_folder as runs
from kanpde.operator.data import AnyPairs, Pairs, time_steps
from kanpde.operator.evaluation import evaluate
from kanpde.operator.files import Splits, read_pairs, write_pairs
from kanpde.operator.generators.periodic import Generator
from kanpde.operator.losses import H1, L2
from kanpde.operator.model import Operator, Plan, Signature, check_pairs
from kanpde.operator.model_files import load_operator
from kanpde.operator.networks.branch import BranchTrunk
from kanpde.operator.networks.fno import FNO
from kanpde.operator.networks.maps import KANMaps, MLPMaps
from kanpde.operator.physics import Physics
from kanpde.operator.pictures import plot_rollout
from kanpde.operator.rollout import rollout
from kanpde.operator.run_folder import Config
from kanpde.operator.trainer import Training, check_outputs
from kanpde.problem.library import find_problem
from kanpde.problem.loading import load_problem

_HELD = 0.1  # of the samples, for testing where a file has one split only


def run_train(
    data: Path,
    out: Path,
    model: str,
    maps: str,
    loss: str,
    seed: int,
    members: int,
    step: bool,
    device: str,
    equation: tuple[str, float] | None,
    chosen: Mapping[str, Any],
) -> int:
    """Train and fill a run folder; the exit code. `equation`: a problem and its weight."""
    given = {k: v for k, v in chosen.items() if v is not None}
    plan = _plan(model, maps, given)
    training = replace(
        Training(loss=_choice("--loss", loss, {"h1": H1(), "l2": L2()})),
        **{k: given[k] for k in ("epochs", "budget", "batch", "rate") if k in given},
    )
    if training.budget is not None and not math.isfinite(training.budget):
        raise KanpdeError("--budget: give a finite number of seconds")
    train, tests = _data(data, step)
    seeds = tuple(range(seed, seed + members))
    place = str(data.resolve())
    weight = None if equation is None else equation[1]
    config = Config(place, len(train), step, seeds, _device(device), plan, training, weight)
    network: Any = plan.build(train, torch.Generator().manual_seed(seed))
    _check_sets(data, Signature.of(train), network, {"train": train, **tests})
    problem = None if equation is None else find_problem(equation[0])
    if problem is not None:
        Physics(load_problem(problem)).check(train)
    runs.new_folder(out, config, problem)
    return _train(out, config, train, tests)


def run_resume(folder: Path, data: Path | None) -> int:
    """Go on with a training; the exit code."""
    config = runs.read_config(folder)
    if (folder / runs.SUMMARY).exists():
        raise KanpdeError(
            f"the training in {folder} is over; start another with `kanpde operator train`"
        )
    path = Path(config.data) if data is None else data
    if not path.is_file():
        raise KanpdeError(f"the data {path} are gone; name their new place with --data")
    train, tests = _data(path, config.step)
    if len(train) != config.samples:
        raise KanpdeError(
            f"{path} has {len(train)} training samples, and the run in {folder} was begun with "
            f"{config.samples}: these are other data"
        )
    return _train(folder, replace(config, device=_device(config.device)), train, tests)


def _train(folder: Path, config: Config, train: AnyPairs, tests: dict[str, AnyPairs]) -> int:
    live = LiveLine(sys.stdout)
    with terminable():
        whole = runs.train_into(
            folder, config, train, lambda k, look: live(line(look, k, len(config.seeds)))
        )
    live.end()
    if not whole:
        print(f"interrupted; `kanpde operator resume {folder}` goes on", file=sys.stderr)
        return 130
    summary = runs.finish(folder, config, tests)
    print(runs.summary_text(summary), end="")
    if tests:
        print(f"  look at {folder / next(iter(tests))}.png")
    return 1 if summary["status"] == "diverged" else 0


def run_predict(folder: Path, data: Path, out: Path, device: str) -> None:
    """Write predictions for every split of a file."""
    _check_out(out, data)
    operator = load_operator(folder, _device(device))
    found: dict[str, AnyPairs] = {}
    for name, pairs in _steps(read_pairs(data), _is_step(operator)).items():
        try:
            prediction = operator(pairs)
        except KanpdeError as error:
            raise KanpdeError(f"{data}, {name}: {error}") from error
        for text in prediction.warnings:
            print(f"warning: {name}: {text}", file=sys.stderr)
        spread = {f"{n}_spread": v for n, v in prediction.spread.items()}
        found[name] = replace(pairs, outputs={**prediction.fields, **spread})
        if set(prediction.fields) <= set(pairs.outputs):
            for field, e in evaluate(operator, pairs).items():
                print(f"{name}: {field} relative L2 error {e['rel_l2']:.2e}")
    write_pairs(out, found, title="Predictions", operator=str(folder))
    print(f"wrote {out}")


def run_rollout(
    folder: Path, data: Path, out: Path, steps: int, split: str | None, device: str
) -> None:
    """Step on from the first states of a split; writes trajectories and a picture beside them."""
    _check_out(out, data)
    operator = load_operator(folder, _device(device))
    splits = read_pairs(data)
    name = next(reversed(splits)) if split is None else split
    if name not in splits:
        raise KanpdeError(f"{data} has no group {name}; it has {', '.join(splits)}")
    pairs = splits[name]
    if not isinstance(pairs, Pairs):
        raise KanpdeError("a rollout needs fields on a grid")
    result = rollout(operator, pairs, steps)
    write_pairs(out, {name: result.trajectories(operator.signature.outputs[0])}, "Rollout")
    horizon = operator.signature.horizon or 0.0
    picture = plot_rollout(result, horizon, out.with_suffix(".png"), f"Rollout of {name}")
    for time, error in zip(result.times, result.errors, strict=True):
        if math.isfinite(error):
            print(f"t = {time:g}: relative L2 error {error:.2e}")
    if not result.stable:
        print(
            f"warning: the states left ten times the range trained on after t = "
            f"{result.times[-1]:g}; the rollout ends there",
            file=sys.stderr,
        )
    print(f"wrote {out} and {picture}")


def run_info(folder: Path) -> None:
    """Print the summary of a training, or what is known of an unfinished one."""
    runs.read_config(folder)
    path = folder / runs.TEXT
    if path.is_file():
        print(path.read_text(encoding="utf-8"), end="")
        return
    story = load_operator(folder).story
    print(
        f"unfinished after {story['epoch']} epochs, held-out error {story['validation']:.2e}; "
        f"`kanpde operator resume {folder}` goes on"
    )


def run_dataset(
    generator: Generator,
    out: Path,
    samples: int,
    tests: int,
    resolution: int,
    seed: int,
    further: list[int],
) -> None:
    """Make a data set, with progress, and write it."""
    if out.exists():
        raise KanpdeError(f"{out} is there already; take another name with --out")
    counts = generator.splits(samples, tests)
    wanted = {name: (name, count, resolution) for name, count in counts.items()}
    for size in further:
        wanted[f"test_{size}"] = ("test", tests, size)
    live = LiveLine(sys.stdout)
    counter = Counter(live, sum(count for _, count, _ in wanted.values()))
    with terminable():
        made = {
            name: generator.generate(split, count, size, seed, counter)
            for name, (split, count, size) in wanted.items()
            if count
        }
    live.end()
    parameters = {k: v for k, v in asdict(generator).items() if v is not None}  # type: ignore[call-overload]
    write_pairs(out, made, generator.title, seed=seed, **parameters)
    shapes = ", ".join(f"{n} {len(p)} x {p.shape}" for n, p in made.items())
    print(f"wrote {out}: {shapes}")


# --- what was asked for ---------------------------------------------------------------------


def _plan(model: str, maps: str, given: Mapping[str, Any]) -> Plan:
    chosen = _choice("--maps", maps, {"kan": KANMaps(), "mlp": MLPMaps()})
    kind = _choice("--model", model, {"fno": FNO, "branch": BranchTrunk})
    names = ("width", "modes", "depth") if kind is FNO else ("width",)
    for name in ("modes", "depth"):
        if name in given and name not in names:
            raise KanpdeError(f"--{name} belongs to the model fno, not to {model}")
    plan: Plan = kind(maps=chosen, **{k: given[k] for k in names if k in given})
    return plan


def _choice(option: str, value: str, choices: Mapping[str, Any]) -> Any:
    if value not in choices:
        raise KanpdeError(f"{option} {value}: take one of {', '.join(choices)}")
    return choices[value]


def _data(path: Path, step: bool) -> tuple[AnyPairs, dict[str, AnyPairs]]:
    """The training samples and the test sets of a file."""
    splits = _steps(read_pairs(path), step)
    training = [name for name in splits if name.startswith("train")]
    if not training:
        raise KanpdeError(f"{path} has no group train; it has {', '.join(splits)}")
    if len(training) > 1:
        raise KanpdeError(f"{path} has several training groups: {', '.join(training)}; leave one")
    train = splits.pop(training[0])
    if not train.outputs:
        raise KanpdeError(f"{path}, {training[0]}: there are no outputs to learn")
    if step and tuple(train.inputs) != tuple(train.outputs):
        raise KanpdeError(f"{path}, {training[0]}: --step needs one output field with an axis t")
    tests = {name: pairs for name, pairs in splits.items() if pairs.outputs}
    if not tests and len(train) >= 10:
        count = round(_HELD * len(train))
        print(f"no test group in {path}: its last {count} samples are kept for testing")
        tests = {"held_out": train.select(slice(len(train) - count, None))}
        train = train.select(slice(0, len(train) - count))
    return train, tests


def _check_sets(
    path: Path, signature: Signature, network: Any, sets: Mapping[str, AnyPairs]
) -> None:
    """Raise KanpdeError now for sets that would fail in the training or after it."""
    for name, pairs in sets.items():
        try:
            check_pairs(signature, pairs)
            network.check(pairs.shape)
            check_outputs(pairs)
        except KanpdeError as error:
            raise KanpdeError(f"{path}, {name}: {error}") from error
        missing = [n for n in signature.outputs if n not in pairs.outputs]
        if missing:
            raise KanpdeError(f"{path}, {name}: the output {missing[0]} is missing")


def _steps(splits: Splits, step: bool) -> dict[str, AnyPairs]:
    if not step:
        return dict(splits)
    return {
        name: time_steps(pairs) if isinstance(pairs, Pairs) and "t" in pairs.names else pairs
        for name, pairs in splits.items()
    }


def _is_step(operator: Operator) -> bool:
    return operator.signature.time_step is not None


def _check_out(out: Path, data: Path) -> None:
    if out.resolve() == data.resolve():
        raise KanpdeError(f"--out {out} is the file of the data; take another name")


def _device(name: str) -> str:
    there = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if there else "cpu"
    if name not in ("cpu", "cuda"):
        raise KanpdeError(f"--device {name}: take auto, cpu or cuda")
    if name == "cuda" and not there:
        raise KanpdeError("--device cuda: there is no CUDA device here; leave --device away")
    return name
