"""Pickle of a solution by its safe format: the numbers and the JSON of its model file.

What a model file does not hold is not kept: the reference of a problem, which is code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import torch

from kanpde.arrays import AnyArray
from kanpde.solution.model_file import contents, restore
from kanpde.solution.solution import Solution

State = tuple[str, dict[str, AnyArray], dict[str, AnyArray]]


def to_state(solution: Solution) -> State:
    """A model file's JSON, its weights as NumPy arrays, and the trace."""
    data, tensors = contents(solution)
    weights = {name: value.numpy() for name, value in tensors.items()}
    return json.dumps(data), weights, dict(solution.trace)


def from_state(
    data: str, weights: Mapping[str, AnyArray], trace: Mapping[str, AnyArray]
) -> Solution:
    """The solution of `to_state`, on the CPU."""
    tensors = {name: torch.from_numpy(value.copy()) for name, value in weights.items()}
    return restore(json.loads(data), tensors, trace)
