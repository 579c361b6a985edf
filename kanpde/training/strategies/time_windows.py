"""March through time: a network for each window, from the values that the one before ends with.

One network for all of [0, T] fails where T is long for the equation: a string was at an error of
0.34 after ten transits, Lorenz's system lost within t < 5. In windows they reached 3e-4 and 1e-7 in
the same time. A window of its own starts from the network of the one before, moved on with time:
from a random start a third of Lorenz's windows led nowhere.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np

from kanpde.arrays import Array
from kanpde.assembly.ansatz import Ansatz, build_ansatz
from kanpde.assembly.evaluator import Evaluator
from kanpde.assembly.sampler import Sampler
from kanpde.geometry.box import Face, Points
from kanpde.network.kan import KAN
from kanpde.problem.problem import Observation, Problem
from kanpde.solution.solution import Outcome, Solution, Window, grid_points
from kanpde.symbols.printing import code
from kanpde.training.begin import beside, build_network, scale_outputs
from kanpde.training.estimate import newton_change
from kanpde.training.plan import LeastSquares
from kanpde.training.strategies.window_problem import HANDED, handed_names, window
from kanpde.training.trainer import Trainer

# Windows at first, where the plan names no number, and at most.
_WINDOWS = 8
_MOST = 256
# A window whose estimated error is larger is cut in two; above _DOUBT after so many steps, at once.
# So is one that stalls above _FINE before half of its time is over.
_GOOD = 1e-2
_FINE = 1e-6
_DOUBT = 0.1
_LOST_STEPS = 40
# A window is longer than the one before where that took half of its time, or where there is no
# time for so many steps in each.
_FEW_STEPS = 25
# Of its share of the time that a window takes: what it takes more, the last ones lack.
_SHARE = 0.85
# Points for each dimension of the place where a window ends.
_HANDED_POINTS = 512


@dataclass(frozen=True)
class Handover:
    """Values at points (N, dimension) where a window ends, by name, and their estimated errors."""

    points: Array
    values: dict[str, Array]
    errors: dict[str, Array]

    def observations(self, problem: Problem, *, corrected: bool = False) -> list[Observation]:
        """As conditions on the next window; `corrected` by the estimated errors.

        One for each name, since u and u_t may be of very different sizes.
        """
        points = Points(problem.box, self.points)
        return [
            Observation(f"{HANDED} ({n})", points, {n: v + corrected * self.errors[n]})
            for n, v in self.values.items()
        ]


class March:
    """The windows so far, and what they hand over; `whole` has the clock and the terminal."""

    def __init__(self, whole: Trainer, start: Solution | None = None) -> None:
        self.whole, self.problem, self.start = whole, whole.problem, start
        assert self.problem.box.time is not None
        self.low, self.high = self.problem.box.intervals["t"]
        self.enforce = whole.plan.enforce if whole.ansatz.exact else False
        self.time, self.began = self.low, whole.step
        self.windows: list[Window] = []
        # Those of an earlier solution that reach the end of time.
        self.known: tuple[Window, ...] = ()
        if start is not None and start.covers_a_window:
            self.known = (*start.earlier, Window(self.high, start.ansatz, start.network))
        self.handed: Handover | None = None
        # The window in training; whether even the shortest one cannot be solved.
        self.part: Trainer | None = None
        self.stuck = False
        # For each field: the integrals over time of the squares of its error and of itself.
        self.squares = {n: np.zeros(2) for n in self.problem.unknowns}

    # --- windows -----------------------------------------------------------------------

    def attempt(self, end: float, network: KAN | None = None) -> Trainer:
        """Train the next window for its share of the time that is left."""
        problem = self.next_window(end)
        given = network or self._guess(problem)
        start = given or build_network(problem, self.whole.plan, self.whole.seed)
        start = start.to(self.whole.network.flat().device)
        share = self.whole.left * (end - self.time) / (self.high - self.time)
        share *= _SHARE if end < self.high else 1.0
        prefix = f"t = {self.shown(self.time)} to {self.shown(end)}, "
        part = beside(self.whole, problem, self.enforce, start, prefix)
        if given is None:
            scale_outputs(part.network, part.sampler)
        begun, first, every = self.whole.left, part.step, self.whole.plan.sampling.every

        def over() -> bool:
            steps, spent = part.step - first, begun - part.left
            if self.is_good(part):
                # The nearest look counts: windows that all took one more left nothing to the last.
                return spent * (1 + 0.5 * every / max(steps, 1)) >= share
            doubtful = part.estimate is None or part.estimate > _DOUBT
            return steps >= (_LOST_STEPS if doubtful else 2 * _LOST_STEPS)

        part.watch = over
        self.part = part
        try:
            part.run(LeastSquares())
        finally:
            self.whole.step = part.step
            self.whole.rows += part.rows
            self.whole.notes += [n for n in part.notes if n not in self.whole.notes]
        return part

    def error(self, part: Trainer) -> float:
        """The estimated error of a window, relative to the larger of its size and of that so far.

        What has died away is not asked for to its last digit: u' = -5 u stood still at t = 12.
        """
        if part.estimate is None:
            return math.inf
        at = part.grid[part.probes]
        fields = part.fields(part.best, at, self.whole.workers)
        shares = []
        for name, sums in self.squares.items():
            here = float(np.sqrt(np.mean(fields[name] ** 2)))
            before = math.sqrt(sums[1] / (self.time - self.low)) if self.windows else 0.0
            shares.append(here / max(here, before, 1e-300))
        return part.estimate * max(shares)

    def is_good(self, part: Trainer) -> bool:
        """Whether a window need not be cut."""
        return self.error(part) < _GOOD

    def shown(self, time: float) -> str:
        """A time, with digits that tell windows apart."""
        span = max(abs(self.low), abs(self.high)) / (self.high - self.low)
        return f"{time:.{4 + max(0, math.ceil(math.log10(span)))}g}"

    def keep(self, end: float, network: KAN) -> None:
        """Make a trained network the next window; estimate its error, the inherited one included.

        The values handed over are corrected by their own estimated errors first: the step of
        Gauss and Newton then carries these through the window, and on to its end.
        """
        problem = self.next_window(end, corrected=True)
        ansatz = build_ansatz(problem, enforce=self.enforce)
        grid = grid_points(problem)[0]
        grid = grid[:: max(1, len(grid) // 2000)]
        face = Face(self.problem.box, (("t", end),))
        face_points = face.sample(_HANDED_POINTS * max(face.free, 1), 0)
        points = np.concatenate([grid, face_points])
        names = tuple(dict.fromkeys([*self.problem.unknowns, *handed_names(self.problem)]))
        evaluator = Evaluator(problem, ansatz, names)
        workers = self.whole.workers
        sampler = Sampler(problem, ansatz, self.whole.plan.sampling, self.whole.seed, workers)
        sampler.rebalance(network)
        normal = sampler.draw(network).normal(network.flat())
        before = evaluator(network, points, workers)
        unknown = {n: np.full(len(points), np.nan) for n in names}
        found = newton_change(network, normal, evaluator, points, before, workers)
        change, factor = found or (unknown, 1.0)
        for name, sums in self.squares.items():
            error, field = (v[name][: len(grid)] for v in (change, before))
            sums += (end - self.time) * np.array([factor**2 * np.mean(error**2), np.mean(field**2)])
        self.handed = Handover(
            face_points,
            {n: before[n][len(grid) :] for n in handed_names(self.problem)},
            {n: np.nan_to_num(change[n][len(grid) :]) for n in handed_names(self.problem)},
        )
        self.windows.append(Window(end, ansatz, network))
        self.time = end
        self.whole.save(self.solution(Outcome("interrupted", "resume goes on from here")))

    def keep_part(self) -> None:
        """After an interrupt: the window in training, if it is good."""
        if self.part is None or not self.is_good(self.part):
            return
        end = self.part.problem.box.intervals["t"][1]
        if end > self.time:
            self.keep(end, self.part.best)

    def next_window(self, end: float, *, corrected: bool = False) -> Problem:
        """The problem up to `end`, from what the last window hands over."""
        handed: list[Observation] = []
        if self.handed is not None:
            handed = self.handed.observations(self.problem, corrected=corrected)
        return window(self.problem, self.time, end, handed)

    def _guess(self, problem: Problem) -> KAN | None:
        """The network of the window before, moved to this one; None where its form is another."""
        if not self.windows:
            return None
        last = self.windows[-1]
        network = build_network(problem, self.whole.plan, self.whole.seed)
        if last.network.flat().shape != network.flat().shape:
            return None
        network.load_flat(last.network.flat().cpu())
        return network

    # --- results -----------------------------------------------------------------------

    @property
    def estimate(self) -> float | None:
        """The estimated relative L2 error of the windows so far, the largest of the fields'."""
        sizes = [e / max(u, 1e-300) for e, u in self.squares.values()]
        return math.sqrt(max(sizes)) if self.windows and np.isfinite(sizes).all() else None

    @property
    def complete(self) -> bool:
        return self.time >= self.high

    @property
    def trained(self) -> bool:
        """Whether there is a network for all times that has been trained, now or before."""
        return self.whole.estimate is not None and self.began > 0

    def solution(self, outcome: Outcome) -> Solution:
        """The windows; where they do not reach the end, what was known before goes on."""
        whole = self.whole
        known = self.start.estimate if self.start else None
        estimate = self.estimate if self.complete else whole.estimate or known
        ahead = self.known or (self.start.earlier if self.start else ())
        windows = [*self.windows, *(w for w in ahead if w.end > self.time)]
        if not (self.complete or self.known):
            windows.append(Window(self.high, whole.ansatz, whole.best))
        *earlier, last = windows
        ansatz, network = last.ansatz, last.network
        return Solution(
            self.problem, ansatz, copy.deepcopy(network), outcome, whole.seed, whole.seconds,
            whole.step, estimate, whole.trace(), tuple(whole.notes), tuple(earlier),
        )  # fmt: skip


