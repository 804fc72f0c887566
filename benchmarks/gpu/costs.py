"""Predicted time of each program on a GPU.

Nothing here was measured on a GPU. Launches and bytes are counted in what XLA compiled, turns of
loops in a run on the CPU; the times of a launch and of a turn are assumptions, named below.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from checks import ELASTIC_SOLVE, STEPS_A_TURN
from devices import Device

LAUNCH = 2.5e-6  # s: a kernel or copy with next to no work, as a node of a CUDA graph
SLOW_LAUNCH = 5e-6  # s: launched one by one; 4 to 6 us are reported (docs/gpu.md)
TURN = 10e-6  # s: a turn of a loop, whose condition the host reads and answers
READ_BACKS = 1  # results of a step that the host waits for: its ledger
GOALS = {128: 10.0, 256: 40.0}  # s: a simulated year on an H100, by the edge of the grid

OUTER = {"pair, inner": "pair, Newton", "pair, Newton": "pair, Jacobian"}  # loop around each
STEP = "coupling step, diagnostics included"
YEAR = "finite elements of a year"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Cost:
    """Cost of one pass.

    Attributes:
        launches: kernels and copies.
        turns: loop conditions that the host reads.
        bytes: moved a voxel.
    """

    launches: float
    turns: float
    bytes: float

    def seconds(self, voxels: int, device: Device, launch: float = LAUNCH) -> float:
        """Predicted time [s]: launches, turns and bytes one after the other."""
        waiting = self.launches * launch + self.turns * TURN
        return waiting + self.bytes * voxels / (device.bandwidth * device.share)

    def __add__(self, other: "Cost") -> "Cost":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Cost(*(a + b for a, b in pairs))

    def __mul__(self, times: float) -> "Cost":
        return Cost(*(times * value for value in vars(self).values()))


def plain(row: Row) -> Cost:
    """Cost of a program without loops, or of what is outside them."""
    return Cost(row["kernels"] + row["copies"], 0, row["bytes_per_voxel"])


def elastic_iteration(row: Row) -> Cost:
    """Cost of one iteration of the elastic solve on all levels.

    The compiler knows how often the loops of the cycle turn: no host reads their conditions.
    """
    launches, _, moved = map(sum, zip(*row["by_level"], strict=True))
    return Cost(launches, 1, moved)


def explicit(row: Row) -> Cost:
    """Cost of one explicit step: a part of a turn of its loop, whose condition no host reads."""
    (loop,) = row["loops"]
    return Cost(loop["launches"] / STEPS_A_TURN, 0, loop["bytes_per_voxel"] / STEPS_A_TURN)


def turn(row: Row, loop: str | None = None) -> Cost:
    """Cost of one turn of a loop of a program, of the only one if none is named."""
    (found,) = (x for x in row["loops"] if loop in (None, x["loop"]))
    return Cost(found["launches"], 1, found["bytes_per_voxel"])


def with_loops(row: Row, turns: Mapping[str, float]) -> Cost:
    """Cost of a program with its loops.

    Args:
        row: what the gate found.
        turns: how often each loop turns in one pass.
    """
    total = plain(row)
    launches, read, moved = total.launches, total.turns, total.bytes
    for loop in row["loops"]:
        times = turns[loop["loop"]]
        launches += times * loop["launches"]
        moved += times * loop["bytes_per_voxel"]
        read += times
        # the condition that ends a loop is read too, once each time the loop is entered
        outer = OUTER.get(loop["loop"])
        entries = turns[outer] if outer else 1
        launches, read = launches + entries, read + entries
    return Cost(launches, read, moved)


def counted(rows: Iterable[Row]) -> Row:
    """Row of counts.py: steps of a year, and turns of the loops in one."""
    return next(row for row in rows if "turns" in row)


def daily_step(rows: Iterable[Row], device: str, edge: int) -> Cost:
    """Cost of a coupling step of one day."""
    kept = list(rows)
    programs = _programs(kept, device, edge)
    turns = counted(kept)["daily"]["turns"]
    return with_loops(programs["coupling step"], turns) + _diagnostics(programs)


def _programs(rows: Iterable[Row], device: str, edge: int) -> dict[str, Row]:
    return {
        row["program"]: row
        for row in rows
        if row.get("program") and (row["device"], row["edge"]) == (device, edge)
    }


def _diagnostics(programs: Mapping[str, Row]) -> Cost:
    return plain(programs["diagnostics of a step"]) + Cost(0, READ_BACKS, 0)


def costs(rows: Iterable[Row], device: str, edge: int) -> dict[str, Cost]:
    """Cost of each program that is predicted.

    Args:
        rows: of one run of the gate.
        device: key of the device that was compiled for.
        edge: of the grid.
    """
    kept = list(rows)
    by_name = _programs(kept, device, edge)
    step = with_loops(by_name["coupling step"], counted(kept)["turns"])
    return {
        "explicit step, 3 solutes": explicit(by_name["explicit step"]),
        "V-cycle, 1 field": plain(by_name["V-cycle, 1"]),
        "V-cycle, 2 fields": plain(by_name["V-cycle, 2"]),
        "CG iteration, V-cycle included": turn(by_name["solve"]),
        STEP: step + _diagnostics(by_name),
    }


def elastic_costs(rows: Iterable[Row], device: str, edge: int) -> dict[str, Cost]:
    """Cost of finite elements: the operator, an iteration, and all axes of a bone and of a year."""
    kept = list(rows)
    by_name = _programs(kept, device, edge)
    solve, elements = by_name[ELASTIC_SOLVE], counted(kept)["elements"]

    def compressions(found: Mapping[str, int]) -> Cost:
        ended = Cost(1, 1, 0)  # the condition that ends the iterations
        each = (plain(solve) + ended) * found["solves"]
        return each + elastic_iteration(solve) * found["iterations"]

    later = (compressions(found) for found in elements["later"])
    return {
        "elastic operator": plain(by_name["elastic operator"]),
        "elastic CG iteration, cycle included": elastic_iteration(solve),
        "three axes from rest": compressions(elements["first"]),
        YEAR: sum(later, Cost(0, 0, 0)),
    }
