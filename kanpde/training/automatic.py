"""The choice among strategies where the plan names none."""

from __future__ import annotations

import copy
import math
from contextlib import suppress
from dataclasses import dataclass

from kanpde.assembly.ansatz import Ansatz, build_ansatz
from kanpde.assembly.layers import describe_layers
from kanpde.assembly.network_for import build_network
from kanpde.errors import KanpdeError
from kanpde.problem.problem import Problem
from kanpde.solution.outcome import Outcome, Status
from kanpde.solution.solution import Solution
from kanpde.symbols.expression import rounded
from kanpde.training.cost import estimate_costs, require_affordable
from kanpde.training.diagnosis import Diagnosis, finish
from kanpde.training.outcomes import judge_stages, judge_windows
from kanpde.training.output_scale import lift_suffices, require_finite, scale_outputs
from kanpde.training.plan import Plan
from kanpde.training.session import Session
from kanpde.training.stages.least_squares import LeastSquares
from kanpde.training.strategies.continuation import start_from_easier, steps_before
from kanpde.training.strategies.direct import train_directly
from kanpde.training.strategies.piece_conditions import can_compare_pieces, compare_pieces
from kanpde.training.strategies.soft_conditions import can_be_compared, compare_conditions
from kanpde.training.strategies.time_windows import TimeWindows, has_windows, solve_in_windows
from kanpde.training.strategies.window_problem import can_be_cut
from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class ChoicePolicy:
    """When windows of time replace one network for all times."""

    # If the estimated error is above `long` after so many steps and this share of the budget, or
    # above `doubt` after the steps. The shipped problems were below 1e-3 then. There must be time
    # for so many further steps (`window_steps`).
    steps: int = 60
    share: float = 0.45
    long: float = 5e-3
    doubt: float = 0.1
    window_steps: int = 60


CHOICE_POLICY = ChoicePolicy()
# Letters of an expression that a sentence shows.
_SHORT = 60


@dataclass(frozen=True)
class Automatic:
    """The program's own choice, by short trials and by the estimated errors.

    Easier problems first where there are any, conditions by construction or trained ones, one
    network for the whole domain, and windows of time where that leads nowhere.
    """

    policy: ChoicePolicy = CHOICE_POLICY

    def solve(self, problem: Problem, session: Session, start: Solution | None) -> Solution:
        """Try, and keep the candidate with the smallest estimated error."""
        return _solve(problem, session, start, self.policy)


def _solve(
    problem: Problem, session: Session, start: Solution | None, policy: ChoicePolicy
) -> Solution:
    trainer = _first_trainer(problem, session, start)
    windows = _wants_windows(problem, session.plan, start)
    try:
        if start is None and lift_suffices(trainer.network, trainer.sampler):
            return _finish_with_lift(trainer)
        if windows:
            return _solve_in_windows(trainer, start)
        done = 0
        again = start is not None and start.outcome.status is Status.INTERRUPTED
        if (start is None or again) and session.step < steps_before(problem):
            start_from_easier(trainer)
        elif start is None:
            scale_outputs(trainer.network, trainer.sampler)
        if start is None and can_compare_pieces(trainer):
            trainer = compare_pieces(trainer)
        if start is None and can_be_compared(trainer):
            trainer, done = compare_conditions(trainer)
        give_up = _GiveUp(trainer, policy) if _may_choose_windows(trainer) else None
        outcome = train_directly(trainer, done, give_up)
        if outcome is None:
            return _solve_in_windows(trainer, None)
    except KeyboardInterrupt:
        # A second interrupt during this last look means the same.
        with suppress(KeyboardInterrupt):
            trainer.keep_if_better()
        outcome = Outcome(Status.INTERRUPTED)
        return trainer.session.solution(problem, [trainer.piece], outcome, trainer.errors.fields)
    return finish(trainer, outcome)


def _finish_with_lift(trainer: Trainer) -> Solution:
    """The solution where the boundary data, extended into the domain, meet all equations."""
    trainer.enter("lift", first_order=False)
    trainer.look()
    lift = trainer.ansatz.lift
    what = ", ".join(f"{n} = {rounded(e)}" for n, e in lift.items() if len(str(e)) <= _SHORT)
    text = (
        "all equations hold already for what the conditions say, extended into the domain"
        f"{f' ({what})' if what else ''}: nothing was trained"
    )
    trainer.session.note(text)
    return finish(trainer, Outcome(Status.CONVERGED, text))


def _first_trainer(problem: Problem, session: Session, start: Solution | None) -> Trainer:
    """A trainer for the whole domain, from a fresh network or that of an earlier solution."""
    ansatz = _choose_ansatz(problem, session.plan, start)
    require_affordable(estimate_costs(problem, session.plan, ansatz), session.plan.budget)
    covers = start is not None and start.pieces[-1].domain.key() == problem.domain.key()
    if start is not None and covers:
        network = copy.deepcopy(start.network)
    else:
        network = build_network(
            problem, session.plan.architecture, session.seed, ansatz.coefficients
        )
    trainer = Trainer(problem, ansatz, network.to(session.device), session)
    if start is None:
        require_finite(trainer.network, trainer.sampler)
    else:
        trainer.sampler.check(trainer.network)
    for text in (*map(str, ansatz.contradictions), *ansatz.notes, *describe_layers(problem)):
        session.note(text)
    return trainer


