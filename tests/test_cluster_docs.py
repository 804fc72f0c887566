"""The page on clusters does what it says: scripts run, commands are understood, tables hold."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from faults.small_run import same

from tissue import cli
from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples
from tissue.simulation.cost import BONE_SHARE, MEMORY_MARGIN, gpu_memory
from tissue.simulation.gpus import DEVICES, JAX_FRACTION, MAX_FRACTION, slabs_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "cluster.md"
TEXT = PAGE.read_text(encoding="utf-8")
CONTAINERS = ROOT / "docs" / "containers"
EDGES = (128, 256, 384, 448, 512, 576, 640)
JOB, DOSE, FILES, LARGE = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
INSTALL, COLLECT, OFFLINE, ONE_CORE, AS_JSON = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
PLAIN = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)


def verdict(need: float, room: float) -> str:
    """Whether a GPU holds a run, in few words."""
    if need * MEMORY_MARGIN <= JAX_FRACTION * room:
        return "fits"
    if need * MEMORY_MARGIN <= MAX_FRACTION * room:
        return "with 0.95"
    return "may fit, with 0.95" if need <= MAX_FRACTION * room else "no"


def memory_table() -> str:
    """Memory of a run on a GPU, as the page shows it."""
    rows = [
        "| edge | load from density | | finite elements | | float64, density | |",
        "|---|---|---|---|---|---|---|",
    ]
    config = read_run_file(examples()["shrew"])
    double = config.changed({"run.precision": "float64"})
    for edge in EDGES:
        cells, cut = [f"{edge}^3"], slabs_of((edge,) * 3, 1)
        for each, share in ((config, None), (config, BONE_SHARE), (double, None)):
            need = gpu_memory(each, cut, share)
            cells += [f"{need / 1e9:.1f} GB", verdict(need, DEVICES["h100"].memory)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def test_its_table_of_memory_is_what_is_predicted() -> None:
    table = memory_table()
    shown = re.search(r"<!-- memory -->\n(.*?)\n<!-- /memory -->", TEXT, re.DOTALL)
    assert shown
    assert shown[1] == table, f"put this between the marks of docs/cluster.md:\n{table}"
    assert "with 0.95" in table
    assert "no |" in table


@pytest.mark.parametrize(
    "script", [JOB, DOSE, FILES, LARGE, INSTALL, COLLECT, OFFLINE, ONE_CORE, AS_JSON]
)
def test_its_scripts_are_shell(script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("script", [JOB, DOSE, LARGE])
def test_its_jobs_hear_of_their_limit_and_come_back(script: str) -> None:
    assert script.startswith("#!/bin/bash\n#SBATCH")
    directives = re.findall(r"^#SBATCH (.*)$", script, re.MULTILINE)
    # srun would kill its processes if it were signaled through the script
    signals = "--signal=TERM@300" if script == LARGE else "--signal=B:TERM@300"
    assert {signals, "--requeue", "--open-mode=append"} <= set(directives)
    # SLURM reads no directive after the first command
    assert script.rindex("#SBATCH") < re.search(r"^[^#\n]", script, re.MULTILINE).start()  # type: ignore[union-attr]


COMMANDS = [
    line
    for block in (*PLAIN, INSTALL, OFFLINE, ONE_CORE, AS_JSON)
    for line in block.splitlines()
    if re.search(r"\btissue(-cuda12)?(\.sif|\.sbatch|:cuda12)? (run|check|watch|doctor)\b", line)
] + re.findall(r"`(tissue (?:check|report) [^`]+)`", TEXT.replace("\n", " "))


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_are_understood(line: str) -> None:
    words = shlex.split(line.replace("...", "").replace("$  ", " "), comments=True)
    (at,) = [
        i for i, word in enumerate(words) if word in ("run", "check", "watch", "doctor", "report")
    ][-1:]
    cli._parsed(*cli._parser(), words[at:])


def test_its_links_and_extras_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (PAGE.parent / target).exists(), target
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(re.findall(r'"\.\[(\w+)\]"', TEXT)) == {"cuda12"} <= set(extras)


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


def directory_of(containerfile: str) -> str:
    """The commands of a recipe for a container."""
    return (CONTAINERS / containerfile).read_text(encoding="utf-8")


def test_both_recipes_make_the_same_container() -> None:
    docker, apptainer = directory_of("Dockerfile"), directory_of("tissue.def")
    base = re.search(r"^ARG BASE=(\S+)", docker, re.MULTILINE)
    assert base
    assert f"From: {base[1]}\n" in apptainer
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert base[1].startswith(f"python:{least.removeprefix('>=')}")
    install = "/opt/tissue/bin/pip install --no-cache-dir --constraint /src/constraints.txt "
    assert install in docker
    assert install in apptainer
    taken = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    files = re.findall(r"^    (\S+) /src/", apptainer, re.MULTILINE)
    assert {name.split("/")[0] for name in files} == taken
    assert all(list(ROOT.glob(name)) for name in files)


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
        job = queue.start(*words, "out", PYTHONPATH=str(ROOT))
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
    whole = queue.end(queue.start(*words, "whole", PYTHONPATH=str(ROOT)))
    assert whole.code == 0, whole.log
    same(tmp_path / "whole", tmp_path / "out")
    again = queue.end(queue.start(*words, "out", PYTHONPATH=str(ROOT)))
    assert again.code == 0, again.log
    assert again.requeued == []


def without_network() -> list[str]:
    """Words before a command that take its network away; skips where that is not allowed."""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if shutil.which("unshare") and not subprocess.run([*words, "true"], check=False).returncode:
            return words
    pytest.skip("a process without a network cannot be made here")


@pytest.mark.slow
def test_the_install_without_a_network_works_as_it_stands(tmp_path: Path) -> None:
    cut_off = without_network()
    names = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=False
    ).stdout.split("\n")
    if "pyproject.toml" not in names:
        pytest.skip("this is no checkout")
    checkout = tmp_path / "checkout"
    for name in filter(None, names):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, checkout / name, follow_symlinks=False)
    done = subprocess.run(
        ["sh", "-e", "-c", COLLECT], cwd=checkout, capture_output=True, text=True, check=False
    )
    if done.returncode and re.search(
        r"Connection|connection|timed out|from versions: none", done.stderr
    ):
        pytest.skip("no network to collect the packages from")
    assert done.returncode == 0, done.stderr
    there = tmp_path / "there"
    there.mkdir()
    (checkout / "wheels").rename(there / "wheels")
    shutil.rmtree(checkout)
    known = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    known |= {"PIP_CONFIG_FILE": os.devnull, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    printed = []
    for block in (OFFLINE, ONE_CORE, AS_JSON):
        done = subprocess.run(
            [*cut_off, "sh", "-e", "-c", block],
            cwd=there,
            env=known,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        printed.append(done.stdout)
    assert "grid       57 x 57 x 57 voxels" in printed[0]
    assert "the backend computes correctly" in printed[1]
    events = [json.loads(line) for line in printed[2].splitlines()]
    assert events[-1]["event"] == "finished"
    sentence = re.search(r"Every object has (.*?):\n", TEXT, re.DOTALL)
    assert sentence
    keys = set(re.findall(r"`(\w+)`", sentence[1]))
    assert keys == set(next(each for each in events if each["event"] == "snapshot"))
