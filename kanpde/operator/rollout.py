"""An operator of one step in time, applied again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.operator.data import GridAxis, Pairs
from kanpde.operator.evaluation import sample_errors
from kanpde.operator.model import Operator


@dataclass(frozen=True, eq=False)
class Rollout:
    """States (N, steps + 1, n_1, .., n_d) at `times` (steps + 1,), the first one given.

    `errors` (steps + 1,) are mean relative L2 errors at the times whose truth is known, NaN at
    others. `stable` is false where a state ceased to be finite or outgrew ten times the range
    trained on.
    """

    axes: tuple[GridAxis, ...]
    times: Array
    states: Array
    errors: Array
    stable: bool

    def trajectories(self, name: str) -> Pairs:
        """The states as a data set of one field with an axis t."""
        t = (
            GridAxis("t", self.times)
            if len(self.times) > 1
            else GridAxis("t", np.array([0.0, 1.0]))
        )
        states = self.states if len(self.times) > 1 else self.states.repeat(2, axis=1)
        return Pairs((t, *self.axes), {f"{name}0": states[:, :1]}, {name: states})


def rollout(operator: Operator, trajectories: Pairs, steps: int) -> Rollout:
    """Step on from the first states of trajectories (N, nt, ..), or from states without time.

    Raises KanpdeError for an operator that is not a step in time, and for data that are spaced
    otherwise than its step.
    """
    signature = operator.signature
    if signature.inputs != signature.outputs or signature.time_step is None:
        raise KanpdeError(
            "this operator is not a step in time: train it with --step, which learns from one "
            "state to the next"
        )
    if steps < 1:
        raise KanpdeError(f"a rollout takes at least one step, not {steps}")
    (name,) = signature.outputs
    axes = trajectories.space
    truth = _truth(trajectories, name, signature.time_step)
    state, states = truth[:, 0], [truth[:, 0]]
    for _ in range(steps):
        state = operator(Pairs(axes, {name: state}, {})).fields[name]
        bound = 10 * max(abs(signature.low[0]), abs(signature.high[0]))
        if not np.isfinite(state).all() or np.abs(state).max() > bound:
            break
        states.append(state)
    known = [
        float(sample_errors(s, truth[:, k]).mean()) if k < truth.shape[1] else np.nan
        for k, s in enumerate(states)
    ]
    return Rollout(
        axes,
        signature.time_step * np.arange(len(states)),
        np.stack(states, 1),
        np.array(known),
        len(states) == steps + 1,
    )


def _truth(pairs: Pairs, name: str, step: float) -> Array:
    """The known states (N, k, ..), a step apart, the first one at least."""
    time, where = pairs.time, pairs.time_position
    if time is None or where is None:
        if name not in pairs.inputs:
            raise KanpdeError(f"the data hold no input {name} to start from")
        return pairs.inputs[name][:, None]
    if name not in pairs.outputs:
        raise KanpdeError(f"the data hold no trajectories of {name}")
    ratio = step / time.spacing
    if ratio < 0.5 or abs(ratio - round(ratio)) > 1e-3:
        raise KanpdeError(
            f"the data are {time.spacing:g} apart in time, and the operator's step, "
            f"{step:g}, is not a multiple of it; give data at times that it reaches"
        )
    return np.moveaxis(pairs.outputs[name], where + 1, 1)[:, :: round(ratio)]
