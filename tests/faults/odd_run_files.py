"""Run files and overrides that are odd, before `tissue check`, each under a time limit.

Each is read or refused in one sentence within `LONGEST` seconds. The command runs in this process;
the device is not measured, which no run file changes.

usage: python tests/faults/odd_run_files.py [CASE ...]
"""

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from faults.command_result import call_command
from scenario.test_runfile import DEEP, PATHS, VALUES

from tissue.simulation import speed
from tissue.simulation.cost import Probe

LONGEST = 60.0
"""Time that a case may take on a busy machine [s]."""

RUN = '[run]\nduration = "1 day"\n'
BONE = '[geometry.synthetic]\nshape = [8, 8, 8]\nspacing = "10 um"\nthickness = "30 um"\n'
TINY = RUN + BONE
DOSE = TINY + '[[therapy]]\ndrug = "il4"\ndose = "1 mg/kg"\n'
MICRO, MU = "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"


class Case(NamedTuple):
    """An odd run file.

    Attributes:
        content: of the file; None where there is to be no plain file.
        code: of `tissue check`.
        sets: overrides.
        name: of the file.
    """

    content: bytes | None
    code: int = 2
    sets: tuple[str, ...] = ()
    name: str = "odd.toml"


def text(content: str, code: int = 2) -> Case:
    return Case(content.encode("utf-8", "surrogatepass"), code)


def sets(*changes: str, code: int = 2) -> Case:
    return Case(TINY.encode(), code, changes)


