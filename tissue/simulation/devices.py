"""Outlook of a run on a machine that is not here: a prediction, with nothing measured on it.

`make gpu-gate` compiles the programs of a run for GPUs and counts what they ask for; docs/gpu.md
has the table, all assumptions and the arithmetic. A GPU then takes

    launches x LAUNCH + turns x TURN + bytes / (bandwidth x share)

for a coupling step. Memory is that of a run on a CPU.
"""

import math
import os
import re
from dataclasses import dataclass
from typing import NamedTuple

from tissue.errors import InputError, printable
from tissue.machine.host import cores
from tissue.scenario.config import RunConfig
from tissue.simulation.plan import (
    MARGIN,
    PROGRAM_MEMORY,
    SET_UP_STEPS,
    SMALLER,
    Outlook,
    Probe,
    duration,
    expected_steps,
    memory,
    size,
    wall_time,
)


@dataclass(frozen=True)
class Device:
    """A GPU.

    Attributes:
        name: as people say it, with its article.
        memory: [bytes].
        bandwidth: peak of its memory [B/s].
        share: of the peak that good stencil codes reach [1]; FluidX3D, measured by its author.
        double: speed in float64 over that in float32 [1].
        source: of memory, bandwidth and speed.
    """

    name: str
    memory: float
    bandwidth: float
    share: float
    double: float
    source: str


DEVICES = {
    "h100": Device(
        "an H100 SXM", 80e9, 3.352e12, 0.80, 1 / 2, "NVIDIA H100 data sheet: 80 GB, 3.35 TB/s"
    ),
    "a100": Device(
        "an A100 SXM 80 GB", 80e9, 2.039e12, 0.77, 1 / 2, "NVIDIA A100 data sheet: 2,039 GB/s"
    ),
    "rtx4090": Device(
        "an RTX 4090", 24e9, 1.008e12, 0.85, 1 / 64, "NVIDIA Ada white paper: 24 GB, 1,008 GB/s"
    ),
}
"""GPUs that a run is foretold for."""


class Cost(NamedTuple):
    """Cost of a coupling step: kernels launched, turns of loops, bytes moved a voxel."""

    launches: float
    turns: float
    bytes: float


GATE = {128: Cost(1203, 34, 6660), 256: Cost(1388, 34, 6728)}
"""Costs of a coupling step with its books in float32, by the edge of the grid, for an H100: the
table of docs/gpu.md, jax 0.10.1, 2026-11-23."""

LAUNCH, TURN = 2.5e-6, 10e-6
"""Times of a launch and of a turn of a loop [s]: assumptions of docs/gpu.md."""

PREALLOCATED, FRACTION = 0.75, "XLA_PYTHON_CLIENT_MEM_FRACTION"
"""Share of the memory of a GPU that JAX takes when it starts, and the variable that changes it
(JAX documentation, "GPU memory allocation")."""

HIGHEST_FRACTION = 0.95
"""Share that leaves the driver its memory, half a gigabyte or more (assumption)."""

GPU_COMPILATION = 60.0
"""Time to compile a run for a GPU the first time [s]: a guess, nothing measured; the gate takes
half a minute for a coupling step."""

FASTEST_MEMORY = 1.69e12
"""Peak of the fastest DDR memory of a server with two processors [B/s]: each with 12 channels of 8
bytes at 8800 MT/s (Intel Xeon 6900P product brief)."""

PASS_BYTES = 28
"""Bytes a voxel that a pass of `speed.probe` moves in float32: six fields read, one written."""

SLOW = 0.1
"""Speed in float64 below which the bandwidth is no longer what limits a GPU."""


def known(asked: str) -> Device | int:
    """A machine by its name: a GPU of DEVICES, or the N cores of cpu:N.

    Raises:
        InputError: it is not known.
    """
    name = asked.lower()
    if name in DEVICES:
        return DEVICES[name]
    cores_asked = re.fullmatch(r"cpu:([1-9][0-9]{0,3})", name, re.ASCII)
    if cores_asked:
        return int(cores_asked[1])
    raise InputError(
        f"--device {printable(asked)}: it is not known; give {', '.join(DEVICES)} or cpu:N, such "
        "as cpu:16 for 16 cores of a machine like this one"
    )


