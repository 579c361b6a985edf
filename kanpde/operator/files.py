"""Data sets as files: HDF5 in the layout below, NPZ of the same names, and the small sets of
the neuraloperator package as they are.

    /                     attributes: about, layout (1), title, symmetry, parameters
    /train, /test, ...    one group for each split; every one may have another resolution
    /train/axes/x         (n,) even coordinates; attributes periodic, unit
    /train/inputs/a       (N, ..); attribute dims, such as ["sample", "x", "y"]
    /train/outputs/u      (N, ..); attribute dims names "sample" and all axes, in their order
    /train/points         (Q, d), instead of axes: inputs are (N, sensors), outputs (N, Q);
                          attribute names, such as ["x", "y"]

The order of the group `axes` is that of the dimensions. In NPZ the names are paths, such as
"train/inputs/a", and `train/periodic` lists the periodic axes.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kanpde.arrays import AnyArray as Array
from kanpde.errors import KanpdeError
from kanpde.files.hdf5 import read_hdf5
from kanpde.files.npz import read_npz
from kanpde.files.whole import replacing
from kanpde.limits import require_memory
from kanpde.operator.data import AnyPairs, GridAxis, Pairs, PointPairs

LAYOUT = 1
ABOUT = (
    "Input and output fields of a solution operator. Each group is a split with its own grid: "
    "axes/<name> coordinates, inputs/<name> and outputs/<name> fields, whose attribute dims "
    "names each dimension."
)
Splits = dict[str, AnyPairs]


def write_pairs(
    path: str | os.PathLike[str], splits: Mapping[str, AnyPairs], title: str = "", **parameters: Any
) -> None:
    """Write splits as HDF5, whole or not at all."""
    with replacing(path) as part, h5py.File(part, "w", track_order=True) as file:
        file.attrs["about"], file.attrs["layout"], file.attrs["title"] = ABOUT, LAYOUT, title
        for name, value in parameters.items():
            file.attrs[name] = value
        for name, pairs in splits.items():
            _write_split(file.create_group(name, track_order=True), pairs)


def _write_split(group: h5py.Group, pairs: AnyPairs) -> None:
    group.attrs["symmetry"] = pairs.symmetry
    for key, value in pairs.attributes.items():
        group.attrs[key] = value
    if isinstance(pairs, PointPairs):
        group["points"] = pairs.points
        group["points"].attrs["names"] = list(pairs.names)
        for kind, fields in (("inputs", pairs.inputs), ("outputs", pairs.outputs)):
            group.create_group(kind, track_order=True)
            for name, values in fields.items():
                group[f"{kind}/{name}"] = values
        return
    axes = group.create_group("axes", track_order=True)
    for axis in pairs.axes:
        axes[axis.name] = axis.points
        axes[axis.name].attrs["periodic"] = axis.periodic
        axes[axis.name].attrs["unit"] = axis.unit
    for kind, fields in (("inputs", pairs.inputs), ("outputs", pairs.outputs)):
        below = group.create_group(kind, track_order=True)
        for name, values in fields.items():
            present = [n == m for n, m in zip(pairs.shape, values.shape[1:], strict=True)]
            shape = tuple(n for n, here in zip(pairs.shape, present, strict=True) if here)
            below[name] = values.reshape(len(values), *shape)
            held = [n for n, here in zip(pairs.names, present, strict=True) if here]
            below[name].attrs["dims"] = ["sample", *held]


def read_pairs(path: str | os.PathLike[str]) -> Splits:
    """Read the splits of a file.

    Raises KanpdeError, naming file, split and field, for what is not in one of the layouts.
    """
    path = Path(path)
    if not path.is_file():
        raise KanpdeError(f"there is no data file {path}")
    if h5py.is_hdf5(path):
        splits = _read_hdf5(path)
    elif zipfile.is_zipfile(path):
        splits = _read_npz(path)
    else:
        raise KanpdeError(f"{path} is neither an HDF5 nor an NPZ file")
    if not splits:
        raise KanpdeError(
            f"{path} holds no split: a group such as /train with axes, inputs and outputs "
            "(docs/operators.md has the layout)"
        )
    return splits


def _read_hdf5(path: Path) -> Splits:
    splits = {}
    with read_hdf5(path) as file:
        _check_layout(path, file.attrs.get("layout", LAYOUT))
        for name, group in file.items():
            if isinstance(group, h5py.Group):
                splits[name] = _read_split(f"{path}, /{name}", partial(_read_tree, group))
    return splits


def _read_npz(path: Path) -> Splits:
    trees: dict[str, dict[str, Any]] = {}
    for key, values in read_npz(path).items():
        split, _, rest = key.rpartition("/") if key.count("/") < 2 else key.partition("/")
        split = split or "train"
        rest = rest or key
        trees.setdefault(split, {"attributes": {}, "dims": {}})[rest] = values
    return {
        name: _read_split(f"{path}, {name}", partial(dict, tree)) for name, tree in trees.items()
    }


def _check_layout(path: Path, layout: Any) -> None:
    if not np.issubdtype(np.asarray(layout).dtype, np.integer) or np.ndim(layout):
        raise KanpdeError(f"{path} has the layout {layout!r}; the attribute layout is {LAYOUT}")
    if layout > LAYOUT:
        raise KanpdeError(f"{path} has layout {layout}, of a newer kanpde: upgrade")


def _read_split(place: str, read: Callable[[], dict[str, Any]]) -> AnyPairs:
    """The samples of a split; an error names their place."""
    try:
        return _build_pairs(read())
    except KanpdeError as error:
        raise KanpdeError(f"{place}: {error}") from error
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise KanpdeError(
            f"{place}: it is not in the layout of operators ({error}); docs/operators.md has it"
        ) from error


def _read_tree(group: h5py.Group) -> dict[str, Any]:
    """Datasets by path below the group, with attributes of the group and dims and axes' ones."""
    found: dict[str, Any] = {"attributes": dict(group.attrs), "dims": {}}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        require_memory(item.name, float(item.size) * item.dtype.itemsize)
        value = item[()]
        found[name] = np.asarray(value) if "/" in name else value
        if "dims" in item.attrs:
            found["dims"][name] = [str(each) for each in np.atleast_1d(item.attrs["dims"])]
        if name.startswith("axes/") and np.all(item.attrs.get("periodic", False)):
            found.setdefault("periodic", []).append(name.rpartition("/")[2])
        if "names" in item.attrs:
            found["names"] = tuple(str(each) for each in np.atleast_1d(item.attrs["names"]))
        if item.attrs.get("unit", ""):
            found.setdefault("units", {})[name.rpartition("/")[2]] = str(item.attrs["unit"])

    for key, item in group.items():  # in the order of creation where it was kept
        if isinstance(item, h5py.Group):
            for below, each in item.items():
                visit(f"{key}/{below}", each)
        else:
            visit(key, item)
    return found


