"""A run that meets a full disk, a lost folder or a reader leaves whole files and can go on."""

import ctypes
import os
import platform
import resource
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from faults.command_result import call_command
from faults.conftest import Small
from faults.small_run import everything_opens, same

from tissue.checksum import footer
from tissue.errors import InputError, RunError
from tissue.scenario.config import read_run_file
from tissue.simulation.run import run
from tissue.simulation.step_report import Record
from tissue.storage.checkpoint import list_checkpoints
from tissue.storage.info import describe
from tissue.storage.results import open_run
from tissue.storage.snapshot import list_snapshots

TIMEOUT = 300


def test_a_run_stops_on_a_full_disk_and_continues_with_free_space(
    small: Small, tmp_path: Path
) -> None:
    folder, config = tmp_path / "full", read_run_file(small.file)
    smallest = min(path.stat().st_size for path in list_checkpoints(small.whole))
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ, so that a write fails as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (smallest - 100, most))
    try:
        result = call_command("run", small.file, "--out", folder, "--resume", "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
    assert (result.code, result.trouble) == (1, ""), result
    assert f"{folder} cannot be written to (File too large)" in result.err
    everything_opens(folder)
    assert list_snapshots(folder)
    assert not list(folder.glob("*.tmp"))
    run(config, folder, resume="latest")
    same(small.whole, folder)


def test_a_folder_that_vanishes_stops_the_run(small: Small, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "gone", tmp_path / "elsewhere"

    def take_away(_: Record) -> None:
        if not elsewhere.exists():
            folder.rename(elsewhere)

    with pytest.raises(RunError, match=r"cannot be written to \(No such file or directory\)"):
        run(read_run_file(small.file), folder, watch=take_away)
    assert not folder.exists()
    run(read_run_file(small.file), elsewhere, resume="latest")
    same(small.whole, elsewhere)


CAPSET = {"x86_64": 126, "aarch64": 91}
"""Number of the call capset on Linux, by processor."""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in CAPSET,
    reason="takes rights as Linux does on x86-64 and ARM",
)
def test_a_folder_that_may_no_longer_be_written_to_stops_the_run(
    small: Small, tmp_path: Path
) -> None:
    folder, config = tmp_path / "read only", read_run_file(small.file)

    def forbid(record: Record) -> None:
        if record.metrics["time_day"] == 1:
            folder.chmod(0o555)

    result: list[BaseException] = []

    def as_plain_user() -> None:
        give_up_rights()
        try:
            run(config, folder, watch=forbid)
        except RunError as error:
            result.append(error)

    thread = threading.Thread(target=as_plain_user)  # rights are those of a thread
    thread.start()
    thread.join(TIMEOUT)
    folder.chmod(0o755)
    assert f"{folder} cannot be written to (Permission denied)" in str(result[0])
    everything_opens(folder)
    run(config, folder, resume="latest")
    same(small.whole, folder)


def give_up_rights() -> None:
    """Makes root, too, ask before it writes: capset(2) takes the capabilities of this thread."""
    version = ctypes.c_uint32 * 2
    none = ctypes.c_uint32 * 6
    done = ctypes.CDLL(None, use_errno=True).syscall(
        CAPSET[platform.machine()], version(0x20080522, 0), none(0, 0, 0, 0, 0, 0)
    )
    assert done == 0, os.strerror(ctypes.get_errno())


READER = """
import sys
from vtkmodules.vtkIOHDF import vtkHDFReader
from pathlib import Path
seen = 0
folder = Path(sys.argv[1])
print("ready", flush=True)
while not (folder / "run.hdf").exists():
    for path in sorted(folder.glob("snap_*.hdf")):
        reader = vtkHDFReader()
        reader.SetFileName(str(path))
        reader.Update()
        assert reader.GetOutput().GetPointData().GetNumberOfArrays() == 6, path
        seen += 1
        if seen == 4:
            print("seen", flush=True)
"""


def test_a_viewer_may_read_while_the_run_writes(small: Small, tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    words = [sys.executable, "-c", READER, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as viewer:
        lines = viewer.stdout
        assert lines

        def wait(record: Record) -> None:
            if record.metrics["time_day"] == 1.5:
                assert lines.readline() == "seen\n"

        assert lines.readline() == "ready\n"
        run(read_run_file(small.file), folder, watch=wait)
        assert viewer.wait(60) == 0


def test_files_of_other_versions_are_distinguished(small: Small, tmp_path: Path) -> None:
    for path in (list_snapshots(small.whole)[0], list_checkpoints(small.whole)[0]):
        newer = tmp_path / path.name
        shutil.copy(path, newer)
        with h5py.File(newer, "r+") as file:
            file.attrs["format_version"] = "9.0"
        newer.write_bytes(newer.read_bytes() + footer(newer.read_bytes()))
        with pytest.raises(
            InputError, match=r"format (version )?9\.0.*; install (a newer tissue|the version)"
        ):
            list(describe(newer))


def test_a_run_cut_anywhere_is_still_read(small: Small, tmp_path: Path) -> None:
    """The tables of a run that was killed may end in the middle of a number."""
    cut = tmp_path / "cut"
    shutil.copytree(small.whole, cut)
    table = (small.whole / "metrics.csv").read_bytes()
    for end in np.linspace(table.index(b"\n") + 1, len(table), 20).astype(int):
        (cut / "metrics.csv").write_bytes(table[:end])
        found = open_run(cut).metrics["time_day"]
        assert list(found) == sorted(found)
