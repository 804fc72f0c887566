"""Limits of a compiled program, and their reasons.

The limits are what the compiler made of the code when they were written, plus a few per cent: they
catch a change for the worse, and after an improvement they are lowered. They differ between grids,
because XLA fuses by its estimate of time. docs/gpu.md has the least that is possible.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from counts import MOVES, SOLVES, SPREADS

ELASTIC_SOLVE = "elastic solve"


class Limit(NamedTuple):
    """Most kernels and copies of one pass, and most bytes moved a voxel."""

    launches: int
    bytes: float


STEPS_A_TURN = 2  # explicit steps in a turn of their loop
EXPLICIT_BYTES = 29.5
EXPLICIT_WHY = "24 B of three solutes read and written, 4 of the source, 1 of the mask"

ELASTIC_BYTES = 29.0
ELASTIC_WHY = (
    "12 B of displacement read, 12 of force written, 4 of the modulus, one more node a side"
)
ENDS = 2  # small kernels for the ends that are held

LIMITS = {
    # 71 B if nothing between its stages went to memory
    "V-cycle, 1": {128: Limit(31, 124), 256: Limit(39, 124)},
    # two fields, and of every voxel the 2 x 2 matrices of loss and smoother
    "V-cycle, 2": {128: Limit(38, 289), 256: Limit(47, 288)},
    # outside the loop: padded rows of the fields, the hierarchy, the first residual, the finish
    "solve": {128: Limit(33, 131), 256: Limit(39, 130)},
    # outside the loops: predicted midpoint, sources, surface and geometry before and after, the
    # hierarchies of the solves, the balance of the pair, the estimate of the error, and the sums of
    # every stage. At 128^3 311 launches and 1874 B: 270 B of them the means over pores near by,
    # whose three passes each read and write a field
    "coupling step": {128: Limit(333, 1935), 256: Limit(390, 1975)},
    # sums over every field for metrics and for the change in a budget, each one kernel and a small
    # one after it. Time, step, load, loss of estrogen, drugs and the turnover that the stages have
    # summed up are among its results: copies of single numbers, 60 of 173 launches at 128^3.
    # Budgets and metrics do not share reads, without which a kernel spills registers
    "diagnostics of a step": {128: Limit(179, 260), 256: Limit(179, 260)},
}

TURNS = {
    # a V-cycle and 65 B of CG: the direction, A p, both updates. The three products are summed up
    # in the kernels that make their terms (`stencil.total`)
    "CG": {128: Limit(43, 191), 256: Limit(51, 191)},
    # a V-cycle of both fields, the residual, products and updates of a minimal residual
    "pair, inner": {128: Limit(64, 484), 256: Limit(73, 484)},
    # the residual, and the state of the inner loop
    "pair, Newton": {128: Limit(18, 88), 256: Limit(21, 88)},
    # the Jacobian and its hierarchy
    "pair, Jacobian": {128: Limit(62, 164), 256: Limit(74, 164)},
    # no V-cycle; of one field
    "along the surface": {128: Limit(9, 67), 256: Limit(11, 67)},
    # Heun: slopes and the moved field, twice. All sums are made in the last kernel, which reads the
    # slopes that others have written: 4 to 8 B more than with kernels of their own, once a step
    "sub-steps of a motion": {128: Limit(14, 62), 256: Limit(15, 62)},
}
# of finite elements, all levels together, each as often as the cycle visits it
ELASTIC_ITERATION = {128: Limit(4180, 7600), 256: Limit(12600, 7650)}
KINDS = (
    dict.fromkeys(SOLVES, "CG")
    | dict.fromkeys(SPREADS, "along the surface")
    | dict.fromkeys(MOVES, "sub-steps of a motion")
)

TEMPORARY = {  # B/voxel
    "explicit step": 14,
    "V-cycle, 1": 9,
    "V-cycle, 2": 13,
    "solve": 32,
    "coupling step": 142,
    "diagnostics of a step": 9,
    "elastic forces": 0,
    "elastic operator": 0.2,
    # six vectors of the grid, and on level 1 eight times 24 numbers of each piece
    ELASTIC_SOLVE: 150,
}

STEP_MEMORY = 250.0
"""Most memory of a coupling step, of all that is alive at its peak [B/voxel]."""

SPILLED = 64  # bytes in all kernels of a program: some on the coarsest grids spill a word or two
# bytes in kernels on whole fields, none in all others: many sums share the reads of a field, and
# on an A100 at 256^3 one kernel of the coupling step spills two words. On an H100 the one that pads
# the conductances of RANKL and OPG spills twelve, as it makes the porosity too: in the gate alone,
# which compiles a step as one program. Of 404 kernels of the programs of a run none spills
# the restriction to pieces gathers 27 values at a time, and spills six words on an A100 at 128^3
SPILLED_WHOLE = {"diagnostics of a step": 16, "coupling step": 48, ELASTIC_SOLVE: 24}

PLUMBING = {"convert", "reduce", "slice", "pad", "broadcast", "transpose", "concatenate", "copy"}


def failures(row: Mapping[str, Any]) -> list[str]:
    """Failures of a program, in words.

    Args:
        row: from measure.py.
    """
    judge = JUDGES.get(row["program"], _limited)
    found = judge(row) + _held(row) + _alone(row) + sane(row)
    return [f"{row['program']}: {text}" for text in found]


def held_too_much(row: Mapping[str, Any]) -> list[str]:
    """Failure of the memory of a coupling step, in words.

    Args:
        row: from memory.py; of a slab, planes of those beside it included.
    """
    if row["peak_per_voxel"] <= STEP_MEMORY:
        return []
    stage = max(row["memory"], key=lambda each: each["peak"])["stage"]
    return [f"{row['peak_per_voxel']} B/voxel alive in {stage}, at most {STEP_MEMORY:g}"]


def _explicit(row: Mapping[str, Any]) -> list[str]:
    """Failures of an explicit step: one kernel a step and no copies, in a loop or alone."""
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


def _forces(row: Mapping[str, Any]) -> list[str]:
    """Failures of the elastic operator: one kernel on the grid, without gather."""
    found, small = [], ENDS if row["program"] == "elastic operator" else 0
    if row["large"] != 1:
        found.append(f"{row['large']} kernels on whole fields, 1 is allowed")
    if row["kernels"] - row["large"] > small or row["copies"] or row["loops"]:
        more = f"{row['copies']} copies, {len(row['loops'])} loops"
        found.append(f"{row['kernels']} kernels, {more}; 1 kernel and {small} small ones allowed")
    if row["gathers"]:
        found.append(f"{row['gathers']} gathers or scatters")
    if row["bytes_per_voxel"] > ELASTIC_BYTES:
        found.append(f"{row['bytes_per_voxel']} B/voxel, at most {ELASTIC_BYTES}: {ELASTIC_WHY}")
    return found


def _elastic_solve(row: Mapping[str, Any]) -> list[str]:
    launches, _, moved = map(sum, zip(*row["by_level"], strict=True))
    return above(launches, moved, ELASTIC_ITERATION[row["edge"]], " an iteration")


def _limited(row: Mapping[str, Any]) -> list[str]:
    edge = row["edge"]
    limit = LIMITS[row["program"]][edge]
    found = above(row["kernels"] + row["copies"], row["bytes_per_voxel"], limit, "")
    for loop in row["loops"]:
        name = KINDS.get(loop["loop"], loop["loop"])
        if name not in TURNS:
            found.append(f"a loop that counts.py does not know: {name}")
            continue
        what = f" a turn of {name}"
        found += above(loop["launches"], loop["bytes_per_voxel"], TURNS[name][edge], what)
    return found


def above(launches: int, moved: float, limit: Limit, what: str) -> list[str]:
    """Failures of launches and bytes [B/voxel] above a limit, in words."""
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
    if row["temporary_per_voxel"] > TEMPORARY[name]:
        found.append(f"{row['temporary_per_voxel']} B/voxel of temporary memory")
    return found


def _alone(row: Mapping[str, Any]) -> list[str]:
    count = row["collectives"] + sum(loop["collectives"] for loop in row["loops"])
    return [f"{count} collectives"] if count else []


def sane(row: Mapping[str, Any]) -> list[str]:
    """Failures that no program may have, in words."""
    found = []
    if count := row["transfers"] + sum(loop["transfers"] for loop in row["loops"]):
        found.append(f"{count} transfers")
    surprising = set(row["doubles"]) - PLUMBING
    if surprising:
        found.append(f"float64 fields made by {', '.join(sorted(surprising))}")
    if not row["ptx_kernels"] or not row["registers"]:
        found.append("no kernels in its PTX: nothing can be checked")
    if row["thunks"] is None:
        found.append("no list of thunks: the launches are not confirmed")
    elif row["thunks"] != row["launches_listed"]:
        found.append(f"{row['launches_listed']} launches in the HLO, {row['thunks']} in the thunks")
    return found


JUDGES = {
    "explicit step": _explicit,
    "elastic forces": _forces,
    "elastic operator": _forces,
    ELASTIC_SOLVE: _elastic_solve,
}
