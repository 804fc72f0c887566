"""Limits of a program on slabs: kernels and bytes of each device, and what devices exchange.

An iteration of conjugate gradients with a V-cycle exchanges planes four times a level that lies in
slabs, both ways, gathers one small level and takes two sums. In all of a step no device gathers a
whole field; the density of bone near by, whose reach may be larger than a slab, sends slabs round.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from checks import KINDS, SPILLED, Limit, above, sane

SOLVE, STEP = "solve in slabs", "coupling step in slabs"
SENT = 8  # planes of a level and iteration: of four fields, to the slabs above and below
SUMS = 2  # messages of sums in an iteration
SMALL_LEVEL = 32**3  # voxels of the level that every device has
GATHERED_FIELDS = 4  # of that level at once: conductances, or the matrices of a pair
THICK = 1 / 2  # of a slab: a message of so many elements is a slab that goes round
ROUNDS = {STEP: 2}
"""Fields whose slabs go round: two means over a neighborhood, of the bone and of one without it."""

LIMITS = {
    # of the bytes 50 are writes of two planes into a field, which count as all of it
    SOLVE: Limit(75, 243),
    # 600 B more than on one GPU: a kernel ends where planes are sent, and the next one reads again
    STEP: Limit(547, 2550),
}
TURNS = {
    "CG": Limit(64, 207),
    "pair, inner": Limit(97, 504),
    "pair, Newton": Limit(20, 77),
    "pair, Jacobian": Limit(83, 194),
    "along the surface": Limit(13, 82),
    "sub-steps of a motion": Limit(24, 60),
}
TEMPORARY = {SOLVE: 63, STEP: 149}  # B/voxel
SPILLED_WHOLE = {SOLVE: 0, STEP: 56}
"""Bytes in kernels on whole fields: two spill three words each, and the one that pads conductances
of a pair, as on one GPU (`checks.SPILLED_WHOLE`), eight."""


def failures(row: Mapping[str, Any]) -> list[str]:
    """Failures of a program on slabs, in words.

    Args:
        row: from measure.py.
    """
    name = row["program"]
    found = above(row["kernels"] + row["copies"], row["bytes_per_voxel"], LIMITS[name], "")
    for loop in row["loops"]:
        kind = KINDS.get(loop["loop"], loop["loop"])
        if kind not in TURNS:
            found.append(f"a loop that counts.py does not know: {kind}")
            continue
        moved = loop["launches"], loop["bytes_per_voxel"]
        found += above(*moved, TURNS[kind], f" a turn of {kind}")
    if row["spilled_whole"] > SPILLED_WHOLE[name] or row["spilled"] > SPILLED:
        found.append(f"{row['spilled']} bytes spilled, by {', '.join(row['spills'])}")
    if row["temporary_per_voxel"] > TEMPORARY[name]:
        found.append(f"{row['temporary_per_voxel']} B/voxel of temporary memory")
    return [f"{name}: {text}" for text in found + messages(row) + sane(row)]


def messages(row: Mapping[str, Any]) -> list[str]:
    """Failures of what devices exchange, in words."""
    found = []
    if row["messages_in_branches"]:
        found.append(f"{row['messages_in_branches']} messages in branches")
    if not row["messages"] and not any(loop["messages"] for loop in row["loops"]):
        found.append("no messages: this was not compiled for several devices")
    rounds = ROUNDS.get(row["program"], 0) * (row["devices"] - 1)
    for where in (row, *row["loops"]):
        text = f" a turn of {where['loop']}" if "loop" in where else ""
        sent = where["messages"]
        others = {kind for kind, _ in sent} - {"collective-permute", "all-gather", "all-reduce"}
        if others:
            found.append(f"messages of other kinds{text}: {', '.join(sorted(others))}")
        largest = max((n for kind, n in sent if kind == "all-gather"), default=0)
        if largest > GATHERED_FIELDS * SMALL_LEVEL:
            found.append(f"{largest} elements gathered by every device{text}")
        slab = row["voxels"] * THICK
        thick = sum(kind == "collective-permute" and n >= slab for kind, n in sent)
        if thick > (0 if text else rounds):
            found.append(f"{thick} slabs sent{text}")
        if text and KINDS.get(where["loop"]) == "CG":
            found += _iteration(sent, row["distributed_levels"])
    return found


def _iteration(sent: list[tuple[str, int]], levels: int) -> list[str]:
    """Failures of an iteration of conjugate gradients, in words."""
    count = Counter(kind for kind, _ in sent)
    found = []
    if count["collective-permute"] != SENT * levels:
        planes = f"{count['collective-permute']} planes sent an iteration, not {SENT} a level"
        found.append(f"{planes} on {levels} levels")
    if count["all-gather"] != 1 or dict(sent)["all-gather"] > SMALL_LEVEL:
        found.append(f"{count['all-gather']} levels gathered an iteration, or a large one")
    if count["all-reduce"] > SUMS:
        found.append(f"{count['all-reduce']} messages of sums an iteration, at most {SUMS}")
    return found
