"""Accuracy of the memory, wall time and disk that `tissue check` predicts for a run.

Both commands are run as for the first time, with no compiled programs on disk, each in a process of
its own, on newly synthesized bone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness import isolated, machine, measured_on, publish, record, table

from tissue.scenario.config import read_run_file
from tissue.simulation import cost, plan, speed
from tissue.simulation.bone_preview import preview_bone

EDGES, SHORT = (96, 192), (64,)
DAYS = {64: 28, 96: 28, 192: 7}
GOAL_MEMORY, GOAL_TIME, GOAL_DISK = 1.25, 1.5, 1.2
RUN = """
[run]
preset = "mouse"
duration = "{days} day"
[geometry.synthetic]
shape = [{edge}, {edge}, {edge}]
spacing = "10 um"
bv_tv = 0.2
thickness = "60 um"
[disease]
il1_excess = "3.5 pM"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("edges", type=int, nargs="*", help="of the grids in voxels")
    parser.add_argument("--full", action="store_true", help=f"the grids {EDGES}")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(predicted(asked.one)))
        return
    machine()
    found = []
    for edge in asked.edges or (EDGES if asked.full else SHORT):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "forecast.toml"
            file.write_text(RUN.format(edge=edge, days=DAYS.get(edge, 7)), encoding="utf-8")
            found.append({"edge": edge} | isolated("forecast.py", "--one", file) | measured(file))
    publish("forecast", forecast_table(found))
    record("forecast", found)


def predicted(file: Path) -> dict[str, Any]:
    """Prediction of `tissue check`."""
    config = read_run_file(file)
    preview = preview_bone(config)
    shape = (preview.full_grid or preview.geometry.grid).shape
    probe = speed.probe(shape, config.run.precision, preview.loading_time)
    planned = plan.plan(
        config,
        preview.geometry,
        probe,
        full_grid=preview.full_grid,
        loading=preview.loading_memory,
    )
    assert planned.wall_time is not None
    return {
        "predicted_bytes": planned.memory,
        "predicted_s": planned.wall_time.total,
        "steps": planned.wall_time.steps,
        "sweep_ns": probe.sweep,
        "compile_s": probe.compilation,
        "loading_s": preview.loading_time,
        "predicted_disk": planned.output.bytes,
    }


def measured(file: Path) -> dict[str, Any]:
    """Memory [bytes], wall time [s] and disk [bytes] of `tissue run`."""
    command = [sys.executable, "-m", "tissue", "run", str(file), "--quiet", "--out"]
    start = time.perf_counter()
    environment = os.environ | {"XDG_CACHE_HOME": str(file.parent / "cache")}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    process = subprocess.Popen([*command, str(file.with_suffix(""))], env=environment)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise RuntimeError(f"the run ended with status {status}")
    scale = 1 if sys.platform == "darwin" else 1024
    disk = sum(path.stat().st_size for path in file.with_suffix("").iterdir() if path.is_file())
    return {"bytes": used.ru_maxrss * scale, "wall_s": wall, "disk": disk}


def forecast_table(found: list[dict[str, Any]]) -> str:
    """Table of predictions and measurements."""
    rows = []
    for f in found:
        memory, seconds = f["predicted_bytes"] / f["bytes"], f["predicted_s"] / f["wall_s"]
        disk = f["predicted_disk"] / f["disk"]
        ratios = (GOAL_MEMORY, memory), (GOAL_TIME, seconds), (GOAL_DISK, disk)
        good = all(1 / most <= ratio <= most for most, ratio in ratios)
        good &= memory >= 1 / cost.MEMORY_MARGIN  # or "ready" is said of a run that does not fit
        rows.append(
            (
                f"{f['edge']}^3",
                f["steps"],
                f["predicted_bytes"] / 1e9,
                f["bytes"] / 1e9,
                memory,
                f["predicted_s"],
                f["wall_s"],
                seconds,
                f["predicted_disk"] / 1e6,
                f["disk"] / 1e6,
                disk,
                "yes" if good else "no",
            )
        )
    heads = (
        "grid",
        "steps",
        "memory predicted GB",
        "measured GB",
        "ratio",
        "time predicted s",
        "measured s",
        "ratio",
        "disk predicted MB",
        "measured MB",
        "ratio",
        f"within {GOAL_MEMORY:g}, {GOAL_TIME:g} and {GOAL_DISK:g}",
    )
    return f"{table(heads, rows)}\n\n{measured_on()}"


if __name__ == "__main__":
    main()
