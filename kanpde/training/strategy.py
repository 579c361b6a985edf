"""What a strategy is: a way to solve a problem, asked for by `Plan(strategy=...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kanpde.problem.problem import Problem
    from kanpde.solution.solution import Solution
    from kanpde.training.session import Session


class Strategy(Protocol):
    """A frozen value; `kanpde.training.automatic.Automatic` is the default one."""

    def solve(self, problem: Problem, session: Session, start: Solution | None) -> Solution:
        """The best candidate that it finds within the session's budget.

        `start` is an earlier solution to go on from. A KeyboardInterrupt ends it with the best so
        far and the status "interrupted".
        """