def _build_pairs(tree: dict[str, Any]) -> AnyPairs:
    fields = {k: v for k, v in tree.items() if isinstance(v, np.ndarray)}
    for name, values in fields.items():
        if values.dtype.kind not in "fiub" and name != "periodic":
            raise KanpdeError(f"{name} holds {values.dtype}, and numbers are needed")
    if not any("/" in name for name in fields):
        return _build_small_set(fields)
    parts: dict[str, dict[str, Array]] = {"inputs": {}, "outputs": {}}
    if "points" in fields:
        return _build_points(fields, tree, parts)
    axes = _build_axes(fields, tree)
    for path, values in fields.items():
        kind, _, name = path.partition("/")
        if kind in parts:
            parts[kind][name] = _expand(path, values, tree["dims"].get(path), axes)
    attributes = dict(tree["attributes"])
    symmetry = str(attributes.pop("symmetry", "none"))
    return Pairs(axes, parts["inputs"], parts["outputs"], symmetry, attributes)


def _build_points(
    fields: dict[str, Array], tree: dict[str, Any], parts: dict[str, dict[str, Array]]
) -> PointPairs:
    for path, values in fields.items():
        kind, _, name = path.partition("/")
        if kind in parts:
            parts[kind][name] = values
    points = np.atleast_2d(fields["points"])
    names = tree.get("names") or tuple("xyz"[: points.shape[1]])
    kept = {k: v for k, v in tree["attributes"].items() if k != "symmetry"}
    return PointPairs(names, points, parts["inputs"], parts["outputs"], kept)


def _build_axes(fields: dict[str, Array], tree: dict[str, Any]) -> tuple[GridAxis, ...]:
    periodic = [str(each) for each in np.atleast_1d(tree.get("periodic", ()))]
    units = tree.get("units", {})
    names = [path.removeprefix("axes/") for path in fields if path.startswith("axes/")]
    if not names:
        raise KanpdeError("there are no axes: give coordinates in axes/x, ...")
    for name in periodic:
        if name not in names:
            raise KanpdeError(f"periodic names {name}, and the axes are {', '.join(names)}")
    return tuple(GridAxis(n, fields[f"axes/{n}"], n in periodic, units.get(n, "")) for n in names)


def _expand(path: str, values: Array, dims: list[str] | None, axes: tuple[GridAxis, ...]) -> Array:
    """The field with a dimension of 1 for each axis that it does not have."""
    names = [a.name for a in axes]
    if dims is None:
        if values.ndim == 1 + len(axes):
            return values
        dims = ["sample", *[a.name for a in axes if not a.is_time]]
    if len(dims) != values.ndim or dims[:1] != ["sample"]:
        raise KanpdeError(
            f"{path} has {values.ndim} dimensions, and they are called {', '.join(dims)}; "
            'the first is "sample"'
        )
    here = dims[1:]
    if here != [n for n in names if n in here]:
        raise KanpdeError(
            f"the dimensions of {path} are {', '.join(dims)}; they must be sample and then axes in "
            f"the order {', '.join(names)}"
        )
    sizes = dict(zip(here, values.shape[1:], strict=True))
    return values.reshape(len(values), *(sizes.get(n, 1) for n in names))


def _build_small_set(fields: dict[str, Array]) -> Pairs:
    """A group of the neuraloperator package's small sets: (a, u) of Darcy, (u0, u) of Burgers.

    Darcy is on the unit square at i / n, so that the far boundary is one spacing beyond the
    last point; its problem has the symmetries of a square. Burgers is periodic in x.
    """
    match sorted(fields):
        case ["a", "u"] if fields["a"].ndim == 3:
            axes = tuple(
                GridAxis(n, np.arange(m) / m)
                for n, m in zip("xy", fields["a"].shape[1:], strict=True)
            )
            square = len(axes[0]) == len(axes[1])
            inputs = {"a": fields["a"].astype(np.float32)}
            return Pairs(axes, inputs, {"u": fields["u"]}, "square-open" if square else "none")
        case ["u", "u0"] if fields["u"].ndim == 3 and fields["u0"].ndim == 2:
            times, points = fields["u"].shape[1:]
            x = GridAxis("x", np.arange(points) / points, periodic=True)
            t = GridAxis("t", np.linspace(0, 1, times))
            return Pairs((t, x), {"u0": fields["u0"][:, None, :]}, {"u": fields["u"]}, "shifts")
        case names:
            shapes = ", ".join(f"{n} {fields[n].shape}" for n in names)
            raise KanpdeError(
                f"the fields {shapes} are in no known layout; put them into inputs and outputs, "
                "with coordinates in axes (docs/operators.md)"
            )
