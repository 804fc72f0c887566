"""Names of files tell simulated times, in order, and no two times share one."""

import hashlib
import json
import math
import os
import random
import shutil
import string
import subprocess
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tissue.checksum import footer
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage.checkpoint import (
    Checkpoint,
    OldCheckpointError,
    checkpoint_path,
    list_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from tissue.storage.export import export
from tissue.storage.index import INDEX, SERIES, write_indices
from tissue.storage.names import (
    CHECKPOINTS,
    FAILED,
    SNAPSHOTS,
    day_name,
    file_name,
    in_order_of_time,
    time_in_name,
    time_of,
)
from tissue.storage.snapshot import list_snapshots, read_snapshot, write_snapshot

GRID = Grid((2, 3, 4), 8.0)
BONE = np.ones(GRID.shape, np.float32)

SPELLED = {
    0.0: "day0000.000",
    7.0: "day0007.000",
    7.25: "day0007.250",
    0.001: "day0000.001",
    0.13157894: "day0000.13157894",
    1e-6: "day0000.000001",
    2.5e-7: "day0000.00000025",
    3650.0: "day3650.000",
    9999.999: "day9999.999",
    12345.5: "day12345.500",
    1e16: "day10000000000000000.000",
}


def snapshot(folder: Path, time: float, step: int = 0) -> Path:
    return write_snapshot(
        folder,
        grid=GRID,
        step=step,
        time=time,
        fields={"bone_volume_fraction": BONE},
        provenance={},
    )


def checkpoint(folder: Path, time: float, failed: bool = False, keep: bool = False) -> Path:
    return write_checkpoint(
        folder,
        Checkpoint(
            grid=GRID,
            step=0,
            time=time,
            state={"bone_volume_fraction": BONE},
            healthy={},
            controller={"time": time},
        ),
        failed=failed,
        keep=keep,
    )


def named_by_step(path: Path, step: int) -> Path:
    """A file under the name that version 0.1.0 gave it."""
    kind = path.name.partition("_")[0]
    return path.rename(path.with_name(f"{kind}_{step:010d}{path.suffix}"))


def hostile_times() -> list[float]:
    """Times that a careless name would give to one file, and steps of all lengths."""
    draw = random.Random(14)
    times = {0.0, 5e-324, 1e-6, 2e-6, 0.1 + 0.2, 0.3, 1 / 3, 7.0, 3650.0, 9999.9995, 10_000.0}
    times |= {draw.uniform(0, 10 ** draw.randint(-7, 5)) for _ in range(2000)}
    times |= {7 + 1e-6 * number for number in range(2000)}
    times |= {0.13157894 * number for number in range(2000)}
    near = {math.nextafter(time, math.inf) for time in times}
    return sorted(times | near | {math.nextafter(time, 0) for time in times})


@pytest.mark.parametrize("time", SPELLED)
def test_a_time_is_spelled_in_days(time: float) -> None:
    assert day_name(time) == SPELLED[time]
    assert day_name(np.float64(time)) == SPELLED[time]
    assert day_name(-0.0) == day_name(0.0)


@pytest.mark.parametrize("time", [-1e-9, -1.0, math.nan, math.inf, -math.inf])
def test_no_file_is_named_by_what_is_no_time(time: float) -> None:
    with pytest.raises(ValueError, match="no file is named by the time"):
        day_name(time)


@pytest.mark.parametrize("pattern", [SNAPSHOTS, CHECKPOINTS, FAILED])
def test_two_times_never_share_a_name(pattern: str) -> None:
    times = hostile_times()
    made = [file_name(pattern, time) for time in times]
    assert len(set(made)) == len(set(map(str.lower, made))) == len(times) > 10_000
    assert [time_in_name(Path("run") / name) for name in made] == times
    assert all(Path(name).match(pattern) for name in made)


def test_names_in_order_are_times_in_order_for_a_decade(tmp_path: Path) -> None:
    times = [time for time in hostile_times() if time < 10_000]
    made = [file_name(SNAPSHOTS, time) for time in times]
    assert sorted(made) == made
    assert sorted(map(os.fsencode, made)) == [os.fsencode(name) for name in made]
    if ls := shutil.which("ls"):
        few = made[:: len(made) // 300]
        for name in few:
            (tmp_path / name).touch()
        listed = subprocess.run([ls, tmp_path], capture_output=True, text=True, check=True)
        assert listed.stdout.split() == few


def test_a_locale_that_minds_no_signs_keeps_the_order() -> None:
    """Some locales compare letters and digits first: names of three decimals are in order there."""
    days = [day / 4 for day in range(4 * 3650)]
    bare = [
        "".join(letter for letter in file_name(SNAPSHOTS, day) if letter not in string.punctuation)
        for day in days
    ]
    assert sorted(bare) == bare


def test_lists_are_in_order_of_time_without_end(tmp_path: Path) -> None:
    times = [0.0, 7.0, 9999.5, 10_000.0, 100_000.25]
    for time in (10_000.0, 7.0, 100_000.25, 0.0, 9999.5):
        snapshot(tmp_path, time)
        checkpoint(tmp_path, time, keep=True)
    assert [read_snapshot(path).time for path in list_snapshots(tmp_path)] == times
    assert [read_checkpoint(path).time for path in list_checkpoints(tmp_path)] == times


def test_the_newest_checkpoints_stay_by_their_time(tmp_path: Path) -> None:
    for time in (9999.0, 9999.5, 10_000.0, 10_000.25):
        checkpoint(tmp_path, time)
    left = [read_checkpoint(path).time for path in list_checkpoints(tmp_path)]
    assert left == [10_000.0, 10_000.25]


def test_files_of_version_0_1_0_take_their_place(tmp_path: Path) -> None:
    for step, time in ((9, 7.0), (12, 7.5), (40, 21.0)):
        named_by_step(snapshot(tmp_path, time, step), step)
    for time in (0.0, 7.25, 28.0):
        snapshot(tmp_path, time)
    assert [path.name for path in list_snapshots(tmp_path)] == [
        "snap_day0000.000.hdf",
        "snap_0000000009.hdf",
        "snap_day0007.250.hdf",
        "snap_0000000012.hdf",
        "snap_0000000040.hdf",
        "snap_day0028.000.hdf",
    ]
    times = [0.0, 7.0, 7.25, 7.5, 21.0, 28.0]
    write_indices(tmp_path)
    with h5py.File(tmp_path / INDEX) as file:
        assert list(file["time"]) == times
    series = json.loads((tmp_path / SERIES).read_text())["files"]
    assert [each["time"] for each in series] == times
    assert [export(path, tmp_path, (), "npy")[0].name for path in list_snapshots(tmp_path)] == [
        f"bone_volume_fraction_{day_name(time)}.npy" for time in times
    ]


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "no time", "NaN", "a word", "a pipe"])
def test_a_file_without_a_time_is_listed_beside_its_steps(tmp_path: Path, damage: str) -> None:
    for step, time in ((9, 7.0), (20, 14.0), (40, 21.0)):
        named_by_step(snapshot(tmp_path, time, step), step)
    snapshot(tmp_path, 14.5)
    hurt = tmp_path / "snap_0000000020.hdf"
    if damage == "empty":
        hurt.write_bytes(b"")
    elif damage == "cut":
        hurt.write_bytes(hurt.read_bytes()[:700])
    elif damage == "text":
        hurt.write_text("hello")
    elif damage == "a pipe":
        hurt.unlink()
        os.mkfifo(hurt)
    else:
        with h5py.File(hurt, "r+") as file:
            del file.attrs["time"]
            if damage != "no time":
                file.attrs["time"] = math.nan if damage == "NaN" else "noon"
    assert [path.name for path in list_snapshots(tmp_path)] == [
        "snap_0000000009.hdf",
        "snap_0000000020.hdf",
        "snap_day0014.500.hdf",
        "snap_0000000040.hdf",
    ]


