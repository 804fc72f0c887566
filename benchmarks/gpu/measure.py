"""Measures of the programs for one GPU and one grid, printed as JSON lines.

usage: python benchmarks/gpu/measure.py DEVICE EDGE [--slabs] [--elastic] [--controls]

Started by gate.py, which sets the environment it needs.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from math import log, prod
from pathlib import Path
from typing import Any

import controls
import elastic
import memory
import programs
import ptx
import slab_checks
from ahead import WORD, Built, Target
from checks import ELASTIC_SOLVE, failures, held_too_much
from counts import LOOPS, SOLVE_STAGES
from devices import COMPILED
from hlo import Loop, Module
from in_slabs import CONTROL_EDGE, EDGE, SlabTarget, bad_solves, distributed_levels
from in_slabs import every as every_in_slabs
from in_slabs import solve as good_solve
from instructions import arrays
from ptx import NoData

Row = dict[str, Any]


def row(built: Built, kernels: tuple[ptx.Kernel, ...]) -> Row:
    """Measures of a program, without its device and grid."""
    module, voxels = built.module, built.voxels
    field = WORD * voxels
    straight = module.work(field=field)
    names = named(module.loops)
    loops: list[Row] = []
    by_level = elastic_levels(module, voxels) if built.name == ELASTIC_SOLVE else None
    for name, loop in zip(names, module.loops, strict=True):
        body, condition = module.work(loop.body, field), module.work(loop.condition, field)
        loops.append(
            {
                "loop": name,
                "launches": body.launches + condition.launches,
                "kernels": body.kernels + condition.kernels,
                "large": body.large,
                "copies": body.copies,
                "whole_copies": body.whole_copies,
                "transfers": body.transfers + condition.transfers,
                "collectives": body.collectives,
                "bytes_per_voxel": round(body.bytes / voxels, 2),
                "messages": module.messages(loop.body) + module.messages(loop.condition),
                "trips": loop.trips,
            }
        )
    listed = straight.launches + sum(loop["launches"] for loop in loops)
    return {
        "program": built.name,
        "kernels": straight.kernels,
        "large": straight.large,
        "copies": straight.copies,
        "whole_copies": straight.whole_copies,
        "transfers": straight.transfers,
        "collectives": straight.collectives,
        "messages": module.messages(module.entry),
        "messages_in_branches": module.messages_in_branches,
        "bytes_per_voxel": round(straight.bytes / voxels, 2),
        "loops": loops,
        "launches_listed": listed,
        "thunks": built.thunks,
        "graphs": built.graphs,
        "levels": levels(built),
        "by_level": by_level,
        "gathers": module.uses("gather", "scatter"),
        "doubles": sorted(module.doubles(voxels // 64)),
        "temporary_per_voxel": round(built.temporary / voxels, 1),
        "ptx_kernels": len(kernels),
        "registers": max((k.registers for k in kernels), default=0),
        "spilled": sum(k.spilled for k in kernels),
        "spills": {k.name: [k.spilled, module.extent(k.name)] for k in kernels if k.spilled},
        "spilled_whole": sum(k.spilled for k in kernels if module.extent(k.name) > voxels // 64),
        "seconds": round(built.seconds, 1),
    }


def named(loops: tuple[Loop, ...]) -> list[str]:
    """Names of the loops as in `counts.py`, or the functions around one that it lacks.

    A solve for precursors is named by its stage: solutes that are the same everywhere have none.
    """
    names: list[str] = []
    staged = set(SOLVE_STAGES.values())
    left = {
        function: iter([name for name in of_one if name not in staged])
        for function, of_one in LOOPS.items()
    }
    for loop in loops:
        if loop.solves:
            found = next((SOLVE_STAGES[s] for s in loop.stage if s in SOLVE_STAGES), None)
            if found:
                names.append(found)
                continue
        around = {part for function in loop.chain for part in function.split(".")}
        function = next((f for f in LOOPS if f in around), "")
        names.append(next(left.get(function, iter(())), "/".join(loop.chain)))
    return names


def levels(built: Built) -> list[int]:
    """Launches by the level of the hierarchy that the largest result belongs to, finest first."""
    found: dict[int, int] = {}
    for line in built.module.computations[built.module.entry]:
        if built.module.cost(line).launches:
            largest = max((count for _, count in arrays(line.kind)), default=1)
            level = max(0, round(log(built.voxels / largest, 8)))
            found[level] = found.get(level, 0) + 1
    return [found.get(level, 0) for level in range(max(found, default=0) + 1)]


def elastic_levels(module: Module, voxels: int) -> list[tuple[int, int, float]]:
    """Launches, copies among them and bytes a voxel of a CG iteration, by level, finest first.

    Raises:
        NoData: the number of turns of a loop in it is not known.
    """
    found: dict[int, tuple[int, int, float]] = {}
    for loop in module.loops:
        every = (loop, *module.around(loop))
        inner = every[:-1]  # the last one is that of the iterations
        turns = [other.trips for other in inner if other.trips is not None]
        if len(turns) < len(inner):
            raise NoData(f"turns of a loop are not known: {'/'.join(loop.chain)}")
        level = sum(other.chain[-1:] == ("_coarse_visits",) for other in inner)
        once, times = module.work(loop.body), prod(turns)
        if not inner:  # its turns are not known, so its condition is read
            once += module.work(loop.condition)
        launches, copies, moved = found.get(level, (0, 0, 0.0))
        found[level] = (
            launches + times * once.launches,
            copies + times * once.copies,
            round(moved + times * once.bytes / voxels, 2),
        )
    return [found[level] for level in sorted(found)]


def measured(built: Built, ptxas: Path) -> Row:
    """Measures of a program.

    Raises:
        NoData: data for its checks are missing.
    """
    return row(built, ptx.assembled(built.ptx, ptxas))


def refusals(built: Built, program: str, edge: int, ptxas: Path) -> list[str]:
    """Reasons for which a program is refused in the place of another."""
    try:
        return failures({**measured(built, ptxas), "program": program, "edge": edge})
    except controls.REFUSALS as error:
        return [str(error)]


def control(name: str, reasons: list[str]) -> Row:
    """Row of a negative control: the reasons for which it was refused."""
    return {"control": name, "caught": bool(reasons), "reasons": reasons}


def caught_forces(target: Target, edge: int, ptxas: Path) -> Iterator[Row]:
    """Rows of the negative controls of the elastic operator."""
    for name, built in controls.bad_forces(target, edge).items():
        yield control(name, refusals(built, "elastic forces", edge, ptxas))


def caught(target: Target, good: Built, edge: int, ptxas: Path) -> Iterator[Row]:
    """Rows of the other negative controls."""
    for name, built in controls.bad_steps(target, edge).items():
        reasons = refusals(built, "explicit step", edge, ptxas)
        # the good one must pass: a check that refuses everything proves nothing
        reasons = ([] if reasons else ["passes"]) if name == controls.GOOD else reasons
        yield control(name, reasons)
    barred = controls.barred_cycle(target, edge)
    yield control("the CPU's barriers", refusals(barred, "V-cycle, 1", edge, ptxas))
    with tempfile.TemporaryDirectory() as folder:
        starved = row(good, controls.spilling(good, ptxas, Path(folder)))
        yield control("too few registers", failures(starved))
        silent = Path(folder) / "silent"
        silent.write_text("#!/bin/sh\n", encoding="utf-8")
        silent.chmod(0o755)
        for name, attempt in controls.missing_data(good, ptxas, silent).items():
            try:
                attempt()
                yield control(name, [])
            except controls.REFUSALS as error:
                yield control(name, [str(error) or type(error).__name__])


def in_slabs_measured(target: SlabTarget, built: Built, edge: int, ptxas: Path) -> Row:
    """Measures of a program on slabs, and what its checks need to know of them."""
    about = {"devices": len(target.devices), "voxels": built.voxels}
    return {**measured(built, ptxas), **about, "distributed_levels": distributed_levels(edge)}


def in_slabs(key: str, ptxas: Path, show: Callable[[Row], None]) -> None:
    """Measures of the programs on slabs, their memory, and their negative controls."""
    # both before anything is compiled
    target, small = (SlabTarget(COMPILED[key], edge) for edge in (EDGE, CONTROL_EDGE))
    for built in every_in_slabs(target, EDGE):
        show(in_slabs_measured(target, built, EDGE, ptxas))
    show({**memory.row(target, EDGE), "devices": len(target.devices)})

    def reasons(built: Built) -> list[str]:
        return slab_checks.messages(in_slabs_measured(small, built, CONTROL_EDGE, ptxas))

    # the good one must pass: a check that refuses everything proves nothing
    refused = reasons(good_solve(small, CONTROL_EDGE))
    show(control("slabs without a fault", [] if refused else ["passes"]))
    for name, built in bad_solves(small, CONTROL_EDGE):
        show(control(name, reasons(built)))


def main(key: str, edge: int, *, slabs_only: bool, elastic_only: bool, with_controls: bool) -> None:
    ptxas = ptx.assembler()

    def show(found: Row) -> None:
        print(json.dumps({"device": key, "edge": edge, **found}), flush=True)

    if slabs_only:
        in_slabs(key, ptxas, show)
        return
    target, good = Target(COMPILED[key]), None
    for built in (elastic if elastic_only else programs).every(target, edge):
        good = good or built
        show(measured(built, ptxas))
    if not elastic_only:
        show(memory.row(target, edge))
        if with_controls:
            reasons = held_too_much(memory.kept_row(target, edge))
            show(control("results that are held until the end of a step", reasons))
    if with_controls and good:
        for found in caught_forces(target, edge, ptxas):
            show(found)
        for found in () if elastic_only else caught(target, good, edge, ptxas):
            show(found)


if __name__ == "__main__":
    flags = {
        "slabs_only": "--slabs" in sys.argv,
        "elastic_only": "--elastic" in sys.argv,
        "with_controls": "--controls" in sys.argv,
    }
    main(sys.argv[1], int(sys.argv[2]), **flags)
