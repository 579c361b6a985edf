"""Trajectories that PyTorch can differentiate, by torchdiffeq.

For losses of one's own on a trained KAN-ODE: the solver's steps are recorded by autograd, and
the derivatives of the right-hand side by state and parameters are its analytical ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchdiffeq import odeint

from kanpde.dynamics.ode.rhs import RightHandSide
from kanpde.errors import KanpdeError

# Off the data a network may be stiff without bound: an explicit method must give up.
_MOST_STEPS = 2000


@dataclass(frozen=True)
class Adaptive:
    """An adaptive method of torchdiffeq with its tolerances."""

    method: str = "dopri5"
    rtol: float = 1e-8
    atol: float = 1e-10


class _Rates(torch.autograd.Function):
    """f(x; c) at one state, differentiable by x (n,) and c (p,)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, c: Tensor, rhs: RightHandSide) -> Tensor:
        none = np.zeros((1, 0))
        f, by_state, by_parameter = rhs.linear(x.detach().numpy()[None], none, c.detach().numpy())
        ctx.save_for_backward(torch.from_numpy(by_state[0]), torch.from_numpy(by_parameter[0]))
        return torch.from_numpy(np.array(f[0]))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        by_state, by_parameter = ctx.saved_tensors
        return gradients[0] @ by_state, gradients[0] @ by_parameter, None


def integrate(rhs: RightHandSide, start: Tensor, c: Tensor, times: Tensor, by: Adaptive) -> Tensor:
    """The trajectory of a right-hand side without inputs.

    Args:
        rhs: f(x; c).
        start: the state at the first time, (n,), float64.
        c: the parameters, (p,), float64.
        times: increasing, (N,).
        by: the method.

    Returns:
        The states (N, n), differentiable by `start` and `c`.

    Raises:
        KanpdeError: the trajectory cannot be followed to the last time.
    """

    def rates(t: Tensor, x: Tensor) -> Tensor:
        out: Tensor = _Rates.apply(x, c, rhs)  # type: ignore[no-untyped-call]
        return out

    options = {"max_num_steps": _MOST_STEPS}
    try:
        with np.errstate(all="ignore"):
            path: Tensor = odeint(
                rates, start, times, rtol=by.rtol, atol=by.atol, method=by.method, options=options
            )
    except AssertionError as error:  # torchdiffeq's "underflow in dt", or too many steps
        raise KanpdeError(
            "the trajectory diverges before the last time, or is too stiff: ask for earlier "
            "times; `simulate` shows how far it goes"
        ) from error
    return path
