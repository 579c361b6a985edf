"""Errors of an operator on data of known outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.operator.data import AnyPairs
from kanpde.operator.model import Operator


def sample_errors(prediction: Array, truth: Array) -> Array:
    """|v - u| / |u| of each sample (N,)."""
    flat = (prediction - truth).reshape(len(truth), -1).astype(np.float64)
    size = np.linalg.norm(truth.reshape(len(truth), -1).astype(np.float64), axis=1)
    return np.asarray(np.linalg.norm(flat, axis=1) / np.maximum(size, 1e-300))


def evaluate(operator: Operator, pairs: AnyPairs) -> dict[str, dict[str, Any]]:
    """For each output: the mean and the largest relative L2 error, and the mean squared error.

    Raises KanpdeError where the data lack an output.
    """
    prediction = operator(pairs)
    found = {}
    for name, values in prediction.fields.items():
        if name not in pairs.outputs:
            raise KanpdeError(f"the data hold no output {name} to compare with")
        truth = pairs.outputs[name]
        errors = sample_errors(values, truth)
        found[name] = {
            "rel_l2": float(errors.mean()),
            "worst": float(errors.max()),
            "mse": float(np.mean((values - truth.astype(np.float64)) ** 2)),
        }
    return found


def check_outputs(pairs: AnyPairs) -> None:
    """Raise KanpdeError for an output that is zero throughout a sample: no error relative to it.

    One such sample in the loss is some 10^12 times as heavy as another.
    """
    for name, values in pairs.outputs.items():
        empty = np.flatnonzero(~values.reshape(len(values), -1).any(axis=1))
        if len(empty):
            which = ", ".join(map(str, empty[:5])) + (", ..." if len(empty) > 5 else "")
            raise KanpdeError(
                f"output {name} is zero everywhere in sample {which} (counted from 0), and errors "
                "are relative to its size; leave these samples out"
            )
