"""classify: a network, and if there is one a formula, for the classes of a table's rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import numpy as np
import sympy

from kanpde.arrays import AnyArray, Array
from kanpde.errors import KanpdeError
from kanpde.network.kan import KAN
from kanpde.options import fill_options, ignore
from kanpde.symbolic.classifier import (
    ClassifierPolicy,
    choose_classifier,
    measure_cross_entropy,
    predict_probabilities,
    split_by_class,
)
from kanpde.symbolic.clock import Deadline
from kanpde.symbolic.columns import select_variables
from kanpde.symbolic.decision import decide, find_logit
from kanpde.symbolic.found import make_symbols

_FEWEST_OF_A_CLASS = 5
# The share of the time for the network; the rest is that of the formula.
_TRAINING = 0.7


class ClassifyKeywords(TypedDict, total=False):
    """What `classify` takes by name; `ClassifyOptions` says what each is."""

    variables: Sequence[str]
    widths: Sequence[int] | None
    formula: bool
    held_out: float
    seconds: float
    seed: int
    report: Callable[[str], None] | None


@dataclass(frozen=True)
class ClassifyOptions:
    """How the classes of a table are fitted.

    Args:
        variables: the columns that explain the target; all others if there are none.
        widths: hidden layers; by default none or (4,), whatever suits samples better that did
            not train.
        formula: whether to look for a formula of the decision.
        held_out: the share of rows that only judge.
        seconds: after which no further network is tried and no further term of a formula.
        seed: of the first coefficients and of the choice of held-out rows.
        report: is told what is being done.
    """

    variables: tuple[str, ...] = ()
    widths: tuple[int, ...] | None = None
    formula: bool = True
    held_out: float = 0.2
    seconds: float = 60.0
    seed: int = 0
    report: Callable[[str], None] = ignore


@dataclass(frozen=True)
class Classified:
    """The classes of rows as a function of their variables.

    `accuracy` and `cross_entropy` are on rows that neither trained nor chose anything, `judges`
    of them; `majority` is the accuracy there of always naming the most frequent class, and
    `training` that on the other rows. `logits` are formulas: one of the second of two classes,
    or one for each of more; `formula_accuracy` is theirs on the held-out rows.
    """

    variables: tuple[str, ...]
    target: str
    classes: tuple[Any, ...]
    network: KAN
    accuracy: float
    training: float
    majority: float
    cross_entropy: float
    judges: int
    logits: tuple[sympy.Expr, ...]
    formula_accuracy: float

    @property
    def standard_error(self) -> float:
        """Of the accuracy, from the number of held-out rows."""
        share = min(max(self.accuracy, 1 / self.judges), 1 - 1 / self.judges)
        return float(np.sqrt(share * (1 - share) / self.judges))

    @property
    def explained(self) -> bool:
        """Whether the formula decides as well as the network, to two standard errors."""
        near = self.accuracy - 2 * self.standard_error
        return bool(self.logits) and self.formula_accuracy >= near

    def predict(self, **columns: Any) -> AnyArray:
        """The classes at named values, of their common length (N,)."""
        names: AnyArray = np.array(self.classes)
        return np.asarray(names[self.probabilities(**columns).argmax(1)])

    def probabilities(self, **columns: Any) -> Array:
        """Of each class at named values, (N, K)."""
        parts = np.broadcast_arrays(*(np.asarray(columns[n], dtype=float) for n in self.variables))
        return predict_probabilities(self.network, np.stack([p.ravel() for p in parts], 1))

    def text(self) -> str:
        """What was found, for the terminal."""
        lines = [
            f"{self.target}: {len(self.classes)} classes, {', '.join(map(str, self.classes))}",
            f"KAN: {self.network.parameter_count} parameters, accuracy {self.accuracy:.1%} on "
            f"{self.judges} held-out rows (± {2 * self.standard_error:.1%}; {self.training:.1%} "
            f"on the others, {self.majority:.1%} by naming the most frequent class)",
        ]
        if self.accuracy - self.majority < 2 * self.standard_error and self.majority < 1:
            lines.append(
                f"warning: on held-out rows the network is hardly better than the most frequent "
                f"class: the columns explain little of {self.target}, or there are too few rows"
            )
        elif self.training - self.accuracy > 0.05 + 3 * self.standard_error:
            lines.append(
                "warning: the network knows its rows by heart (accuracy "
                f"{self.training:.1%} there): give more rows or fewer variables"
            )
        if self.logits:
            lines.append(
                f"formula of the decision, accuracy {self.formula_accuracy:.1%}"
                + ("" if self.explained else " (the network is better)")
                + ":"
            )
            lines += [f"  {line}" for line in self._write_logits()]
        return "\n".join(lines)

    def _write_logits(self) -> list[str]:
        if len(self.logits) == 1:
            return [f"{self.classes[1]} where {self.logits[0].evalf(4)} > 0"]
        each = zip(self.classes, self.logits, strict=True)
        return ["the class of the largest", *(f"{c}: {f.evalf(4)}" for c, f in each)]


def classify(
    table: Mapping[str, Any], target: str, **keywords: Unpack[ClassifyKeywords]
) -> Classified:
    """Fit a KAN to the classes of a table's rows by cross entropy, and find a formula for them.

    Args:
        table: columns (N,) by name; that of the target holds words or whole numbers.
        target: the column of classes.
        **keywords: as the fields of `ClassifyOptions`: variables, widths, formula, held_out,
            seconds, seed, report.

    Raises:
        KanpdeError: for columns that are missing, not finite or constant, fewer than two classes,
            fewer than five rows of a class, or an option that there is not.
    """
    options = _read_options(keywords)
    deadline = Deadline(options.seconds)
    x, labels, names = select_variables(table, target, options.variables)
    classes, places = np.unique(labels, return_inverse=True)
    _check_classes(target, classes, places)
    index = places.astype(float)
    judges = split_by_class(index, options.held_out, options.seed)
    own = ~judges
    policy = ClassifierPolicy()
    if options.widths is not None:
        policy = replace(policy, widths=(options.widths,))
    network = choose_classifier(
        x[own], index[own], len(classes), seed=options.seed, policy=policy, report=options.report,
        deadline=deadline.part(_TRAINING),
    )  # fmt: skip
    chances = predict_probabilities(network, x)
    right = chances.argmax(1) == index
    common = np.bincount(index[own].astype(int)).argmax()
    logits: tuple[sympy.Expr, ...] = ()
    symbols = make_symbols(names)
    if options.formula:
        options.report("looking for a formula of the decision")
        wanted = (1,) if len(classes) == 2 else range(len(classes))
        logits = tuple(
            find_logit(x[own], index[own] == k, symbols, deadline=deadline) for k in wanted
        )
    agrees = decide(logits, x[judges], symbols) == index[judges] if logits else np.zeros(1)
    return Classified(
        names, target, tuple(classes.tolist()), network, float(right[judges].mean()),
        float(right[own].mean()), float((index[judges] == common).mean()),
        measure_cross_entropy(chances[judges], index[judges]), int(judges.sum()), logits,
        float(agrees.mean()),
    )  # fmt: skip


def _read_options(keywords: Mapping[str, Any]) -> ClassifyOptions:
    given = dict(keywords)
    given["variables"] = tuple(given.get("variables") or ())
    if given.get("widths") is not None:
        given["widths"] = tuple(given["widths"])
    if given.get("report", ignore) is None:
        del given["report"]
    return fill_options(ClassifyOptions, given, "classify")


def _check_classes(target: str, classes: AnyArray, index: AnyArray) -> None:
    """There are enough rows of each class.

    Raises:
        KanpdeError: otherwise.
    """
    counts = np.bincount(index)
    if counts.min() < _FEWEST_OF_A_CLASS:
        rare = classes[int(counts.argmin())]
        raise KanpdeError(
            f"column `{target}` has {counts.min()} rows of class {rare}; give at least "
            f"{_FEWEST_OF_A_CLASS} of each, or leave that class out"
        )