ENCODINGS = {
    "byte order mark": Case(TINY.encode("utf-8-sig"), 0),
    "UTF-16": Case(TINY.encode("utf-16")),
    "Latin-1": Case(TINY.replace("um", MICRO + "m").encode("latin-1")),
    "micro sign": text(TINY.replace("um", MICRO + "m"), 0),
    "Greek mu": text(TINY.replace("um", MU + "m"), 0),
    "lines of Windows": text(TINY.replace("\n", "\r\n"), 0),
    "lines of an old Mac": text(TINY.replace("\n", "\r"), 0),
    "no last line end": text(TINY.rstrip(), 0),
    "surrogate": text(RUN + '[geometry]\nfile = "\ud800.npy"\n'),
    "escaped surrogate": text(RUN + '[geometry]\nfile = "\\ud800.npy"\n'),
    "NUL": text(TINY + "# \0"),
    "escaped NUL in a path": text(RUN + '[geometry]\nfile = "a\\u0000b"\n'),
    "escape of a terminal": text(TINY + "# \x1b[2J"),
    "empty": text(""),
    "byte order mark only": Case(b"\xef\xbb\xbf"),
    "two byte order marks": Case(b"\xef\xbb\xbf" + TINY.encode("utf-8-sig")),
    "comment only": text("# a run"),
    "bytes": Case(bytes(range(256)) * 100),
    "JSON": text('{"run": {"duration": "1 day"}}'),
    "YAML": text("run:\n  duration: 1 day\n"),
    "without quotes": text("[run]\nduration = 1 day\n"),
    "open quote": text('[run]\nduration = "1 day\n'),
    "curly quotes": text('[run]\nduration = \N{LEFT DOUBLE QUOTATION MARK}1 day"\n'),
    "wide space": text(TINY.replace("1 day", "1\N{NO-BREAK SPACE}day"), 0),
}
TABLES = {
    "key twice": text('[run]\nduration = "1 day"\nduration = "2 day"\n' + BONE),
    "table twice": text(TINY + "[run]\nseed = 1\n"),
    "key and table": text("run.seed = 1\n" + TINY),
    "list of runs": text(TINY.replace("[run]", "[[run]]")),
    "run is a number": text("run = 3\n" + BONE),
    "run is a list": text("run = []\n" + BONE),
    "geometry is a text": text('geometry = "bone.npy"\n' + RUN),
    "therapy is a number": text("therapy = 3\n" + TINY),
    "therapy is a table": text(TINY + '[therapy]\ndrug = "il4"\ndose = "1 mg/kg"\n'),
    "therapy is a list of numbers": text("therapy = [1, 2]\n" + TINY),
    "therapy is a list of lists": text("therapy = [[]]\n" + TINY),
    "output is false": text("output = false\n" + TINY),
    "disease is a text": text('disease = "severe"\n' + TINY),
    "boundary is a list": text("boundary = [1]\n" + TINY),
    "empty key": text('"" = 1\n' + TINY),
    "key of Python": text(TINY.replace("[run]", "[run]\n__class__ = 1\nmodel_config = 2")),
    "no tables": text("seed = 1\n"),
    "many keys": text("\n".join(f"key_{i} = {i}" for i in range(20_000))),
    "many tables": text(TINY + "".join(f"[qqq.key_{i}]\n" for i in range(20_000))),
    "comment of 10 MB": text(TINY + "#" * 10_000_000, 0),
}
NUMBERS = {
    "tiny day": text(TINY.replace("1 day", "1e-320 day")),
    "smaller than any": text(TINY.replace("1 day", "1e-400 day")),
    "larger than any": text(TINY.replace("1 day", "1e400 day")),
    "minus nothing": text(TINY.replace("1 day", "-0 day")),
    "no number": text(TINY.replace("1 day", "nan day")),
    "hexadecimal": text(TINY.replace("1 day", "0x10 day")),
    "digits of Arabic": text(TINY.replace("1 day", "\N{ARABIC-INDIC DIGIT ONE} day")),
    "unit only": text(TINY.replace("1 day", "day")),
    "two units": text(TINY.replace("1 day", "1 day day")),
    "unit to a power": text(TINY.replace("1 day", "1 day^" + "9" * 1000)),
    "step": sets("run.step=1e-320 day"),
    "seed of 64 bits": sets("run.seed=18446744073709551616"),
    "seed with a point": sets("run.seed=1.0"),
    "seed is true": sets("run.seed=true"),
    "keep_every of 64 bits": sets("output.keep_every=9223372036854775808"),
    "snapshots": sets("output.snapshots=5e-324 day"),
    "checkpoints": sets("output.checkpoints=1e-9 day"),
    "wall": sets("output.checkpoint_every_wall=1e-400 s"),
    "field is a text": sets("output.fields=il1"),
    "field twice": sets('output.fields=["il1", "il1"]'),
    "no voxels": sets("geometry.synthetic.shape=[0, 8, 8]"),
    "minus voxels": sets("geometry.synthetic.shape=[-8, 8, 8]"),
    "a plane": sets("geometry.synthetic.shape=[1, 8, 8]"),
    "2^93 voxels": sets(f"geometry.synthetic.shape=[{2**31}, {2**31}, {2**31}]"),
    "1e6 voxels along an edge": sets("geometry.synthetic.shape=[1000000, 1000000, 1000000]"),
    "tiny voxels": sets("geometry.synthetic.spacing=1e-320 um"),
    "huge voxels": sets("geometry.synthetic.spacing=1e300 um"),
    "parameter": sets("parameters.k_I=1e-320 1/day", code=0),
    "huge parameter": sets("parameters.k_I=1e308 1/day", code=0),
    "excess": sets("disease.il1_excess=1e308 pM"),
    "every": text(DOSE + 'every = "1e-320 day"\n'),
    "often": text(DOSE + 'every = "1e-8 day"\n'),
    "long ago": text(DOSE + 'start = "-1e300 day"\n'),
    "stop before start": text(DOSE + 'start = "0.9 day"\nstop = "0.1 day"\nevery = "1 day"\n'),
    "times of huge": text(DOSE + 'times = ["1e300 day"]\n'),
    "times of nothing": text(DOSE + 'times = ["nan day"]\n'),
    "heavy dose": text(DOSE.replace("1 mg/kg", "1e308 mg/kg")),
}
OVERRIDES = {
    "nothing": sets(""),
    "equals": sets("="),
    "no key": sets("=1"),
    "table only": sets("run"),
    "table": sets("run=1"),
    "no last part": sets("run.=1"),
    "no first part": sets(".seed=1"),
    "no middle part": sets("run..seed=1"),
    "no value": sets("run.seed"),
    "empty value": sets("run.seed="),
    "two equals": sets("run.seed==1"),
    "two values": sets("run.seed=1=2"),
    "open text": sets("run.duration='1 day"),
    "table within": sets("run.duration={a=1}"),
    "two lines": sets("run.seed=1\nduration='9 day'"),
    "comment": sets("run.seed=1 # one", code=0),
    "list by number": sets("therapy.1.drug=il4"),
    "list by key": sets("therapy.drug=il4"),
    "surrogate": sets("run.preset=\udcff"),
    "a thousand": sets(*["run.seed=1"] * 1000, code=0),
}
FILES = {
    "FIFO": Case(None, name="fifo"),
    "folder": Case(None, name="."),
    "circle": Case(None, name="circle"),
    "dangling link": Case(None, name="dangling"),
    "null device": Case(None, name="/dev/null"),
    "endless device": Case(None, name="/dev/zero"),
    "memory of a process": Case(None, name="/proc/self/mem"),
    "no name": Case(None, name=""),
    "long name": Case(None, name="a" * 5000),
    "NUL": Case(None, name="a\0b"),
    "surrogate": Case(TINY.encode(), 0, name="\udcff.toml"),
    "line end": Case(TINY.encode(), 0, name="a\nb.toml"),
    "mathematics": Case(TINY.encode(), 0, name="cost_$5_and_$6.toml"),
    "long for a folder": Case(TINY.encode(), 0, name="a" * 250 + ".toml"),
}