def test_a_damaged_first_file_is_listed_first(tmp_path: Path) -> None:
    (tmp_path / "snap_0000000000.hdf").write_bytes(b"")
    after = [snapshot(tmp_path, time) for time in (0.0, 7.0)]
    assert list_snapshots(tmp_path) == [tmp_path / "snap_0000000000.hdf", *after]


def test_files_are_not_opened_for_a_time_that_their_names_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / file_name(SNAPSHOTS, 0.25 * number) for number in range(5000)]
    old = named_by_step(snapshot(tmp_path, 3.1), 4)
    opened, opening = [], h5py.File

    def noted(path: Path, *given: Any, **more: Any) -> h5py.File:
        opened.append(path)
        return opening(path, *given, **more)

    monkeypatch.setattr(h5py, "File", noted)
    for _ in range(2):
        found = in_order_of_time([*reversed(paths), old])
    assert found == sorted(
        [*paths, old], key=lambda path: time_in_name(path) or (path == old) * 3.1
    )
    assert opened == [old]  # once, for a list that is made every second


@pytest.mark.parametrize(
    "name",
    [
        "snap_0000000009.hdf",
        "snap_day7.hdf",
        "snap_day0007.hdf",
        "snap_day0007.0.hdf",
        "snap_day-007.000.hdf",
        "snap_day0007.000 (1).hdf",
        "snap_day0007,000.hdf",
        "snap_day٠٠٠٧.٠٠٠.hdf",
        "snap_day" + 400 * "9" + ".000.hdf",
        "snap_of_mine.hdf",
    ],
)
def test_other_names_tell_no_time(name: str) -> None:
    assert time_in_name(Path(name)) is None


