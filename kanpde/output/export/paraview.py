"""A Python script for ParaView that shows the fields: colours, a slice, time to play."""

from __future__ import annotations

import os
from pathlib import Path
from string import Template
from typing import Any

from kanpde.files.whole import write_text
from kanpde.output.export.files import for_files
from kanpde.output.export.format import Facts, Format
from kanpde.output.export.vtkhdf import FIELDS, IMAGE
from kanpde.output.export.vtkhdf import FORMAT as VTKHDF
from kanpde.solution.grid_data import GridData

VIEW = "view.py"
# Files that the script opens, the first that is there; without time and in it.
_OTHERS = ("fields.pvd", "fields.vti", "fields.vtu", "fields.xdmf")

_SCRIPT = Template('''"""Shows $title in ParaView.

    paraview --script=view.py
    pvpython view.py picture.png
"""

import os
import sys

from paraview import simple

FILES = $files  # the first of these that lies beside this script and can be read
NAME = $name  # what is coloured; another field: $fields
IS_VECTOR = $is_vector  # by its magnitude
DISPLACEMENT = $displacement  # the vector that moves the nodes
DIMENSION = $dimension  # of space
FOLDER = os.path.dirname(os.path.abspath(__file__)) if "__file__" in globals() else $folder


def find_file():
    version = simple.GetParaViewVersion()
    newer = (version.major, version.minor) >= (5, 12)
    for name in FILES:
        path = os.path.join(FOLDER, name)
        if os.path.exists(path) and (newer or not name.endswith(".vtkhdf")):
            return path
    raise SystemExit(
        "there is no file in " + FOLDER + " that this ParaView reads; "
        "write one with: kanpde export RUN --format vtu"
    )


def colour(shown, view):
    simple.ColorBy(shown, ("POINTS", NAME, "Magnitude") if IS_VECTOR else ("POINTS", NAME))
    shown.RescaleTransferFunctionToDataRange(True, False)
    shown.SetScalarBarVisibility(view, True)
    table = simple.GetColorTransferFunction(NAME)
    table.ApplyPreset("Viridis (matplotlib)", True)


def main():
    path = find_file()
    fields = simple.OpenDataFile(path)
    fields.UpdatePipeline()
    view = simple.GetActiveViewOrCreate("RenderView")
    scene = simple.GetAnimationScene()
    scene.UpdateAnimationUsingDataTimeSteps()
    scene.PlayMode = "Snap To TimeSteps"
    scene.GoToLast()
    low_high = fields.GetDataInformation().GetBounds()
    source = fields
    if DISPLACEMENT:
        source = simple.WarpByVector(Input=fields)
        source.Vectors = ["POINTS", DISPLACEMENT]
    if path.endswith("$image"):  # x and t: as wide as high
        width, height = (max(low_high[k + 1] - low_high[k], 1e-300) for k in (0, 2))
        source = simple.Transform(Input=fields)
        source.Transform.Scale = [1.0, width / height, 1.0]
    elif DIMENSION == 1 and not IS_VECTOR:  # a curve above the axis
        source = simple.WarpByScalar(Input=fields)
        source.Scalars = ["POINTS", NAME]
        source.UseNormal = 1
        source.Normal = [0.0, 1.0, 0.0]
    if DIMENSION == 3:
        outline = simple.Show(source, view)
        outline.SetRepresentationType("Outline")
        middle = [(low_high[k] + low_high[k + 1]) / 2 for k in (0, 2, 4)]
        for normal in ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]):
            cut = simple.Slice(Input=source)
            cut.SliceType.Origin, cut.SliceType.Normal = middle, normal
            colour(simple.Show(cut, view), view)
    else:
        shown = simple.Show(source, view)
        shown.SetRepresentationType("Surface")
        colour(shown, view)
        view.InteractionMode = "2D"
    simple.ResetCamera(view)
    simple.Render(view)
    if len(sys.argv) > 1 and sys.argv[-1].endswith(".png"):
        simple.SaveScreenshot(sys.argv[-1], view)


main()
''')


def write_view(folder: str | os.PathLike[str], grid: GridData) -> Path:
    """Write the script for the fields of a grid into a folder, beside their file."""
    grid = for_files(grid)
    first = next(iter(grid.fields))
    vector = next((n for n, parts in grid.vectors.items() if first in parts), None)
    moving = [n for n in grid.vectors if "displacement" in n]
    names = (*grid.fields, *grid.vectors)
    files: list[str] = [FIELDS, *_OTHERS]
    if len(grid.coordinates) == 1 and grid.time is not None:
        files = [IMAGE, *files]
    values: dict[str, Any] = {
        "files": files,
        "name": vector or first,
        "is_vector": vector is not None,
        "displacement": moving[0] if moving else "",
        "dimension": len(grid.coordinates),
        "folder": os.path.abspath(folder),
    }
    text = _SCRIPT.substitute(
        {n: repr(v) for n, v in values.items()},
        title=_as_words(grid.title) or "the fields of a solution",
        fields=_as_words(", ".join(names)),
        image=IMAGE,
    )
    path = Path(folder) / VIEW
    write_text(path, text)
    return path


def _as_words(text: str) -> str:
    """Text that can stand in a comment of a script."""
    return "".join(c if c.isprintable() and c not in '\\"' else " " for c in text)


def _write(folder: Path, grid: GridData, facts: Facts) -> Path:
    """The script and, where it has nothing to open, the default file."""
    if not any((folder / name).exists() for name in (FIELDS, *_OTHERS)):
        VTKHDF.write(folder, grid, facts)
    return write_view(folder, grid)


FORMAT = Format("paraview", "`paraview --script=view.py`, `pvpython view.py`", _write)
