"""Kills a real run at random moments, looks at what it leaves, and resumes it, over and over.

After each kill every published file must open; resumed to its end, the run must be the one that
was never killed, bit for bit.

usage: python tests/faults/kill_loop.py [KILLS] [SEED]
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.snapshot import list_snapshots, read_snapshot
from tissue.storage.tables import read_table

RUN = """
[run]
preset = "mouse"
duration = "12 day"
step = "0.25 day"
[geometry.synthetic]
shape = [16, 16, 16]
spacing = "10 um"
bv_tv = 0.3
thickness = "50 um"
[disease]
il1_excess = "3 pM"
[disease.estrogen]
[[therapy]]
drug = "anakinra"
dose = "10 mg/kg"
every = "1 day"
start = "3 day"
[[therapy]]
drug = "zoledronate"
dose = "0.05 mg/kg"
start = "6 day"
[output]
snapshots = "0.5 day"
checkpoints = "0.25 day"
"""
LONGEST = 300.0  # that a run may take [s]


def command(file: Path, folder: Path) -> list[str]:
    """The run as a user gives it, new or resumed."""
    words = [sys.executable, "-m", "tissue", "run", str(file), "--out", str(folder), "--quiet"]
    if list_checkpoints(folder):
        return [*words, "--resume"]
    return [*words, "--overwrite"]


def everything_opens(folder: Path) -> None:
    """Every file under its final name is whole."""
    for path in list_snapshots(folder):
        snapshot = read_snapshot(path)
        for name in snapshot.fields:
            assert np.isfinite(snapshot.field(name)).all(), path
    for path in list_checkpoints(folder):
        read_checkpoint(path)
    if (folder / "metrics.csv").is_file():
        read_table(folder / "metrics.csv")


def same(one: Path, other: Path) -> None:
    """Two finished runs are the same, bit for bit."""
    for name in ("metrics.csv", "ledger.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    mine, theirs = (read_checkpoint(list_checkpoints(folder)[-1]) for folder in (one, other))
    assert mine.clock == theirs.clock
    for name, values in mine.state.items():
        np.testing.assert_array_equal(values, theirs.state[name], err_msg=name)
    assert [p.name for p in list_snapshots(one)] == [p.name for p in list_snapshots(other)]
    for a, b in zip(list_snapshots(one), list_snapshots(other), strict=True):
        for name in read_snapshot(a).fields:
            np.testing.assert_array_equal(
                read_snapshot(a).field(name), read_snapshot(b).field(name)
            )


def kill_loop(kills: int, seed: int, folder: Path, whole: Path | None = None) -> int:
    """Kills a run `kills` times; gives how many kills hit a run in its steps.

    Args:
        kills: how often.
        seed: of the moments.
        folder: for the runs.
        whole: the run that nothing happened to, if it is there already.
    """
    rng = random.Random(seed)
    file = folder / "killed.toml"
    file.write_text(RUN, encoding="utf-8")
    killed = folder / "killed"
    if not whole:
        whole = folder / "whole"
        subprocess.run(command(file, whole), check=True, timeout=LONGEST)
    start = time.perf_counter()
    subprocess.run(command(file, folder / "again"), check=True, timeout=LONGEST)
    took = time.perf_counter() - start
    hits = 0
    for number in range(kills):
        process = subprocess.Popen(command(file, killed))
        try:
            process.wait(rng.uniform(0.4, 1.0) * took)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            hits += bool(list_checkpoints(killed))
        else:
            assert process.returncode == 0
        everything_opens(killed)
        done = list_checkpoints(killed)
        if done and read_checkpoint(done[-1]).time >= 12:
            same(whole, killed)
            shutil.rmtree(killed)
        print(f"kill {number + 1}: {len(done)} checkpoints", flush=True)
    if list_checkpoints(killed):
        subprocess.run(command(file, killed), check=True, timeout=LONGEST)
        same(whole, killed)
    return hits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=100)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hits = kill_loop(asked.kills, asked.seed, Path(folder))
    print(f"{asked.kills} kills, {hits} of them with checkpoints on disk: nothing was lost")


if __name__ == "__main__":
    main()