def test_a_failed_state_is_no_checkpoint(tmp_path: Path) -> None:
    good = [checkpoint(tmp_path, time) for time in (7.0, 7.25)]
    path = checkpoint(tmp_path, 7.25, failed=True)
    assert path.name == "failed_day0007.250.h5"
    assert list_checkpoints(tmp_path) == good
    assert [each.name for each in good] == ["ckpt_day0007.000.h5", "ckpt_day0007.250.h5"]
    assert good[1] == checkpoint_path(tmp_path, 7.25)


def test_a_checkpoint_just_written_stays(tmp_path: Path) -> None:
    later = [checkpoint(tmp_path, time) for time in (21.0, 28.0)]
    assert list_checkpoints(tmp_path) == later
    made = checkpoint(tmp_path, 7.0)
    assert list_checkpoints(tmp_path) == [made, *later]


def checkpoint_of_0_1_0(path: Path, version: str = "1.0") -> Path:
    """A checkpoint in the layout of version 0.1.0, without the position of the scan."""
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "tissue-checkpoint", version
        file.attrs["step"], file.attrs["time"] = np.int64(9), 7.125
        file.attrs["shape"], file.attrs["spacing"] = np.array(GRID.shape), 8.0
        file.attrs["origin"], file.attrs["config"] = np.array((16.0, 0.0, 8.0)), "[run]\n"
        file.attrs["keep"], file.attrs["complete"] = np.int64(0), np.int64(1)
        for name in ("state", "healthy", "clock", "provenance"):
            file.create_group(name)
        bone = np.linspace(0, 1, 24).reshape(GRID.shape)
        file["state/bone_volume_fraction"] = bone
        digest = hashlib.sha256(bone.tobytes()).hexdigest()
        file["state/bone_volume_fraction"].attrs["sha256"] = digest
        file["clock"].attrs["time"] = 7.125
    path.write_bytes(path.read_bytes() + footer(path.read_bytes()))
    return path


OLD_FORMAT = (
    r"ckpt_0000000009\.h5 has the checkpoint format 1\.0 of tissue 0\.1\.0, .*; finish the run "
    r"with tissue 0\.1\.0, or start it again in another folder \(--out\) or with --overwrite$"
)


def test_a_checkpoint_of_version_0_1_0_is_refused_and_stays(tmp_path: Path) -> None:
    old = checkpoint_of_0_1_0(tmp_path / "ckpt_0000000009.h5")
    assert time_of(old) == 7.125
    with pytest.raises(OldCheckpointError, match=OLD_FORMAT):
        read_checkpoint(old)
    before, after = checkpoint(tmp_path, 7.0), checkpoint(tmp_path, 7.5)
    assert list_checkpoints(tmp_path) == [old, after]
    assert not before.exists()  # older than the newest two
    with pytest.raises(InputError, match=r"format 5\.0 of a later tissue; install the version"):
        read_checkpoint(checkpoint_of_0_1_0(tmp_path / "ckpt_0000000010.h5", "5.0"))
