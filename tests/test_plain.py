"""Dataclasses as plain data and back; the throttled saver."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanpde.errors import KanpdeError
from kanpde.operator.plain import build_kinds, check_fields, from_data, to_data
from kanpde.output.saver import Saver


@dataclass(frozen=True)
class Leaf:
    count: int
    share: float | None = None
    name: str = ""


@dataclass(frozen=True)
class Tree:
    leaves: tuple[Leaf, ...] = ()
    sizes: tuple[int, ...] = ()
    open: bool = False
    best: Leaf | None = None


KINDS = build_kinds((Leaf, Tree))
NUMBERS = st.integers(-(2**53), 2**53)
LEAVES = st.builds(Leaf, NUMBERS, st.none() | st.floats(allow_nan=False), st.text())
TREES = st.builds(
    Tree,
    st.lists(LEAVES, max_size=3).map(tuple),
    st.lists(NUMBERS, max_size=3).map(tuple),
    st.booleans(),
    st.none() | LEAVES,
)


@given(TREES)
def test_values_survive_json(tree: Tree) -> None:
    assert from_data(json.loads(json.dumps(to_data(tree))), KINDS) == tree


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"kind": "Root"}, "the kind 'Root' is unknown"),
        ({"kind": None}, "the kind None is unknown"),
        ({}, "the kind None is unknown"),
        ({"kind": "Leaf"}, "the kind Leaf cannot be made of its fields"),
        ({"kind": "Leaf", "count": 1, "colour": 2}, "cannot be made of its fields"),
        ({"kind": "Leaf", "count": 1.5}, "count is 1.5, which is not of the type int"),
        ({"kind": "Leaf", "count": True}, "count is True"),
        ({"kind": "Leaf", "count": 1, "share": "half"}, "share is 'half'"),
        ({"kind": "Leaf", "count": 1, "name": None}, "name is None"),
        ({"kind": "Tree", "sizes": [1, "a"]}, "sizes is"),
        ({"kind": "Tree", "sizes": 3}, "sizes is 3"),
        ({"kind": "Tree", "best": {"kind": "Tree"}}, "best is Tree"),
        ({"kind": "Tree", "open": 1}, "open is 1"),
    ],
)
def test_data_that_do_not_fit(data: object, words: str) -> None:
    with pytest.raises(KanpdeError) as caught:
        from_data(data, KINDS)
    assert words in str(caught.value)


def test_whole_numbers_are_floats_too() -> None:
    check_fields(Leaf(1, share=2))


def test_saver_saves_the_first_and_the_newest() -> None:
    saved: list[int] = []
    saver: Saver[int] = Saver(saved.append, 3600, lambda error: pytest.fail(str(error)))
    for value in range(5):
        saver(value)
    assert saved == [0]
    saver.flush()
    saver.flush()
    assert saved == [0, 4]


def test_saver_tries_again_after_a_full_disk() -> None:
    saved: list[int] = []
    warnings: list[OSError] = []
    full = [False]

    def save(value: int) -> None:
        if full[0]:
            raise OSError("no space left")
        saved.append(value)

    saver: Saver[int] = Saver(save, 0, warnings.append)
    saver(0)
    full[0] = True
    saver(1)
    assert len(warnings) == 1
    with pytest.raises(OSError, match="no space"):
        saver.flush()
    full[0] = False
    saver.flush()
    assert saved == [0, 1]


def test_first_save_must_not_fail() -> None:
    def save(value: int) -> None:
        raise OSError("read-only")

    with pytest.raises(OSError, match="read-only"):
        Saver(save, 0, lambda error: None)(1)
