"""What more time would do, from the looks at a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kanpde.training.session import Progress


@dataclass(frozen=True)
class ProspectPolicy:
    """When an error is still falling, and when it is that of no solution."""

    # It fell in the second half of the time if it is below this part of what it was.
    falls: float = 0.7
    # The loss is about the square of the error.
    loss_falls: float = 0.5
    # Above this estimate a run whose loss stands still is far from a solution.
    far: float = 0.1


PROSPECT_POLICY = ProspectPolicy()


def describe_prospect(
    looks: Sequence[Progress],
    begun: float,
    ended: float,
    policy: ProspectPolicy = PROSPECT_POLICY,
) -> str:
    """What more time would do, by what the second half of a run, from `begun` to `ended`, did.

    The error decides where it is known, else the estimated one, else the loss: a loss may fall
    where the error does not move.
    """
    if len({look.step for look in looks}) < 2:
        return "there was no time for a second look at the error; a longer budget is needed"
    half = [look for look in looks if look.seconds <= (begun + ended) / 2]
    loss, last_loss = (min((r.loss for r in part), default=math.inf) for part in (half, looks))
    error, last_error = (min(map(_error, part), default=math.inf) for part in (half, looks))
    fell = last_loss < policy.loss_falls * loss
    if math.isfinite(last_error):
        if last_error < policy.falls * error:
            return "the error was still falling; a longer budget gives a smaller one"
        if fell:
            return (
                f"the loss was still falling, but the error stood still ({error:.1e} at half the "
                f"time, {last_error:.1e} at its end); more time alone may not lower it"
            )
    elif fell:
        return "the loss was still falling; a longer budget gives a smaller error"
    stood = f"the loss stood still ({loss:.1e} at half the time, {last_loss:.1e} at its end)"
    estimates = [look.estimate for look in looks if look.estimate is not None]
    if estimates and estimates[-1] < policy.far:
        return f"{stood}; wider layers or more points may lower it, more time alone will not"
    return (
        f"{stood} far from a solution; look at residual.png for the place that resists, and ask "
        "whether the equations with these conditions have a solution, and only one"
    )


def _error(look: Progress) -> float:
    """The largest error of a field, else the estimated one; infinite where neither is known."""
    if look.errors:
        return max(e.rel_l2 for e in look.errors.values())
    return math.inf if look.estimate is None else look.estimate
