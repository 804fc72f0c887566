"""Time to the first step, with nothing compiled and with everything compiled on disk.

Both in a fresh process: the first with an empty cache of compiled programs, the second with the
cache that the first has left.
"""

import argparse
import json
import tempfile
import time
from itertools import pairwise
from typing import Any

from cases import config, tiled
from harness import chosen, isolated, machine, measured_on, options, publish, record, table

from tissue.machine import device
from tissue.machine.device import LOG_LEVEL
from tissue.simulation.simulation import Simulation

GOALS = {"cold": 18, "warm cache": 3}  # [s]


def main() -> None:
    parser = options(__doc__, 64, 64)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = chosen(parser)
    if asked.one:
        print(json.dumps(one(asked.edge)))
        return
    machine()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "XDG_CACHE_HOME": folder,
            "JAX_COMPILATION_CACHE_DIR": "",
            # as the command sets it before it loads JAX; without it no programs are kept
            LOG_LEVEL: "3",
        }
        for name in GOALS:
            start = time.perf_counter()
            found[name] = isolated("compile.py", asked.edge, "--one", **environment)
            found[name]["process_s"] = time.perf_counter() - start
    rows = [
        (
            name,
            f["setup_s"],
            f["first_s"],
            f["setup_s"] + f["first_s"],
            f["cpu_s"],
            f["second_s"],
            f["process_s"],
            GOALS[name],
        )
        for name, f in found.items()
    ]
    heads = (
        "programs",
        "set-up s",
        "first step s",
        "both s",
        "CPU s of both",
        "second step s",
        "whole process s",
        "goal s",
    )
    publish(
        "compile",
        f"{asked.edge}^3, float32; the goals are for the healthy set-up and the first step; the "
        "whole process also imports, makes the bone and takes a second step.\n\n"
        f"{table(heads, rows)}\n\n{measured_on()}",
    )
    record("compile", [{"edge": asked.edge, "programs": name, **f} for name, f in found.items()])


def one(edge: int) -> dict[str, Any]:
    """Times of this process to its first steps [s]."""
    device.enable_compilation_cache()
    run = config(edge)
    bone = tiled(run)
    marks = [time.perf_counter()]
    cpu = time.process_time()
    simulation = Simulation(run, bone)
    marks.append(time.perf_counter())
    simulation.advance()
    marks.append(time.perf_counter())
    cpu = time.process_time() - cpu
    simulation.advance()
    marks.append(time.perf_counter())
    spans = [after - before for before, after in pairwise(marks)]
    names = ("setup_s", "first_s", "second_s")
    return dict(zip(names, spans, strict=True)) | {"cpu_s": cpu}


if __name__ == "__main__":
    main()
