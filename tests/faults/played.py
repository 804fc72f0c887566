"""The small run, started again and again in this process, which has all its programs."""

import argparse
import faulthandler
import gc
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from faults.command_result import CommandResult, call_command
from faults.interposer import LOADED, Interposer, run_with_interposer
from faults.small_run import BACK, RUN, complete, everything_opens, nothing_drawn, same

from tissue.analysis import summary
from tissue.machine.device import enable_compilation_cache
from tissue.storage import atomic

FAILED = (1, 2)
"""Exit codes of a run that stops with a sentence: what it met, or what it was given."""


class Stage(NamedTuple):
    """Part of a run that is played.

    Attributes:
        name: of it.
        state: folder that it begins with; None for none at all.
        resume: what `--resume` is given.
    """

    name: str
    state: Path | None
    resume: str = "latest"


class Played:
    """The small run in one folder, and what it may be in.

    Attributes:
        at: folder of the run that is played: always the same, as a run file may name it.
        whole: folder of the run that nothing happened to.
        stages: a start, going on after a kill, and going back in a run that is finished.
    """

    def __init__(self, room: Path) -> None:
        """Runs it without any fault.

        Args:
            room: empty folder for all that is written.
        """
        self.interposer = Interposer()
        self._file, self.at = room / "small.toml", room / "played"
        self._file.write_text(RUN, encoding="utf-8")
        self._copies, self._copied = room / "copies", 0
        self._copies.mkdir()
        self._known: dict[tuple[Stage, bool], list[Path]] = {}
        # seconds of drawing change no call
        summary._drawn = nothing_drawn  # type: ignore[assignment]
        start = Stage("start", None)
        copies = self.killed(start, power_cut=False)
        complete(self.at)
        self.whole = self.at.rename(room / "whole")
        killed = shutil.copytree(copies[len(copies) // 2], room / "killed")
        self.stages = (start, Stage("going on", killed), Stage("going back", self.whole, BACK))
        gc.collect()
        gc.freeze()  # JAX and the like are not looked through again and again

    def begin(self, stage: Stage) -> None:
        """Puts the folder into the state that a stage begins with."""
        shutil.rmtree(self.at, ignore_errors=True)
        if stage.state:
            shutil.copytree(stage.state, self.at)
        for path in self.at.glob("*.tmp"):  # nobody writes them any more
            os.utime(path, times=(time.time() - 2 * atomic.ABANDONED_AGE,) * 2)

    def run(self, resume: str = "latest") -> CommandResult:
        """Starts it, or goes on with it: one command for both."""
        atomic._warn.cache_clear()  # each run tells again what it has to warn of
        result = call_command("run", self._file, "--out", self.at, "--resume", resume, "--quiet")
        gc.collect()  # as at the end of a process, nothing stays open
        return result

    def counts(self, stage: Stage) -> dict[str, int]:
        """Calls of a stage for files of the folder, by kind."""
        self.begin(stage)
        self.interposer.watch(self.at)
        result = self.run(stage.resume)
        counts = self.interposer.counts()
        self.interposer.stop()
        assert result.code == 0, result
        return counts

    def killed(self, stage: Stage, *, power_cut: bool) -> list[Path]:
        """The states that a kill or a power cut may leave in a stage, each once, in order."""
        if (stage, power_cut) in self._known:
            return self._known[stage, power_cut]
        self._copied += 1
        to = self._copies / f"{self._copied}"
        to.mkdir()
        self.begin(stage)
        self.interposer.watch(self.at)
        self.interposer.copy(to, power_cut)
        result = self.run(stage.resume)
        self.interposer.stop()
        assert result.code == 0, result
        different: dict[tuple[tuple[str, str], ...], Path] = {}
        for copy in sorted(to.iterdir()):
            known = different.setdefault(tuple(contents(copy, ()).items()), copy)
            if known != copy:
                shutil.rmtree(copy)
        self._known[stage, power_cut] = list(different.values())
        return self._known[stage, power_cut]

    def ends_well(self) -> str:
        """Goes on to the end; what is wrong with that, or ""."""
        if wrong := _raised(everything_opens, self.at):
            return f"what is there does not open: {wrong}"
        before = contents(self.at)
        result = self.run()
        if result.trouble:
            return f"then {result.trouble}"
        if result.code in FAILED:
            changed = "" if contents(self.at) == before else " and changed"
            return f"then refused{changed}: {result.err}"
        if wrong := _raised(complete, self.at) or _raised(same, self.whole, self.at):
            return f"differs: {wrong}"
        if left := [path.name for path in self.at.glob("*.tmp")]:
            return f"leaves {', '.join(left)}"
        return ""


def contents(folder: Path, without: Sequence[str] = ("run.log", "run.lock")) -> dict[str, str]:
    """A hash of each file of a run."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in without
    }


def _raised(check: Callable[..., None], *given: Path) -> str:
    try:
        check(*given)
    except Exception as error:
        return f"{type(error).__name__} {error}".strip()
    return ""


def command_line(script: str, text: str, tried: Callable[[Played, int | None, int], int]) -> int:
    """Reads the command line of a script, plays with the interposer, and gives the exit code.

    Args:
        script: its file.
        text: what it does.
        tried: plays a sample (None for all), drawn with a seed; gives how many went wrong.
    """
    parser = argparse.ArgumentParser(description=text)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--all", action="store_true")
    size.add_argument("--sample", type=int, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if LOADED not in os.environ:
        return run_with_interposer(script, sys.argv[1:])
    enable_compilation_cache()
    with tempfile.TemporaryDirectory() as room:
        return tried(Played(Path(room)), asked.sample, asked.seed) > 0


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """Ends the process, and tells where it is, if the block takes too long."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
