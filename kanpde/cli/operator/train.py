"""What `kanpde operator train` and `kanpde operator resume` do."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from kanpde.cli.checks import check_budget, choose, choose_device, drop_missing
from kanpde.cli.messages import Answer, say, warn
from kanpde.cli.operator.data import check_sets, read_quietly, read_training
from kanpde.cli.options.operator import ResumeOptions, TrainOptions
from kanpde.cli.progress import describe_look
from kanpde.cli.ranked import name_device, run_ranked
from kanpde.cli.trust import require_trust
from kanpde.distributed.ranks import Ranks
from kanpde.errors import KanpdeError
from kanpde.files.locks import hold_folder
from kanpde.operator import run_folder as runs
from kanpde.operator.config import Config
from kanpde.operator.data import AnyPairs
from kanpde.operator.losses import H1, L2, Loss
from kanpde.operator.model import Architecture, Signature, build_shapes
from kanpde.operator.networks.branch import BranchTrunk
from kanpde.operator.networks.fno import FNO
from kanpde.operator.networks.maps import KANMaps, Maps, MLPMaps
from kanpde.operator.physics import Physics
from kanpde.operator.results import summary_text, write_results
from kanpde.operator.sharing import PROBLEM, follow
from kanpde.operator.status import TrainingStatus
from kanpde.operator.training import Training
from kanpde.problem.library import find_problem
from kanpde.problem.loading import load_problem
from kanpde.training.live import LiveLine

# Four times as many numbers are kept, 16 GB; a width of 200000 asked for 1.28 TB.
_MOST_PARAMETERS = 2**30


def run_train(options: TrainOptions) -> Answer:
    """Train and fill a run folder, on the ranks of torchrun where there are some."""
    return run_ranked(
        lambda: choose_device(options.device),
        partial(_train_new, options),
        partial(follow, read=read_quietly),
    )


def _train_new(options: TrainOptions, place: str | Ranks) -> Answer:
    check_budget(options.budget)
    architecture, training = build_architecture(options), build_training(options)
    train, tests = read_training(options.data, options.step)
    config = Config(
        data=str(options.data.resolve()),
        samples=len(train),
        step=options.step,
        seeds=tuple(range(options.seed, options.seed + options.members)),
        device=name_device(place),
        plan=architecture,
        training=training,
        physics=None if options.physics is None else options.physics_weight,
    )
    network: Any = build_shapes(architecture, train)
    _check_size(network)
    check_sets(options.data, Signature.of(train), network, {"train": train, **tests})
    problem = None if options.physics is None else find_problem(options.physics)
    if problem is not None:
        Physics(load_problem(problem), options.physics_weight).check(train)
    runs.new_folder(options.out, config, problem)
    with hold_folder(options.out):
        return _train(options.out, config, train, tests, place)


def _check_size(network: nn.Module) -> None:
    count = sum(p.numel() for p in network.parameters())
    if count > _MOST_PARAMETERS:
        raise KanpdeError(
            f"the network would have {count:.1e} parameters, and at most {_MOST_PARAMETERS:.1e} "
            "are trained; take a smaller --width or --modes"
        )


def run_resume(options: ResumeOptions) -> Answer:
    """Continue a training, on any number of ranks."""
    return run_ranked(
        lambda: choose_device(runs.read_config(options.folder).device),
        partial(_go_on, options),
        partial(follow, read=read_quietly),
    )


def _go_on(options: ResumeOptions, place: str | Ranks) -> Answer:
    folder = options.folder
    config = runs.read_config(folder)
    if (folder / runs.SUMMARY).exists():
        raise KanpdeError(
            f"the training in {folder} is over; start another with `kanpde operator train`"
        )
    path = Path(config.data) if options.data is None else options.data
    if not path.is_file():
        raise KanpdeError(f"the data {path} are gone; name their new place with --data")
    train, tests = read_training(path, config.step)
    if len(train) != config.samples:
        raise KanpdeError(
            f"{path} has {len(train)} training samples, and the run in {folder} was started with "
            f"{config.samples}: these are other data"
        )
    config = replace(config, data=str(path.resolve()), device=name_device(place))
    with hold_folder(folder):
        if config.physics is not None:
            require_trust(folder / PROBLEM, folder / runs.CONFIG, trust=options.trust)
        return _train(folder, config, train, tests, place)


def _train(
    folder: Path,
    config: Config,
    train: AnyPairs,
    tests: dict[str, AnyPairs],
    place: str | Ranks,
) -> Answer:
    with LiveLine(sys.stdout) as live:
        whole = runs.train_into(
            folder,
            config,
            train,
            lambda member, look: live.show(describe_look(look, member, len(config.seeds))),
            lambda error: warn(f"the model cannot be saved now: {error}"),
            place if isinstance(place, Ranks) else None,
        )
    if not whole:
        print(f"interrupted; `kanpde operator resume {folder}` continues", file=sys.stderr)
        return Answer(130)
    summary = write_results(folder, config, tests)
    say(summary_text(summary).removesuffix("\n"))
    if tests:
        print(f"  look at {folder / next(iter(tests))}.png")
    return Answer(1 if summary["status"] == TrainingStatus.DIVERGED else 0)


def build_architecture(options: TrainOptions) -> Architecture:
    """The network that the options ask for. Raises KanpdeError for one of another model."""
    both: dict[str, Maps] = {"kan": KANMaps(), "mlp": MLPMaps()}
    maps = choose("--maps", options.maps, both)
    model = choose("--model", options.model, {"fno": FNO, "branch": BranchTrunk})
    given = drop_missing(width=options.width, modes=options.modes, depth=options.depth)
    if model is FNO:
        return FNO(maps=maps, **given)
    for name in ("modes", "depth"):
        if name in given:
            raise KanpdeError(f"--{name} belongs to the model fno, not to {options.model}")
    return BranchTrunk(maps=maps, **given)


def build_training(options: TrainOptions) -> Training:
    """The training that the options ask for. Raises KanpdeError for values out of range."""
    norms: dict[str, Loss] = {"h1": H1(), "l2": L2()}
    given = drop_missing(
        epochs=options.epochs, budget=options.budget, batch=options.batch, rate=options.rate
    )
    return Training(loss=choose("--loss", options.loss, norms), **given)
