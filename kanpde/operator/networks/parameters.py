"""Parameters of networks, which on the device `meta` have a shape alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def make_parameter(
    shape: Sequence[int], dtype: torch.dtype, start: Callable[[], Tensor]
) -> nn.Parameter:
    """A parameter of a shape that begins with the values of `start`.

    On `meta` nothing is computed: the first operation there, even `torch.cat`, imports all of
    torch._dynamo, which took 2 s of the 9 s of a short training.
    """
    empty = torch.empty(tuple(shape), dtype=dtype)
    return nn.Parameter(empty if empty.is_meta else start())
