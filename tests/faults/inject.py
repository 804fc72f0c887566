"""Lets one call for a file of a run fail, or all from one on, and looks at what comes of it.

A run that meets such a fault ends well, with a warning at most, or stops with one sentence. Then
the same command goes on and must end as a run that nothing happened to, bit for bit. Calls are
counted over a whole small run, over one that goes on after a kill, and over one that goes back.

usage: python tests/faults/inject.py (--all | --sample COUNT) [--seed SEED]
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.interposer import KINDS
from faults.played import FAILED, Played, Stage, command_line, no_longer_than

ANSWERS = {
    "open": ("EIO", "ENOSPC", "EROFS", "EMFILE"),
    "write": ("EIO", "ENOSPC", "EDQUOT"),
    "fsync": ("EIO", "ENOSPC", "EINVAL"),
    "rename": ("EIO", "EPERM", "ENOSPC"),
    "unlink": ("EIO", "EPERM", "EROFS"),
    "flock": ("ENOLCK", "ENOSYS", "EIO", "EINTR"),
    "close": ("EIO", "EINTR", "EDQUOT"),
}
"""Errors that these calls may answer, by open(2) and so on: a disk that fails or is full, a file
system that became read-only, a network file system that answers late, a signal."""

ONCE_ONLY = ("EINTR",)
"""Errors that no call answers forever."""

LONGEST = 120.0
"""Time after which a run hangs [s]."""


class Fault(NamedTuple):
    """A call that fails.

    Attributes:
        stage: in which.
        kind: of the call.
        number: which one of that kind.
        code: name of the errno.
        on: all later calls of that kind fail, too.
    """

    stage: Stage
    kind: str
    number: int
    code: str
    on: bool

    def __str__(self) -> str:
        on = " and on" if self.on else ""
        return f"{self.stage.name}: {self.kind} {self.number}{on} {self.code}"


def faults(stage: Stage, counts: dict[str, int]) -> Iterator[Fault]:
    """All faults of a stage with so many calls."""
    for kind in KINDS:
        for number in range(1, counts[kind] + 1):
            for code in ANSWERS[kind]:
                yield Fault(stage, kind, number, code, on=False)
                if code not in ONCE_ONLY:
                    yield Fault(stage, kind, number, code, on=True)


def met(run: Played, fault: Fault) -> tuple[str, str]:
    """Result of a fault (the file it hits if it goes wrong), and the trouble with it."""
    run.begin(fault.stage)
    run.interposer.watch(run.at)
    run.interposer.fail(fault.kind, fault.number, fault.code, fault.on)
    reported = run.run(fault.stage.resume)
    hit = run.interposer.stop()
    if not hit:
        return "untouched", ""
    wrong = reported.trouble or run.ends_well()
    return hit if wrong else ("stopped" if reported.code in FAILED else "finished"), wrong


def inject(run: Played, sample: int | None, seed: int) -> int:
    """Tries faults and prints what is wrong; gives how many went wrong.

    Args:
        run: to be played.
        sample: how many, by default all.
        seed: of the sample.
    """
    known = [fault for stage in run.stages for fault in faults(stage, run.counts(stage))]
    chosen = random.Random(seed).sample(known, sample) if sample else known
    start, answers = time.perf_counter(), Counter[str]()
    for fault in chosen:
        with no_longer_than(LONGEST):
            answer, wrong = met(run, fault)
        answers["wrong" if wrong else answer] += 1
        if wrong:
            print(f"{fault} ({answer}): {wrong}", flush=True)
    reported = ", ".join(f"{number} {answer}" for answer, number in sorted(answers.items()))
    took = time.perf_counter() - start
    print(f"{len(chosen)} of {len(known)} faults in {took:.0f} s: {reported}")
    return answers["wrong"]


if __name__ == "__main__":
    sys.exit(command_line(__file__, __doc__, inject))
