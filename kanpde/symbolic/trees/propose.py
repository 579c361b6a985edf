"""Formulas for a table out of trees: pools from small to large, joined behind links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from kanpde.symbolic.clock import Deadline
from kanpde.symbolic.outer import OUTER
from kanpde.symbolic.trees.factors import FactorPolicy, join_trees
from kanpde.symbolic.trees.inner import find_inner
from kanpde.symbolic.trees.links import Link, Rows, make_links, write_link
from kanpde.symbolic.trees.pool import Pool, PoolPolicy, build_pool
from kanpde.symbolic.trees.tree import Operation, Tree
from kanpde.symbolic.units import Dimension


@dataclass(frozen=True)
class ProposalPolicy:
    """How many rows decide, with and without noise, and the pools from small to large."""

    rows: int = 160
    noisy_rows: int = 500
    pools: tuple[PoolPolicy, ...] = (
        PoolPolicy(trees=4000, size=5),
        PoolPolicy(trees=16000, size=9),
        PoolPolicy(trees=60000, size=11),
    )
    # Sets of trees behind one link that become formulas.
    written: int = 3


def propose_formulas(
    rows: Rows,
    deadline: Deadline,
    units: Sequence[Dimension] | None = None,
    *,
    noisy: bool = False,
    policy: ProposalPolicy = ProposalPolicy(),
) -> Iterator[Iterator[sympy.Expr]]:
    """Formulas for y: those of small trees, those with numbers inside of functions, larger ones.

    Args:
        rows: the samples.
        deadline: ends the proposals.
        units: of the variables, for trees that respect them.
        noisy: whether y has noise.
        policy: how many rows and trees.
    """
    some = rows.take(policy.noisy_rows if noisy else policy.rows)
    links = make_links(some, noisy=noisy)
    for size in policy.pools:
        if deadline.over:
            return
        pool = build_pool(some.x, deadline.part(0.5), units, size)
        yield _join(links, pool, some, deadline, policy)
        if size is policy.pools[0]:
            inner = [link for link in links if link.outer is OUTER[0] and not link.shift]
            yield _look_inside(inner, pool, some, deadline, policy)


def _join(
    links: Sequence[Link], pool: Pool, rows: Rows, deadline: Deadline, policy: ProposalPolicy
) -> Iterator[sympy.Expr]:
    for link in links:
        if deadline.over:
            return
        exact = 0.0 if link.noisy else 1e-8
        for _, places in join_trees(link, pool.values, FactorPolicy(exact=exact))[: policy.written]:
            trees = [pool.trees[k] for k in places]
            yield from write_link(link, trees, pool.values[places], rows)


def _look_inside(
    links: Sequence[Link], pool: Pool, rows: Rows, deadline: Deadline, policy: ProposalPolicy
) -> Iterator[sympy.Expr]:
    plain = [k for k in range(len(pool)) if not pool.nested[k] and not _has_number(pool.trees[k])]
    for link in links:
        for one in find_inner(link, pool.values[plain], deadline)[: policy.written]:
            operation = Operation("inner", 1, np.abs, _Scaled(one.shape.symbolic, one.number))
            tree = Tree(operation, (pool.trees[plain[one.row]],))
            yield from write_link(link, [tree], one.values[None], rows)


def _has_number(tree: Tree) -> bool:
    return any(node.operation is None and node.index < 0 for node in tree.nodes())


@dataclass(frozen=True)
class _Scaled:
    """A function of a number times what it is given, in SymPy."""

    function: object
    number: float

    def __call__(self, inner: sympy.Expr) -> sympy.Expr:
        return self.function(sympy.Float(self.number) * inner)  # type: ignore[operator]
