"""Run the notebooks and store their outputs: needs `pip install nbclient ipykernel`.

python docs/build_notebooks.py
python docs/build_notebooks.py discovery
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parent / "notebooks"


def main(names: list[str]) -> None:
    """Run the notebooks with these names, by default all of them."""
    import nbformat
    from nbclient import NotebookClient

    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": NOTEBOOKS}}).execute()
        for cell in notebook.cells:
            cell.metadata.clear()  # when each cell ran, which changes each time
            for output in cell.get("outputs", ()):
                _shrink_picture(output)
        nbformat.write(notebook, path)
        print(f"{path.name}: stored")


def _shrink_picture(output: Any) -> None:
    """A picture of at most 900 pixels with a palette: it is stored in the notebook."""
    data = output.get("data", {})
    if "image/png" not in data:
        return
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as image:
        small = image.convert("RGB")
        small.thumbnail((900, 1800))
        stream = io.BytesIO()
        small.quantize(96).save(stream, "PNG", optimize=True)
    data["image/png"] = base64.b64encode(stream.getvalue()).decode("ascii")
    data.pop("text/html", None)  # the same picture once more


if __name__ == "__main__":
    main(sys.argv[1:])
