"""Names of the files of a run: each contains its simulated time, and two times have two names.

`snap_day0007.000.hdf` is the snapshot of day 7. Names have three decimals, and more where the time
is not a multiple of 0.001 day. Up to day 9999 the order of the names is the order of the times;
lists of this program are in order of time for any time.

Version 0.1.0 named files by the number of the step (`snap_0000000009.hdf`): their time is read from
the file.
"""

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import h5py

SNAPSHOTS, CHECKPOINTS, FAILED = "snap_*.hdf", "ckpt_*.h5", "failed_*.h5"
"""Patterns of the names of snapshots, of checkpoints, and of states that failed their checks."""

DIGITS, DECIMALS = 4, 3
"""Smallest number of digits of a day before and after the point: a decade has 3650 days, and 0.001
day is 86 s."""

SHARD_SUFFIX = ".shard"
"""End of the names of shards, such as snap_day0007.000.0002.shard of process 2."""

_TIMED = re.compile(rf"[a-z]+_day([0-9]{{{DIGITS},}}\.[0-9]{{{DECIMALS},}})")


def file_name(pattern: str, time: float) -> str:
    """Name of the file of a time.

    Args:
        pattern: SNAPSHOTS, CHECKPOINTS or FAILED.
        time: simulated time [day].

    Raises:
        ValueError: the time is negative or not finite.
    """
    return pattern.replace("*", day_name(time))


def day_name(time: float) -> str:
    """Spelling of a time [day] in names of files, such as day0007.000.

    It has the digits that distinguish the number from all others of double precision.

    Raises:
        ValueError: the time is negative or not finite.
    """
    if not 0 <= time < math.inf:
        raise ValueError(f"no file is named by the time {time:g} day")
    digits, _, decimals = f"{Decimal(repr(float(abs(time)))):f}".partition(".")
    return f"day{digits.zfill(DIGITS)}.{decimals.ljust(DECIMALS, '0')}"


def shard_path(path: Path, rank: int) -> Path:
    """Path of the shard of a process, of the file of a run that joins it."""
    return path.with_name(f"{path.stem}.{rank:04d}{SHARD_SUFFIX}")


def is_shard_name(name: str) -> bool:
    """Whether a file has the name of a shard, which leads to no other folder."""
    return re.fullmatch(r"[a-z]+_day[0-9]+\.[0-9]+\.[0-9]{4,}\.shard", name, re.ASCII) is not None


def shards_beside(path: Path) -> list[Path]:
    """Shards in the folder of a file that have its name, in order of their processes."""
    found = path.parent.glob(f"{path.stem}.*{SHARD_SUFFIX}")
    own = (each for each in found if Path(each.stem).stem == path.stem)
    return sorted(own, key=lambda each: (len(each.name), each.name))


def list_shards(folder: Path) -> list[Path]:
    """Lists all shards in the folder of a run, also those that no file joins."""
    patterns = (f"{Path(each).stem}{SHARD_SUFFIX}" for each in (SNAPSHOTS, CHECKPOINTS, FAILED))
    return sorted(path for pattern in patterns for path in folder.glob(pattern))


def time_in_name(path: Path) -> float | None:
    """Time in the name of a file [day]; None where it contains none."""
    found = _TIMED.fullmatch(path.stem)
    time = float(found[1]) if found else math.inf
    return time if time < math.inf else None


def time_of(path: Path) -> float | None:
    """Time of a file of a run [day], from its name or its content; None where it has none."""
    time = time_in_name(path)
    return _time_inside(path) if time is None else time


def in_order_of_time(paths: Iterable[Path]) -> list[Path]:
    """Files of a run, the earliest first.

    Only files without a time in their name are opened. One that cannot be read follows the one
    whose name precedes its own.
    """
    times: dict[Path, float] = {}
    before = -math.inf
    for path in sorted(paths):  # names with numbers of steps sort by time
        found = time_of(path)
        before = times[path] = before if found is None else found
    return sorted(times, key=lambda path: (times[path], path.name))


def _time_inside(path: Path) -> float | None:
    try:
        found = path.stat()
        if not path.is_file():  # reading a pipe would block
            return None
        return _time_of(path, found.st_size, found.st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=4096)  # the files of a run never change
def _time_of(path: Path, _size: int, _changed: int) -> float | None:
    try:
        with h5py.File(path, "r", locking=False) as file:
            time = float(file.attrs["time"])
    except Exception:  # a damaged file may lead HDF5 and h5py to fail in any way
        return None
    return time if math.isfinite(time) else None
