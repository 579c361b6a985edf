"""How runs end: a status, and advice from the course of the run."""

from __future__ import annotations

import math

from kanpde.solution.outcome import Outcome, Status
from kanpde.training.trainer import Trainer

# Below this estimate a run that no stage improves has converged; above, it has stalled.
_CONVERGED = 1e-3
# Above this estimate a run whose loss stands still is far from a solution.
_FAR = 0.1


def converge_by_estimate(estimate: float | None) -> Outcome:
    """The tolerance is reached."""
    return Outcome(
        Status.CONVERGED, f"the estimated relative error {estimate:.1e} is below the tolerance"
    )


def judge_stages(trainer: Trainer) -> Outcome:
    """How stages that are over ended."""
    session, estimate = trainer.session, trainer.estimate
    if session.left <= 0:
        return Outcome(
            Status.BUDGET,
            f"the budget of {session.plan.budget:g} s is spent and {_describe_prospect(trainer)}",
        )
    if not session.looks or session.step == 0:
        return Outcome(
            Status.STALLED,
            "no step was taken; give the plan stages with steps and a budget for them",
        )
    if estimate is not None and estimate < max(session.plan.tolerance, _CONVERGED):
        return Outcome(Status.CONVERGED)
    return stall(estimate)


def stall(estimate: float | None) -> Outcome:
    """No stage lowers the loss, and the error is not small."""
    size = "unknown" if estimate is None else f"estimated as {estimate:.1e}"
    advice = f"the plan ended at an error that is {size}; {Status.STALLED.advice}"
    return Outcome(Status.STALLED, advice)


def _describe_prospect(trainer: Trainer) -> str:
    """What more time would do, from the second half of this run."""
    session = trainer.session
    looks = [r for r in session.looks if r.seconds >= session.clock.earlier]
    half = (session.clock.earlier + session.seconds) / 2
    before = min((r.loss for r in looks if r.seconds <= half), default=math.inf)
    after = min((r.loss for r in looks), default=math.inf)
    if len({r.step for r in looks}) < 2:
        return "no look after the first one was reached; a longer --budget is needed"
    if after < 0.5 * before:
        return "the loss was still falling; a longer --budget gives a smaller error"
    stood = f"the loss stood still ({before:.1e} at half the time, {after:.1e} at its end)"
    if trainer.estimate is not None and trainer.estimate < _FAR:
        return f"{stood}; wider layers or more points may lower it, more time alone will not"
    return (
        f"{stood} far from a solution; look at residual.png for the place that resists, and ask "
        "whether the equations with these conditions have a solution, and only one"
    )


def judge_windows(trainer: Trainer, estimate: float | None) -> Outcome:
    """How windows that reach the final time ended."""
    session = trainer.session
    if estimate is not None and estimate < session.plan.tolerance:
        return converge_by_estimate(estimate)
    if session.passed >= 0.98:
        return Outcome(
            Status.BUDGET,
            f"the budget of {session.plan.budget:g} s is spent; a longer --budget gives each "
            "window of time more steps",
        )
    if estimate is not None and estimate < _CONVERGED:
        return Outcome(Status.CONVERGED, "no window of time lowers its loss any further")
    return stall(estimate)
