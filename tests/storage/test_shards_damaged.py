"""A file whose shards are missing or damaged is refused in one sentence."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from faults.command_result import call_command
from storage.joined_run import CHECKPOINT_SHARD, DAY, NAMES, SHARD, whole

from tissue.errors import InputError
from tissue.geometry.formats import hdf5
from tissue.geometry.gate import admit
from tissue.simulation.checkpoints import newest
from tissue.storage.checkpoint import read_checkpoint
from tissue.storage.index import INDEX
from tissue.storage.info import describe
from tissue.storage.shards import ShardError, missing_shards
from tissue.storage.snapshot import read_snapshot

Damage = Callable[[Path], object]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def _of_another_process(path: Path) -> None:
    shutil.copy(path.with_name(path.name.replace("0001.shard", "0000.shard")), path)


def _of_another_time(path: Path) -> None:
    shutil.copy(path.with_name(path.name.replace(path.name[8:16], "0000.000")), path)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "missing": (Path.unlink, "which holds planes 16 to 28 of {file}, is missing"),
    "cut": (_cut, "which holds planes 16 to 28 of {file}, is truncated or damaged"),
    "flipped": (_flip, "which holds planes 16 to 28 of {file}, is truncated or damaged"),
    "of another process": (
        _of_another_process,
        "is not the shard with planes 16 to 28 of {file}",
    ),
    "of another time": (_of_another_time, "is not the shard with planes 16 to 28 of {file}"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_shard_is_named_in_one_sentence(run: Path, damage: str) -> None:
    harm, text = DAMAGES[damage]
    expected = text.format(file=f"{DAY}.hdf")
    harm(run / SHARD)
    with pytest.raises(ShardError) as refusal:
        read_snapshot(run / f"{DAY}.hdf").field("il1")
    assert str(refusal.value).startswith(f"{run / SHARD}")
    assert expected in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert f"snapshots   3, not complete: {DAY}.hdf (see {SHARD})" in "\n".join(describe(run))
    commands: list[tuple[object, ...]] = [
        ("info", run / f"{DAY}.hdf"),
        ("export", run, "--to", "npy", "--out", run / "images"),
        ("export", run, "--to", "nifti-4d", "--out", run / "images"),
        ("view", run, "--with", "paraview", "--write-only"),
        ("metrics", run / f"{DAY}.hdf"),
        ("report", run),
        ("plot", run, "--kind", "slices"),
        ("strength", run / f"{DAY}.hdf"),
    ]
    if damage != "flipped":  # napari reads the fields later, by the same function
        commands.append(("view", run, "--with", "napari", "--write-only"))
    for command in commands:
        result = call_command(*command)
        assert (result.code, result.trouble) == (2, ""), command
        assert str(run / SHARD) in result.err
        assert expected in result.err


def test_it_is_an_image_for_another_run(run: Path) -> None:
    path = run / f"{DAY}.hdf"
    image = read_image(path, hdf5.BONE)
    np.testing.assert_array_equal(image.values, whole(NAMES[0], 7.0))
    with pytest.raises(InputError, match=r"0001\.shard is a shard of a run of tissue; give one of"):
        read_image(run / SHARD, None)
    content = (run / SHARD).read_bytes()
    for harm, text in (
        (Path.unlink, "is missing"),
        (_cut, "is damaged or belongs to another file"),
        (_flip, "is damaged or belongs to another file"),
        (_of_another_time, "is damaged or belongs to another file"),
    ):
        harm(run / SHARD)
        with pytest.raises(InputError, match=rf"takes data from {SHARD}, which {text}"):
            read_image(path, hdf5.BONE)
        (run / SHARD).write_bytes(content)


def read_image(path: Path, dataset: str | None) -> Any:
    # without the process that tries a file first, which takes a third of a second each time
    return admit(hdf5.volume_at(path, hdf5.choose(path, dataset)))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_resumes_from_the_checkpoint_before_a_bad_one(
    run: Path, damage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)
    harm, text = DAMAGES[damage]
    if damage == "of another time":  # the first checkpoint is gone
        shutil.copy(run / CHECKPOINT_SHARD.replace("0021", "0007"), run / CHECKPOINT_SHARD)
    else:
        harm(run / CHECKPOINT_SHARD)
    expected = text.format(file="ckpt_day0021.000.h5")
    with pytest.raises(ShardError, match=expected):
        read_checkpoint(run / "ckpt_day0021.000.h5")
    found = newest(run)
    assert found is not None
    assert found.time == 7.0
    (message,) = caplog.messages
    assert message.startswith(f"skipped: {run / CHECKPOINT_SHARD}")
    assert "checkpoints 2, not complete: ckpt_day0021.000.h5" in "\n".join(describe(run))


def test_missing_shards_are_listed(run: Path) -> None:
    path = run / f"{DAY}.hdf"
    assert missing_shards(path) == ()
    (run / SHARD).unlink()
    assert missing_shards(path) == (SHARD,)
    assert list(describe(run / INDEX))[-1] == f"missing     ./{SHARD}"
    assert call_command("index", run).code == 2
    with h5py.File(path) as file:  # the reason for all of this
        assert np.isnan(file["VTKHDF/PointData/il1"][16:]).all()
