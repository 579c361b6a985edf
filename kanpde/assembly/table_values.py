"""Tables as functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpde.errors import KanpdeError
from kanpde.symbols.tabulated import TableLabel


def read_table(label: TableLabel) -> Callable[..., Tensor]:
    """The values of a table, or of a derivative of it, at coordinates of one shape.

    They can be differentiated by autograd as far as the table carries derivatives.
    """

    def read(*at: Any) -> Tensor:
        if torch.compiler.is_compiling():
            raise KanpdeError(
                f"{label.table.place} is read point by point, which a program of torch cannot hold"
            )
        like = next((a for a in at if isinstance(a, Tensor)), torch.zeros((), dtype=torch.float64))
        columns = [torch.as_tensor(a, dtype=like.dtype, device=like.device) for a in at]
        columns = list(torch.broadcast_tensors(*columns))
        found: Tensor = _Reading.apply(label, *columns)  # type: ignore[no-untyped-call]
        return found

    return read


class _Reading(torch.autograd.Function):
    """A table with its gradient."""

    @staticmethod
    def forward(context: Any, label: TableLabel, *columns: Tensor) -> Tensor:
        context.label = label
        context.save_for_backward(*columns)
        places = [c.detach().cpu().double().numpy().ravel() for c in columns]
        values = torch.from_numpy(label.read(np.stack(places, 1)))
        return values.reshape(columns[0].shape).to(columns[0])

    @staticmethod
    def backward(context: Any, *slopes: Tensor) -> Any:
        columns, found = context.saved_tensors, []
        for k in range(len(columns)):
            label = context.label.slope(k) if context.needs_input_grad[k + 1] else None
            found.append(None if label is None else slopes[0] * read_table(label)(*columns))
        return (None, *found)
