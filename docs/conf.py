"""Build the documentation site: `python -m sphinx -W -b html docs build/site`.

The pages are those that the repository shows. The gallery and the pages of the API are made from
the code when the site is built, so that they cannot differ from it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from api_pages import write_api
from gallery_pages import write_gallery
from notebook_pages import write_notebooks

import kanpde

project = "kanpde"
author = "The kanpde developers"
copyright = "The kanpde developers, MIT licence"
version = release = kanpde.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
html_theme = "furo"
html_title = f"kanpde {version}"
html_static_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": False}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# Docstrings use single backticks for code, as Markdown does.
default_role = "code"
copybutton_exclude = ".linenos, .gp, .go"

# What lies beside docs/ in the repository is a page of the site, or a file of the gallery.
_BESIDE = {
    "../README.md": "index.md",
    "../CONTRIBUTING.md": "project/contributing.md",
    "../SECURITY.md": "project/security.md",
    "../CHANGELOG.md": "project/changelog.md",
    "../CITATION.cff": "project/citation.md",
    "../LICENSE": "project/licence.md",
}


def _mend_links(app: object, name: str, source: list[str]) -> None:
    """Let links that leave docs/ lead to the pages of the site that show the same."""
    text = source[0]
    for there, here in _BESIDE.items():
        text = text.replace(f"]({there}", f"]({here}")
    text = re.sub(r"\]\(\.\./examples/(\w+)\.py\)", r"](gallery/examples-\1.md)", text)
    source[0] = text


def _mend_included(app: object, path: Path, name: str, source: list[str]) -> None:
    """The same for pages that are included from beside docs/."""
    text = source[0]
    for there, here in _BESIDE.items():
        text = text.replace(f"]({there.removeprefix('../')}", f"](/{here}")
    source[0] = text.replace("](docs/", "](/")


def _write_pages(app: object) -> None:
    write_api()
    write_gallery()
    write_notebooks()


def _escape_bars(
    app: object, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """|u| is a norm in our docstrings, and a substitution in reStructuredText."""
    lines[:] = [line.replace("|", "\\|") for line in lines]


def _skip_of_sklearn(
    app: object, what: str, name: str, value: object, skip: bool, options: object
) -> bool | None:
    """What scikit-learn adds to our classes has references into its own site."""
    return True if (getattr(value, "__module__", "") or "").startswith("sklearn") else None


def setup(app) -> None:  # type: ignore[no-untyped-def]
    app.connect("builder-inited", _write_pages)
    app.connect("autodoc-process-docstring", _escape_bars)
    app.connect("autodoc-skip-member", _skip_of_sklearn)
    app.connect("source-read", _mend_links)
    app.connect("include-read", _mend_included)
