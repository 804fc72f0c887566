"""Command bench: the speed of this machine, alone and beside another's."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tissue.commands.common import Commands, add_run_file, config_of
from tissue.commands.terminal import waiting
from tissue.errors import InputError, shown

if TYPE_CHECKING:
    from tissue.bench.measurement import Measurement, Plan
    from tissue.simulation.speed import Speed

PROCESSOR_EDGES, ACCELERATOR_EDGES = (64, 96), (128, 256)
"""Edges of the grids that are measured unless others are asked for [voxels]."""

WITHOUT_ELEMENTS = "steps and estimates take the load from the density of bone near by"

SMALLEST_EDGE, LARGEST_EDGE = 16, 2048
NAME_WIDTH = 38
"""Width of the column of names [characters]."""


def add(commands: Commands) -> None:
    """Add bench."""
    command = commands.add_parser("bench", help="measure the speed of this machine")
    add_run_file(command, needed=False)
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")
    command.add_argument(
        "--edges",
        metavar="N,...",
        help="edges of the grids in voxels (default 64,96 on a processor, 128,256 on a GPU)",
    )
    command.add_argument(
        "--quick", action="store_true", help="the first grid only, without finite elements"
    )
    command.add_argument(
        "--compare", metavar="FILE", type=Path, help="numbers of another machine, from --json"
    )
    command.set_defaults(command=_bench)


def _bench(options: argparse.Namespace) -> int:
    from tissue.machine import device

    if options.set and not options.file:
        raise InputError("--set changes a run file: name the run file too")
    given = [name for name in ("edges", "quick", "compare") if getattr(options, name)]
    if options.file and given:
        raise InputError(
            f"--{given[0]} is for the measurement without a run file: leave out --{given[0]} or "
            f"{shown(options.file)}"
        )
    if options.file:
        config = config_of(options)
        device.enable_compilation_cache()
        return _bench_run(config, as_json=options.json)
    asked = None if options.edges is None else edges(options.edges)
    device.enable_compilation_cache()
    return _bench_machine(options, asked)


def edges(text: str) -> tuple[int, ...]:
    """Edges of grids, from text such as 64,96.

    Raises:
        InputError: it is not a list of edges.
    """
    words = text.split(",")
    if not all(word.strip().isdecimal() for word in words):
        raise InputError(
            f"--edges {shown(text)} is not a list of whole numbers such as 64,96, the edges of "
            "grids in voxels"
        )
    found = tuple(dict.fromkeys(int(word) for word in words))
    wrong = next((edge for edge in found if not SMALLEST_EDGE <= edge <= LARGEST_EDGE), None)
    if wrong is not None:
        raise InputError(
            f"--edges {wrong}: an edge has to be from {SMALLEST_EDGE} to {LARGEST_EDGE} voxels"
        )
    return found


def _bench_run(config: Any, *, as_json: bool) -> int:
    from tissue.machine import device, host
    from tissue.simulation.speed import bench

    with waiting("compiling, and measuring the speed of this machine"):
        done, peak = bench(config), host.peak_memory()
    if as_json:
        print(json.dumps(done.as_dict() | {"peak_memory_gb": peak} | device.versions()))
        return 0
    for line in done.lines():
        print(line)
    print(f"peak       {peak:.2f} GB of memory in this measurement")
    return 0


def _bench_machine(options: argparse.Namespace, asked: tuple[int, ...] | None) -> int:
    import jax

    from tissue.bench import machine_record
    from tissue.bench.measurement import ELEMENTS, PARTS, QUICK_REPEATS, REPEATS, Plan
    from tissue.machine import bandwidth, device, host

    device.start_backend()
    usual = PROCESSOR_EDGES if jax.default_backend() == "cpu" else ACCELERATOR_EDGES
    chosen = (asked or usual)[: 1 if options.quick else None]
    theirs = machine_record.compared(options.compare, chosen) if options.compare else {}
    triad = bandwidth.measured()
    record = machine_record.described(triad)
    repeats = QUICK_REPEATS if options.quick else REPEATS
    parts = [part for part in PARTS if part != ELEMENTS or not options.quick]
    plan = Plan(chosen, triad.triad, repeats, parts)
    if not options.json:
        _print_machine(record)
    rows, speeds = _measured(plan, theirs, quietly=options.json)
    notes, years = _conclusions(speeds)
    peak = host.peak_memory()
    if options.json:
        about = {
            "measurements": [row.as_dict() for row in rows],
            "estimates": [vars(estimate) for estimate in years],
            "notes": notes,
            "peak_memory_gb": peak,
        }
        print(json.dumps(record | about, indent=1))
        return 0
    for estimate in years:
        print(f"estimate   {estimate.line}")
    for note in notes:
        print(f"note       {note}")
    print(f"peak       {peak:.2f} GB of memory in this measurement")
    return 0


def _measured(
    plan: "Plan", theirs: Mapping[tuple[str, int], float], *, quietly: bool
) -> tuple[list["Measurement"], list["Speed"]]:
    """All measurements, each printed as soon as it is there unless the numbers go to a program."""
    from tissue.bench.machine_record import against
    from tissue.bench.measurement import Measurement, measurements

    rows: list[Measurement] = []
    speeds: list[Speed] = []
    edge = 0
    for found in measurements(plan):
        if not isinstance(found, Measurement):
            speeds.append(found)
            continue
        rows.append(found)
        if quietly:
            continue
        if found.edge != edge:
            edge = found.edge
            print(f"{edge}^3", flush=True)
        print(_line(found, against(found, theirs)), flush=True)
    return rows, speeds


def _print_machine(record: Mapping[str, Any]) -> None:
    from tissue.machine.host import load_note

    cores = f"{record['cores']} core{'s' * (record['cores'] != 1)}"
    print(f"device     {record['device']}; {cores} of {record['processor']}")
    memory, how = record["bandwidth_gb_per_s"], record["bandwidth_by"]
    print(f"memory     {memory:.1f} GB/s ({how}){load_note()}", flush=True)


def _line(row: "Measurement", compared: str) -> str:
    if row.milliseconds is None:
        return f"  {row.name:{NAME_WIDTH}} not measured: {row.reason}"
    cells = [f"{_number(row.milliseconds):>9} ms"]
    rate, share = row.million_updates_per_s, row.bandwidth_percent
    cells.append("" if rate is None else f"{_number(rate):>8} million voxel updates/s")
    cells.append("" if share is None else f"{share:4.0f} % of the bandwidth")
    text = f"  {row.name:{NAME_WIDTH}} {cells[0]}  {cells[1]:32}  {cells[2]:24}  {compared}"
    return text.rstrip()


def _number(value: float) -> str:
    from tissue.bench.timing import number

    return number(value)


def _conclusions(speeds: Sequence["Speed"]) -> tuple[list[str], tuple[Any, ...]]:
    """Notes, and estimates of years from the steps on the largest grid that was measured."""
    from tissue.machine.host import load_note
    from tissue.simulation.speed import start_note, years

    notes = [start_note(tuple(speeds)), WITHOUT_ELEMENTS] if speeds else []
    if load := load_note():
        notes.append(f"measured{load.removeprefix(',')}: times of a quiet machine are shorter")
    return notes, years(max(speeds, key=lambda speed: speed.shape)) if speeds else ()
