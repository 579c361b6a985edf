"""Files of sampled fields: VTKHDF, VTU with PVD, XDMF and CSV.

This layer sees arrays only. A `GridData` holds them; one verb a format writes them:

- `write_vtkhdf`: one HDF5 file for ParaView 5.12 and later and for h5py; `read_vtkhdf` reads it.
- `write_vtkhdf_xt`: one space axis and the time as the two axes of one picture.
- `write_vtu`, `write_xdmf`: for older readers.
- `write_csv`: for everything else.
"""

from kanpde.output.export.grid import GridData
from kanpde.output.export.tables import write_csv
from kanpde.output.export.vtkhdf import read_vtkhdf, write_vtkhdf, write_vtkhdf_xt
from kanpde.output.export.vtu import write_vtu
from kanpde.output.export.xdmf import write_xdmf

__all__ = [
    "GridData",
    "read_vtkhdf",
    "write_csv",
    "write_vtkhdf",
    "write_vtkhdf_xt",
    "write_vtu",
    "write_xdmf",
]
