"""Write the pages of the API: a group of public names each, with their docstrings."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

from pages import write_page

import kanpde
import kanpde.operator

API = Path(__file__).parent / "api"
# By the beginning of the module that a name comes from; the first that fits.
GROUPS = {
    "Problems and conditions": (
        "kanpde.problem", "kanpde.reference", "kanpde.symbols", "kanpde.errors",
    ),
    "Domains": ("kanpde.geometry",),
    "Networks and bases": ("kanpde.network",),
    "Equations and formulas from data": ("kanpde.dynamics", "kanpde.symbolic"),
    "Solution operators": ("kanpde.operator",),
    "Solve, save, load": ("kanpde",),
}  # fmt: skip


def write_api() -> None:
    """A page for each group, and the page that lists them."""
    homes = {**kanpde._WHERE, **kanpde.operator._WHERE}
    pages: dict[str, list[str]] = {title: [] for title in GROUPS}
    for name, module in sorted(homes.items(), key=lambda pair: pair[0].lower()):
        title = next(t for t, begins in GROUPS.items() if module.startswith(begins))
        pages[title].append(f"{module}.{name}")
    for title, names in pages.items():
        write_page(API / f"{_slug(title)}.rst", _page(title, names))
    write_page(API / "index.rst", _index(list(pages)))


def _page(title: str, names: list[str]) -> str:
    lines = [title, "=" * len(title), ""]
    values = []
    for full in names:
        module, name = full.rsplit(".", 1)
        found = getattr(import_module(module), name)
        if inspect.isclass(found):
            directive = "autoclass"
        elif callable(found):
            directive = "autofunction"
        else:
            values.append(name)
            continue
        lines += [name, "-" * len(name), "", f".. {directive}:: {full}", ""]
    if values:
        lines += ["Values", "------", "", ", ".join(f"`{name}`" for name in values), ""]
    return "\n".join(lines)


def _index(titles: list[str]) -> str:
    return "\n".join(
        [
            "API",
            "===",
            "",
            "What `import kanpde` and `import kanpde.operator` give, from the code's docstrings.",
            "",
            ".. toctree::",
            "",
            *(f"   {_slug(title)}" for title in titles),
            "",
        ]
    )


def _slug(title: str) -> str:
    return title.lower().replace(",", "").replace(" ", "_")
