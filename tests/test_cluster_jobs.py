"""The scripts of the page on clusters, run by a simulated queue."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from cluster_page import DOSE, FILES, JOB, LARGE
from docs_script import DOCS
from faults.small_run import same


class Ended(NamedTuple):
    """A job that ended.

    Attributes:
        code: its exit code; negative for a signal.
        requeued: the jobs that were put back.
        log: what was printed.
    """

    code: int
    requeued: list[str]
    log: str


class Queue:
    """One folder, and a queue of one machine that starts a script in it."""

    def __init__(self, folder: Path, tissue: str) -> None:
        """Prepares the scripts of the page and the programs that they call.

        Args:
            folder: to play in.
            tissue: shell script in place of the command `tissue`.
        """
        self.folder = folder
        for name, text in (("tissue.sbatch", JOB), ("dose.sbatch", DOSE), ("large.sbatch", LARGE)):
            (folder / name).write_text(text, encoding="utf-8")
        self._program("venv/bin/tissue", tissue)
        self._program("bin/scontrol", 'echo "$@" >> requeued')
        self._program("bin/squeue", "cat state 2>/dev/null || echo RUNNING")

    def _program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Starts a job with these words and variables."""
        known = os.environ | {"SLURM_JOB_ID": "7"} | variables
        known["PATH"] = f"{self.folder / 'bin'}:{known['PATH']}"
        return subprocess.Popen(
            ["bash", *words],
            cwd=self.folder,
            env=known,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end(self, job: subprocess.Popen[str], longest: float = 600) -> Ended:
        """Waits for a job and takes what it put back."""
        log, _ = job.communicate(timeout=longest)
        told = self.folder / "requeued"
        requeued = told.read_text().splitlines() if told.exists() else []
        told.unlink(missing_ok=True)
        return Ended(job.returncode, requeued, log)


@pytest.mark.parametrize("code", [0, 1, 2, 75, 137])
def test_only_a_stopped_run_is_put_back(code: int, tmp_path: Path) -> None:
    queue = Queue(tmp_path, f'printf "%s|" "$@"; exit {code}')
    ended = queue.end(queue.start("tissue.sbatch", "a b.toml", "--out", "x"))
    assert ended == (code, ["requeue 7"] if code == 75 else [], "run|a b.toml|--out|x|--resume|")


def test_a_job_that_was_canceled_stays_away(tmp_path: Path) -> None:
    queue = Queue(tmp_path, "exit 75")
    (tmp_path / "state").write_text("COMPLETING\n")
    assert queue.end(queue.start("tissue.sbatch", "a.toml")) == (75, [], "")


SLEEPER = """
trap 'echo checkpoint' USR1
trap 'sleep 0.3; exit 75' TERM
echo ready
while :; do sleep 0.05; done
"""


def test_signals_reach_the_run_and_its_code_comes_back(tmp_path: Path) -> None:
    queue = Queue(tmp_path, SLEEPER)
    array = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}
    job = queue.start("tissue.sbatch", "mine.toml", **array)
    assert job.stdout
    assert job.stdout.readline() == "ready\n"
    time.sleep(0.5)  # on a busy machine the script notes the number of its process later
    job.send_signal(signal.SIGUSR1)
    assert job.stdout.readline() == "checkpoint\n"
    job.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    job.send_signal(signal.SIGTERM)  # a queue may ask twice
    assert queue.end(job, 20)[:2] == (75, ["requeue 7_3"])


@pytest.mark.parametrize("task", range(4))
def test_each_task_of_an_array_has_its_value_and_its_folder(task: int, tmp_path: Path) -> None:
    queue = Queue(tmp_path, 'printf "%s|" "$@"')
    ended = queue.end(queue.start("dose.sbatch", SLURM_ARRAY_TASK_ID=f"{task}"))
    dose = (1, 3, 10, 30)[task]
    words = f"run|mine.toml|--set|disease.il1_excess={dose} pM|--out|runs/out/dose-{dose}|--resume|"
    assert ended == (0, [], words)
    (tmp_path / "files.txt").write_text("one.toml\nmore/two b.toml\n3.toml\n4.toml\n")
    (tmp_path / "list.sbatch").write_text(FILES)
    ended = queue.end(queue.start("list.sbatch", SLURM_ARRAY_TASK_ID=f"{task}"))
    file = ("one.toml", "more/two b.toml", "3.toml", "4.toml")[task]
    assert ended.log == f"run|{file}|--out|runs/out/{Path(file).stem}|--resume|"


def test_a_large_job_starts_its_processes_with_srun(tmp_path: Path) -> None:
    queue = Queue(tmp_path, 'printf "%s|" "$@"; exit 75')
    queue._program("bin/srun", 'printf "%s|" srun "$1" "$2"; shift 2; exec "$@"')
    ended = queue.end(
        queue.start("large.sbatch", "mine.toml", "--out", "x", SLURM_CPUS_PER_TASK="8")
    )
    words = (
        "srun|--kill-on-bad-exit=0|--cpus-per-task=8|run|mine.toml|--out|x|--distributed|--resume|"
    )
    assert ended == (75, ["requeue 7"], words)


RUN = """
[run]
duration = "4 day"
step = "0.02 day"
[geometry.synthetic]
shape = [8, 8, 8]
spacing = "10 um"
bv_tv = 0.3
thickness = "30 um"
[disease]
il1_excess = "3.5 pM"
[output]
snapshots = "1 day"
"""
PLAYED: Sequence[tuple[str, float]] = (("TERM", 1), ("KILL", 18), ("TERM", 14), ("TERM", 20))
"""Events that happen to the first jobs, and after how many seconds; then nothing happens."""


@pytest.mark.slow
def test_a_played_queue_brings_a_run_to_its_end(tmp_path: Path) -> None:
    queue = Queue(tmp_path, f'exec "{sys.executable}" -m tissue "$@"')
    (tmp_path / "mine.toml").write_text(RUN, encoding="utf-8")
    words = ("tissue.sbatch", "mine.toml", "--out")
    codes = []
    for happens, after in (*PLAYED, *(("", 600.0),) * 5):
        job = queue.start(*words, "out", PYTHONPATH=str(DOCS.parent))
        try:
            job.wait(after)
        except subprocess.TimeoutExpired:
            if happens == "KILL":  # the machine fails: all of the job is gone
                os.killpg(job.pid, signal.SIGKILL)
            else:  # SLURM signals the script alone
                job.send_signal(signal.SIGTERM)
        ended = queue.end(job)
        codes.append(ended.code)
        assert ended.code in (0, 75, -signal.SIGKILL), ended.log
        assert ended.requeued == (["requeue 7"] if ended.code == 75 else [])
        if ended.code == 0:
            break
    assert codes[-1] == 0, codes
    assert 75 in codes
    whole = queue.end(queue.start(*words, "whole", PYTHONPATH=str(DOCS.parent)))
    assert whole.code == 0, whole.log
    same(tmp_path / "whole", tmp_path / "out")
    again = queue.end(queue.start(*words, "out", PYTHONPATH=str(DOCS.parent)))
    assert again.code == 0, again.log
    assert again.requeued == []
