"""One certificate in the making: a solution, its setting, the clock, and what theorems share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kanpde.assembly.lift import evaluate_at
from kanpde.bounds.approximation import Approximation
from kanpde.bounds.correction import LawTarget, Target
from kanpde.bounds.laws import Law, NotCovered
from kanpde.bounds.refinement import Refined, bound_difference, bound_law, bound_on_face, refine
from kanpde.bounds.setting import Setting, Value, is_among
from kanpde.bounds.supremum import Deadline, Report
from kanpde.solution.solution import Solution
from kanpde.symbols.expression import exact_number

# By how much a lift may miss its values for rounding.
_ROUNDING = 1e-9


@dataclass
class Case:
    """The pieces of a solution as approximations; each is refined once, for all theorems."""

    solution: Solution
    setting: Setting
    deadline: Deadline
    report: Report
    refined: dict[int, Refined] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.approximation(0)  # raises NotCovered for one that is not known, before long work

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return len(self.solution.pieces)

    def approximation(self, k: int) -> Approximation:
        """A piece as it was trained."""
        return Approximation(self.setting.problem, self.solution.pieces[k])

    def refine(self, k: int, factor: float) -> Refined:
        """A piece with its correction; `factor` is the K of the theorem that asks for it first."""
        if k not in self.refined:
            approximation = self.approximation(k)
            part = self.deadline.part(1 / (self.count - k))
            targets = self._targets(k, approximation)
            self.refined[k] = refine(
                self.setting, approximation, targets, factor, part, self.report
            )
        return self.refined[k]

    def require_exact(self, theorem: str) -> None:
        """Raise NotCovered unless every given value holds by construction on a single piece."""
        if self.count > 1:
            raise NotCovered(f"{theorem} is for one network, and the run has {self.count} windows")
        for value in self.setting.values:
            if not self.is_exact(value, self.approximation(0)):
                raise NotCovered(
                    f'{theorem} needs conditions that hold by construction, and "'
                    f'{value.equation.condition}" is trained'
                )
            self._check_mask(value)

    def _check_mask(self, value: Value) -> None:
        """A model file from elsewhere may say of a condition what its mask and lift do not do."""
        ansatz, name = self.solution.pieces[0].ansatz, self.setting.problem.unknowns[0]
        at_end = {value.axis.sympy: exact_number(value.end)}
        points = value.equation.region.sample(64, 0).points
        miss = value.defect.xreplace({self.setting.field: ansatz.lift[name]})
        gap = np.abs(evaluate_at(self.setting.problem.domain, [miss], points)[0]).max()
        if ansatz.mask[name].xreplace(at_end) != 0 or not gap < _ROUNDING:
            raise NotCovered(
                f'"{value.equation.condition}" does not hold by construction, though the model '
                "says so"
            )

    @staticmethod
    def is_exact(value: Value, approximation: Approximation) -> bool:
        """Whether a value holds by construction."""
        return is_among(value.equation, approximation.piece.ansatz.exact)

    def _targets(self, k: int, approximation: Approximation) -> list[Target | LawTarget]:
        """What the spline of a piece shall have on faces that do not hold by construction."""
        names = self.setting.problem.domain.names
        time = self.setting.time
        out: list[Target | LawTarget] = [
            LawTarget(law, law.region.within(approximation.piece.domain) or law.region)
            for law in self.setting.laws
            if not is_among(law.equation, approximation.piece.ansatz.exact)
        ]
        for value in self.setting.values:
            starts = time is not None and (value.axis.name, value.end) == (time.name, time.lower)
            if not self.is_exact(value, approximation) and not (starts and k):
                out.append(Target(names.index(value.axis.name), value.end, value))
        if k and time is not None:
            axis = names.index(time.name)
            start = approximation.piece.domain.axes[axis].lower
            out.append(Target(axis, start, None, self.refined[k - 1].approximation))
        return out

    def defect(self, k: int) -> float:
        """By how much the corrected piece misses the values on faces, the largest."""
        refined, time = self.refined[k], self.setting.time
        aim = 1e-3 * max(refined.correction.lower, 1e-300)
        names = self.setting.problem.domain.names
        worst = 0.0
        for value in self.setting.values:
            if k and time is not None and value.axis.name == time.name:
                continue
            found = bound_on_face(
                refined.approximation, value.defect, names.index(value.axis.name), value.end,
                self._limit(), self.report, aim=aim,
            )  # fmt: skip
            worst = max(worst, found.upper)
        return max(
            [worst, *(self._law_defect(k, law) for law in self.setting.laws if law.is_value)]
        )

    def slope_defect(self, k: int) -> float:
        """By how much the corrected piece misses the derivatives on the boundary, the largest."""
        return max((self._law_defect(k, law) for law in self.setting.slopes), default=0.0)

    def _law_defect(self, k: int, law: Law) -> float:
        # A tenth of the correction spoils a bound by a tenth.
        refined = self.refined[k]
        aim = 0.02 * max(refined.correction.lower, 1e-300)
        return bound_law(refined.approximation, law, self._limit(), self.report, aim=aim)

    def jump(self, k: int) -> float:
        """By how much a window differs at its start from the previous one; 0 for the first."""
        if not k:
            return 0.0
        assert self.setting.time is not None
        axis = self.setting.problem.domain.names.index(self.setting.time.name)
        own, earlier = (self.refined[j] for j in (k, k - 1))
        start = own.approximation.piece.domain.axes[axis].lower
        aim = 1e-3 * max(own.correction.lower, 1e-300)
        return bound_difference(
            own.approximation, earlier.approximation, axis, start, self._limit(), self.report,
            aim=aim,
        )  # fmt: skip

    def _limit(self) -> Deadline:
        # A face is quickly done; it may take a second after the budget is spent.
        return Deadline(max(self.deadline.left, 1.0) * 0.5)