def _choose_ansatz(problem: Problem, plan: Plan, start: Solution | None) -> Ansatz:
    """As the plan asks for it, or as the solution has it from which training goes on."""
    wanted = build_ansatz(problem, enforce=plan.enforce)
    if start is None or plan.enforce is not None or not wanted.exact:
        return wanted
    held = {e.condition for e in start.pieces[0].ansatz.exact}
    if wanted.on_pieces and held != {e.condition for e in wanted.exact}:
        wanted = build_ansatz(problem, pieces=False)
    trained = all(mask == 1 for mask in start.pieces[0].ansatz.mask.values())
    return build_ansatz(problem, enforce=False) if trained else wanted


# --- windows of time ---------------------------------------------------------------------


def _wants_windows(problem: Problem, plan: Plan, start: Solution | None) -> bool:
    """Whether windows are asked for; raises KanpdeError if time cannot be cut."""
    wanted = (start is not None and has_windows(start)) or (plan.windows or 1) > 1
    if wanted and (problem.numbers or problem.sought):
        name = [*(number.name for number in problem.numbers), *problem.sought][0]
        raise KanpdeError(
            f"Plan(windows=...): the unknown {name} is the same at all times, "
            "and each window of time has a network of its own; leave windows out"
        )
    if wanted and not can_be_cut(problem):
        raise KanpdeError(
            "Plan(windows=...): time cannot be cut into windows; they need an axis of time that is "
            "not periodic, at its start as many conditions on each field as its order in time, "
            "none at its end, and neither lift nor continue_from"
        )
    return wanted


def _may_choose_windows(trainer: Trainer) -> bool:
    """Whether the program may choose windows: not if the plan counts its steps."""
    plan = trainer.session.plan
    chosen = plan.windows is None and plan.stages[:1] == (LeastSquares(),)
    return chosen and can_be_cut(trainer.problem)


@dataclass(frozen=True)
class _GiveUp:
    """Whether one network for all times fails, and there is time for windows."""

    trainer: Trainer
    policy: ChoicePolicy = CHOICE_POLICY

    def __call__(self, stage_is_over: bool) -> bool:
        session, policy = self.trainer.session, self.policy
        estimate = math.inf if self.trainer.estimate is None else self.trainer.estimate
        late = stage_is_over or session.passed > policy.share
        doubtful = estimate > (policy.long if late else policy.doubt)
        pace = session.seconds / max(session.step, 1)
        enough = session.left > policy.window_steps * pace
        return session.step >= policy.steps and doubtful and enough


def _solve_in_windows(trainer: Trainer, start: Solution | None) -> Solution:
    """Solve in windows of time; return these or the network for all times, by their estimates."""
    route, session = TimeWindows(trainer, start), trainer.session
    try:
        if not math.isfinite(trainer.best_loss) and not (start and has_windows(start)):
            trainer.look()  # from here on there is a model to load
        solve_in_windows(route)
    except KeyboardInterrupt:
        with suppress(KeyboardInterrupt):
            route.keep_part()
        session.note(f"time was cut into windows, of which {len(route.windows)} are done")
        return route.solution(Outcome(Status.INTERRUPTED))
    found, one = route.estimate, trainer.estimate if route.has_whole else None
    shown = ["unknown" if e is None else f"{e:.1e}" for e in (found, one)]
    note = f"time was cut into {len(route.windows)} windows, with an estimated error of {shown[0]}"
    if one is not None:
        note += f"; with one network for all times it was {shown[1]}"
        if route.is_complete and not (found is not None and found < one):
            session.note(f"{note}, which is kept")
            return finish(trainer, judge_stages(trainer))
    if not route.is_complete:
        name = route.axis.name
        session.note(
            f"{note}; beyond {name} = {route.format_time(route.time)} {_describe_rest(route)}"
        )
        return route.solution(_judge_free(route, _judge_unfinished(route)))
    session.note(note)
    return route.solution(_judge_free(route, judge_windows(trainer, found)))


def _judge_free(route: TimeWindows, outcome: Outcome) -> Outcome:
    """The outcome, with what no equation determines."""
    for text in route.free:
        route.session.note(text)
    return Diagnosis(tuple(route.free)).judge(outcome)


def _describe_rest(route: TimeWindows) -> str:
    """What the solution is after the last window."""
    if route.known:
        return "the windows are those of the earlier run"
    if route.whole_helps:
        return "the network for all times is kept"
    if not route.windows and route.part is not None:
        return "not even the first window is solved: it is kept as it is, and fields end with it"
    return "nothing is solved: fields are NaN there"


def _judge_unfinished(route: TimeWindows) -> Outcome:
    """How windows that do not reach the final time ended."""
    place = f"{route.axis.name} = {route.format_time(route.time)}"
    budget = f"the budget of {route.session.plan.budget:g} s was spent"
    if route.stuck:
        return Outcome(
            Status.STALLED,
            f"from {place} on not even the shortest windows can be solved; ask whether the "
            "solution exists there, and is smooth, or try wider layers",
        )
    if route.known:
        return Outcome(
            Status.BUDGET,
            f"{budget} on the windows up to {place}; a resumed run with a longer budget "
            "reaches the others",
        )
    if route.session.step == route.began:
        return Outcome(Status.BUDGET, f"{budget} before the first step; a longer one is needed")
    return Outcome(
        Status.BUDGET,
        f"{budget} at {place}; a resumed run with a longer budget continues from there. If it is "
        "stuck there, ask whether the solution exists",
    )
