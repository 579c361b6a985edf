"""README and docs: every command, Python block and link of theirs works.

What a reader does from top to bottom is done here, in one empty folder for each document.
Comments in the Markdown, which no reader sees, say what a block is:

    <!-- file: NAME -->   the Python block below is the file NAME
    <!-- output -->       the block below is what the block before it prints
    <!-- not run -->      the block below is left out, since it needs what a test has not
"""

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import kanpde
import kanpde.operator
from tests.conftest import draw_nothing

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
SECONDS = 1  # of each training that a command of a document asks for
STEPS = 3  # of each training that a block in Python asks for, unless it asks for few itself


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the comment above it and its first line's number."""

    language: str
    text: str
    mark: str
    line: int


def blocks(document: Path) -> Iterator[Block]:
    text = document.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text"))
        yield Block(found["language"], found["text"], found["mark"] or "", line)


def commands(block: Block) -> Iterator[list[str]]:
    """The arguments of each line that starts with kanpde; what trains is cut to SECONDS."""
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["kanpde"]:
            continue
        if words[1] in ("solve", "resume"):
            # The last of two budgets counts.
            words += ["--budget", str(SECONDS)]
        yield words[1:]


def in_process(arguments: list[str]) -> str:
    """Without the seconds that a fresh interpreter takes to import torch."""
    from typer.testing import CliRunner

    from kanpde.cli.app import app

    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, (arguments, result.output)
    return result.stdout


def take_few_steps(plan: kanpde.Plan) -> kanpde.Plan:
    """The plan's first stage with few steps: a busy machine may take none in a second."""
    first: Any = plan.stages[0]
    if first.steps > 100:
        first = replace(first, steps=STEPS)
    return replace(plan, stages=(first,), budget=max(plan.budget, 100))


def cut_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what the blocks in Python call train for a short while only."""
    from kanpde.dynamics.kanode.kanode import train_kanode
    from kanpde.operator.learn import learn_operator
    from kanpde.training.solve import solve

    def short_solve(problem: Any, plan: Any = None, **options: Any) -> Any:
        return solve(problem, take_few_steps(plan or kanpde.Plan()), **options)

    monkeypatch.setattr(kanpde, "solve", short_solve)

    def short_learn(pairs: Any, network: Any, training: Any, **options: Any) -> Any:
        return learn_operator(pairs, network, replace(training, budget=SECONDS), **options)

    monkeypatch.setattr(kanpde, "train_kanode", partial(train_kanode, steps=2))
    monkeypatch.setattr(kanpde.operator, "learn_operator", short_learn)


def follow(document: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what the document says, in `folder`."""
    monkeypatch.chdir(folder)
    cut_trainings(monkeypatch)
    names: dict[str, Any] = {"__name__": document.stem}
    output = ""
    for block in blocks(document):
        if block.mark == "not run":
            continue
        if block.mark.startswith("file: "):
            (folder / block.mark.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        elif block.mark == "output":
            assert output.rstrip("\n") == block.text.rstrip("\n")
        elif block.language == "python":
            code = compile("\n" * block.line + block.text, str(document), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(code, names)
            output = stream.getvalue()
        elif block.language == "":
            output = "".join(in_process(arguments) for arguments in commands(block))


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of someone who has done what the README says."""
    folder = tmp_path_factory.mktemp("readme")
    with pytest.MonkeyPatch.context() as monkeypatch:
        follow(README, folder, monkeypatch)
    return folder


def test_readme_does_what_it_says(followed: Path) -> None:
    ran = [arguments[0] for block in blocks(README) for arguments in commands(block)]
    assert set(ran) == {"solve", "check", "list", "init", "export", "resume", "info"}
    assert (followed / "runs" / "b2" / "fields.vtkhdf").is_file()


def test_the_command_that_pip_installs_answers(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("kanpde"), "list"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "burgers" in done.stdout


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_document_does_what_it_says(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not any(block.language in ("", "python") for block in blocks(document)):
        pytest.skip("it has no block to run")
    draw_nothing(monkeypatch)
    follow(document, tmp_path, monkeypatch)


def test_readme_shows_the_shipped_burgers_file() -> None:
    (shown,) = (block.text for block in blocks(README) if block.mark == "file: my_problem.py")
    assert shown == (ROOT / "problems" / "burgers.py").read_text(encoding="utf-8")


# --- links ----------------------------------------------------------------------------------


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-")


def anchors(document: Path) -> set[str]:
    text = BLOCK.sub("", document.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("document", [README, *DOCS], ids=lambda path: path.name)
def test_every_relative_link_points_to_something(document: Path) -> None:
    text = BLOCK.sub("", document.read_text(encoding="utf-8"))
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert links
    for link in links:
        file, _, anchor = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        assert target.is_relative_to(ROOT), f"{link} leaves the repository"
        assert target.exists(), f"{link}: there is no such file"
        if anchor:
            assert anchor in anchors(target), f"{link}: there is no such heading"


def test_every_document_can_be_reached_from_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    assert [path.name for path in DOCS if f"](docs/{path.name})" not in text] == []


# --- what the documents list is all there is ------------------------------------------------


def test_output_files_explains_each_file_key_and_column(followed: Path) -> None:
    text = (ROOT / "docs" / "output_files.md").read_text(encoding="utf-8")
    run = followed / "runs" / "b2"
    # Of a series of files, the first stands for all.
    files = {re.sub(r"_\d{4}\.", "_0000.", path.name) for path in run.iterdir()}
    keys = list(json.loads((run / "summary.json").read_text(encoding="utf-8")))
    header = (run / "trace.csv").read_text(encoding="utf-8").splitlines()[0]
    columns = {column.partition(":")[0] for column in header.split(",")}
    missing = [each for each in [*files, *keys, *sorted(columns)] if f"`{each}" not in text]
    assert missing == []


def test_architecture_shows_the_layers_that_the_tests_hold() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = (
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["id"] == "layers"
    )
    shown = re.findall(r"^\d+ +(\S.*?)(?:   .*)?$", text, re.M)
    assert shown == layers


def test_architecture_names_each_folder() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "kanpde"
    folders = {path.parent.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert [name for name in sorted(folders - {"."}) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("document", [README, *DOCS], ids=lambda path: path.name)
def test_nothing_is_left_to_do(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert re.findall(r"TODO\S*|\bTABLE\b", text) == []