OWN: Mapping[str, Case] = {
    f"{group}: {name}": case
    for group, cases in {
        "encoding": ENCODINGS,
        "tables": TABLES,
        "number": NUMBERS,
        "override": OVERRIDES,
        "file": FILES,
    }.items()
    for name, case in cases.items()
}
"""Cases that tests/scenario/test_runfile.py does not read one by one."""


def read_elsewhere() -> Iterator[tuple[str, Case]]:
    """Cases of tests/scenario/test_runfile.py, here before the command."""
    for name, content in DEEP.items():
        yield f"deep: {name}", text(content if "[run]" in content else RUN + BONE + content)
    for number, content in enumerate(VALUES):
        whole = content if "[run]" in content else f"{content}\n[run]"
        if "duration" not in whole:
            whole = whole.replace("[run]", '[run]\nduration = "1 day"')
        yield f"value {number}", text(whole + ("" if "[geometry" in whole else "\n" + BONE))
    for name in PATHS:
        for key in ("geometry.file", "geometry.region", "disease.pannus.mask"):
            image = RUN + '[geometry]\nfile = "bone.npy"\nvoxel_size = "10 um"\n'
            change = f"{key}={name}"
            yield f"{key}: {name[:15]!r}", Case(image.encode(), 2, (change,))


CASES: Mapping[str, Case] = {**OWN, **dict(read_elsewhere())}


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in what takes longer."""

    def ring(*_: object) -> Any:
        raise TimeoutError(f"no answer in {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def trouble(case: Case, folder: Path) -> str:
    """Trouble with the answer of `tissue check` to a run file; "" if there is none.

    Args:
        case: the run file.
        folder: that it is made in, with a pipe and links; it is empty or was used before.
    """
    if not (folder / "fifo").exists():
        os.mkfifo(folder / "fifo")
        os.mkfifo(folder / "pipe.npy")
        (folder / "circle").symlink_to("circle")
        (folder / "circle.npy").symlink_to("circle.npy")
        (folder / "dangling").symlink_to("gone")
    path = os.path.join(folder, case.name) if case.name else ""  # noqa: PTH118 - as it is given
    if case.content is not None:
        Path(path).write_bytes(case.content)
    changes = [word for change in case.sets for word in ("--set", change)]
    with (
        patch.object(speed, "probe", lambda *_: Probe(2.0, 0.1, 0.0)),
        limited(LONGEST),
    ):
        result = call_command("check", path, *changes)
    if case.content is not None:
        Path(path).unlink()
    if result.trouble or result.code == case.code:
        return result.trouble
    return f"exit {result.code}: {result.err or result.out}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", default=list(CASES))
    print_all(parser.parse_args().cases)


def print_all(names: Sequence[str]) -> None:
    """Tries cases and prints what went wrong and how many were tried."""
    start, failed, longest = time.perf_counter(), 0, (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            began = time.perf_counter()
            if found := trouble(CASES[name], Path(folder)):
                failed += 1
                print(f"{name}: {found[:1500]}", flush=True)
            longest = max(longest, (time.perf_counter() - began, name))
    took = time.perf_counter() - start
    print(
        f"odd run files: {len(names)} tried, {failed} failed, {took:.0f} s "
        f"(longest {longest[0]:.1f} s: {longest[1]})"
    )


if __name__ == "__main__":
    main()
