"""Measures of the programs for one GPU and one grid, printed as JSON lines.

usage: python benchmarks/gpu/measure.py DEVICE EDGE [--controls]

Started by gate.py, which sets the environment it needs.
"""

import json
import sys
import tempfile
from math import log
from pathlib import Path
from typing import Any

import controls
import programs
import ptx
from ahead import WORD, Built, Target
from checks import failures
from counts import LOOPS
from devices import COMPILED
from hlo import Loop, arrays

Row = dict[str, Any]


def row(built: Built, kernels: tuple[ptx.Kernel, ...]) -> Row:
    """Measures of a program, without its device and grid."""
    module, voxels = built.module, built.voxels
    field = WORD * voxels
    straight = module.work(field=field)
    names = named(module.loops)
    loops: list[Row] = []
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
        "bytes_per_voxel": round(straight.bytes / voxels, 2),
        "loops": loops,
        "launches_listed": listed,
        "thunks": built.thunks,
        "graphs": built.graphs,
        "levels": levels(built),
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
    """Names of the loops as in `counts.py`, or the functions around one that it lacks."""
    names: list[str] = []
    left = {function: iter(of_one) for function, of_one in LOOPS.items()}
    for loop in loops:
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


def measured(built: Built, ptxas: Path) -> Row:
    """Measures of a program.

    Raises:
        NoData: data for its checks are missing.
    """
    return row(built, ptx.assembled(built.ptx, ptxas))


def caught(target: Target, good: Built, edge: int, ptxas: Path) -> list[Row]:
    """Rows of the negative controls: the reasons for which each was refused."""
    rows: list[Row] = []

    def report(name: str, reasons: list[str]) -> None:
        rows.append({"control": name, "caught": bool(reasons), "reasons": reasons})

    for name, built in controls.bad_steps(target, edge).items():
        try:
            reasons = failures({**measured(built, ptxas), "program": "explicit step"})
        except controls.REFUSALS as error:
            reasons = [str(error)]
        # the good one must pass: a check that refuses everything proves nothing
        reasons = ([] if reasons else ["passes"]) if name == controls.GOOD else reasons
        report(name, reasons)
    report(
        "the CPU's barriers",
        failures({**measured(controls.barred_cycle(target, edge), ptxas), "edge": edge}),
    )
    with tempfile.TemporaryDirectory() as folder:
        starved = row(good, controls.spilling(good, ptxas, Path(folder)))
        report("too few registers", failures(starved))
        silent = Path(folder) / "silent"
        silent.write_text("#!/bin/sh\n", encoding="utf-8")
        silent.chmod(0o755)
        for name, attempt in controls.missing_data(good, ptxas, silent).items():
            try:
                attempt()
                report(name, [])
            except controls.REFUSALS as error:
                report(name, [str(error) or type(error).__name__])
    return rows


def main(key: str, edge: int, with_controls: bool) -> None:
    ptxas, target = ptx.assembler(), Target(COMPILED[key])
    good = None
    for built in programs.every(target, edge):
        good = good or built
        found = measured(built, ptxas)
        print(json.dumps({"device": key, "edge": edge, **found}), flush=True)
    if with_controls and good:
        for found in caught(target, good, edge, ptxas):
            print(json.dumps({"device": key, "edge": edge, **found}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "--controls" in sys.argv)
