"""Code of a run folder runs only where kanpde wrote it here, or where the user says that it may."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kanpde.cli.app import main
from kanpde.files.locks import hold_folder
from kanpde.problem.library import find_problem
from kanpde.problem.provenance import MARK, accept_file, is_own, mark_file
from tests.fuzz.folder import make_run

pytestmark = [
    pytest.mark.usefixtures("one_thread", "blank_pictures"),
    pytest.mark.skipif(os.name != "posix", reason="the mark is that of POSIX file systems"),
]

Resume = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust")
    make_run(folder)
    return folder / "R"


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """The run as it comes out of an archive."""
    shutil.copytree(run, tmp_path / "R")
    return tmp_path / "R"


@pytest.fixture
def resume(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Resume:
    """`kanpde resume` up to the training."""
    monkeypatch.setattr("kanpde.cli.solve._train", lambda *_: 0)

    def call(folder: Path, *options: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["resume", str(folder), "--budget", "0.1", *options])
        shown = capsys.readouterr()
        assert isinstance(ended.value.code, int) or ended.value.code is None
        return ended.value.code or 0, shown.out, shown.err

    return call


def leave_a_marker(folder: Path) -> Path:
    """Make the problem file of a folder write a file when it runs."""
    problem = folder / "problem.py"
    text = f"open({str(folder / 'ran')!r}, 'w').close()\n" + problem.read_text(encoding="utf-8")
    problem.write_text(text, encoding="utf-8")
    return folder / "ran"


def test_a_run_of_this_user_goes_on_and_says_what_it_runs(run: Path, resume: Resume) -> None:
    code, out, _ = resume(run)
    assert code == 0
    assert f"runs {run / 'problem.py'}, which kanpde wrote here" in out


def test_a_foreign_folder_is_not_run(copy: Path, resume: Resume) -> None:
    marker = leave_a_marker(copy)
    code, out, err = resume(copy)
    assert code == 2
    assert err.startswith(f"kanpde: {copy / 'problem.py'} is Python code that kanpde did not write")
    assert "add --trust" in err
    assert out == ""
    assert not marker.exists()


def test_trust_is_given_once(copy: Path, resume: Resume) -> None:
    marker = leave_a_marker(copy)
    code, out, _ = resume(copy, "--trust")
    assert code == 0
    assert "which you trust" in out
    assert marker.exists()
    assert resume(copy)[0] == 0
    assert json.loads((copy / "run.json").read_text())["problem"] == "heat"
    leave_a_marker(copy)  # the file is another one now
    assert resume(copy)[0] == 2


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("YES", 0), ("n", 2), ("", 2)])
def test_a_terminal_is_asked(
    copy: Path, resume: Resume, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    marker = leave_a_marker(copy)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert resume(copy)[0] == code
    assert marker.exists() == (code == 0)


def test_a_mark_does_not_travel(run: Path, copy: Path, tmp_path: Path) -> None:
    """Neither a copy nor a file that claims the mark of another one is one's own."""
    assert is_own(run / "problem.py", run / "run.json")
    assert not is_own(copy / "problem.py", copy / "run.json")
    leave_a_marker(copy)
    config = json.loads((copy / "run.json").read_text())
    config[MARK] = mark_file(run / "problem.py")
    (copy / "run.json").write_text(json.dumps(config))
    assert not is_own(copy / "problem.py", copy / "run.json")
    moved = tmp_path / "moved"
    accept_file(copy / "problem.py", copy / "run.json")
    copy.rename(moved)
    assert is_own(moved / "problem.py", moved / "run.json")
    (moved / "run.json").chmod(0o666)  # anybody may have written the mark
    assert not is_own(moved / "problem.py", moved / "run.json")


def test_a_link_is_not_what_was_written(run: Path, copy: Path) -> None:
    (copy / "problem.py").unlink()
    (copy / "problem.py").symlink_to(run / "problem.py")
    shutil.copy(run / "run.json", copy / "run.json")
    assert not is_own(copy / "problem.py", copy / "run.json")


def test_a_shipped_problem_is_known_by_its_content(copy: Path) -> None:
    shutil.copy(find_problem("burgers"), copy / "problem.py")
    assert is_own(copy / "problem.py", copy / "run.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"problem_file": 3}', "[" * 5000])
def test_a_damaged_mark_is_none(copy: Path, text: str) -> None:
    (copy / "run.json").write_text(text)
    assert not is_own(copy / "problem.py", copy / "run.json")


def test_a_run_that_another_process_holds_is_not_resumed(run: Path, resume: Resume) -> None:
    with hold_folder(run):
        code, _, err = resume(run)
    assert code == 2
    assert f"works in {run} now" in err


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="Linux tells who holds a lock")
def test_info_of_a_live_run_says_so(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("summary.txt", "summary.json"):
        (copy / name).unlink()
    with hold_folder(copy):
        for more, shown in (((), "heat: running,"), (("--json",), '"status": "running"')):
            with pytest.raises(SystemExit):
                main(["info", str(copy), *more])
            out, err = capsys.readouterr()
            assert shown in out
            assert f"process {os.getpid()} works in {copy} now" in err


def test_info_tells_of_a_damaged_model(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[:-8])
    with pytest.raises(SystemExit):
        main(["info", str(copy)])
    out, err = capsys.readouterr()
    assert "heat: " in out
    assert "model.safetensors is damaged" in err
