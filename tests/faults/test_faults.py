"""A run that meets a full disk, a lost folder or a kill leaves whole files and can go on."""

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from faults.kill_loop import RUN, command, everything_opens, kill_loop, same

from tissue.errors import InputError
from tissue.seal import seal
from tissue.storage.checkpoint import list_checkpoints
from tissue.storage.info import describe
from tissue.storage.results import open_run
from tissue.storage.snapshot import list_snapshots

TIMEOUT = 300


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "killed.toml"
    path.write_text(RUN, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(run_file: Path) -> Path:
    """The run that nothing happened to."""
    folder = run_file.parent / "whole"
    subprocess.run(command(run_file, folder), check=True, timeout=TIMEOUT)
    return folder


def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    run_file: Path, whole: Path, tmp_path: Path
) -> None:
    kill_loop(1, 7, tmp_path, whole)


@pytest.mark.slow
def test_a_run_killed_forty_times_loses_nothing(whole: Path, tmp_path: Path) -> None:
    assert kill_loop(40, 0, tmp_path, whole) > 20


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(
    run_file: Path, whole: Path, tmp_path: Path
) -> None:
    smallest = min(path.stat().st_size for path in list_checkpoints(whole))

    # with the signal ignored a write fails as on a full disk
    code = (
        "import os, resource as r, signal as s, sys; s.signal(s.SIGXFSZ, s.SIG_IGN); "
        f"r.setrlimit(r.RLIMIT_FSIZE, ({smallest - 100}, {smallest - 100})); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    folder = tmp_path / "full"
    done = subprocess.run(
        [sys.executable, "-c", code, *command(run_file, folder)], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    told = done.stderr.strip()
    assert f"{folder} cannot be written to (File too large)" in told
    assert told.count("\n") == 0
    everything_opens(folder)
    assert not list(folder.glob("*.tmp"))
    subprocess.run(command(run_file, folder), check=True, timeout=TIMEOUT)
    same(whole, folder)


def test_a_folder_that_vanishes_stops_the_run(run_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    words = command(run_file, folder)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        while not list_snapshots(folder):
            assert process.poll() is None
        folder.rename(tmp_path / "elsewhere")
        _, told = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "cannot be written to (No such file or directory)" in told
    assert "Traceback" not in told


PLAIN_USER = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # root, too, must ask before it writes
ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes rights as Linux does")
def test_a_folder_that_may_no_longer_be_written_to_stops_the_run(
    run_file: Path, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "read only"
    words = [sys.executable, "-c", PLAIN_USER, *command(run_file, folder)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        while len(list_checkpoints(folder)) < 2:
            assert process.poll() is None
        folder.chmod(0o555)
        _, told = process.communicate(timeout=TIMEOUT)
    folder.chmod(0o755)
    assert process.returncode == 1
    assert f"{folder} cannot be written to (Permission denied)" in told
    assert told.count("\n") == 1
    everything_opens(folder)
    subprocess.run(command(run_file, folder), check=True, timeout=TIMEOUT)
    same(whole, folder)


READER = """
import sys
from vtkmodules.vtkIOHDF import vtkHDFReader
from pathlib import Path
seen = 0
folder = Path(sys.argv[1])
while not (folder / "run.hdf").exists():
    for path in sorted(folder.glob("snap_*.hdf")):
        reader = vtkHDFReader()
        reader.SetFileName(str(path))
        reader.Update()
        assert reader.GetOutput().GetPointData().GetNumberOfArrays() == 6, path
        seen += 1
assert seen > 3, seen
"""


def test_a_viewer_may_read_while_the_run_writes(run_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    with subprocess.Popen([sys.executable, "-c", READER, str(folder)]) as viewer:
        subprocess.run(command(run_file, folder), check=True, timeout=TIMEOUT)
        assert viewer.wait(60) == 0


def test_files_of_other_versions_are_told_apart(whole: Path, tmp_path: Path) -> None:
    for path in (list_snapshots(whole)[0], list_checkpoints(whole)[0]):
        newer = tmp_path / path.name
        shutil.copy(path, newer)
        with h5py.File(newer, "r+") as file:
            file.attrs["format_version"] = "9.0"
        newer.write_bytes(newer.read_bytes() + seal(newer.read_bytes()))
        with pytest.raises(InputError, match=r"format version 9\.0; install .*tissue"):
            list(describe(newer))


def test_a_run_cut_anywhere_is_still_read(whole: Path, tmp_path: Path) -> None:
    """The tables of a run that was killed may end in the middle of a number."""
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    table = (whole / "metrics.csv").read_bytes()
    for end in np.linspace(table.index(b"\n") + 1, len(table), 20).astype(int):
        (cut / "metrics.csv").write_bytes(table[:end])
        found = open_run(cut).metrics["time_day"]
        assert list(found) == sorted(found)
