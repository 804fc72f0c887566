"""Stops a run before each call that changes a file, and half way through each write, and goes on.

What a kill leaves there is a copy of the folder; what a power cut leaves at worst is a copy in
which each file ends where it was last put on the disk. From each of them the same command goes on
and must end as a run that nothing happened to, bit for bit. The small run is stopped as it starts,
as it goes on after a kill, and as it goes back; and as it goes on from where it was stopped.

usage: python tests/faults/crash_points.py (--all | --sample COUNT) [--seed SEED]
"""

import random
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.played import Played, Stage, command_line, no_longer_than

LONGEST = 120.0
"""Time after which a run hangs [s]."""

FEW = 50
"""A sample smaller than this is one of kills during a start: all points take a minute to make."""

NESTED, WITHIN = 10, 3
"""Number of points of which one is stopped again as the run resumes from it, and of its stops."""


def points_of(run: Played, stage: Stage, ends: tuple[str, ...]) -> list[Stage]:
    """The points of a stage: what kills or power cuts leave."""
    return [
        Stage(f"{stage.name}, {end}, {state.name}", state)
        for end in ends
        for state in run.killed(stage, power_cut=end == "power cut")
    ]


def crash(run: Played, sample: int | None, seed: int) -> int:
    """Tries crash points and prints what is wrong; gives how many went wrong.

    Args:
        run: to be played.
        sample: how many, by default all, besides those within those.
        seed: of the sample.
    """
    chance, start = random.Random(seed), time.perf_counter()
    few = sample is not None and sample < FEW
    stages = run.stages[:1] if few else run.stages
    ends = ("kill",) if few else ("kill", "power cut")
    known = [point for stage in stages for point in points_of(run, stage, ends)]
    chosen = chance.sample(known, sample) if sample else known
    wrong = tried(run, chosen)
    again = chance.sample(chosen, len(chosen) // NESTED)
    inner = 0
    for point in again:
        within = points_of(run, point, ends)
        within = chance.sample(within, min(WITHIN, len(within)))
        wrong += tried(run, within)
        inner += len(within)
    took = time.perf_counter() - start
    print(
        f"{len(chosen)} of {len(known)} crash points and {inner} within {len(again)} "
        f"of them in {took:.0f} s: {wrong} wrong"
    )
    return wrong


def tried(run: Played, points: list[Stage]) -> int:
    """Goes on from points and prints what is wrong; gives how many went wrong."""
    wrong = 0
    for point in points:
        with no_longer_than(LONGEST):
            run.begin(point)
            reported = run.ends_well()
        if reported:
            wrong += 1
            print(f"{point.name}: {reported}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(command_line(__file__, __doc__, crash))
