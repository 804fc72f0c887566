"""Index of a run: its snapshots over time in one file, as virtual datasets that copy no data.

The fields are hard-linked into the layouts of VTKHDF (ParaView, VTK), NeXus (silx, h5web) and
netCDF-4 (xarray).

An index can always be written again from the snapshots. `run.hdf` is written when a run ends:
replacing it while a viewer has it open would abort the viewer. `run.hdf.series`, for ParaView
before 5.12, grows with the run.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np

from tissue.errors import InputError
from tissue.model.fields import FIELDS
from tissue.storage.atomic import write_atomically, write_with_checksum
from tissue.storage.frame import frame_attributes
from tissue.storage.layout import AXES, DEFAULT_FIELD, write_image, write_scales, write_signal
from tissue.storage.names import time_of
from tissue.storage.reading import open_hdf5
from tissue.storage.snapshot import Snapshot, list_snapshots, read_snapshot

log = logging.getLogger(__name__)

FORMAT = "tissue-index"
FORMAT_VERSION = "1.1"
"""Version of the layout; 1.1 stores the position in space, 1.0 only that in the scan."""
INDEX, SERIES = "run.hdf", "run.hdf.series"
OLD_XDMF = "run.xmf"
"""Index that version 0.1.0 wrote, which the XDMF 3 readers of ParaView show empty."""


def write_index(folder: Path, snapshots: Sequence[Snapshot]) -> Path:
    """Writes the index of a run.

    Args:
        folder: of the run.
        snapshots: two or more, oldest first.

    Raises:
        InputError: they have different grids.
    """
    first = snapshots[0]
    for other in snapshots[1:]:
        if other.grid != first.grid:
            raise InputError(
                f"{other.path} has another grid than {first.path}; index snapshots of one run only"
            )
    shared = [name for name in first.fields if all(name in each.fields for each in snapshots)]
    lacking = sorted({name for each in snapshots for name in each.fields} - set(shared))
    if lacking:
        log.warning(f"{INDEX} leaves out fields that some snapshots lack: {', '.join(lacking)}")
    made = BytesIO()
    # virtual datasets need v110; "latest" would make VTK read zero arrays without any error
    with h5py.File(made, "w", libver=("earliest", "v110")) as file:
        _write_root(file, snapshots)
        _write_fields(file, snapshots, shared)
    path = folder / INDEX
    with made.getbuffer() as content:
        write_with_checksum(path, content)
    return path


def write_indices(folder: Path, *, skip_damaged: bool = False) -> tuple[Path, ...]:
    """Writes or replaces all indices of a run.

    Args:
        folder: of the run.
        skip_damaged: leave out snapshots that cannot be read, with a warning.

    Raises:
        InputError: there is no snapshot, one cannot be read, or their grids differ.
    """
    paths = list_snapshots(folder)
    if not paths:
        raise InputError(f"{folder} holds no snapshots to index; give the folder of a run")
    found = list(_readable(paths)) if skip_damaged else [read_snapshot(path) for path in paths]
    if not found:
        raise InputError(f"{folder} holds no snapshot that can be read; give another folder")
    made = [write_series(folder, paths)]
    if len(found) > 1:  # readers of VTK fail on a single time
        made.append(write_index(folder, found))
    return tuple(made)


def _readable(paths: Sequence[Path]) -> Iterator[Snapshot]:
    """Yields the intact snapshots and logs a warning for each damaged one."""
    for path in paths:
        try:
            yield read_snapshot(path)
        except InputError as error:
            log.warning(f"left out of {INDEX}: {error}")


def indices_are_current(folder: Path) -> bool:
    """Whether all indices of a run are there and contain every snapshot."""
    paths, index = list_snapshots(folder), folder / INDEX
    if not series_is_current(folder, paths):
        return False
    try:
        if len(paths) == 1:
            return not index.exists()
        with open_hdf5(index, "damaged") as file:
            times = np.asarray(file["time"])
        return [float(time) for time in times] == [time_of(path) for path in paths]
    except (OSError, ValueError, LookupError, TypeError, InputError):  # missing or damaged
        return False


def series_is_current(folder: Path, snapshots: Sequence[Path]) -> bool:
    """Whether the list of snapshots for ParaView is there and names these."""
    try:
        files = json.loads((folder / SERIES).read_bytes())["files"]
        return [each["name"] for each in files] == [path.name for path in snapshots]
    except (OSError, ValueError, LookupError, TypeError):  # missing or damaged
        return False


def write_series(folder: Path, snapshots: Sequence[Path]) -> Path:
    """Writes the list of snapshots with their times for ParaView, also during a run.

    A file without a readable time is damaged and left out.
    """
    times = {path.name: time_of(path) for path in snapshots}
    files = [{"name": name, "time": time} for name, time in times.items() if time is not None]
    text = json.dumps({"file-series-version": "1.0", "files": files}, indent=1)
    write_atomically(folder / SERIES, text.encode())
    return folder / SERIES


def _write_root(file: h5py.File, snapshots: Sequence[Snapshot]) -> None:
    times = np.array([each.time for each in snapshots])
    file.attrs["NX_class"], file.attrs["default"] = "NXroot", "entry"
    file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
    file.attrs["Conventions"] = "VTKHDF NeXus"
    file["time"] = times
    file["time"].make_scale("time")
    # "day" would be read as a duration by xarray, and shown in nanoseconds
    file["time"].attrs["units"] = "d"
    file["time"].attrs["long_name"] = "simulated time"
    file["step"] = np.array([each.step for each in snapshots], dtype="i8")
    file["step"].dims[0].attach_scale(file["time"])
    file["step"].attrs["long_name"] = "number of coupling steps done"
    file.attrs.update(frame_attributes(snapshots[0].grid))
    write_scales(file, snapshots[0].grid)
    write_image(file, snapshots[0].grid, (2, 0))
    steps = file["VTKHDF"].create_group("Steps")
    steps.attrs["NSteps"] = np.int64(len(snapshots))
    steps["Values"] = times


def _write_fields(file: h5py.File, snapshots: Sequence[Snapshot], names: Sequence[str]) -> None:
    shape = snapshots[0].grid.shape
    entry = file.create_group("entry")
    entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", DEFAULT_FIELD
    for name in names:
        layout = h5py.VirtualLayout((len(snapshots), *shape), dtype="f4")
        for index, each in enumerate(snapshots):
            # relative, so that the folder can be moved
            source = f"./{each.path.name}"
            layout[index] = h5py.VirtualSource(source, f"/VTKHDF/PointData/{name}", shape)
        points = file["VTKHDF/PointData"]
        dataset = points.create_virtual_dataset(name, layout, fillvalue=np.nan)
        dataset.attrs["units"] = FIELDS[name].unit
        dataset.attrs["long_name"] = FIELDS[name].long_name
        for dimension, axis in enumerate(("time", *AXES)):
            dataset.dims[dimension].attach_scale(file[axis])
        write_signal(file, name, ("time", *AXES))
        file[name] = dataset  # xarray opens the variables of the root
