"""What a finished training leaves: errors on test sets, summary, history, pictures and fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kanpde.arrays import Array
from kanpde.files.whole import write_json, write_text
from kanpde.operator.config import Config
from kanpde.operator.data import AnyPairs, Pairs
from kanpde.operator.evaluation import evaluate
from kanpde.operator.model import Operator
from kanpde.operator.model_files import load_member, load_operator, member_paths
from kanpde.operator.pictures import plot_predictions, prediction_grid
from kanpde.operator.plain import to_data
from kanpde.operator.run_folder import SUMMARY, TEXT, TRACE
from kanpde.operator.status import TrainingStatus
from kanpde.operator.training import COLUMNS, FEWEST_TO_HOLD_OUT
from kanpde.output.export import write_vtkhdf
from kanpde.output.plot import plot_convergence


def write_results(folder: Path, config: Config, tests: dict[str, AnyPairs]) -> dict[str, Any]:
    """Measure the errors, draw, and write the summary, which is returned."""
    operator = load_operator(folder)
    stories = [load_member(path)[1] for path in member_paths(folder)]
    history = read_history(stories)
    rows = np.stack([*history.values()], 1).tolist()
    lines = [",".join(history), *(",".join(map(repr, row)) for row in rows)]
    write_text(folder / TRACE, "\n".join(lines) + "\n")
    summary = summarize(config, operator, stories, tests)
    _draw_convergence(folder, history)
    for name, pairs in tests.items():
        if isinstance(pairs, Pairs):
            write_prediction_files(folder, operator, pairs, name)
    write_text(folder / TEXT, summary_text(summary))
    write_json(folder / SUMMARY, summary)
    return summary


def read_history(stories: list[dict[str, Any]]) -> dict[str, Array]:
    """Number of the network, and what was measured after each of its epochs: one row each."""
    columns = {"member": [float(k) for k, s in enumerate(stories) for _ in s["rows"]]}
    for c, name in enumerate(COLUMNS):
        columns[name] = [row[c] for s in stories for row in s["rows"]]
    return {name: np.array(values, dtype=float) for name, values in columns.items()}


def summarize(
    config: Config, operator: Operator, stories: list[dict[str, Any]], tests: dict[str, AnyPairs]
) -> dict[str, Any]:
    """The stable content of summary.json."""
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
        "status": TrainingStatus.combine([TrainingStatus(s["status"]) for s in stories]),
        "validation": [s["validation"] for s in stories],
        "held_out": config.samples >= FEWEST_TO_HOLD_OUT and config.training.validation > 0,
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
        lines.append("  no test data: the error while training is the only one known")
    errors = [v for v in summary["validation"] if v is not None]
    if errors:
        which = "held out while training" if summary["held_out"] else "on the training samples"
        lines.append(f"  {which}: relative L2 error {np.mean(errors):.2e}")
    if advice := TrainingStatus(summary["status"]).advice:
        lines.append(f"  {advice}")
    return "\n".join(lines) + "\n"


def _draw_convergence(folder: Path, history: dict[str, Array]) -> None:
    if len(history["epoch"]) < 2:
        return
    member, seconds = history["member"], history["seconds"]
    # Networks are trained one after the other.
    earlier = [float(seconds[member < m].max(initial=0)) for m in member]
    shown = {
        "seconds": seconds + np.array(earlier),
        "loss": history["loss"],
        "error:held-out samples": history["validation"],
    }
    if len({*member}) > 1:
        shown["stage"] = np.array([f"network {int(m) + 1}" for m in member], dtype=object)
    plot_convergence(shown, folder / "convergence.png")


def write_prediction_files(folder: Path, operator: Operator, pairs: Pairs, name: str) -> None:
    """A picture and a file for ParaView of predictions on a test set."""
    prediction = operator(pairs)
    title = f"{name}, {' x '.join(map(str, pairs.shape))}"
    plot_predictions(pairs, prediction, folder / f"{name}.png", title)
    write_vtkhdf(folder / f"{name}.vtkhdf", prediction_grid(pairs, prediction))
