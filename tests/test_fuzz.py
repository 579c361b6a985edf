"""No file, option or value ends in a traceback, a hang or silence: cases made from grammars.

The same 2,000 command lines in every run; `python -m tests.fuzz --cases 100000 --seed 1` looks for
others.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kanpde import KanpdeError
from tests.fuzz import constructors, grammar
from tests.fuzz.folder import make_run
from tests.fuzz.runner import Case, finish_quietly, run

pytestmark = pytest.mark.usefixtures("one_thread")


def _few(count: int) -> settings:
    # A case that fails is small as it is, and each trial to shrink it runs a command.
    return settings(
        max_examples=count,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def _check(case: Case) -> None:
    wrong = run(case)
    finish_quietly()
    assert wrong is None, f"{case!r}\n{wrong}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return make_run(tmp_path_factory.mktemp("fuzz"))


@_few(300)
@given(grammar.problems())
def test_problem_files_are_read_or_refused(case: Case) -> None:
    _check(case)


@_few(15)
@given(grammar.problems("solve"))
def test_problem_files_are_solved_or_refused(case: Case) -> None:
    _check(case)


@_few(785)
@given(grammar.command_lines())
def test_command_lines_are_refused_in_a_sentence(case: Case) -> None:
    _check(case)


@_few(350)
@given(grammar.data_files())
def test_data_files_are_read_or_refused(case: Case) -> None:
    _check(case)


@_few(150)
@given(grammar.operator_files())
def test_operator_data_are_read_or_refused(case: Case) -> None:
    _check(case)


@_few(400)
@given(st.data())
def test_run_folders_are_read_or_refused(folder: dict[str, bytes], data: st.DataObject) -> None:
    _check(data.draw(grammar.run_folders(folder)))


@_few(1500)
@given(constructors.calls())
def test_values_are_checked_where_they_enter(call: tuple[Callable[..., Any], Any]) -> None:
    make, keywords = call
    with suppress(KanpdeError):
        make(**keywords)
