"""Write a page for each notebook from its text, its code and the outputs that it holds."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from pages import write_page

NOTEBOOKS = Path(__file__).parent / "notebooks"


def write_notebooks() -> None:
    """The pages, their pictures, and the page that lists them."""
    found = sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in found:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        parts = [f"{{download}}`The notebook <{path.name}>`"]
        for number, cell in enumerate(notebook["cells"]):
            parts.append(_show(cell, f"{path.stem}-{number}"))
        # The title of the notebook is that of its page.
        parts[0], parts[1] = parts[1], parts[0]
        write_page(path.with_suffix(".md"), "\n\n".join(parts) + "\n")
    names = "\n".join(path.stem for path in found)
    lead = "Each can be downloaded and run; the outputs are those of the last full build."
    text = f"# Notebooks\n\n{lead}\n\n:::{{toctree}}\n{names}\n:::\n"
    write_page(NOTEBOOKS / "index.md", text)


def _show(cell: dict[str, Any], name: str) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        return source
    shown = [f"```python\n{source}\n```"]
    for number, output in enumerate(cell["outputs"]):
        shown.append(_show_output(output, f"{name}-{number}.png"))
    return "\n\n".join(part for part in shown if part)


def _show_output(output: dict[str, Any], picture: str) -> str:
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    data = output.get("data", {})
    if "image/png" in data:
        (NOTEBOOKS / picture).write_bytes(base64.b64decode(data["image/png"]))
        return f"![output]({picture})"
    text = "".join(data.get("text/plain", ())).rstrip()
    return f"```text\n{text}\n```" if text else ""
