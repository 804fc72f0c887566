"""Cost of snapshots and checkpoints: time, size, and how long the run waits for them.

usage: python benchmarks/output.py [edge in voxels, default 128] [repeats, default 5]
"""

import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import h5py
import jax
import numpy as np
from harness import machine, measured_on, publish, record, table

from tissue.scenario.config import read_run_file
from tissue.simulation.checkpoints import checkpoint_of
from tissue.simulation.output import rounded
from tissue.simulation.simulation import Simulation
from tissue.storage import deflate
from tissue.storage.checkpoint import write_checkpoint
from tissue.storage.snapshot import write_snapshot
from tissue.storage.writer import Writer

FIELDS = (
    "bone_volume_fraction",
    "il1",
    "opg",
    "osteoblasts",
    "osteoclast_precursors",
    "osteoclasts",
    "rankl",
)
STEPS = 2

Row = dict[str, str | float]
Fields = Mapping[str, np.ndarray]
Way = Callable[[], AbstractContextManager[Any]]
"""Context in which files are written in some way."""


def measure(edge: int, repeats: int) -> Iterator[Row]:
    """Results: one dictionary for each way to write, and for each way to run."""
    simulation = prepared(edge)
    with tempfile.TemporaryDirectory() as folder:
        grid = simulation.geometry.grid
        write = partial(write_snapshot, Path(folder), grid=grid, time=0.0, provenance={})
        yield from formats(simulation, write, repeats)
        yield from loops(simulation, write, Path(folder), repeats)


def prepared(edge: int) -> Simulation:
    """Run after its first steps; everything it calls is compiled."""
    synthetic = {"shape": [edge] * 3, "spacing": "10 um", "bv_tv": 0.2, "thickness": "60 um"}
    run = {
        "run": {"duration": "28 day", "step": "0.5 day"},
        "geometry": {"synthetic": synthetic},
        "disease": {"il1_excess": "3.5 pM"},
    }
    simulation = Simulation(read_run_file(run | {"output": {"fields": FIELDS}}, name="bench"))
    for _ in range(2):
        simulation.advance()
        jax.block_until_ready(simulation.fields())
    return simulation


def formats(simulation: Simulation, write: Callable[..., Path], repeats: int) -> list[Row]:
    """Cost of snapshots written with no other work."""
    exact = {name: np.asarray(values) for name, values in simulation.fields().items()}
    fields = {name: np.asarray(values) for name, values in rounded(simulation.fields()).items()}
    ways: dict[str, Way] = {
        "deflate by HDF5, level 1": inside_hdf5,
        **{
            f"zlib, level {level}": by(partial(zlib.compress, level=level)) for level in range(1, 5)
        },
        "zlib, runs": by(deflate.zlib_runs),
    }
    if deflate.compress is deflate.igzip:
        ways["isal, level 1"] = by(deflate.igzip)
    size = sum(values.nbytes for values in fields.values())
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    busy: dict[str, list[float]] = {name: [] for name in ways}
    sizes = {}
    for step in range(repeats):
        for name, way in ways.items():
            with way():
                start, busy_before = time.perf_counter(), time.thread_time()
                path = write(step=step, fields=fields)
                seconds[name].append(time.perf_counter() - start)
                busy[name].append(time.thread_time() - busy_before)
            sizes[name] = path.stat().st_size
    rows: list[Row] = [
        {
            "task": f"snapshot: {name}",
            **spread("ms", seconds[name]),
            **spread("cpu_ms", busy[name]),
            "MB_per_s": size / float(np.median(seconds[name])) / 1e6,
            "file_MB": sizes[name] / 1e6,
            "ratio": size / sizes[name],
        }
        for name in ways
    ]
    path = write(step=repeats, fields=exact)
    every_bit = path.stat().st_size
    ratio = size / every_bit
    rows.append({"task": "snapshot: all bits", "file_MB": every_bit / 1e6, "ratio": ratio})
    return [*rows, checkpoints(simulation, path.parent, repeats)]


def checkpoints(simulation: Simulation, folder: Path, repeats: int) -> Row:
    """Cost of checkpoints as a run writes them."""
    seconds = []
    for step in range(repeats):
        checkpoint = checkpoint_of(simulation, step=step)
        start = time.perf_counter()
        path = write_checkpoint(folder, checkpoint)
        seconds.append(time.perf_counter() - start)
    return {"task": "checkpoint", **spread("ms", seconds), "file_MB": path.stat().st_size / 1e6}


def by(compress: Callable[..., bytes]) -> Way:
    """Context in which another function compresses chunks."""
    return partial(patch.object, deflate, "compress", compress)


