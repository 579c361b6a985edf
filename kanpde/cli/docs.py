"""What `kanpde docs` does: the pages of the documentation in the terminal."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from kanpde.cli.messages import say
from kanpde.cli.options.docs import DocsOptions
from kanpde.errors import KanpdeError
from kanpde.problem.library import shipped_folder, suggest

_MARK = re.compile(r"^<!-- .* -->\n", re.MULTILINE)  # what our tests read, and nobody else


def run_docs(options: DocsOptions) -> None:
    """List the pages, show one, or find those that hold some words."""
    pages = {path.stem: path for path in sorted(shipped_folder("docs").glob("*.md"))}
    pages.pop("index", None)
    if not pages:
        raise KanpdeError("this installation has no documentation pages; install kanpde again")
    if options.search:
        _search(pages, options.search)
    elif options.page:
        _show(pages, options.page)
    else:
        width = max(map(len, pages))
        for name, path in pages.items():
            say(f"{name:{width}}  {_title(path)}")
        print("\n`kanpde docs PAGE` shows one; `kanpde docs --search WORDS` finds a place")


def _show(pages: dict[str, Path], name: str) -> None:
    stem = name.removeprefix("docs/").removesuffix(".md")
    if stem not in pages:
        hint = suggest(stem, list(pages)) or f"; there are {', '.join(pages)}"
        raise KanpdeError(f"there is no page {name}{hint}")
    text = _MARK.sub("", pages[stem].read_text(encoding="utf-8"))
    if not sys.stdout.isatty():
        print(text.removesuffix("\n"))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager(styles=True):
        console.print(Markdown(text))


def _search(pages: dict[str, Path], words: str) -> None:
    """Print each section that holds all the words, and the first of its lines that holds one."""
    wanted = words.lower().split()
    found = 0
    for name, path in pages.items():
        for heading, section in _sections(path.read_text(encoding="utf-8")):
            low = section.lower()
            if all(word in low for word in wanted):
                line = next(x for x in section.splitlines() if wanted[0] in x.lower())
                say(f"{name}: {heading}\n    {line.strip()[:100]}")
                found += 1
    if not found:
        raise KanpdeError(f'no page holds "{words}"; `kanpde docs` lists the pages')


def _sections(text: str) -> list[tuple[str, str]]:
    """The headings of a page with the text below each, the heading included."""
    parts = re.split(r"^(#+ .*)$", _MARK.sub("", text), flags=re.MULTILINE)
    return [
        (heading.lstrip("# "), f"{heading}\n{body}")
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
