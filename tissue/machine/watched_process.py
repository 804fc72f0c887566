"""One process of several that compute a run, as the supervisor that has started it sees it."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROLE = "TISSUE_PROCESS"
"""Variable of the environment with which a supervisor gives its process a role."""

LEAST_WORK = 0.02
"""Share of a core below which a process is idle [1] (assumption): its threads that only wait take
less than half of that (measured: 0.3 % of a core)."""

LEAST_BYTES = 2**16
"""Bytes read and written in a second below which a process is idle (assumption)."""

PROC = Path("/proc")


class Role(NamedTuple):
    """Role of a process among those that compute a run.

    Attributes:
        address: HOST:PORT of JAX's coordinator.
        process: number of this process, from 0.
        processes: number of all.
        on_host: number of those on the host of this one, which share its memory.
        reports: descriptor of a pipe to the supervisor.
        lifeline: descriptor of a pipe that closes when the supervisor ends.
    """

    address: str
    process: int
    processes: int
    on_host: int
    reports: int
    lifeline: int


class Status(NamedTuple):
    """Status of a process.

    Attributes:
        host: name of its host.
        code: exit code, or minus the signal that ended it; None while it runs.
        text: sentence with which it ended.
        step: last step; None before the first.
        agreements: number of agreements with the others that it has begun.
        stopped: time for which the system has held it stopped [s].
        idle: time without work [s].
        waiting: it has said that it waits for the others, as it may.
        silent: time without word of its supervisor [s].
    """

    host: str
    code: int | None = None
    text: str = ""
    step: int | None = None
    agreements: int = 0
    stopped: float = 0.0
    idle: float = 0.0
    waiting: bool = False
    silent: float = 0.0


class WatchedProcess:
    """Process that is started, observed, and ended with its supervisor.

    Attributes:
        has_reported: it has begun to report, and receives all signals of a run.
    """

    def __init__(
        self,
        words: Sequence[str],
        variables: Mapping[str, str],
        role: tuple[str, int, int, int],
        host: str,
    ) -> None:
        """Starts the process. The first one prints; what others print is kept for their end.

        Args:
            words: of its command.
            variables: of its environment.
            role: address of the coordinator, number of the process, of all, and of those on its
                host.
            host: name of this host.
        """
        received, reports = os.pipe()
        lifeline, self._lifeline = os.pipe()
        first = role[1] == 0
        self._errors = None if first else tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            words,
            # proxies are not for the other processes, and gRPC would take them
            env={k: v for k, v in variables.items() if not k.lower().endswith("_proxy")}
            | {ROLE: json.dumps([*role, reports, lifeline])},
            pass_fds=(reports, lifeline),
            stdin=None if first else subprocess.DEVNULL,
            stdout=None if first else subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,  # a terminal signals the supervisor alone, which hands it on
        )
        os.close(reports)
        os.close(lifeline)
        os.set_blocking(received, False)
        self._received, self._unread = received, b""
        self._status = Status(host)
        self.has_reported = False
        self._work = self._done()

    def signal(self, number: signal.Signals) -> None:
        """Hands a signal on."""
        self._process.send_signal(number)

    def observe(self, seconds: float) -> Status:
        """Status now.

        Args:
            seconds: since the last call.
        """
        waiting = False
        for word in self._reports():
            self.has_reported = True
            if word == "agreeing":
                self._status = self._status._replace(agreements=self._status.agreements + 1)
            elif word == "waiting":
                waiting = True
            else:
                self._status = self._status._replace(step=int(word))
        code = self._process.poll()
        if code is not None:
            self._status = self._status._replace(code=code, text=self._last_words())
            return self._status
        stopped = _state(PROC / f"{self._process.pid}") in ("T", "t")
        done, before = self._done(), self._work
        self._work = done
        idle = done is not None and before is not None and not _is_work(before, done, seconds)
        self._status = self._status._replace(
            stopped=self._status.stopped + seconds if stopped else 0.0,
            idle=self._status.idle + seconds if idle and not waiting else 0.0,
            waiting=waiting,
        )
        return self._status

    def end(self) -> None:
        """Ends the process at once, if it still runs."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        os.close(self._received)
        os.close(self._lifeline)
        if self._errors:
            self._errors.close()

    def _reports(self) -> list[str]:
        with suppress(BlockingIOError):
            while part := os.read(self._received, 2**16):
                self._unread += part
        *lines, self._unread = self._unread.split(b"\n")
        return [line.decode("ascii") for line in lines]

    def _last_words(self) -> str:
        """Sentence that the command printed at its end, or else its last line."""
        if not self._errors:
            return ""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 2**14))
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        said = [line for line in lines if line.strip()]
        sentences = [line for line in said if line.startswith("tissue: ")]
        return (sentences or said or [""])[-1].removeprefix("tissue: ").strip()

    def _done(self) -> tuple[float, int, bool] | None:
        """Processor time [s], bytes moved, and whether it waits for a disk; None if unknown."""
        folder = PROC / f"{self._process.pid}"
        try:
            fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            moved = (folder / "io").read_text("ascii").split()
            waits = any(_state(task) == "D" for task in (folder / "task").iterdir())
        except (OSError, IndexError):  # it has just ended, or there is no Linux
            return None
        time = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return time, int(moved[1]) + int(moved[3]), waits


def _is_work(before: tuple[float, int, bool], now: tuple[float, int, bool], seconds: float) -> bool:
    computed, moved = now[0] - before[0], now[1] - before[1]
    return computed >= LEAST_WORK * seconds or moved >= LEAST_BYTES * seconds or now[2]


def _state(folder: Path) -> str:
    """State of a process or thread, as one letter of proc(5); empty where it is unknown."""
    try:
        return (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
