"""What is said of the package in several places is the same everywhere."""

import re
import tomllib
from pathlib import Path

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
