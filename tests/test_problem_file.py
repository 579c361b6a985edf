"""Problem files: found by name or path, loaded without a trace, parameters of every type."""

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kanpde import KanpdeError, load_problem
from kanpde.problem.library import copy_problem, find_problem, shipped
from kanpde.problem.loading import load_problem_file

FILE = '''"""What: a test."""

from __future__ import annotations

import dataclasses

import numpy as np

from kanpde import Box, Condition, Plan, Problem, d


@dataclasses.dataclass(frozen=True)
class Speed:
    value: float


def problem(PARAMETERS):
    seen.update(locals())
    box = Box(x=(0, 1), t=(0, 1))
    x, t = box.axes
    return Problem(box, "u", [Condition("move", box, lambda u: d(u, t) + Speed(2).value * d(u, x))])


seen = {}
'''


def written(folder: Path, parameters: str = "", more: str = "", name: str = "p.py") -> Path:
    path = folder / name
    path.write_text(FILE.replace("PARAMETERS", parameters) + more)
    return path


def test_shipped_problems_are_listed_with_their_titles() -> None:
    names = shipped()
    assert {"poisson", "burgers", "allen_cahn", "navier_stokes/kovasznay"} <= set(names)
    assert all(title and '"' not in title for title in names.values())


@pytest.mark.parametrize("name", ["burgers", "navier_stokes/kovasznay", "kovasznay"])
def test_a_shipped_problem_has_its_name_as_title(name: str) -> None:
    file = load_problem_file(name)
    assert file.name == name
    assert file.problem.title
    assert file.path == find_problem(name)


def test_a_path_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "with space").mkdir()
    path = written(tmp_path / "with space", name="my problem.py")
    monkeypatch.chdir(tmp_path)
    for name in (path, str(path), "with space/my problem.py", "./with space/my problem.py"):
        file = load_problem_file(name)
        assert (file.name, file.problem.title) == ("my problem", "my problem")


def test_a_file_with_the_name_of_a_shipped_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, name="burgers.py")
    monkeypatch.chdir(tmp_path)
    assert find_problem("burgers.py") == Path("burgers.py")
    assert find_problem("burgers") != Path("burgers.py")


def test_loading_leaves_no_trace(tmp_path: Path) -> None:
    path = written(tmp_path)
    modules, paths, no_cache = set(sys.modules), list(sys.path), sys.dont_write_bytecode
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state()  # noqa: NPY002
    load_problem(path)
    assert [p.name for p in tmp_path.iterdir()] == ["p.py"]
    assert set(sys.modules) == modules
    assert sys.path == paths
    assert sys.dont_write_bytecode is no_cache
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), states[2])


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    assert load_problem_file(written(tmp_path, "a=1")).parameters == {"a": 1}
    assert load_problem_file(written(tmp_path, "a=2")).parameters == {"a": 2}


