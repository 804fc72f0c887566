"""Description of a file or folder in a few lines, and whether it is intact."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import h5py

from tissue.errors import InputError, printable
from tissue.storage import checkpoint, layout
from tissue.storage.checkpoint import OldCheckpointError, list_checkpoints, read_checkpoint
from tissue.storage.checks import number_of, text_of
from tissue.storage.index import FORMAT as INDEX_FORMAT
from tissue.storage.layout import DEFAULT_FIELD
from tissue.storage.links import own_member
from tissue.storage.reading import open_hdf5
from tissue.storage.shards import ShardError, missing_shards
from tissue.storage.snapshot import list_snapshots, read_snapshot
from tissue.storage.tables import read_table

MAX_UNKNOWN_FIELDS = 5
"""Number of unknown fields whose names are shown."""


def describe(path: Path) -> Iterator[str]:
    """Describes a snapshot, a checkpoint, an index or the folder of a run, line by line.

    Raises:
        InputError: it is none of these, or damaged.
    """
    path = Path(path)
    if path.is_dir():
        yield from _run(path)
        return
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a run, a snapshot or a checkpoint")
    with open_hdf5(path, _damaged(path)) as file:
        kind = text_of(file.attrs.get("format"))
    if kind == layout.FORMAT:
        yield from _snapshot(path)
    elif kind == checkpoint.FORMAT:
        yield from _checkpoint(path)
    elif kind == INDEX_FORMAT:
        yield from _index(path)
    else:
        raise InputError(f"{path} is HDF5 but was not written by tissue")


def _damaged(path: Path) -> str:
    return f"{path} is truncated, damaged or not HDF5"


def _run(folder: Path) -> Iterator[str]:
    metrics = read_table(folder / "metrics.csv")
    snapshots, checkpoints = list_snapshots(folder), list_checkpoints(folder)
    yield f"run         {folder}"
    if len(metrics["time_day"]):
        first, last = metrics["time_day"][[0, -1]]
        change = metrics["bv_tv_change_percent"][-1]
        yield f"reached     day {last:g}, BV/TV {change:+.2f} % since day {first:g}"
    readers: tuple[tuple[str, list[Path], Callable[[Path], object]], ...] = (
        ("snapshots", snapshots, _read_completely),
        ("checkpoints", checkpoints, read_checkpoint),
    )
    for name, paths, read in readers:
        found: dict[str, list[str]] = {}
        for each in paths:
            try:
                read(each)
            except OldCheckpointError as error:
                found.setdefault(error.origin, []).append(each.name)
            except ShardError as error:
                named = f"{each.name} (see {error.name})"
                found.setdefault("not complete", []).append(named)
            except InputError:
                found.setdefault("damaged", []).append(each.name)
        state = "; ".join(f"{what}: {', '.join(names)}" for what, names in found.items())
        yield f"{name:11s} {len(paths)}, {(state or 'all intact') if paths else 'none'}"


def _read_completely(path: Path) -> None:
    found = read_snapshot(path)
    for name in found.fields:
        found.field(name)


def _snapshot(path: Path) -> Iterator[str]:
    found = read_snapshot(path)
    nz, ny, nx = found.grid.shape
    yield f"snapshot    of day {found.time:.15g}, step {found.step}"
    yield f"grid        {nz} x {ny} x {nx} voxels [z, y, x] of {found.grid.spacing:g} um"
    for name, unit in found.units.items():
        values = found.field(name)
        yield f"{name:24s} {values.min():.4g} .. {values.max():.4g} {unit}"
    if found.ignored:
        names = ", ".join(printable(name) for name in found.ignored[:MAX_UNKNOWN_FIELDS])
        extra = len(found.ignored) - MAX_UNKNOWN_FIELDS
        more = f" and {extra} more" if extra > 0 else ""
        yield f"not read    {names}{more}: no fields of this program"
    yield from _provenance(path)


def _checkpoint(path: Path) -> Iterator[str]:
    try:
        found = read_checkpoint(path)
    except OldCheckpointError as error:
        yield f"checkpoint  {error.origin}, which this version cannot resume"
        return
    nz, ny, nx = found.grid.shape
    yield f"checkpoint  of day {found.time:.15g}, step {found.step}, intact"
    yield f"grid        {nz} x {ny} x {nx} voxels [z, y, x] of {found.grid.spacing:g} um"
    yield f"precision   {found.state['bone_volume_fraction'].dtype}"
    yield from _provenance(path)


def _index(path: Path) -> Iterator[str]:
    with open_hdf5(path, _damaged(path)) as file:
        times = [number_of(path, "a time of", time) for time in own_member(path, file, "time")[()]]
        points = own_member(path, own_member(path, file, "VTKHDF"), "PointData")
        if not isinstance(points.get(DEFAULT_FIELD, getlink=True), h5py.HardLink) or not times:
            raise InputError(_damaged(path))
        names = sorted({source.file_name for source in points[DEFAULT_FIELD].virtual_sources()})
        for name in names:
            if not (path.parent / name).resolve().is_relative_to(path.parent.resolve()):
                raise InputError(
                    f"{path} takes data from {printable(name)}, outside its folder; write it again:"
                    " tissue index RUN"
                )
        missing = [printable(name) for name in names if not (path.parent / name).is_file()]
        for name in names:
            with suppress(InputError):  # damaged: described by itself
                missing += [f"./{each}" for each in missing_shards(path.parent / name)]
    yield f"index       of {len(times)} snapshots, day {times[0]:g} to {times[-1]:g}"
    yield f"missing     {', '.join(missing) or 'none'}"


def _provenance(path: Path) -> Iterator[str]:
    wanted = ("created", "tissue", "jax", "device", "git_commit", "config_sha256", "parent")
    with open_hdf5(path, _damaged(path)) as file:
        found = {k: str(v) for k, v in own_member(path, file, "provenance").attrs.items()}
    yield from (f"{key:24s} {printable(found[key])}" for key in wanted if key in found)
