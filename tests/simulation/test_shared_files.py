"""Two processes take up a checkpoint of four, and write one of two."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from machine.supervised import PATHS, free_port
from storage.joined_run import GRID, NAMES, exact, join_checkpoint, write_shards
from virtual_devices import xla_flags

from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.names import list_shards
from tissue.storage.snapshot import list_snapshots, read_snapshot

PROGRAM = Path(__file__).with_name("shared_file_process.py")
LONGEST = 120.0
"""Time for a pair of processes on a busy machine [s]."""


def test_each_process_reads_and_writes_the_planes_of_its_devices(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    for rank in range(4):
        write_shards(before, rank, 7.0, processes=4)
    checkpoint = join_checkpoint(before, 7.0, processes=4)
    address = f"localhost:{free_port()}"
    own = {
        "PYTHONPATH": PATHS,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": xla_flags(2),
    }
    both = [
        subprocess.Popen(
            [sys.executable, PROGRAM, address, f"{process}", checkpoint, after],
            env=os.environ | own,
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in (0, 1)
    ]
    printed = [each.communicate(timeout=LONGEST)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    # the snapshot is made of whole arrays
    read = [
        [planes for planes in json.loads(text.splitlines()[-1]) if planes != [0, 29]]
        for text in printed
    ]
    assert read == [[[0, 8], [8, 16]], [[16, 24], [24, 29]]]
    found = read_checkpoint(list_checkpoints(after)[0])
    snapshot = read_snapshot(list_snapshots(after)[0])
    assert (found.grid, found.step, found.time) == (GRID, 7, 7.0)
    assert found.healthy["tgf_beta"] == np.float32(3.25)
    np.testing.assert_array_equal(found.healthy["drive"], exact("il1", 7.0))
    for name in NAMES:
        np.testing.assert_array_equal(found.state[name], exact(name, 7.0))
        np.testing.assert_array_equal(snapshot.field(name), exact(name, 7.0).astype(np.float32))
    assert len(list_shards(after)) == 4
