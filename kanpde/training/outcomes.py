"""How runs end: a status, and advice from the course of the run."""

from __future__ import annotations

from dataclasses import replace

from kanpde.solution.outcome import Outcome, Status
from kanpde.training.prospect import describe_prospect
from kanpde.training.suggestion import SUGGESTION_POLICY, suggest_subdomains
from kanpde.training.trainer import Trainer

# Below this estimate a run that no stage improves has converged; above, it has stalled.
_CONVERGED = 1e-3


def converge_by_estimate(estimate: float | None) -> Outcome:
    """The tolerance is reached."""
    return Outcome(
        Status.CONVERGED, f"the estimated relative error {estimate:.1e} is below the tolerance"
    )


def judge_stages(trainer: Trainer) -> Outcome:
    """How stages that are over ended."""
    trainer.confirm()
    outcome, session = _judge_stages(trainer), trainer.session
    lost = trainer.estimate is not None and trainer.estimate > SUGGESTION_POLICY.far
    if outcome.status is Status.CONVERGED or not lost or session.step == 0:
        return outcome
    text = suggest_subdomains(trainer.problem, session.plan, trainer.ansatz)
    return replace(outcome, advice=f"{outcome.advice}; {text}") if text else outcome


def _judge_stages(trainer: Trainer) -> Outcome:
    session, estimate = trainer.session, trainer.estimate
    if session.left <= 0:
        earlier = session.clock.earlier
        looks = [look for look in session.looks if look.seconds >= earlier]
        return Outcome(
            Status.BUDGET,
            f"the budget of {session.plan.budget:g} s is spent and "
            + describe_prospect(looks, earlier, session.seconds),
        )
    if not session.looks or session.step == 0:
        return Outcome(
            Status.STALLED,
            "no step was taken; give the plan stages with steps and a budget for them",
        )
    if estimate is not None and estimate < max(session.plan.tolerance, _CONVERGED):
        return Outcome(Status.CONVERGED)
    return stall(estimate)


def judge_numbers(outcome: Outcome, solver: float | None) -> Outcome:
    """How a run ended whose error is what the noise of readings leaves, and a part of the solver's.

    `solver` is that part.
    """
    if outcome.status is not Status.STALLED or solver is None or solver > _CONVERGED:
        return outcome
    return Outcome(
        Status.CONVERGED,
        f"the equations hold to an estimated {solver:.0e}; what else is uncertain is the noise of "
        "the readings",
    )


def stall(estimate: float | None) -> Outcome:
    """No stage lowers the loss, and the error is not small."""
    size = "unknown" if estimate is None else f"estimated as {estimate:.1e}"
    advice = f"the plan ended at an error that is {size}; {Status.STALLED.advice}"
    return Outcome(Status.STALLED, advice)


def judge_windows(trainer: Trainer, estimate: float | None) -> Outcome:
    """How windows that reach the final time ended."""
    session = trainer.session
    if estimate is not None and estimate < session.plan.tolerance:
        return converge_by_estimate(estimate)
    if session.passed >= 0.98:
        return Outcome(
            Status.BUDGET,
            f"the budget of {session.plan.budget:g} s is spent; a longer budget gives each "
            "window of time more steps",
        )
    if estimate is not None and estimate < _CONVERGED:
        return Outcome(Status.CONVERGED, "no window of time lowers its loss any further")
    return stall(estimate)
