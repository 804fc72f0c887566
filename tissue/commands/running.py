"""Commands that run simulations: run and branch."""

import argparse
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tissue.commands import distributed
from tissue.commands.common import OUTPUT_FOLDER, Commands, Options, add_run_file, config_of
from tissue.commands.messages import STYLES, messages
from tissue.errors import InputError, RunError
from tissue.simulation.signal_handling import SignalHandler

if TYPE_CHECKING:
    from tissue.machine.watched_process import Role
    from tissue.simulation.resume import Parent
    from tissue.storage.checkpoint import Checkpoint


log = logging.getLogger(__name__)


def add(commands: Commands) -> None:
    """Add run and branch."""
    command = commands.add_parser("run", help="run a simulation")
    add_run_file(command)
    command.add_argument("--out", type=Path, metavar="DIR", help="default: runs/out/NAME")
    existing = _add_overwrite(command)
    existing.add_argument(
        "--resume",
        nargs="?",
        const="latest",
        metavar="WHERE",
        help="continue the run in the folder, or start it where there is none; WHERE is latest "
        "(the default), a time such as '7 day', or a checkpoint",
    )
    distributed.add(command)
    _add_messages(command)
    command.set_defaults(command=_run, at=None)

    command = commands.add_parser(
        "branch", help="start a variant of a run from one of its checkpoints"
    )
    command.add_argument("parent", type=Path, metavar="RUN", help="folder of the run")
    add_run_file(command)
    command.add_argument("--at", required=True, metavar="TIME", help="e.g. '180 day'")
    command.add_argument("--out", type=Path, metavar="DIR", help="default: runs/out/NAME")
    existing = _add_overwrite(command)
    existing.add_argument(
        "--resume",
        action="store_const",
        const="latest",
        help="continue the branch in the folder, or start it where there is none",
    )
    distributed.add(command)
    _add_messages(command)
    command.set_defaults(command=_run)


def _add_overwrite(command: argparse.ArgumentParser) -> Options:
    """Add mutually exclusive options for a folder that already holds a run."""
    existing = command.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace the run in the folder")
    return existing


def _add_messages(command: argparse.ArgumentParser) -> None:
    """Add options for what is printed during a run."""
    group = command.add_mutually_exclusive_group()
    group.add_argument("--quiet", action="store_true", help="print errors only")
    group.add_argument(
        "--progress",
        choices=STYLES,
        help="lines: as without a terminal, instead of a bar; json: one object per line on "
        "standard output, for programs",
    )


def _run(options: argparse.Namespace) -> int:
    role = distributed.role(options)
    if options.distributed and role is None:
        return distributed.supervised(options)
    with SignalHandler(ends_program=options.ends_program) as signals:
        return _run_handling(options, signals, role)


def _run_handling(options: argparse.Namespace, signals: SignalHandler, role: "Role | None") -> int:
    silent = role is not None and role.process > 0
    with messages(None if silent else options.progress, options.quiet or silent) as handler:
        with signals.raising_on_stop("before it began"):
            config = config_of(options)
            if role:
                config = distributed.joined(role, config)
            handler.begin(config)
            from tissue.analysis.series import measured_run
            from tissue.analysis.summary import SUMMARY, summary_is_current, write_summary
            from tissue.machine import device
            from tissue.simulation.run import run

            device.enable_compilation_cache()
            device.start_backend()  # before an image is read, which may take long
            parent = _parent(options)
        folder = options.out or OUTPUT_FOLDER / config.name
        done = run(
            config,
            folder,
            overwrite=options.overwrite,
            watch=handler.step,
            resume=options.resume,
            parent=parent,
            measure=partial(measured_run, skip_damaged=True) if config.output.morphometry else None,
            signals=signals,
        )
        if silent:
            return 0
        picture: Path | None = folder / SUMMARY
        try:
            if not (options.resume and summary_is_current(folder)):
                log.info(f"drawing {SUMMARY}")
                write_summary(folder, config.name)
        except InputError as error:  # an earlier snapshot is damaged
            picture = None
            log.warning(f"the run is finished, but its picture cannot be drawn: {error}")
        except OSError as error:
            raise RunError(
                "the run is complete, but its picture cannot be written "
                f"({error.strerror or error})"
            ) from None
    handler.finished(done, picture)
    return 0


def _parent(options: argparse.Namespace) -> "Parent | Checkpoint | None":
    if options.at is None:
        return None
    from tissue import units
    from tissue.simulation.resume import Parent

    try:
        time = units.parse(options.at, "day")
    except units.UnitError as error:
        raise InputError(f"--at: {error}") from None
    parent = Parent(options.parent, time)
    return parent if options.resume else parent.checkpoint()