@pytest.mark.parametrize(
    ("default", "given", "value"),
    [
        ("1.5", "2", 2.0), ("1.5", "1e-3", 1e-3), ("1.5", 3, 3.0), ("1.5", np.float32(0.5), 0.5),
        ("2", "7", 7), ("2", "1e3", None), ("2", 7.0, 7), ("2", "-3", -3), ("2", np.int64(4), 4),
        ("True", "false", False), ("True", "No", False), ("False", "1", True),
        ("True", False, False),
        ("'air'", "helium 3", "helium 3"), ("None", "anything", "anything"),
        ("np.float64(1)", "2.5", 2.5), ("np.int64(1)", "3", 3), ("(1, 2)", [3, 4], (3, 4)),
        ("1.5", "x", None), ("1.5", "nan", None), ("1.5", "inf", None), ("1.5", True, None),
        ("1.5", "", None), ("2", "2.5", None), ("2", "x", None), ("True", "2", None),
        ("True", 1, None), ("'air'", 3, None), ("(1, 2)", "3", None), ("np.int64(1)", "1.5", None),
    ],
)  # fmt: skip
def test_parameters_take_the_type_of_their_default(
    tmp_path: Path, default: str, given: Any, value: Any
) -> None:
    path = written(tmp_path, f"a={default}, b=0")
    if value is None:
        with pytest.raises(KanpdeError, match="parameter a"):
            load_problem_file(path, {"a": given})
        return
    found = load_problem_file(path, {"a": given}).parameters
    assert found == {"a": value, "b": 0}
    assert type(found["a"]) is type(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_through_text_exactly(number: float) -> None:
    from kanpde.problem.loading import _number

    assert _number(repr(number), float) == number


def test_parameters_without_a_default_and_unknown_ones(tmp_path: Path) -> None:
    path = written(tmp_path, "speed, *, angle=0.5")
    with pytest.raises(KanpdeError, match="parameter speed without a default"):
        load_problem_file(path)
    assert load_problem_file(path, {"speed": "fast"}).parameters == {"speed": "fast", "angle": 0.5}
    with pytest.raises(KanpdeError, match=r"no parameter angel; did you mean angle\? it has speed"):
        load_problem_file(path, {"speed": 1, "angel": 2})
    with pytest.raises(KanpdeError, match="it has none"):
        load_problem_file(written(tmp_path), {"a": 1})


def test_a_plan_of_the_file(tmp_path: Path) -> None:
    assert load_problem_file(written(tmp_path)).plan is None
    plan = load_problem_file(
        written(tmp_path, more="def plan():\n    return Plan(budget=3)\n")
    ).plan
    assert plan is not None
    assert plan.budget == 3
    with pytest.raises(KanpdeError, match=r"p\.py: plan is of type Plan; write it as a function"):
        load_problem_file(written(tmp_path, more="plan = Plan()\n"))
    with pytest.raises(KanpdeError, match=r"line \d+.*budget must be larger than 0"):
        load_problem_file(written(tmp_path, more="def plan():\n    return Plan(budget=0)\n"))


def test_the_innermost_line_of_the_file_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "p.py"
    path.write_text(
        "import json\n\ndef deep(text):\n    return json.loads(text)\n\n"
        "def problem():\n    return deep('{')\n"
    )
    with pytest.raises(KanpdeError) as told:
        load_problem(path)
    assert f"{path}, line 4 in problem() raises JSONDecodeError: " in str(told.value)
    assert "`return json.loads(text)`" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_reference_that_fails_is_a_mistake_of_the_file(tmp_path: Path) -> None:
    text = FILE.replace("PARAMETERS", "").replace(
        'd(u, x))])', 'd(u, x))], reference=exact(u=REFERENCE))'
    ).replace("import Box", "import exact, Box")  # fmt: skip
    x = np.linspace(0, 1, 5)
    for reference, told in {
        "lambda x, t: 1 / (x - 0.5)": r"reference of u is inf at x = 0.5, t = 0",
        "lambda x, t: [x, t]": r"p\.py.* the reference",
        "lambda x, t: undefined": r"line \d+ in the reference raises NameError",
    }.items():
        path = tmp_path / "p.py"
        path.write_text(text.replace("REFERENCE", reference))
        found = load_problem(path).reference
        assert found is not None
        with pytest.raises(KanpdeError, match=told):
            found.evaluate(x=x, t=np.zeros(5))


def test_copies_are_whole_and_overwrite_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = copy_problem("kovasznay")
    assert target == Path("kovasznay.py")
    assert target.read_bytes() == find_problem("kovasznay").read_bytes()
    with pytest.raises(KanpdeError, match=r"kovasznay\.py exists"):
        copy_problem("navier_stokes/kovasznay")
    with pytest.raises(KanpdeError, match=r"must end in \.py"):
        copy_problem("burgers", tmp_path / "burgers")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("from kanpde import atan", "arctan"),
        ("from kanpde import Qqq", r"dir\(kanpde\)"),
        ("import helpers_beside", "not the files beside it"),
    ],
)
def test_an_import_that_fails_says_what_there_is(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "mine.py").write_text(line)
    with pytest.raises(KanpdeError, match=says):
        load_problem(str(tmp_path / "mine.py"))
