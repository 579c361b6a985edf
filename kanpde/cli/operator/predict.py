"""What `kanpde operator predict` does."""

from __future__ import annotations

from dataclasses import replace

from kanpde.cli.checks import check_file, choose_device
from kanpde.cli.messages import say, warn
from kanpde.cli.operator.data import split_steps
from kanpde.cli.options.operator import PredictOptions
from kanpde.errors import KanpdeError
from kanpde.operator.data import AnyPairs
from kanpde.operator.evaluation import evaluate
from kanpde.operator.files import read_pairs, write_pairs
from kanpde.operator.model_files import load_operator


def run_predict(options: PredictOptions) -> None:
    """Write predictions for every split of a file."""
    data, out = options.data, options.out
    check_file(out, data)
    operator = load_operator(options.folder, choose_device(options.device))
    step = operator.signature.time_step is not None
    found: dict[str, AnyPairs] = {}
    for name, pairs in split_steps(read_pairs(data), step).items():
        try:
            prediction = operator(pairs)
        except KanpdeError as error:
            raise KanpdeError(f"{data}, {name}: {error}") from error
        for text in prediction.warnings:
            warn(f"{name}: {text}")
        spread = {f"{n}_spread": v for n, v in prediction.spread.items()}
        found[name] = replace(pairs, outputs={**prediction.fields, **spread})
        if set(prediction.fields) <= set(pairs.outputs):
            for field, e in evaluate(operator, pairs).items():
                say(f"{name}: {field} relative L2 error {e['rel_l2']:.2e}")
    write_pairs(out, found, title="Predictions", operator=str(options.folder))
    print(f"wrote {out}")
