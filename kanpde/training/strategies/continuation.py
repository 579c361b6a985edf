"""Numerical continuation: first steps on easier problems."""

from __future__ import annotations

from functools import partial

from kanpde.assembly.ansatz import build_ansatz
from kanpde.problem.problem import Problem
from kanpde.training.output_scale import scale_outputs
from kanpde.training.session import Session
from kanpde.training.stages.least_squares import LeastSquares
from kanpde.training.trainer import Trainer

# Steps on each problem that this one continues from, and the share of the time that they may take.
_STEPS, _SHARE = 20, 0.5


def steps_before(problem: Problem) -> int:
    """The steps on easier problems; a resumed run that has taken fewer starts again with these."""
    return _STEPS * len(_easier_problems(problem))


def _easier_problems(problem: Problem) -> list[Problem]:
    """The problems that this one continues from, the easiest first."""
    chain: list[Problem] = []
    while problem.continue_from:
        problem = problem.continue_from
        chain.insert(0, problem)
    return chain


def start_from_easier(trainer: Trainer) -> None:
    """Take the first steps on easier problems, the easiest first.

    From a random start the cavity at a Reynolds number of 1000 ended without a vortex in four of
    five cases, at an error of 0.9 and a loss only three times that of the solution.
    """
    session = trainer.session
    chain = _easier_problems(trainer.problem)
    for k, problem in enumerate(chain):
        if session.left <= 0:
            return
        end = session.left - _SHARE * session.left / (len(chain) - k)
        aside = session.aside(f"easier problem {k + 1} of {len(chain)}, ")
        easier = problem.with_reference(problem.title, None)
        ansatz = build_ansatz(easier, enforce=session.plan.enforce)
        guide = Trainer(easier, ansatz, trainer.network, aside)
        if k == 0:
            scale_outputs(guide.network, guide.sampler)
        guide.run(LeastSquares(steps=_STEPS), partial(_is_late, session, end))
        trainer.start_from(guide.network)
        session.notes += aside.notes


def _is_late(session: Session, end: float) -> bool:
    return session.left < end
