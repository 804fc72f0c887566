"""One run computed by several processes: its options, its supervisors and its processes."""

import argparse
import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from tissue.commands.common import (
    BAD_INPUT,
    INTERRUPTED,
    OUTPUT_FOLDER,
    RUN_FAILED,
    STOPPED,
    Options,
    config_of,
)
from tissue.commands.messages import messages
from tissue.commands.streams import Output
from tissue.errors import InputError, RunError, RunStopped
from tissue.machine.cluster import place_of
from tissue.machine.contact import Refused
from tissue.machine.supervisor import supervise
from tissue.machine.verdict import Ending
from tissue.machine.watched_process import ROLE, Role

if TYPE_CHECKING:
    from tissue.scenario.config import RunConfig

SAME_FOR_ALL = ("name", "parent", "at", "file", "set", "out", "resume", "overwrite")
"""Options that all processes of a run must be given alike."""


def add(command: Options) -> None:
    """Add the options of a run that several processes compute."""
    command.add_argument(
        "--distributed",
        action="store_true",
        help="compute the run with several processes, all started with this command: by srun, by "
        "mpirun, or by hand with the next three options",
    )
    command.add_argument(
        "--coordinator", metavar="HOST:PORT", help="host of process 0, and a free port there"
    )
    command.add_argument("--processes", type=int, metavar="N", help="number of processes")
    command.add_argument("--process", type=int, metavar="I", help="this one, from 0 to N - 1")


def role(options: argparse.Namespace) -> Role | None:
    """Role that a supervisor has given to this process; None for one that has none.

    Raises:
        InputError: options of a run of several processes are given without --distributed.
    """
    if options.distributed:
        return Role(*json.loads(os.environ[ROLE])) if ROLE in os.environ else None
    for name in ("coordinator", "processes", "process"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is for runs of several processes: add --distributed")
    return None


def supervised(options: argparse.Namespace) -> int:
    """Run a process and watch it; return the exit code of the run.

    Raises:
        InputError: the processes do not find each other; nothing was started.
        RunError: the run failed, and no process has said so.
        RunStopped: a process is dead or stuck; the run can be resumed.
        KeyboardInterrupt: a second Ctrl-C has ended a process.
    """
    place = place_of(os.environ, options.coordinator, options.processes, options.process)
    alike = {name: getattr(options, name, None) for name in SAME_FOR_ALL}
    command = json.dumps(alike, default=str)
    words = [sys.executable, "-m", "tissue", *options.arguments]
    try:
        ending = supervise(place, words, command)
    except Refused as refused:
        return refused.code
    if ending.sentence is None:
        return ending.code
    if place.process == 0 and options.progress is None and sys.stderr.isatty():
        print(file=sys.stderr)  # below the bar
    as_events = options.progress == "json" and place.process == 0
    with messages("json", quiet=False) if as_events else nullcontext():
        raise _error_of(ending, options)


def _error_of(ending: Ending, options: argparse.Namespace) -> BaseException:
    sentence = ending.sentence or ""
    if ending.resumable:
        from tissue.simulation.folder import intact_output

        folder = _folder(options)
        if folder and folder.is_dir():
            sentence += f"; {intact_output(folder)}"
        sentence += "; continue it with the same command and --resume"
    kinds: dict[int, type[BaseException]] = {
        BAD_INPUT: InputError,
        RUN_FAILED: RunError,
        STOPPED: RunStopped,
        INTERRUPTED: KeyboardInterrupt,
    }
    return kinds.get(ending.code, RunError)(sentence)


def _folder(options: argparse.Namespace) -> Path | None:
    """Folder of the run; None where its run file cannot be read."""
    if options.out:
        return options.out
    try:
        return OUTPUT_FOLDER / config_of(options).name
    except InputError:
        return None


_joined = False


def has_joined() -> bool:
    """Whether this is one of several processes: JAX would wait for the others at its end."""
    return _joined


def joined(own: Role, config: "RunConfig") -> "RunConfig":
    """Join the other processes of a run.

    Args:
        own: role of this one.
        config: the run, as this process has read it.

    Returns:
        The run, on the devices of all processes.

    Raises:
        InputError: another process has read another run.
    """
    from tissue.machine import processes
    from tissue.scenario.resolved import config_hash

    global _joined
    _keep_output_to_itself()
    processes.join(own)
    _joined = True
    different = processes.different([int(config_hash(config)[:12], 16)])
    if different is not None:
        raise InputError(
            f"process {different} reads another run than process 0 from {config.source}: give all "
            "processes the same file"
        )
    return config.model_copy(update={"run": config.run.model_copy(update={"devices": "all"})})


def _keep_output_to_itself() -> None:
    """Keep what libraries print off standard output: gloo says there that it is connected."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
    sys.stdout = cast("TextIO", Output(stream))
