"""Files of sampled fields: VTKHDF, VTI and VTU with PVD, XDMF and CSV.

This layer sees arrays only. A `GridData` holds them; one verb a format writes them:

- `write_vtkhdf`: one HDF5 file for ParaView 5.12 and later and for h5py; `read_vtkhdf` reads it.
- `write_vtkhdf_xt`: one space axis and the time as the two axes of one picture.
- `write_vti`, `write_vtu`, `write_xdmf`: for older readers.
- `write_csv`: for everything else.
- `write_view`: a script that shows a file of these in ParaView.

A new format is a module of this package that declares its `FORMAT`, and its name in FORMATS.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kanpde.errors import KanpdeError
from kanpde.output.deploy import PROGRAMS

if TYPE_CHECKING:
    from kanpde.output.export.csv import write_csv
    from kanpde.output.export.format import Format
    from kanpde.output.export.paraview import write_view
    from kanpde.output.export.vti import write_vti
    from kanpde.output.export.vtkhdf import read_vtkhdf, write_vtkhdf, write_vtkhdf_xt
    from kanpde.output.export.vtu import write_vtu
    from kanpde.output.export.xdmf import write_xdmf
    from kanpde.solution.grid_data import GridData

__all__ = [
    "FORMATS",
    "GridData",
    "find_format",
    "read_vtkhdf",
    "write_csv",
    "write_view",
    "write_vti",
    "write_vtkhdf",
    "write_vtkhdf_xt",
    "write_vtu",
    "write_xdmf",
]

# Names of formats, each that of its module, the default first. The command line shows them
# before anything heavy is imported.
FORMATS = ("vtkhdf", "vti", "vtu", "xdmf", "csv", "paraview")

_WHERE = {
    "GridData": "kanpde.solution.grid_data",
    "read_vtkhdf": "kanpde.output.export.vtkhdf",
    "write_csv": "kanpde.output.export.csv",
    "write_view": "kanpde.output.export.paraview",
    "write_vtkhdf": "kanpde.output.export.vtkhdf",
    "write_vtkhdf_xt": "kanpde.output.export.vtkhdf",
    "write_vti": "kanpde.output.export.vti",
    "write_vtu": "kanpde.output.export.vtu",
    "write_xdmf": "kanpde.output.export.xdmf",
}


def find_format(name: str) -> Format:
    """The format with this name.

    Raises:
        KanpdeError: there is none.
    """
    if name not in FORMATS:
        raise KanpdeError(
            f"--format {name}: there is no such format; take {', '.join((*FORMATS, *PROGRAMS))}"
        )
    found: Format = import_module(f"kanpde.output.export.{name}").FORMAT
    return found


def __getattr__(name: str) -> Any:
    """Import a verb on its first use."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
