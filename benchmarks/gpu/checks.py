"""What a compiled program must keep to, and why.

The limits are what the compiler made of the code when they were written and a few per cent: they
catch a change for the worse, and whoever makes one better lowers them. They differ between grids,
because XLA fuses by its estimate of time. docs/gpu.md tells what would be best.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Limit(NamedTuple):
    """Of one pass, at most: kernels and copies, and bytes moved a voxel."""

    launches: int
    bytes: float


STEPS_A_TURN = 2  # explicit steps in a turn of their loop
EXPLICIT_BYTES = 29.5
EXPLICIT_WHY = "24 B of three species read and written, 4 of the source, 1 of the mask"

LIMITS = {
    # 71 B if nothing between its stages went to memory
    "V-cycle, 1": {128: Limit(32, 122), 256: Limit(40, 113)},
    # two fields, and of every voxel the 2 x 2 matrices of loss and smoother
    "V-cycle, 2": {128: Limit(39, 318), 256: Limit(49, 267)},
    # outside the loop: the hierarchy, the first residual and the finish
    "solve": {128: Limit(27, 112), 256: Limit(32, 151)},
    # outside the loops: sources, surface, geometry, hierarchies
    "coupling step": {128: Limit(182, 1515), 256: Limit(264, 1925)},
}

TURNS = {
    # a V-cycle and 64 B of CG: two products, the direction, A p, both updates, the energy
    "CG": {128: Limit(45, 189), 256: Limit(53, 180)},
    "pair, inner": {128: Limit(64, 496), 256: Limit(75, 445)},
    "pair, Newton": {128: Limit(60, 300), 256: Limit(68, 304)},
    "cells along the surface": {128: Limit(11, 178), 256: Limit(11, 178)},
    "sub-steps of the surface": {128: Limit(9, 38), 256: Limit(12, 38)},
}
SOLVES = ("il1", "osteoclast precursors", "osteoblast precursors")

TEMPORARY = {"explicit step": 14, "V-cycle, 1": 9, "V-cycle, 2": 34, "solve": 32}  # B/voxel
STEP_TEMPORARY = 126  # B/voxel, of a coupling step

SPILLED = 64  # bytes in all kernels of a program: some on the coarsest grids spill a word or two
SPILLED_WHOLE = {"coupling step": 16}  # bytes in kernels on whole fields; none in all the others

PLUMBING = {"convert", "reduce", "slice", "pad", "broadcast", "transpose", "concatenate", "copy"}


def failures(row: Mapping[str, Any]) -> list[str]:
    """Everything a program does that it must not, in words.

    Args:
        row: from measure.py.
    """
    judge = _explicit if row["program"] == "explicit step" else _limited
    return [f"{row['program']}: {text}" for text in judge(row) + _held(row) + _sane(row)]


def _explicit(row: Mapping[str, Any]) -> list[str]:
    """One kernel a step and no copies, in a loop or alone."""
    steps, work = 1, row
    if row["loops"]:
        steps, (work,) = STEPS_A_TURN, row["loops"]
    found, moved = [], work["bytes_per_voxel"] / steps
    if work["large"] != steps:
        found.append(f"{work['large']} kernels on whole fields for {steps} steps")
    if work["copies"]:
        found.append(f"{work['copies']} copies for {steps} steps")
    if moved > EXPLICIT_BYTES:
        found.append(f"{moved} B/voxel a step, at most {EXPLICIT_BYTES}: {EXPLICIT_WHY}")
    return found


def _limited(row: Mapping[str, Any]) -> list[str]:
    edge = row["edge"]
    limit = LIMITS[row["program"]][edge]
    found = _above(row["kernels"] + row["copies"], row["bytes_per_voxel"], limit, "")
    for loop in row["loops"]:
        name = "CG" if row["program"] == "solve" or loop["loop"] in SOLVES else loop["loop"]
        if name not in TURNS:
            found.append(f"a loop that counts.py does not know: {name}")
            continue
        what = f" a turn of {name}"
        found += _above(loop["launches"], loop["bytes_per_voxel"], TURNS[name][edge], what)
    return found


def _above(launches: int, moved: float, limit: Limit, what: str) -> list[str]:
    found = []
    if launches > limit.launches:
        found.append(f"{launches} launches{what}, at most {limit.launches}")
    if moved > limit.bytes:
        found.append(f"{moved} B/voxel{what}, at most {limit.bytes}")
    return found


def _held(row: Mapping[str, Any]) -> list[str]:
    found, name = [], row["program"]
    names = ", ".join(row["spills"])
    if row["spilled_whole"] > SPILLED_WHOLE.get(name, 0):
        found.append(f"{row['spilled_whole']} bytes spilled on whole fields, by {names}")
    if row["spilled"] > SPILLED:
        found.append(f"{row['spilled']} bytes spilled, at most {SPILLED}, by {names}")
    if row["temporary_per_voxel"] > TEMPORARY.get(name, STEP_TEMPORARY):
        found.append(f"{row['temporary_per_voxel']} B/voxel of temporary memory")
    return found


def _sane(row: Mapping[str, Any]) -> list[str]:
    found = []
    for what in ("transfers", "collectives"):
        count = row[what] + sum(loop[what] for loop in row["loops"])
        if count:
            found.append(f"{count} {what}")
    surprising = set(row["doubles"]) - PLUMBING
    if surprising:
        found.append(f"float64 fields made by {', '.join(sorted(surprising))}")
    if not row["ptx_kernels"] or not row["registers"]:
        found.append("no kernels in its PTX: nothing is known")
    if row["thunks"] is None:
        found.append("no list of thunks: the launches are not confirmed")
    elif row["thunks"] != row["launches_listed"]:
        found.append(f"{row['launches_listed']} launches in the HLO, {row['thunks']} in the thunks")
    return found
