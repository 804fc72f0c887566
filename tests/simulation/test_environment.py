"""Failures of disks, locks, memory and other programs stop a run only where they must."""

import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jax.errors import JaxRuntimeError

from tissue.analysis.series import measured_run
from tissue.cli import main
from tissue.errors import InputError, RunError
from tissue.scenario.config import RunConfig
from tissue.simulation import output, run_start
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation
from tissue.storage.checkpoint import list_checkpoints
from tissue.storage.index import write_indices
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import list_snapshots, write_snapshot

TINY = Path(__file__).parents[1] / "tiny.toml"
STEP = 3


def test_a_full_disk_stops_the_run(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, tmp_path: Path
) -> None:
    def full(folder: Path, **given: Any) -> Path:
        if given["step"]:
            raise OSError(28, "No space left on device")
        return write_snapshot(folder, **given)

    monkeypatch.setattr(output, "write_snapshot", full)
    with pytest.raises(
        RunError, match=r"after step [234]: .* cannot be written to \(No space left"
    ):
        run(tiny, tmp_path)
    assert len(open_run(tmp_path).snapshots) == 1


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (False, r"stopped while writing: .*snap_day0000.000.hdf is spoiled; .* are intact"),
        (True, r"cannot be written to \(No such file or directory\)"),
    ],
)
def test_a_file_of_the_run_that_cannot_be_read_again_is_no_bad_input(
    tiny: RunConfig, tmp_path: Path, gone: bool, message: str
) -> None:
    def spoiled(folder: Path) -> None:
        path = list_snapshots(folder)[0]
        if gone:
            folder.rename(tmp_path / "elsewhere")
        raise InputError(f"{path} is spoiled")

    with pytest.raises(RunError, match=message):
        run(tiny, tmp_path / "run", measure=spoiled)


def test_an_old_checkpoint_that_cannot_be_removed_stays(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, finished: Run, tmp_path: Path
) -> None:
    unlink = Path.unlink

    def refused(path: Path, **how: bool) -> None:
        if path.name.startswith("ckpt_"):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(path, **how)

    monkeypatch.setattr(Path, "unlink", refused)
    done = run(tiny.changed({"output.checkpoints": "0.5 day"}), tmp_path)
    assert len(list_checkpoints(tmp_path)) == 5
    np.testing.assert_array_equal(done.metrics["bv_tv"], finished.metrics["bv_tv"])
    log = (tmp_path / "run.log").read_text()
    assert log.count("cannot be removed (Operation not permitted): they stay") == 1


def test_an_error_of_the_watcher_is_none_of_the_folder(tiny: RunConfig, tmp_path: Path) -> None:
    broken = BrokenPipeError(errno.EPIPE, "Broken pipe")
    with pytest.raises(BrokenPipeError) as raised:
        run(tiny, tmp_path, watch=raising(broken))
    assert raised.value is broken
    assert len(open_run(tmp_path).metrics["time_day"]) == 2


def test_without_locks_and_fsync_a_run_is_the_same(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, finished: Run, tmp_path: Path
) -> None:
    def absent(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", absent)
    monkeypatch.setattr(os, "fsync", absent)
    done = run(tiny, tmp_path)
    for name in ("metrics.csv", "ledger.csv"):
        assert (tmp_path / name).read_bytes() == (finished.folder / name).read_bytes()
    assert len(done.snapshots) == len(finished.snapshots)
    log = (tmp_path / "run.log").read_text()
    assert log.count("WARNING the file system of") == 2
    assert "has no locks (Function not implemented)" in log
    assert "does not report when files are on the disk (Function not implemented)" in log


def test_readers_that_write_beside_a_run_do_not_stop_it(
    tiny: RunConfig, finished: Run, tmp_path: Path
) -> None:
    """Reading of snapshots by `tissue metrics` and `tissue index` while a run measures itself."""
    over, failed = threading.Event(), list[BaseException]()

    def read() -> None:
        while not over.is_set():
            (tmp_path / "morphometry.csv").unlink(missing_ok=True)
            try:
                measured_run(tmp_path)
                write_indices(tmp_path)
            except InputError:
                continue  # nothing is there yet
            except Exception as error:
                failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    done = run(tiny, tmp_path, measure=measured_run)
    over.set()
    for reader in readers:
        reader.join()
    assert failed == []
    np.testing.assert_array_equal(done.metrics["bv_tv"], finished.metrics["bv_tv"])


def test_a_dangling_link_counts_as_a_file_of_a_run(tiny: RunConfig, tmp_path: Path) -> None:
    """Links that lead to files are in tests/faults/odd_links.py."""
    outside = tmp_path / "precious"
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("run.lock", "run.toml"):
        (folder / name).symlink_to(outside)
    with pytest.raises(InputError, match=r"already holds a run \(run.toml\)"):
        run(tiny, folder)
    with pytest.raises(InputError, match=r"run\.lock is a link, .* replace the link"):
        run(tiny, folder, overwrite=True)
    assert not outside.exists()


@pytest.mark.parametrize("name", ["metrics.csv", "ledger.csv", "run.log"])
def test_a_resumed_run_follows_no_link(
    tiny: RunConfig, finished: Run, tmp_path: Path, name: str
) -> None:
    folder, outside = tmp_path / "run", tmp_path / "precious"
    shutil.copytree(finished.folder, folder)
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match=rf"{name} is a link"):
        run(tiny.changed({"run.duration": "3 day"}), folder, resume="2")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_too_little_memory_stops_the_run(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, tmp_path: Path
) -> None:
    for error in (MemoryError(), JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")):
        monkeypatch.setattr(run_start, "Simulation", raising(error))
        with pytest.raises(RunError, match="memory is too small for this grid; use coarser"):
            run(tiny, tmp_path)
    monkeypatch.setattr(run_start, "Simulation", raising(JaxRuntimeError("INTERNAL: a bug")))
    with pytest.raises(JaxRuntimeError, match="INTERNAL"):
        run(tiny, tmp_path)


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def test_an_interrupted_run_is_intact(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    finished: Run,
    tmp_path: Path,
) -> None:
    advance = Simulation.advance

    def interrupted(self: Simulation) -> Any:
        if self.step == STEP:
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(Simulation, "advance", interrupted)
    assert main(["run", str(TINY), "--out", str(tmp_path), "--quiet"]) == 130
    assert capfd.readouterr() == ("", "tissue: interrupted; all files on disk are complete\n")
    left = open_run(tmp_path)
    assert len(left.snapshots) == 2
    np.testing.assert_array_equal(left.metrics["bv_tv"], finished.metrics["bv_tv"][: STEP + 1])
