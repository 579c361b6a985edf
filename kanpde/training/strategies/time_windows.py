"""Windows of time: a network for each, from the values that the previous one ends with.

One network for all of [0, T] fails where T is long for the equation: a string was at an error of
0.34 after ten transits, Lorenz's system went wrong before t = 5. In windows they reached 3e-4 and
1e-7 in the same time. Each window starts from the network of the previous one, shifted in time:
from a random start a third of Lorenz's windows failed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz, build_ansatz
from kanpde.assembly.evaluator import Evaluator
from kanpde.assembly.network_for import build_network
from kanpde.assembly.sampler import Sampler
from kanpde.geometry.points import Points
from kanpde.network.network import Network
from kanpde.problem.conditions.observation import Observation
from kanpde.problem.problem import Problem
from kanpde.solution.measures import grid_points
from kanpde.solution.outcome import UNFINISHED, Outcome
from kanpde.solution.pieces import Piece
from kanpde.solution.sizes import relative_sizes
from kanpde.solution.solution import Solution
from kanpde.symbols.printing import code
from kanpde.training.clock import OutOfTime
from kanpde.training.estimate import Probe, newton_change
from kanpde.training.freedom import find_freedom
from kanpde.training.output_scale import scale_outputs
from kanpde.training.session import Session
from kanpde.training.sizes import measure_fields
from kanpde.training.stages.least_squares import LeastSquares
from kanpde.training.strategies.window_problem import handed_names, restrict_problem, time_of
from kanpde.training.trainer import Trainer

HANDED = "start of the window"


@dataclass(frozen=True)
class WindowPolicy:
    """How long windows are, when they are cut, and what time they get."""

    # Windows at first, if the plan names no number, and at most.
    first: int = 8
    most: int = 256
    # A window with a larger estimated error is halved: at once if it is above `doubt` after so many
    # steps. So is a window that stalls above `fine` before half of its time is over.
    good: float = 1e-2
    fine: float = 1e-6
    doubt: float = 0.1
    lost_steps: int = 40
    # A window is longer than the previous one if that took half of its time, or if there is not
    # enough time for so many steps in each.
    few_steps: int = 25
    longer: float = 1.5
    # A window may take this part of its share of the time, so that enough remains for the last
    # ones.
    share: float = 0.85
    # Points at the end of a window, for each dimension of space.
    handed_points: int = 512


WINDOW_POLICY = WindowPolicy()
_STAGE = LeastSquares()


@dataclass(frozen=True)
class Handover:
    """Values at points (N, dimension) where a window ends, by name, and their estimated errors."""

    points: Points
    values: dict[str, Array]
    errors: dict[str, Array]

    def observations(self, *, corrected: bool = False) -> list[Observation]:
        """As conditions on the next window; `corrected` by the estimated errors.

        One for each name, since u and u_t may be of very different sizes.
        """
        return [
            Observation(
                f"{HANDED} ({n})",
                self.points,
                {n: v + corrected * self.errors[n]},
                inherited=True,
            )
            for n, v in self.values.items()
        ]


class TimeWindows:
    """The windows that are solved so far, and the values that they hand over to the next."""

    def __init__(
        self,
        whole: Trainer,
        start: Solution | None = None,
        policy: WindowPolicy = WINDOW_POLICY,
        stage: LeastSquares = _STAGE,
    ) -> None:
        self.whole, self.problem, self.start, self.policy = whole, whole.problem, start, policy
        # How each window is trained.
        self.stage = stage
        self.session: Session = whole.session
        self.axis = time_of(self.problem)
        self.low, self.high = self.axis.lower, self.axis.upper
        self.enforce = self.session.plan.enforce if whole.ansatz.exact else False
        self.time, self.began = self.low, self.session.step
        self.windows: list[Piece] = []
        # Those of an earlier solution, and these if they reach the final time.
        self.earlier = _solved_windows(start, policy)
        self.known = self.earlier if start is not None and _reach_the_end(start) else ()
        self.handed: Handover | None = None
        # The window in training; whether even the shortest one cannot be solved.
        self.part: Trainer | None = None
        self.stuck = False
        # What the first window says that no equation determines.
        self.free: list[str] = []
        # For each field: the integrals over time of the squares of its error and of itself.
        self.squares = {n: np.zeros(2) for n in self.problem.unknowns}

    # --- windows -----------------------------------------------------------------------

    def train_next(self, end: float, network: Network | None = None) -> Trainer:
        """Train the next window for its share of the remaining time."""
        session, policy, architecture = self.session, self.policy, self.session.plan.architecture
        problem = self.next_problem(end)
        given = network or self._guess(problem)
        share = session.left * (end - self.time) / (self.high - self.time)
        share *= policy.share if end < self.high else 1.0
        name = self.axis.name
        aside = session.aside(
            f"{name} = {self.format_time(self.time)} to {self.format_time(end)}, "
        )
        ansatz = self._build_ansatz(problem)
        start = given or build_network(problem, architecture, session.seed, ansatz.coefficients)
        part = Trainer(problem, ansatz, start.to(self.whole.network.like.device), aside)
        if given is None:
            scale_outputs(part.network, part.sampler)
        begun, first, every = session.left, session.step, session.plan.sampling.every

        def is_over() -> bool:
            steps, spent = session.step - first, begun - session.left
            if self.is_good(part):
                # The nearest look counts: when all windows took one look more, no time remained for
                # the last.
                return spent * (1 + 0.5 * every / max(steps, 1)) >= share
            doubtful = part.estimate is None or part.estimate > policy.doubt
            return steps >= (policy.lost_steps if doubtful else 2 * policy.lost_steps)

        self.part = part
        try:
            part.run(self.stage, is_over)
        finally:
            session.join(aside)
        return part

    def error(self, part: Trainer) -> float:
        """The estimated error of a window, relative to the largest size of the fields so far.

        Decayed values need no small relative error: with that u' = -5 u did not get beyond t = 12.
        """
        if part.estimate is None:
            return math.inf
        at = part.grid[part.probes]
        fields = part.fields(part.best, at, self.session.workers)
        shares = []
        for name, sums in self.squares.items():
            here = float(np.sqrt(np.mean(fields[name] ** 2)))
            before = math.sqrt(sums[1] / (self.time - self.low)) if self.windows else 0.0
            shares.append(here / max(here, before, 1e-300))
        return part.estimate * max(shares)

    def is_good(self, part: Trainer) -> bool:
        """Whether a window need not be cut."""
        return self.error(part) < self.policy.good

    def format_time(self, time: float) -> str:
        """A time, with enough digits to distinguish windows."""
        span = max(abs(self.low), abs(self.high)) / (self.high - self.low)
        return f"{time:.{4 + max(0, math.ceil(math.log10(span)))}g}"

    def keep(self, end: float, network: Network) -> None:
        """Make a trained network the next window; estimate its error, including the inherited one.

        First the initial values are corrected by their estimated errors: the Gauss-Newton step then
        carries these errors through the window to its end.
        """
        problem = self.next_problem(end, corrected=True)
        ansatz = self._build_ansatz(problem)
        grid = grid_points(problem)[0]
        grid = grid[:: max(1, len(grid) // 2000)]
        face = problem.domain.boundary_at(self.axis.name, end)
        count = self.policy.handed_points * max(face.dimension, 1)
        face_points = face.sample(count, 0).points
        points = np.concatenate([grid, face_points])
        handed = handed_names(self.problem)
        evaluator = Evaluator(problem, ansatz, tuple(dict.fromkeys([*problem.unknowns, *handed])))
        change, before, factor = self._newton_change(problem, ansatz, network, evaluator, points)
        for name, sums in self.squares.items():
            error, field = (v[name][: len(grid)] for v in (change, before))
            sums += (end - self.time) * np.array([factor**2 * np.mean(error**2), np.mean(field**2)])
        self.handed = Handover(
            Points(self.problem.domain, face_points),
            {n: before[n][len(grid) :] for n in handed},
            {n: np.nan_to_num(change[n][len(grid) :]) for n in handed},
        )
        self.windows.append(Piece(problem.domain, ansatz, network))
        self.time = end
        self.session.keep(self.solution(UNFINISHED))

    def _newton_change(
        self,
        problem: Problem,
        ansatz: Ansatz,
        network: Network,
        evaluator: Evaluator,
        points: Array,
    ) -> tuple[Mapping[str, Array], dict[str, Array], float]:
        """For a window: what a Gauss-Newton step adds to its fields, the fields, the factor."""
        session = self.session
        before = evaluator(network, points, session.workers)
        unknown = {n: np.full(len(points), np.nan) for n in evaluator.names}
        try:
            with session.clock.limit_closing():
                sampler = Sampler(
                    problem, ansatz, session.plan.sampling, session.seed, session.workers
                )
                sampler.rebalance(network)
                normal = sampler.draw(network).normal(network.flat())
                probe = Probe(problem, ansatz, points, evaluator.names, session.workers)
                found = newton_change(network, normal, probe)
        except OutOfTime:
            # The last window: without what it inherits.
            own = math.inf if self.part is None else self.part.estimate or math.inf
            return {n: own * v for n, v in before.items()}, before, 1.0
        return (unknown, before, 1.0) if found is None else (found.fields, before, found.factor)

    def look_for_freedom(self, part: Trainer) -> None:
        """Ask a window what no equation determines: nothing later does."""
        with suppress(OutOfTime), self.session.clock.limit_closing():
            sizes = measure_fields(part)
            self.free = [free.text for free in find_freedom(part, sizes)] if sizes else []

    def keep_part(self) -> None:
        """After an interrupt: keep the window in training, if it is good."""
        if self.part is None or not self.is_good(self.part):
            return
        time = self.part.problem.domain.time
        if time is not None and time.upper > self.time:
            self.keep(time.upper, self.part.best)

    def next_problem(self, end: float, *, corrected: bool = False) -> Problem:
        """The problem up to `end`, from the final values of the last window."""
        handed = [] if self.handed is None else self.handed.observations(corrected=corrected)
        return restrict_problem(self.problem, self.time, end, handed)

    def _build_ansatz(self, problem: Problem) -> Ansatz:
        return build_ansatz(problem, enforce=self.enforce)

    def _guess(self, problem: Problem) -> Network | None:
        """The network of the previous window, shifted to this one; None if its form differs."""
        if not self.windows:
            return None
        last = self.windows[-1]
        network = build_network(problem, self.session.plan.architecture, self.session.seed)
        if last.network.flat().shape != network.flat().shape:
            return None
        network.load_flat(last.network.flat().cpu())
        return network

    # --- results -----------------------------------------------------------------------

    @property
    def estimate(self) -> float | None:
        """The estimated relative L2 error of the windows so far, the largest of all fields."""
        return max(self.estimates.values(), default=None)

    @property
    def estimates(self) -> dict[str, float]:
        """The same for each field."""
        errors = {n: math.sqrt(e) for n, (e, _) in self.squares.items()}
        if not self.windows or not all(map(math.isfinite, errors.values())):
            return {}
        span = self.time - self.low
        own = {n: math.sqrt(u / span) for n, (_, u) in self.squares.items()}
        sizes = relative_sizes(self.problem, own)
        return {n: e / (sizes[n] * math.sqrt(span)) for n, e in errors.items()}

    @property
    def is_complete(self) -> bool:
        return self.time >= self.high

    @property
    def has_whole(self) -> bool:
        """Whether there is a network for all times that has been trained, now or earlier."""
        return self.whole.estimate is not None and self.began > 0

    @property
    def whole_helps(self) -> bool:
        """Whether the network for all times is good enough to stand beyond the last window."""
        found = self.whole.estimate
        return self.has_whole and found is not None and found < self.policy.doubt

    def solution(self, outcome: Outcome) -> Solution:
        """The windows, and what is known beyond them; nothing else covers the times there.

        Before the first window is solved it is the one in training, as far as that has come.
        """
        pieces = [*self.windows, *(p for p in self.earlier if _end(p) > self.time)]
        estimates = self.estimates
        if not self.is_complete and self.start is not None and len(pieces) > len(self.windows):
            estimates = dict(self.start.estimates)
        elif not self.is_complete and (self.whole_helps or (not pieces and self.part is None)):
            pieces.append(self.whole.piece)
            estimates = dict(self.whole.errors.fields)
        elif not pieces and self.part is not None:
            pieces.append(self.part.piece)
            estimates = dict(self.part.errors.fields)
        kept = [Piece(p.domain, p.ansatz, copy.deepcopy(p.network)) for p in pieces[-1:]]
        return self.session.solution(self.problem, [*pieces[:-1], *kept], outcome, estimates)


def _end(piece: Piece) -> float:
    time = piece.domain.time
    return math.inf if time is None else time.upper


def _windows_of(solution: Solution) -> tuple[Piece, ...]:
    """The pieces of a solution that are windows: all but a network for all times."""
    whole = solution.problem.domain.key()
    return tuple(p for p in solution.pieces if p.domain.key() != whole)


def _solved_windows(solution: Solution | None, policy: WindowPolicy) -> tuple[Piece, ...]:
    """The windows of an earlier solution, without a first one that was not solved."""
    if solution is None:
        return ()
    windows = _windows_of(solution)
    good = solution.estimate is not None and solution.estimate < policy.good
    return () if len(solution.pieces) == 1 and not good else windows


def has_windows(solution: Solution) -> bool:
    """Whether a solution has windows of time, which may end early."""
    return bool(_windows_of(solution))


def _reach_the_end(solution: Solution) -> bool:
    """Whether the pieces of a solution are windows up to the final time."""
    covers = solution.solved_until is None
    return covers and len(_windows_of(solution)) == len(solution.pieces)


def solve_in_windows(route: TimeWindows) -> None:
    """Solve window by window while there is time, after the windows of an earlier solution."""
    session, policy = route.session, route.policy
    length = (route.high - route.low) / (session.plan.windows or policy.first)
    shortest, longest = (route.high - route.low) / policy.most, math.inf
    if route.start is not None and has_windows(route.start):
        length = _take_over(route, route.start)
    while not route.is_complete and session.left > 0:
        end = route.time + length
        end = route.high if end > route.high - 0.1 * length else end
        begun, step = session.left, session.step
        part = route.train_next(end)
        spent, steps = begun - session.left, session.step - step
        share = begun * (end - route.time) / (route.high - route.time)
        early = spent < 0.5 * share
        error = route.error(part)
        bad = error >= policy.good or (early and error >= policy.fine)
        if bad and length > shortest and session.left > 0:
            if route.windows:
                longest = 0.75 * length
            length = 0.5 * (end - route.time)
            continue
        route.stuck = session.left > 0 and error >= policy.good
        # Windows that are kept are not trained again before the final time is reached.
        if error >= policy.good and (route.stuck or end < route.high):
            return
        if not route.windows:
            route.look_for_freedom(part)
        route.keep(end, part.best)
        rest = max(route.high - end, 1e-300)
        few = session.left * steps * length < policy.few_steps * spent * rest
        if early or few:
            length = min(policy.longer * length, longest)


def _take_over(route: TimeWindows, start: Solution) -> float:
    """Take the windows of `start`, to be trained further if they are all; their length."""
    length = _end(start.pieces[0]) - route.low
    for each in route.earlier:
        end = _end(each)
        length = end - route.time
        problem = route.next_problem(end)
        if _form(build_ansatz(problem, enforce=route.enforce)) != _form(each.ansatz):
            route.known = ()  # another plan: the others are solved again
            break
        network = copy.deepcopy(each.network)
        if route.known and route.session.left > 0:
            network = route.train_next(end, network).best
        elif route.known:
            break
        route.keep(end, network)
    return length


def _form(ansatz: Ansatz) -> list[str]:
    """As text, which a model file keeps to the letter."""
    return [code(mask) for mask in ansatz.mask.values()]
