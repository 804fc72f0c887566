"""Time of each kernel alone, against the memory bandwidth of this machine.

`tissue.bench` has the kernels, and says which bytes are counted. Above 100 % means that the cache
holds part of them. `tissue bench` measures the same one after the other, on any device.
"""

from functools import partial

import jax
from harness import (
    bandwidth,
    chosen,
    machine,
    measured_on,
    options,
    publish,
    record,
    table,
)

from tissue.bench.measurement import kernel_row
from tissue.bench.tasks import WORD, bone, tasks
from tissue.bench.timing import timed

HEADS = (
    "operator",
    "ms",
    "range ms",
    "CPU ms",
    "million voxel updates/s",
    "B/voxel assumed",
    "% of bandwidth",
    "residual sweeps",
)


def main() -> None:
    asked = chosen(options(__doc__, 64, 128))
    machine()
    made = {name: make() for name, make in tasks(bone(asked.edge)).items()}
    times = timed(
        {name: partial(jax.jit(task.run), *task.arguments) for name, task in made.items()},
        repeats=21 if asked.full else 9,
    )
    sweep = times["residual sweep"].median
    rows, raw = [], []
    for name, task in made.items():
        time = times[name].shared_by(task.times)
        row = kernel_row(task, time, asked.edge, bandwidth().triad)
        rows.append(
            (
                *(name, time.median, time.spread, time.cpu, row.million_updates_per_s),
                f"{task.words * WORD:.0f}" if task.words else None,
                *(row.bandwidth_percent, time.median / sweep),
            )
        )
        raw.append(
            {
                "operator": name,
                "edge": asked.edge,
                "ms": time.median,
                "low_ms": time.low,
                "high_ms": time.high,
                "cpu_ms": time.cpu,
                "bytes_per_voxel": task.words * WORD,
                "bandwidth_share": row.bandwidth_percent,
                "sweeps": time.median / sweep,
            }
        )
    publish("kernels", f"{asked.edge}^3, float32.\n\n{table(HEADS, rows)}\n\n{measured_on()}")
    record("kernels", raw)


if __name__ == "__main__":
    main()
