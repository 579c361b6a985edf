"""The run folder of an operator: begun, trained into, reopened and finished."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kanpde._version import __version__
from kanpde.errors import KanpdeError
from kanpde.files import write_json, write_text
from kanpde.operator.data import AnyPairs, Pairs
from kanpde.operator.evaluation import evaluate
from kanpde.operator.model import Operator, Plan
from kanpde.operator.model_files import (
    from_data,
    load_member,
    load_operator,
    load_state,
    save_member,
    save_state,
    to_data,
)
from kanpde.operator.physics import Physics
from kanpde.operator.pictures import plot_predictions, prediction_grid
from kanpde.operator.trainer import COLUMNS, Look, State, Trainer, Training
from kanpde.output.export import write_vtkhdf
from kanpde.output.plot import plot_convergence
from kanpde.problem.loading import load_problem

CONFIG, SUMMARY, TEXT, TRACE = "run.json", "summary.json", "summary.txt", "trace.csv"
PROBLEM = "problem.py"
_KIND = "operator"


@dataclass(frozen=True)
class Config:
    """What a training was asked to do; with the data file, all that `resume` needs."""

    data: str
    samples: int
    step: bool
    seeds: tuple[int, ...]
    device: str
    plan: Plan
    training: Training
    physics: float | None = None  # weight in the loss of the residual of the folder's problem.py


def new_folder(folder: Path, config: Config, problem: Path | None = None) -> None:
    """Make a run folder, with a copy of a problem file.

    Raises KanpdeError for a path that is a file or not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise KanpdeError(f"{folder} is a file; --out names a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise KanpdeError(
            f"the folder {folder} is not empty; take another with --out, or go on with "
            f"`kanpde operator resume {folder}`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if problem is not None:
        text = problem.read_text(encoding="utf-8")
        write_text(folder / PROBLEM, text)
    write_json(
        folder / CONFIG,
        {
            "kind": _KIND,
            "version": __version__,
            "data": config.data,
            "samples": config.samples,
            "step": config.step,
            "seeds": list(config.seeds),
            "device": config.device,
            "plan": to_data(config.plan),
            "training": to_data(config.training),
            "physics": config.physics,
        },
    )


def read_config(folder: Path) -> Config:
    """Read back what `new_folder` wrote. Raises KanpdeError for a folder that is no such run."""
    path = folder / CONFIG
    if not path.is_file():
        raise KanpdeError(f"{folder} is no run folder of an operator: it has no {CONFIG}")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.get("kind") != _KIND:
            raise KanpdeError(f"{folder} holds no operator; `kanpde resume` goes on with a solve")
        return Config(
            str(data["data"]), int(data["samples"]), bool(data["step"]), tuple(data["seeds"]),
            str(data["device"]), from_data(data["plan"]), from_data(data["training"]),
            data.get("physics"),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KanpdeError(f"{path} is damaged ({error})") from error


def train_into(
    folder: Path, config: Config, pairs: AnyPairs, report: Callable[[int, Look], None]
) -> bool:
    """Train each network that is not finished; whether all are.

    An interrupt keeps the last whole epoch of the network in training, and returns False.
    """
    training = config.training
    if config.physics is not None:
        physics = Physics(load_problem(folder / PROBLEM), config.physics)
        training = replace(training, physics=physics)
    for member, seed in enumerate(config.seeds):
        model, state = _paths(folder, member)
        if model.exists() and not state.exists():
            continue
        start = load_state(state) if state.exists() else None
        trainer = Trainer(pairs, config.plan, training, seed, config.device, start)
        keep = _Keeper(folder, member, trainer)
        try:
            trainer.run(lambda look, k=member: report(k, look), keep)  # type: ignore[misc]
        except KeyboardInterrupt:
            if trainer.state.epoch:
                keep.write(trainer.state)
            return False
        except BaseException:
            with suppress(OSError):
                if trainer.state.epoch:
                    keep.write(trainer.state)
            raise
        keep.write(trainer.state)
        state.unlink(missing_ok=True)
    return True


def _paths(folder: Path, member: int) -> tuple[Path, Path]:
    return folder / f"model-{member}.safetensors", folder / f"state-{member}.safetensors"


class _Keeper:
    """Saves model and checkpoint, every few seconds."""

    def __init__(self, folder: Path, member: int, trainer: Trainer, interval: float = 5.0) -> None:
        self.folder, self.member, self.trainer, self.interval = folder, member, trainer, interval
        self._last = -interval

    def __call__(self, state: State) -> None:
        if time.monotonic() - self._last >= self.interval:
            self.write(state)

    def write(self, state: State) -> None:
        model, checkpoint = _paths(self.folder, self.member)
        save_state(checkpoint, state)
        data = {
            "signature": to_data(self.trainer.signature),
            "plan": to_data(self.trainer.plan),
            "symmetrize": self.trainer.training.augment,
            "seed": self.trainer.seed,
            "status": state.status,
            "epoch": state.epoch,
            "best_epoch": state.best_epoch,
            "seconds": state.seconds,
            "validation": state.best_validation if state.best_epoch else None,
            "rows": state.rows,
        }
        save_member(model, state.best, data)
        self._last = time.monotonic()


# --- what a training leaves -----------------------------------------------------------------


def finish(folder: Path, config: Config, tests: dict[str, AnyPairs]) -> dict[str, Any]:
    """Measure the errors, draw, and write the summary, which is returned."""
    operator = load_operator(folder)
    paths = sorted(folder.glob("model-*.safetensors"), key=lambda p: (len(p.name), p.name))
    stories = [load_member(path)[1] for path in paths]
    trace = {
        "member": np.array([k for k, s in enumerate(stories) for _ in s["rows"]], dtype=float),
        **{
            name: np.array([row[c] for s in stories for row in s["rows"]], dtype=float)
            for c, name in enumerate(COLUMNS)
        },
    }
    rows = [
        ",".join(trace),
        *(",".join(map(repr, r)) for r in np.stack([*trace.values()], 1).tolist()),
    ]
    write_text(folder / TRACE, "\n".join(rows) + "\n")
    summary = summarize(config, operator, stories, tests)
    _draw(folder, operator, trace, tests)
    write_text(folder / TEXT, summary_text(summary))
    write_json(folder / SUMMARY, summary)
    return summary


def summarize(
    config: Config, operator: Operator, stories: list[dict[str, Any]], tests: dict[str, AnyPairs]
) -> dict[str, Any]:
    """The stable content of summary.json."""
    states = [s["status"] for s in stories]
    worst = next((s for s in ("diverged", "running") if s in states), states[-1])
    errors = {
        name: {
            "resolution": "x".join(map(str, pairs.shape)),
            "samples": len(pairs),
            "errors": evaluate(operator, pairs),
        }
        for name, pairs in tests.items()
    }
    return {
        "data": config.data,
        "operator": to_data(config.plan),
        "parameters": operator.parameters,
        "members": len(operator.networks),
        "seeds": [s["seed"] for s in stories],
        "seconds": round(sum(s["seconds"] for s in stories), 3),
        "epochs": [s["epoch"] for s in stories],
        "status": "interrupted" if worst == "running" else worst,
        "validation": [s["validation"] for s in stories],
        "tests": errors,
    }


def summary_text(summary: dict[str, Any]) -> str:
    """The summary as lines that a person reads."""
    plan = summary["operator"]
    maps = plan["maps"]["kind"].removesuffix("Maps")
    lines = [
        f"{plan['kind']} with {maps} maps: {summary['status']}, {summary['members']} x "
        f"{summary['parameters']} parameters, {summary['seconds']:.0f} s"
    ]
    for name, test in summary["tests"].items():
        for field, e in test["errors"].items():
            lines.append(
                f"  {name} ({test['resolution']}, {test['samples']} samples): {field} relative L2 "
                f"error {e['rel_l2']:.2e}, worst sample {e['worst']:.2e}"
            )
    if not summary["tests"]:
        lines.append("  no test data: the held-out error is the only one known")
    held = [v for v in summary["validation"] if v is not None]
    if held:
        lines.append(f"  held out while training: relative L2 error {np.mean(held):.2e}")
    if summary["status"] == "interrupted":
        lines.append("  interrupted: `kanpde operator resume` goes on")
    if summary["status"] == "diverged":
        lines.append("  the loss ceased to be finite; the best weights are kept. Try a lower rate")
    return "\n".join(lines) + "\n"


def _draw(
    folder: Path, operator: Operator, trace: dict[str, Any], tests: dict[str, AnyPairs]
) -> None:
    if len(trace["epoch"]) > 1:
        stage = np.array([f"network {int(m) + 1}" for m in trace["member"]], dtype=object)
        ends = [
            float(trace["seconds"][trace["member"] < m].max(initial=0)) for m in trace["member"]
        ]
        shown = {
            "seconds": trace["seconds"] + np.array(ends),
            "loss": trace["loss"],
            "error:held-out samples": trace["validation"],
        }
        several = len({*stage}) > 1
        plot_convergence(shown | ({"stage": stage} if several else {}), folder / "convergence.png")
    for name, pairs in tests.items():
        if isinstance(pairs, Pairs):
            write_prediction_files(folder, operator, pairs, name)


def write_prediction_files(folder: Path, operator: Operator, pairs: Pairs, name: str) -> None:
    """A picture and a file for ParaView of predictions on a test set."""
    prediction = operator(pairs)
    title = f"{name}, {' x '.join(map(str, pairs.shape))}"
    plot_predictions(pairs, prediction, folder / f"{name}.png", title)
    write_vtkhdf(folder / f"{name}.vtkhdf", prediction_grid(pairs, prediction))