@contextmanager
def inside_hdf5() -> Iterator[None]:
    """Context in which the filters of HDF5 compress chunks."""

    def write(group: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
        chunks = deflate.chunk_shape(values.shape)
        return group.create_dataset(name, data=values, chunks=chunks, **deflate.FILTERS)

    with patch("tissue.storage.snapshot.write_dataset", write):
        yield


def loops(
    simulation: Simulation, write: Callable[..., Path], folder: Path, repeats: int
) -> list[Row]:
    """Time of steps with a snapshot after each, and how long they wait for it."""

    def job() -> Callable[[], Path]:
        return partial(write, step=simulation.step, fields=rounded(simulation.fields()))

    def plain() -> tuple[float, list[float]]:
        return loop(simulation, lambda: None)

    def synchronous() -> tuple[float, list[float]]:
        return loop(simulation, lambda: job()())

    def background() -> tuple[float, list[float]]:
        start = time.perf_counter()
        with Writer() as writer:
            _, stalls = loop(simulation, lambda: writer.put(job))
        return time.perf_counter() - start, stalls

    def checkpointing() -> tuple[float, list[float]]:
        def keep() -> Callable[[], Path]:
            checkpoint = checkpoint_of(simulation)
            return lambda: write_checkpoint(folder, checkpoint)

        start = time.perf_counter()
        with Writer() as writer:
            _, stalls = loop(simulation, lambda: writer.put(keep))
        return time.perf_counter() - start, stalls

    # the compressors with and without the optional package, against the filters of HDF5
    ways = {
        "no output": (plain, by(deflate.zlib_runs)),
        "synchronous, HDF5": (synchronous, inside_hdf5),
        "synchronous, zlib": (synchronous, by(deflate.zlib_runs)),
        "background, HDF5": (background, inside_hdf5),
        "background, zlib": (background, by(deflate.zlib_runs)),
    }
    if deflate.compress is deflate.igzip:
        ways["background, isal"] = (background, by(deflate.igzip))
        ways["checkpoint in the background, isal"] = (checkpointing, by(deflate.igzip))
    times: dict[str, list[float]] = {name: [] for name in ways}
    stalls: dict[str, list[float]] = {name: [] for name in ways}
    start = simulation.state, simulation.controller_state
    for _ in range(repeats):
        for name, (run, way) in ways.items():
            simulation.state, simulation.controller_state = start
            with way():
                total, waited = run()
            times[name].append(total / STEPS)
            stalls[name] += waited
    return [
        {"task": f"step: {name}", **spread("ms", times[name]), **spread("stall_ms", stalls[name])}
        for name in ways
    ]


def loop(simulation: Simulation, output: Callable[[], object]) -> tuple[float, list[float]]:
    """Time of STEPS steps with output after each, and of every output alone [s]."""
    stalls = []
    start = time.perf_counter()
    for _ in range(STEPS):
        simulation.advance()
        before = time.perf_counter()
        output()
        stalls.append(time.perf_counter() - before)
    return time.perf_counter() - start, stalls


def spread(name: str, seconds: list[float]) -> Row:
    """Median and range in milliseconds."""
    parts: dict[str, Callable[[list[float]], Any]] = {
        name: np.median,
        f"{name}_low": np.min,
        f"{name}_high": np.max,
    }
    return {key: 1e3 * float(part(seconds)) for key, part in parts.items()}


def main(edge: int = 128, repeats: int = 5) -> None:
    machine()
    rows = []
    for row in measure(edge, repeats):
        short = {key: v if isinstance(v, str) else round(v, 3) for key, v in row.items()}
        rows.append({"edge": edge} | short)
        print(json.dumps(rows[-1]), flush=True)
    publish("output", result_table(rows))
    record("output", rows)


def result_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Table of the rows."""
    heads = ("what", "ms", "range ms", "file MB", "stall of the run ms", "range ms")

    def spread(row: Mapping[str, Any], key: str) -> str:
        return f"{row[key + '_low']:.3g} .. {row[key + '_high']:.3g}" if key in row else "-"

    cells = [
        (
            row["task"],
            row.get("ms"),
            spread(row, "ms"),
            row.get("file_MB"),
            row.get("stall_ms"),
            spread(row, "stall_ms"),
        )
        for row in rows
    ]
    return (
        "A snapshot of 7 fields of 12 bits (unless all are kept) and a checkpoint, written alone, "
        "and in steps each of which is followed by one; the run waits for the stall. The goal at "
        f"128^3 is 50 ms.\n\n{table(heads, cells)}\n\n"
        f"{measured_on()}"
    )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