def outlook(
    machine: Device | int, config: RunConfig, voxels: int, probe: Probe, reading: int = 0
) -> Outlook:
    """Predicts memory and time of a run on a machine that is not here.

    Args:
        machine: a GPU, or the number of cores of a machine like this one.
        config: the run.
        voxels: of its grid.
        probe: what was measured of this machine.
        reading: memory that reading or making the bone takes [bytes]; that of the host of a GPU.
    """
    if isinstance(machine, Device):
        return _gpu(machine, config, voxels, probe, reading)
    return _cpu(machine, config, voxels, probe, reading)


def step_time(device: Device, voxels: int, precision: str = "float32") -> float:
    """Predicted time of a coupling step [s]."""
    edge = voxels ** (1 / 3)
    (small, at_small), (large, at_large) = GATE.items()
    # levels of the grid grow with the logarithm of its edge, and launches with them
    way = math.log(edge / small) / math.log(large / small)
    launches, turns, moved = (
        max(a + way * (b - a), 0.0) for a, b in zip(at_small, at_large, strict=True)
    )
    words = 2 if precision == "float64" else 1
    reached = device.bandwidth * device.share
    return launches * LAUNCH + turns * TURN + moved * words * voxels / reached


def _gpu(device: Device, config: RunConfig, voxels: int, probe: Probe, reading: int) -> Outlook:
    need = memory(config, voxels) - PROGRAM_MEMORY
    fraction = _fraction()
    room = int(fraction * device.memory)
    told = (
        f"prediction: about {size(need)}; JAX takes {size(room)}, {fraction:.0%} of the "
        f"{size(int(device.memory))} of {device.name}"
    )
    if reading > need:
        told += f"; loading the bone takes about {size(reading)} of its host"
    remedy = SMALLER
    most = HIGHEST_FRACTION * device.memory
    if room < min(MARGIN * need, most) and need <= most:
        remedy = f"set {FRACTION}={HIGHEST_FRACTION:g} there, or {remedy}"
    remedy = f"JAX takes {fraction:.0%} of its {size(int(device.memory))} there: {remedy}"
    where = f"on {device.name} (prediction)"
    if config.run.precision == "float64" and device.double < SLOW:
        time = (
            f"not predicted: {device.name} computes float64 at 1/{1 / device.double:.0f} of its "
            "speed in float32"
        )
        return Outlook(where, need, room, remedy, told, time)
    step, steps = step_time(device, voxels, config.run.precision), expected_steps(config)
    start = probe.loading + GPU_COMPILATION + SET_UP_STEPS * step
    time = (
        f"prediction, nothing measured: about {duration(steps * step)} for {steps} steps of "
        f"{duration(step)}, after {duration(start)} to start the first time, which is a guess; "
        "output not counted"
    )
    return Outlook(where, need, room, remedy, told, time)


def most_gain(precision: str, probe: Probe) -> float:
    """Speed of a pass over a grid in FASTEST_MEMORY, over that measured here."""
    words = 2 if precision == "float64" else 1
    return probe.sweep * 1e-9 * FASTEST_MEMORY / (words * PASS_BYTES)


def _fraction() -> float:
    """Share of the memory of a GPU that JAX will take."""
    try:
        chosen = float(os.environ.get(FRACTION, ""))
    except ValueError:
        return PREALLOCATED
    return chosen if 0 < chosen <= 1 else PREALLOCATED


def _cpu(number: int, config: RunConfig, voxels: int, probe: Probe, reading: int) -> Outlook:
    """Outlook of a run on cores that share one memory, for which a step waits.

    More of them gain nothing at worst, and at best their number or what the memory allows.
    """
    here, need = cores(), max(memory(config, voxels), reading)
    took = wall_time(config, voxels, probe)
    stepping = (SET_UP_STEPS + took.steps) * took.step
    gain = min(number / here, max(1.0, most_gain(config.run.precision, probe)))
    least, most = sorted((stepping, stepping / gain))
    told = (
        f"prediction: about {size(need)}; whether a machine of {number} cores has it is not known "
        "here"
    )
    span = duration(least) if least == most else f"{duration(least)} to {duration(most)}"
    if least < most:
        speedup = f"{gain:.0f}" if gain >= 10 else f"{gain:.2g}"
        doubt = f", as memory there is as fast as here or {speedup} times as fast"
    else:
        doubt = ""
    time = (
        f"prediction from the {here} cores here: {span} for the healthy start and "
        f"{took.steps} steps{doubt}; besides, {duration(took.start - SET_UP_STEPS * took.step)} to "
        "compile and load"
    )
    return Outlook(f"on {number} cores (prediction)", need, None, "", told, time)
