"""Tables of fields, beyond whose ends a solution may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kanpde.assembly.evaluator import Evaluator
from kanpde.symbols.tabulated import TableValue
from kanpde.training.trainer import Trainer


@dataclass(frozen=True)
class EndPolicy:
    """When a solution is beyond a table: by more than this share of its range, at these points.

    A solution whose boundary values are those at the ends passes them by its error.
    """

    beyond: float = 1e-3
    points: int = 2000


END_POLICY = EndPolicy()


def describe_table_ends(trainer: Trainer, policy: EndPolicy = END_POLICY) -> list[str]:
    """A sentence for each table whose ends the solution of a trainer passes."""
    problem = trainer.problem
    found: dict[tuple[str, str, str], tuple[Any, Any]] = {}
    values = {v for e in problem.equations for v in e.expression.atoms(TableValue)}
    for value in sorted(values, key=str):
        label, *at = value.args
        for name, each in zip(label.table.axes, at, strict=True):
            if name in label.table.fields:
                found.setdefault((label.table.name, name, str(each)), (label.table, each))
    if not found:
        return []
    points = problem.domain.interior.sample(policy.points, 0).points
    extra = {f"argument {k}": each for k, (_, each) in enumerate(found.values())}
    evaluator = Evaluator(problem, trainer.piece.ansatz, (), extra)
    numbers = evaluator(trainer.piece.network, points).values()
    texts = []
    for ((_, name, shown), (table, _)), taken in zip(found.items(), numbers, strict=True):
        low, high = float(table.points[name][0]), float(table.points[name][-1])
        least, most = float(np.nanmin(taken)), float(np.nanmax(taken))
        if max(low - least, most - high) > policy.beyond * (high - low):
            texts.append(
                f"{table.place} covers {shown} from {low:g} to {high:g}, and the solution goes "
                f"from {least:.4g} to {most:.4g}; beyond its ends the table is constant: extend it"
            )
    return texts
