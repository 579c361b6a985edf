"""Write the pages of the gallery from the files shown and from what the last build stored."""

from __future__ import annotations

from itertools import groupby

from gallery_entries import GROUPS, ROOT, STORE, Entry, entries
from pages import write_page


def write_gallery() -> None:
    """A page for each entry, and the page that shows all pictures."""
    shown = entries()
    for entry in shown:
        write_page(STORE / f"{entry.slug}.md", _page(entry))
    write_page(STORE / "index.md", _index(shown))


def _page(entry: Entry) -> str:
    stored = entry.stored() or {}
    place = entry.source.relative_to(ROOT).as_posix()
    lines = [
        f"# {entry.title}",
        "",
        f"```text\n{entry.command}\n```",
        "",
        *([f"![{entry.title}]({entry.picture.name})", ""] if entry.picture.exists() else []),
        *_table(stored),
    ]
    output = str(stored.get("output", "")).strip()
    if output:
        lines += ["", "It prints", "", f"```text\n{output}\n```"]
    lines += [
        "",
        f"`{place}`:",
        "",
        f":::{{literalinclude}} ../../{place}",
        ":language: python",
        ":::",
    ]
    return "\n".join(lines) + "\n"


def _table(stored: dict[str, object]) -> list[str]:
    """The figures of the stored run, as rows."""
    rows = stored.get("figures")
    if not isinstance(rows, dict) or not rows:
        return []
    body = [f"| {name} | {value} |" for name, value in rows.items()]
    return ["| | |", "|---|---|", *body]


def _index(shown: tuple[Entry, ...]) -> str:
    lines = [
        "# Gallery",
        "",
        "Each picture and figure was made by the command on its page, on one thread, within the",
        "seconds that the page states: more time gives smaller errors.",
    ]
    by_title = groupby(shown, key=lambda entry: GROUPS.get(entry.group, entry.group))
    for title, members in by_title:
        lines += ["", f"## {title}", "", "::::{grid} 1 2 3 3", ":gutter: 2", ""]
        for entry in members:
            lines += [
                f":::{{grid-item-card}} {entry.title}",
                f":link: {entry.slug}",
                ":link-type: doc",
                *([f":img-top: {entry.picture.name}"] if entry.picture.exists() else []),
                ":::",
                "",
            ]
        lines += ["::::"]
    lines += ["", ":::{toctree}", ":hidden:", "", *(entry.slug for entry in shown), ":::"]
    return "\n".join(lines) + "\n"
