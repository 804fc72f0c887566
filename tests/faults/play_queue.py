"""Plays a queue: one command, killed at random and started again by its exit code alone.

The command is started, and killed by a signal or a time limit at any moment: while Python starts,
in its steps, while it finishes. It is started again where it was killed or asks for it (exit code
75), until it exits with 0. Then the run must be the one that nothing happened to, bit for bit.
While kills are left, another run begins.

usage: python tests/faults/play_queue.py [KILLS] [SEED]
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.small_run import RUN, complete, everything_opens, same
from virtual_devices import xla_flags

from tissue.storage.checkpoint import list_checkpoints

AGAIN = 75
"""Exit code of a run that was asked to stop (EX_TEMPFAIL of sysexits.h)."""

WAYS = ("TERM", "KILL", "HUP", "INT", "limit")
"""Ways to kill a run: by a signal, or by a time limit, which is SIGTERM and soon SIGKILL."""

LONGEST_GRACE = 2.0
"""Between SIGTERM and SIGKILL at a time limit [s]; queues leave half a minute to large runs."""

LONGEST = 600.0
"""Time after which a run hangs [s]."""


class Queue(NamedTuple):
    """Runs that a queue starts, in a folder of its own.

    Attributes:
        room: folder for the run file and the runs.
    """

    room: Path

    def start(self, name: str) -> "subprocess.Popen[str]":
        """Starts the run in a folder, or goes on with it: one command for both."""
        file = self.room / "small.toml"
        file.write_text(RUN, encoding="utf-8")
        words = ["run", str(file), "--out", str(self.room / name), "--resume", "--quiet"]
        return subprocess.Popen(
            [sys.executable, "-m", "tissue", *words],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"XLA_FLAGS": xla_flags(1)},
        )


def played(queue: Queue, kills: int, seed: int) -> Counter[str]:
    """Plays a queue; gives how often it was killed in which way, and at which moment.

    Args:
        queue: to be played.
        kills: how often.
        seed: of moments and ways.
    """
    chance, counts = random.Random(seed), Counter[str]()
    start = time.perf_counter()
    assert finished(queue.start("whole")) == 0
    whole, folder = queue.room / "whole", queue.room / "queued"
    took = time.perf_counter() - start
    while True:
        start = time.perf_counter()
        process = queue.start(folder.name)
        if left := kills - counts["kills"]:
            try:
                process.wait(moment(process, folder, took, chance))
            except subprocess.TimeoutExpired:
                counts.update(("kills", stage_of(folder), kill(process, chance)))
        code = finished(process)
        if folder.is_dir():
            everything_opens(folder)
        if code == 0:
            took = min(took, time.perf_counter() - start)
            complete(folder)
            same(whole, folder)
            if not left:
                return counts
            shutil.rmtree(folder)
        else:
            assert code == AGAIN or code < 0, code


def moment(
    process: "subprocess.Popen[str]", folder: Path, took: float, chance: random.Random
) -> float:
    """Time from now on to the next kill [s]: in half of all cases it is in the steps."""
    if chance.random() < 0.5:
        return chance.uniform(0, took)
    before = list_checkpoints(folder)
    while process.poll() is None and list_checkpoints(folder) == before:
        time.sleep(0.01)
    return chance.uniform(0, 0.1 * took)


def kill(process: "subprocess.Popen[str]", chance: random.Random) -> str:
    """Kills a process in one way or another, and gives which one."""
    way = chance.choice(WAYS)
    if way != "limit":
        process.send_signal(signal.Signals[f"SIG{way}"])
        return way
    process.terminate()
    try:
        process.wait(chance.uniform(0, LONGEST_GRACE))
    except subprocess.TimeoutExpired:
        process.kill()
    return way


def stage_of(folder: Path) -> str:
    """Progress of a run, in words."""
    if not list_checkpoints(folder):
        return "before a checkpoint"
    return "at its end" if (folder / "run.hdf").exists() else "in its steps"


def finished(process: "subprocess.Popen[str]") -> int:
    """Waits for a process; gives its exit code."""
    try:
        _, reported = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode <= 0 or reported.count("\n") == 1, reported
    return process.returncode


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=10)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        counts = played(Queue(Path(room)), asked.kills, asked.seed)
    print(", ".join(f"{number} {name}" for name, number in counts.items()), "and nothing was lost")


if __name__ == "__main__":
    main()
