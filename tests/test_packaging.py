"""What is said of the package in several places is the same everywhere."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import kanpde

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
WHEEL = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]
# Names that conda has for the same packages.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def test_the_conda_recipe_asks_for_what_the_project_asks_for() -> None:
    text = (ROOT / "recipe" / "meta.yaml").read_text(encoding="utf-8")
    run = text.partition("  run:\n")[2].partition("\ntest:")[0]
    asked = {tuple(line.strip("- ").split()) for line in run.splitlines() if line.strip()}
    wanted = {("python", PROJECT["requires-python"])}
    for each in PROJECT["dependencies"]:
        name, _, bound = each.partition(">=")
        wanted.add((CONDA.get(name, name), f">={bound}"))
    assert asked == wanted
    assert f'"{kanpde.__version__}"' in text


def test_versions_of_python_are_those_that_continuous_integration_looks_for() -> None:
    versions = re.findall(r"python(3\.\d+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    lines = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: Python :: 3." in c]
    assert sorted(lines) == sorted(set(versions))


def test_the_image_copies_what_the_wheel_is_made_of() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied: set[str] = set()
    for line in re.findall(r"^COPY (.+)$", text, flags=re.MULTILINE):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources)
        copied |= set(sources)
    assert set(WHEEL["only-include"]) <= copied
    assert "\nUSER kanpde\n" in text


def test_a_tag_runs_the_tests_and_then_publishes_what_the_release_script_builds() -> None:
    flow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert flow[True] == {"push": {"tags": ["v*"]}}  # YAML reads "on" as true
    jobs = flow["jobs"]
    assert (jobs["build"]["needs"], jobs["publish"]["needs"]) == ("test", "build")
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    scripts = [command.split()[0] for command in commands if command.startswith(".ci/")]
    assert scripts == [".ci/run", ".ci/release"]
    assert all((ROOT / script).stat().st_mode & 0o100 for script in scripts)


@pytest.mark.parametrize(
    ("tag", "changelog", "words"),
    [
        ("v9.9.9", "", f"is not v{kanpde.__version__}"),
        (f"v{kanpde.__version__}", "## [Unreleased]", "CHANGELOG.md has no heading"),
    ],
)
def test_a_release_ends_where_versions_differ(
    tag: str, changelog: str, words: str, tmp_path: Path
) -> None:
    for name in (".ci/release", "kanpde/_version.py", "CITATION.cff", "recipe/meta.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    done = subprocess.run(
        [tmp_path / ".ci" / "release", tag], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert words in done.stderr
