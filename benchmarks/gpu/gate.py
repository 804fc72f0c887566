"""Gate of the GPU path: compiles it for GPUs that this machine lacks and checks the programs.

usage: python benchmarks/gpu/gate.py [--quick] [--elastic | --slabs]

Needs the environment that `make gpu-gate` makes, and no GPU. Prints a table, adds JSON lines to
runs/out/bench/gpu.jsonl and exits with 1 if a check fails, if a negative control is not caught, or
if data for a check are missing. --quick compiles for one GPU and one grid only, and one in slabs on
four; --elastic the programs of finite elements only, which takes a fifth of the time; --slabs those
of a grid in slabs only.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import slab_checks
from checks import failures, held_too_much
from costs import GOALS, LAUNCH, STEP, YEAR, Cost, costs, counted, elastic_costs, plain
from devices import COMPILED, EDGES, H100

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "runs" / "out" / "bench" / "gpu.jsonl"
PACKAGES = ("jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda12-pjrt", "nvidia-cuda-nvcc-cu12")
# negative controls that must be reported, and each caught
CONTROLS, ELASTIC_CONTROLS, SLAB_CONTROLS = 15, 3, 5
PROGRAMS, ELASTIC_PROGRAMS, SLAB_PROGRAMS = 9, 3, 2
IN_SLABS = H100.key, 256
"""GPU and edge of the grid that lies in slabs on several of them."""
COUNTED_EDGE = 64

ONE_LOOP = {
    "explicit step": "two steps in a loop",
    "solve": "a CG iteration",
    slab_checks.SOLVE: "a CG iteration",
}

Row = dict[str, Any]


def started(script: str, *arguments: object, dump: Path | None = None) -> subprocess.Popen[str]:
    """Process of a script of this folder, on the CPU, with the flags of XLA."""
    flags = f"--xla_gpu_autotune_level=0 --xla_dump_to={dump}" if dump else ""
    settings = {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3", "XLA_FLAGS": flags}
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return subprocess.Popen(
        command,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[list[Row], list[str]]:
    """JSON lines that a process printed, and its failure."""
    out, err = process.communicate()
    rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if process.returncode:
        last = "\n".join(err.strip().splitlines()[-3:])
        return rows, [f"{' '.join(map(str, process.args[1:]))} failed: {last}"]  # type: ignore[index]
    return rows, []


def compiled(device: str, edge: int, *options: str, programs: int) -> tuple[list[Row], list[str]]:
    """Rows of the programs for a GPU and a grid, and their failures."""
    folder = Path(tempfile.mkdtemp(prefix="tissue-gpu-"))
    try:
        start = time.perf_counter()
        found, failed = finished(started("measure.py", device, edge, *options, dump=folder))
        seconds = time.perf_counter() - start
        many = " in slabs" if "--slabs" in options else ""
        print(f"compiled for {device} at {edge}^3{many} in {seconds:.0f} s", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if len([row for row in found if "program" in row]) != programs and not failed:
        failed = [f"{device} {edge}^3{many}: some programs are missing"]
    if not ("--elastic" in options or failed or any("memory" in row for row in found)):
        failed = [f"{device} {edge}^3{many}: the memory of a step is missing"]
    return found, failed


def in_slabs() -> tuple[list[Row], list[str]]:
    """Rows of a grid in slabs on several GPUs, and their failures."""
    return compiled(*IN_SLABS, "--slabs", programs=SLAB_PROGRAMS)


def gathered(cases: Sequence[tuple[str, int]], *, elastic: bool) -> tuple[list[Row], list[str]]:
    """Rows of all measurements on one GPU, and their failures."""
    programs, chosen = (ELASTIC_PROGRAMS, ["--elastic"]) if elastic else (PROGRAMS, [])
    counting = started("counts.py", COUNTED_EDGE)
    rows: list[Row] = []
    wrong: list[str] = []
    for device, edge in cases:
        first = [] if rows else ["--controls"]
        found, failed = compiled(device, edge, *chosen, *first, programs=programs)
        rows, wrong = rows + found, wrong + failed
    found, failed = finished(counting)
    if not found and not failed:
        failed = ["the turns of the loops were not counted"]
    return rows + found, wrong + failed


def judged(rows: Iterable[Row], needed: int) -> list[str]:
    """Failed checks, in words."""
    wrong, controls = [], [row for row in rows if "control" in row]
    for row in rows:
        many = "devices" in row
        where = f"{row.get('device')} {row.get('edge')}^3"
        if "program" in row:
            found = slab_checks.failures(row) if many else failures(row)
            wrong += [f"{where}, {text}" for text in found]
        if "memory" in row:
            place = f"{where}{' in slabs' if many else ''}"
            wrong += [f"{place}, {text}" for text in held_too_much(row)]
    wrong += [f"control not caught: {row['control']}" for row in controls if not row["caught"]]
    if len(controls) < needed:
        wrong.append(f"{len(controls)} negative controls, at least {needed} are needed")
    return wrong


def late(rows: Sequence[Row], cases: Iterable[tuple[str, int]]) -> list[str]:
    """Goals for a simulated year that are predicted to be missed."""
    wrong = []
    for device, edge in cases:
        if device == H100.key:
            steps = costs(rows, device, edge)[STEP] * counted(rows)["steps"]
            year = (steps + elastic_costs(rows, device, edge)[YEAR]).seconds(edge**3, H100)
            print(f"a year at {edge}^3 on {H100.name}: {year:.1f} s predicted, goal {GOALS[edge]}")
            if year > GOALS[edge]:
                wrong.append(f"a year at {edge}^3: {year:.1f} s predicted, goal {GOALS[edge]}")
    return wrong


def shown(rows: Sequence[Row]) -> None:
    """Print the table."""
    line = "{:8} {:>4} {:38} {:>8} {:>6} {:>8} {:>9} {:>8} {:>6} {:>7}"
    heads = "GPU", "edge", "program", "launches", "copies", "B/voxel", "temporary", "register"
    print("\n" + line.format(*heads, "spills", "graphs"))
    for row in rows:
        if "program" not in row:
            continue
        where, cost = (row["device"], row["edge"]), plain(row)
        held = f"{row['temporary_per_voxel']:.0f} B", row["registers"], row["spilled"]
        counts = int(cost.launches), row["copies"], row["bytes_per_voxel"]
        print(line.format(*where, row["program"], *counts, *held, row["graphs"]))
        if row["program"].startswith("V-cycle"):
            print(line.format("", "", f"  by level {row['levels']}", *("",) * 7))
        if row["by_level"]:
            for level, (*numbers, moved) in enumerate(row["by_level"]):
                name = f"  a CG iteration, level {level}"
                print(line.format("", "", name, *numbers, round(moved, 2), *("",) * 4))
            continue
        for loop in row["loops"]:
            counts = loop["launches"], loop["copies"], loop["bytes_per_voxel"]
            name = ONE_LOOP.get(row["program"], f"a turn of {loop['loop']}")
            print(line.format("", "", f"  {name}", *counts, *("",) * 4), sent(loop))
        if "devices" in row:
            print(f"{'':16}outside of the loops {sent(row)}")
    for row in rows:
        if "memory" in row:
            memory_shown(row)
    for row in rows:
        if "control" in row:
            verdict = "caught" if row["caught"] else "NOT CAUGHT"
            print(f"control {row['control']:32} {verdict}: {'; '.join(row['reasons'])[:90]}")
    print()


def sent(where: Row) -> str:
    """Messages in one pass, by kind, as text."""
    count = Counter(kind for kind, _ in where["messages"])
    return ", ".join(f"{number} {kind}" for kind, number in count.items())


def memory_shown(row: Row) -> None:
    """Print the memory of a coupling step by stage, and what is alive at its peak."""
    line = "{:32} {:>8} {:>8} {:>10} {:>8}"
    many = f" in slabs on {row['devices']}, of one" if "devices" in row else ""
    print(f"\nmemory of a coupling step, {row['device']} {row['edge']}^3{many}, B/voxel")
    print(line.format("stage", "alive", "results", "temporary", "all"))
    for each in row["memory"]:
        numbers = each["alive"], each["results"], each["temporary"], each["peak"]
        print(line.format(each["stage"], *numbers))
    top = max(row["memory"], key=lambda each: each["peak"])
    print(f"alive in {top['stage']}: {', '.join(top['fields'])}")


def coupling_steps(rows: Sequence[Row], cases: Iterable[tuple[str, int]]) -> list[Row]:
    """Rows of a coupling step with its loops, turned as often as counted."""
    made = []
    for device, edge in cases:
        cost: Cost = costs(rows, device, edge)[STEP]
        gpu = COMPILED[device]
        total = cost.seconds(edge**3, gpu)
        share = cost.launches * LAUNCH / total
        print(
            f"{STEP}, {gpu.name}, {edge}^3: {cost.launches:.0f} launches, "
            f"{cost.turns:.0f} turns, {cost.bytes:.0f} B/voxel; predicted {1e3 * total:.1f} ms, "
            f"{share:.0%} of it launches"
        )
        made.append({"coupling_step": vars(cost), "device": device, "edge": edge})
    return made


def elastic_solves(rows: Sequence[Row], cases: Iterable[tuple[str, int]]) -> None:
    """Print what finite elements are predicted to take."""
    for device, edge in cases:
        gpu = COMPILED[device]
        for name, cost in elastic_costs(rows, device, edge).items():
            seconds = cost.seconds(edge**3, gpu)
            share = cost.launches * LAUNCH / seconds
            print(
                f"{name}, {gpu.name}, {edge}^3: {cost.launches:.0f} launches, "
                f"{cost.bytes:.0f} B/voxel; predicted {1e3 * seconds:.2f} ms, {share:.0%} of it "
                "launches"
            )


def kept(rows: Iterable[Mapping[str, Any]]) -> None:
    """Append the rows to the file of raw numbers."""
    about = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "versions": {name: version(name) for name in PACKAGES},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with OUT.open("a", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({**row, **about}) + "\n")


def main(*, quick: bool, elastic: bool, slabs: bool) -> int:
    start = time.perf_counter()
    cases = [(device, edge) for device in COMPILED for edge in EDGES][: 1 if quick else None]
    rows, wrong = ([], []) if slabs else gathered(cases, elastic=elastic)
    if not elastic:
        found, failed = in_slabs()
        rows, wrong = rows + found, wrong + failed
    shown(rows)
    alone = 0 if slabs else ELASTIC_CONTROLS if elastic else CONTROLS
    wrong += judged(rows, alone + (0 if elastic else SLAB_CONTROLS))
    try:
        if not slabs:
            elastic_solves(rows, cases)
        if not (elastic or slabs):
            rows += coupling_steps(rows, cases)
            wrong += late(rows, cases)
    except (KeyError, StopIteration) as error:
        wrong.append(f"a step or a solve cannot be added up: {error!r} is missing")
    kept(rows)
    checked = sum("program" in row for row in rows) + sum("control" in row for row in rows)
    print(f"\n{time.perf_counter() - start:.0f} s to compile and check")
    for text in wrong:
        print(f"FAILED {text}")
    print(f"gpu gate: {checked} programs and controls, {len(wrong)} failures")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(**{name: f"--{name}" in sys.argv for name in ("quick", "elastic", "slabs")}))