def march(route: March) -> None:
    """Solve window by window while there is time, after those of an earlier solution."""
    whole = route.whole
    length = (route.high - route.low) / (whole.plan.windows or _WINDOWS)
    shortest, longest = (route.high - route.low) / _MOST, math.inf
    if route.start is not None and route.start.earlier:
        length = _go_on(route, route.start)
    while not route.complete and whole.left > 0:
        end = route.time + length
        end = route.high if end > route.high - 0.1 * length else end
        begun, step = whole.left, whole.step
        part = route.attempt(end)
        spent, steps = begun - whole.left, whole.step - step
        share = begun * (end - route.time) / (route.high - route.time)
        early = spent < 0.5 * share
        error = route.error(part)
        if (error >= _GOOD or (early and error >= _FINE)) and length > shortest and whole.left > 0:
            if route.windows:
                longest = 0.75 * length
            length = 0.5 * (end - route.time)
            continue
        route.stuck = whole.left > 0 and error >= _GOOD
        # What is kept is not trained again before the end of time is reached.
        if error >= _GOOD and (route.stuck or end < route.high):
            return
        route.keep(end, part.best)
        rest = max(route.high - end, 1e-300)
        few = whole.left * steps * length < _FEW_STEPS * spent * rest
        if early or few:
            length = min(1.5 * length, longest)


def _go_on(route: March, start: Solution) -> float:
    """Take over the windows of `start`, trained on if they reach the end of time; their length."""
    length = start.earlier[0].end - route.low
    for each in route.known or start.earlier:
        length = each.end - route.time
        problem = route.next_window(each.end)
        if _form(build_ansatz(problem, enforce=route.enforce)) != _form(each.ansatz):
            route.known = ()  # another plan: from here on anew
            break
        network = copy.deepcopy(each.network)
        if route.known and route.whole.left > 0:
            network = route.attempt(each.end, network).best
        elif route.known:
            break
        route.keep(each.end, network)
    return length


def _form(ansatz: Ansatz) -> list[str]:
    """As text, which a model file keeps to the letter."""
    return [code(mask) for mask in ansatz.mask.values()]
