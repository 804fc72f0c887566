"""The command `tissue`."""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tissue import __version__
from tissue.errors import InputError, RunError

if TYPE_CHECKING:
    from tissue.scenario.config import RunConfig
    from tissue.simulation.simulation import Record

RUN_FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    options = _parser().parse_args(arguments)
    # XLA's loader of programs kept on disk takes two tuning hints for missing machine features
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        code = int(options.command(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except InputError as error:
        print(f"tissue: {error}", file=sys.stderr)
        return BAD_INPUT
    except RunError as error:
        print(f"tissue: {error}", file=sys.stderr)
        return RUN_FAILED
    except MemoryError:
        print(
            "tissue: the memory is too small for this grid; use coarser voxels or a smaller box",
            file=sys.stderr,
        )
        return RUN_FAILED
    except KeyboardInterrupt:
        print("tissue: interrupted; what is on disk is whole", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tissue",
        description="Simulates how inflammation destroys trabecular bone, on real micro-CT.",
    )
    parser.add_argument("--version", action="version", version=f"tissue {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="run a simulation")
    _add_run_file(command)
    command.add_argument("--out", type=Path, metavar="DIR", help="default: runs/out/NAME")
    command.add_argument("--overwrite", action="store_true", help="replace a run that is there")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.set_defaults(command=_run)

    command = commands.add_parser("check", help="check a run file and print the plan")
    _add_run_file(command)
    command.set_defaults(command=_check)

    command = commands.add_parser("bench", help="measure the speed of this machine")
    _add_run_file(command, needed=False)
    command.add_argument("--json", action="store_true", help="print numbers for a program")
    command.set_defaults(command=_bench)

    command = commands.add_parser("parameters", help="print a preset with units and sources")
    command.add_argument("preset", metavar="PRESET", help="mouse or human")
    command.set_defaults(command=_parameters)

    command = commands.add_parser("drugs", help="print the drugs with doses and sources")
    command.set_defaults(command=_drugs)

    command = commands.add_parser("verify", help="hold the model to published facts")
    command.add_argument("--full", action="store_true", help="also what takes long")
    command.add_argument("--only", nargs="+", metavar="FACT", help="V01 to V46")
    command.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there")
    command.set_defaults(command=_verify)

    command = commands.add_parser("list", help="list the ready-made run files")
    command.set_defaults(command=_list)

    command = commands.add_parser("doctor", help="check this machine")
    command.set_defaults(command=_doctor)
    return parser


def _add_run_file(command: argparse.ArgumentParser, needed: bool = True) -> None:
    command.add_argument(
        "file",
        metavar="FILE",
        nargs=None if needed else "?",
        help="a run file, or the name of a ready-made run",
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.key=value",
        help="change a value of the run file; may be given again",
    )


def _config(options: argparse.Namespace) -> "RunConfig":
    from tissue.scenario.config import read_run_file
    from tissue.scenario.library import find

    return read_run_file(find(options.file), options.set)


def _run(options: argparse.Namespace) -> int:
    config = _config(options)
    _log_to_screen(logging.ERROR if options.quiet else logging.INFO)
    from tissue import backend
    from tissue.analysis.plot import write_summary
    from tissue.simulation.run import run

    backend.keep_compiled()
    folder = options.out or Path("runs/out") / config.name
    with _Progress(config, options.quiet) as progress:
        done = run(config, folder, overwrite=options.overwrite, watch=progress)
    try:
        picture = write_summary(folder, config.name)
    except OSError as error:
        raise RunError(
            f"the run is finished and whole, but its picture cannot be written ({error.strerror})"
        ) from None
    if not options.quiet:
        start, end = done.metrics["bv_tv"][0], done.metrics["bv_tv"][-1]
        change, days = done.metrics["bv_tv_change_percent"][-1], done.metrics["time_day"][-1]
        print(f"\nBV/TV {start:.4f} -> {end:.4f} ({change:+.2f} %) in {days:g} days")
        print(f"{len(done.snapshots)} snapshots, metrics.csv and ledger.csv in {folder}")
        print(f"picture: {picture}")
    return 0


class _Progress:
    """A progress bar with simulated time and BV/TV; silent where no one watches."""

    def __init__(self, config: "RunConfig", quiet: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=round(config.duration, 6),
            unit="day",
            disable=quiet or not sys.stderr.isatty(),
            bar_format="{percentage:3.0f}% |{bar}| day {n:.1f}/{total:g} "
            "[{elapsed}<{remaining}{postfix}]",
        )

    def __call__(self, record: "Record") -> None:
        self._bar.set_postfix_str(
            f"BV/TV {record.metrics['bv_tv']:.4f} "
            f"({record.metrics['bv_tv_change_percent']:+.2f} %)",
            refresh=False,
        )
        self._bar.update(record.metrics["time_day"] - self._bar.n)

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _check(options: argparse.Namespace) -> int:
    config = _config(options)
    from tissue.simulation.plan import plan
    from tissue.simulation.simulation import load_geometry
    from tissue.simulation.speed import probe

    start = time.perf_counter()
    geometry = load_geometry(config.geometry)
    loading = time.perf_counter() - start
    coming = plan(config, geometry, probe(geometry.grid.shape, config.precision, loading))
    print(f"{options.file}: all good")
    for line in (*geometry.log, *coming.lines()):
        print(f"  {line}")
    for warning in coming.warnings:
        print(f"  warning: {warning}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    if options.set and not options.file:
        raise InputError("--set changes a run file: name the run file too")
    config = _config(options) if options.file else None
    from tissue import backend
    from tissue.simulation.speed import bench

    backend.keep_compiled()
    done, peak = bench(config), backend.peak_memory()
    if options.json:
        print(json.dumps(done.as_dict() | {"peak_memory_gb": peak} | backend.versions()))
        return 0
    for line in done.lines():
        print(line)
    print(f"peak       {peak:.2f} GB of memory in this measurement")
    return 0


def _parameters(options: argparse.Namespace) -> int:
    from tissue.model.parameters import describe

    rows = [
        (
            p.symbol,
            f"{p.value:.6g}",
            p.unit,
            f"{p.low:g} .. {p.high:g}",
            p.confidence,
            p.name,
            p.source,
        )
        for p in describe(options.preset)
    ]
    _print_table(("symbol", "value", "unit", "range", "confidence", "name", "source"), rows)
    return 0


def _drugs(_: argparse.Namespace) -> int:
    from tissue.scenario.drugs import DRUGS

    heads = (
        "drug",
        "usual dose",
        "absorption 1/day",
        "elimination 1/day",
        "volume l/kg",
        "bioavailability",
        "in marrow / plasma",
        "confidence",
        "what it does; source of the numbers",
    )
    rows = [
        (
            name,
            f"{d.usual[0]:g} mg every {d.usual[1]:g} day",
            "-" if d.absorption is None else f"{d.absorption:.3g}",
            f"{d.elimination:.3g}" + (" and saturable" if d.highest_rate else ""),
            f"{d.volume:.3g}",
            f"{d.bioavailability:g}",
            f"{d.reach:g}",
            d.confidence,
            f"{d.about}; {d.source}",
        )
        for name, d in DRUGS.items()
    ]
    _print_table(heads, rows)
    return 0


def _print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need; the last one runs on."""
    widths = [max(len(row[i]) for row in (*rows, heads)) for i in range(len(heads) - 1)]
    for row in (heads, *rows):
        print("  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)))


def _verify(options: argparse.Namespace) -> int:
    from tissue import backend
    from tissue.verification import report
    from tissue.verification.facts import chosen, judge
    from tissue.verification.lab import Lab
    from tissue.verification.table import FACTS

    facts = chosen(FACTS, options.only)
    backend.keep_compiled()
    lab, results = Lab(), []
    for result in judge(facts, lab, slow=options.full):
        results.append(result)
        for line in report.lines(result):
            print(line, flush=True)
    print(f"\n{report.summary(results)}")
    if options.markdown:
        options.markdown.write_text(report.markdown(results, lab, options.full), encoding="utf-8")
        print(f"table: {options.markdown}")
    return max(map(report.verdict, results), default=0)


def _list(_: argparse.Namespace) -> int:
    from tissue.scenario.library import describe, shipped

    for name, path in shipped().items():
        print(f"{name:24s} {describe(path)}")
    print("\nrun one with: tissue run NAME")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    from tissue import backend
    from tissue.simulation.machine import host_memory

    for name, number in backend.versions().items():
        print(f"{name:12s} {number}")
    for line in backend.devices():
        print(f"{'device':12s} {line}")
    print(f"{'host memory':12s} {host_memory() / 1e9:.1f} GB")
    if backend.drops_nan():
        print("note: jnp.max drops NaN on this backend (known, and no check relies on it)")
    wrong = backend.wrong_results()
    if wrong:
        print(f"WRONG results from this backend: {', '.join(wrong)}; use another jax version")
        return RUN_FAILED
    print("the backend computes rightly")
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
