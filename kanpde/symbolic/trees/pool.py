"""All small expression trees of some variables, evaluated in batches, each value once.

Trees are built from the bottom up: those of size k from an operation on smaller ones. Which two
trees are equal is decided by their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from kanpde.arrays import Array
from kanpde.symbolic.clock import Deadline
from kanpde.symbolic.trees.tree import BINARY, UNARY, Operation, Tree
from kanpde.symbolic.units import Dimension, combine_units

_LARGEST = 1e8
_BATCH = 4096


@dataclass(frozen=True)
class PoolPolicy:
    """How many trees are kept, of how many nodes, and which numbers are leaves.

    Products and quotients of up to `factors` variables, at most `monomials` of them, count as
    trees of `monomial_size` nodes, and so do sums of two of the first `summands`: what enters a
    function or a sum is mostly one of these.
    """

    trees: int = 12000
    size: int = 9
    numbers: tuple[float, ...] = (1.0, 2.0)
    factors: int = 5
    monomials: int = 600
    monomial_size: int = 4
    summands: int = 40


@dataclass
class Pool:
    """Trees with their values (S, N); each is an operation on earlier ones."""

    values: Array
    trees: list[Tree]
    nested: list[bool]
    units: list[Dimension | None]
    sizes: dict[int, list[int]] = field(default_factory=dict)
    seen: set[bytes] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.trees)


def build_pool(
    x: Array,
    deadline: Deadline,
    units: Sequence[Dimension] | None = None,
    policy: PoolPolicy = PoolPolicy(),
) -> Pool:
    """Trees at x (N, V), the smallest first, until they are as many as the policy keeps.

    Args:
        x: points.
        deadline: ends the building.
        units: of the variables; trees that add unlike ones are left out.
        policy: how many trees, and how large.
    """
    leaves = [Tree(index=k) for k in range(x.shape[1])] + [Tree(number=c) for c in policy.numbers]
    dimensions = None if units is None else [*units, *({} for _ in policy.numbers)]
    pool = Pool(np.empty((policy.trees, len(x))), [], [], [])
    fresh = np.array([leaf.evaluate(x) for leaf in leaves])
    for k, leaf in enumerate(leaves):
        _keep(pool, fresh[k], leaf, False, dimensions[k] if dimensions is not None else None)
    pool.sizes[1] = list(range(len(pool)))
    for size in range(2, policy.size + 1):
        pool.sizes[size] = []
        if size == policy.monomial_size:
            pool.sizes[size] += _add_monomials(pool, x, policy)
            plain = np.array(_find_monomials(pool, policy.summands))
            pairs = plain[np.stack(np.triu_indices(len(plain), 1), 1)]
            for operation in BINARY[:2]:
                pool.sizes[size] += _add(pool, operation, pairs)
        for operation, parts in _propose(pool, size):
            if deadline.over or len(pool) >= policy.trees:
                break
            pool.sizes[size] += _add(pool, operation, parts)
        if deadline.over or len(pool) >= policy.trees:
            break
    pool.values = pool.values[: len(pool)]
    return pool


def _add_monomials(pool: Pool, x: Array, policy: PoolPolicy) -> list[int]:
    """Products of variables to the powers 1 and -1, those of few variables first."""
    out: list[int] = []
    for count in range(2, min(policy.factors, x.shape[1]) + 1):
        for some in combinations(range(x.shape[1]), count):
            for powers in product((1, -1), repeat=count):
                if len(out) >= policy.monomials or len(pool) >= len(pool.values):
                    return out
                tree, unit = _write_monomial(pool, some, powers)
                with np.errstate(all="ignore"):
                    values = np.prod(x[:, list(some)] ** np.array(powers, dtype=float), 1)
                if np.isfinite(values).all() and _keep(pool, values, tree, False, unit):
                    out.append(len(pool) - 1)
    return out


def _write_monomial(
    pool: Pool, some: Sequence[int], powers: Sequence[int]
) -> tuple[Tree, Dimension | None]:
    """A product of variables to the powers 1 and -1, and its units."""
    above = [Tree(index=k) for k, p in zip(some, powers, strict=True) if p > 0]
    tree = reduce(lambda a, b: Tree(BINARY[2], (a, b)), above) if above else Tree(number=1.0)
    for k, p in zip(some, powers, strict=True):
        tree = Tree(BINARY[3], (tree, Tree(index=k))) if p < 0 else tree
    if pool.units[0] is None:
        return tree, None
    unit: Dimension = {}
    for k, p in zip(some, powers, strict=True):
        operation = "multiply" if p > 0 else "divide"
        unit = combine_units(operation, [unit, pool.units[k] or {}]) or {}
    return tree, unit


def _find_monomials(pool: Pool, most: int) -> list[int]:
    """The trees of products and squares alone, the first ones."""
    names = ("multiply", "divide", "square")
    plain = [
        k for k, tree in enumerate(pool.trees)
        if all(n.operation is None or n.operation.name in names for n in tree.nodes())
        and not any(n.operation is None and n.index < 0 for n in tree.nodes())
    ]  # fmt: skip
    return plain[:most]


def _propose(pool: Pool, size: int) -> Iterator[tuple[Operation, NDArray[np.intp]]]:
    """Operations with rows of parts (B, arity) that make trees of a size."""
    for operation in UNARY:
        below = [k for k in pool.sizes.get(size - 1, []) if _may_enter(pool, k, operation)]
        for some in np.split(np.array(below, dtype=int), range(_BATCH, len(below), _BATCH)):
            yield operation, some[:, None]
    for first in range(1, size - 1):
        second = size - 1 - first
        left, right = pool.sizes.get(first, []), pool.sizes.get(second, [])
        if not left or not right:
            continue
        for operation in BINARY:
            if operation.name != "divide" and first > second:
                continue
            rows = max(1, _BATCH // len(right))
            for k in range(0, len(left), rows):
                a, b = np.meshgrid(left[k : k + rows], right, indexing="ij")
                pairs = np.stack([a.ravel(), b.ravel()], 1)
                if operation.name != "divide" and first == second:
                    pairs = pairs[pairs[:, 0] <= pairs[:, 1]]
                yield operation, pairs


def _may_enter(pool: Pool, k: int, operation: Operation) -> bool:
    """Whether an operation may be taken of a tree: nothing in itself, no function in another."""
    inner = pool.trees[k].operation
    if operation.transcendental:
        return not pool.nested[k]
    return inner is None or inner.name not in ("square", "sqrt") or operation.name == inner.name


def _add(pool: Pool, operation: Operation, parts: NDArray[np.intp]) -> list[int]:
    """The new trees of a batch: finite, not constant, unlike all others, with sensible units."""
    with np.errstate(all="ignore"):
        values = operation.numeric(*(pool.values[parts[:, j]] for j in range(operation.arity)))
        top = np.abs(values).max(1, initial=0)
        good = np.isfinite(top) & (top < _LARGEST) & (np.ptp(values, axis=1) > 1e-9 * top)
    out = []
    for k in np.flatnonzero(good):
        if len(pool) >= len(pool.values):
            break
        unit = None
        if pool.units[0] is not None:
            unit = combine_units(operation.name, [pool.units[j] or {} for j in parts[k]])
            if unit is None:
                continue
        nested = operation.transcendental or any(pool.nested[j] for j in parts[k])
        tree = Tree(operation, tuple(pool.trees[j] for j in parts[k]))
        if _keep(pool, values[k], tree, nested, unit):
            out.append(len(pool) - 1)
    return out


def _keep(pool: Pool, values: Array, tree: Tree, nested: bool, unit: Dimension | None) -> bool:
    """Whether a tree is new, and then it is kept."""
    key = values[:5].astype(np.float32).tobytes()
    if key in pool.seen:
        return False
    pool.seen.add(key)
    pool.values[len(pool)] = values
    pool.trees.append(tree)
    pool.nested.append(nested)
    pool.units.append(unit)
    return True
