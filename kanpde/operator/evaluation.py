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
