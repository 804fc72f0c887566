"""Commands that run the tissue."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tissue.commands.common import Commands, add_run_file, config_of
from tissue.errors import InputError, RunError

if TYPE_CHECKING:
    from tissue.scenario.config import RunConfig
    from tissue.simulation.simulation import Record
    from tissue.storage.checkpoint import Checkpoint
    from tissue.storage.results import Run

log = logging.getLogger(__name__)


def add(commands: Commands) -> None:
    """Adds run and branch."""
    command = commands.add_parser("run", help="run a simulation")
    add_run_file(command)
    command.add_argument("--out", type=Path, metavar="DIR", help="default: runs/out/NAME")
    command.add_argument("--overwrite", action="store_true", help="replace a run that is there")
    command.add_argument(
        "--resume",
        nargs="?",
        const="latest",
        metavar="WHERE",
        help="go on with the run in the folder: latest, the number of a step, or a checkpoint",
    )
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.set_defaults(command=_run, at=None)

    command = commands.add_parser("branch", help="take another course from a moment of a run on")
    command.add_argument("parent", type=Path, metavar="RUN", help="folder of the run")
    add_run_file(command)
    command.add_argument("--at", required=True, metavar="TIME", help="e.g. '180 day'")
    command.add_argument("--out", type=Path, metavar="DIR", help="default: runs/out/NAME")
    command.add_argument("--overwrite", action="store_true", help="replace a run that is there")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.set_defaults(command=_run, resume=None)


def _run(options: argparse.Namespace) -> int:
    config = config_of(options)
    _log_to_screen(logging.ERROR if options.quiet else logging.INFO)
    from tissue import backend
    from tissue.analysis.series import measured_run
    from tissue.analysis.summary import write_summary
    from tissue.simulation.run import run

    backend.keep_compiled()
    backend.start()  # before an image is read, which may take long
    folder = options.out or Path("runs/out") / config.name
    with _Progress(config, options.quiet) as progress:
        done = run(
            config,
            folder,
            overwrite=options.overwrite,
            watch=progress,
            resume=options.resume,
            parent=_parent(options),
            measure=measured_run if config.morphometry else None,
        )
    try:
        picture = write_summary(folder, config.name)
    except OSError as error:
        raise RunError(
            "the run is finished and whole, but its picture cannot be written "
            f"({error.strerror or error})"
        ) from None
    if not options.quiet:
        _print_result(done, picture)
    return 0


def _print_result(done: "Run", picture: Path) -> None:
    start, end = done.metrics["bv_tv"][0], done.metrics["bv_tv"][-1]
    change, days = done.metrics["bv_tv_change_percent"][-1], done.metrics["time_day"][-1]
    try:
        print(f"\nBV/TV {start:.4f} -> {end:.4f} ({change:+.2f} %) in {days:g} days")
        print(f"{len(done.snapshots)} snapshots, metrics.csv and ledger.csv in {done.folder}")
        print(f"picture: {picture}")
        sys.stdout.flush()
    except OSError as error:  # what was asked for is in the folder
        log.warning(
            "the run is finished and whole, but its result cannot be printed "
            f"({error.strerror or error})"
        )


def _parent(options: argparse.Namespace) -> "Checkpoint | None":
    if options.at is None:
        return None
    from tissue import units
    from tissue.simulation.resume import at_time

    try:
        time = units.parse(options.at, "day")
    except units.UnitError as error:
        raise InputError(f"--at: {error}") from None
    return at_time(options.parent, time)


class _Progress:
    """A progress bar with simulated time and BV/TV; silent where no one watches.

    A screen that is gone is told to run.log, between two steps and not at once: what writes to the
    screen may hold a lock that a message would wait for.
    """

    def __init__(self, config: "RunConfig", quiet: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=round(config.duration, 6),
            unit="day",
            disable=quiet or not sys.stderr.isatty(),
            bar_format="{percentage:3.0f}% |{bar}| day {n:.1f}/{total:g} "
            "[{elapsed}<{remaining}{postfix}]",
        )
        self._told = False

    def __call__(self, record: "Record") -> None:
        self._bar.set_postfix_str(
            f"BV/TV {record.metrics['bv_tv']:.4f} "
            f"({record.metrics['bv_tv_change_percent']:+.2f} %)",
            refresh=False,
        )
        self._bar.update(record.metrics["time_day"] - self._bar.n)
        lost = getattr(sys.stderr, "lost", None)
        if lost and not self._told:
            self._told = True
            log.warning(f"the screen cannot be written to ({lost}): the run goes on without it")

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _log_to_screen(level: int) -> None:
    """Progress and warnings of the run on stderr, past the progress bar."""
    handler = _Screen()
    handler.setFormatter(_Plain())
    handler.setLevel(level)
    root = logging.getLogger("tissue")
    root.setLevel(logging.INFO)
    root.handlers = [handler]
    root.propagate = False


class _Screen(logging.Handler):
    """Writes above the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


class _Plain(logging.Formatter):
    """Messages as they are; warnings and worse say so."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"
