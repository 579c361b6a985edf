"""Files that appear whole or not at all, folders that one process holds, HDF5."""
