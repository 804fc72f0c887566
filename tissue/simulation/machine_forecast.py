"""Forecast of the memory and time of a run, on this machine or, without measurements, on another.

`make gpu-gate` compiles the programs of a run for GPUs and counts their operations; docs/gpu.md has
the table, all assumptions and the arithmetic. On a GPU a coupling step takes

    launches x LAUNCH_TIME + turns x TURN_TIME + bytes / (bandwidth x share)

and the memory is that of a run on a CPU.
"""

import math
import os
import re
from dataclasses import dataclass
from typing import NamedTuple

from tissue.errors import InputError, printable
from tissue.machine.device import usable_memory
from tissue.machine.host import allowed_memory, cores, load_note
from tissue.scenario.config import RunConfig
from tissue.simulation.cost import (
    BONE_SHARE,
    COMPILATION_RATIO,
    MEMORY_MARGIN,
    PROGRAM_MEMORY,
    SET_UP_STEPS,
    Probe,
    WallTime,
    expected_steps,
    likely_finite_elements,
    run_memory,
    wall_time,
)
from tissue.simulation.text import duration, size

SMALLER_GRID_REMEDY = "use coarser voxels, a smaller box or float32"
SMALLER_BONE_REMEDY = (
    "load less bone (geometry.crop, or a smaller geometry.synthetic.shape) or use a machine "
    "with more memory"
)
"""Remedies where the memory is too small for the fields of a run, and for loading its bone."""


class MachineForecast(NamedTuple):
    """Memory and time of a run on a machine.

    Attributes:
        where: the machine, as in "cannot run here".
        need: memory that the run needs [bytes].
        available: memory available to it [bytes]; None where that is unknown.
        remedy: advice where the available memory is too small.
        memory, time: both as text; empty for a time that was not measured or predicted.
    """

    where: str
    need: int
    available: int | None
    remedy: str
    memory: str
    time: str = ""

    @property
    def fits(self) -> bool:
        """Whether the memory is large enough, as far as that is known."""
        return self.available is None or self.need <= self.available

    @property
    def surely_fits(self) -> bool:
        """Whether the memory is large enough even with the largest error of a forecast so far."""
        return self.available is None or self._most <= self.available

    @property
    def verdict(self) -> str:
        """Whether the run can be started."""
        if self.available is None:
            return f"ready to run {self.where}, if it has {size(self._most)} of memory"
        if self.surely_fits:
            return f"ready to run {self.where}"
        return f"{'may not fit' if self.fits else 'cannot run'} {self.where}: it {self._shortage}"

    @property
    def warning(self) -> str:
        """Warning that the memory may be too small; empty where it is not."""
        if self.available is None or self.surely_fits:
            return ""
        return f"the run {self._shortage}: {self.remedy}"

    @property
    def _most(self) -> int:
        """Memory of the run with the largest error of a forecast so far [bytes]."""
        return round(MEMORY_MARGIN * self.need)

    @property
    def _shortage(self) -> str:
        """Needed and available memory as text."""
        assert self.available is not None
        most = f" (up to {size(self._most)})" if self.fits else ""
        need, available = size(self.need), size(self.available)
        return f"needs about {need}{most} of memory and {available} are available"


@dataclass(frozen=True)
class Device:
    """GPU with the numbers of its data sheet.

    Attributes:
        name: name with its article.
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
"""GPUs with a forecast."""


class StepCost(NamedTuple):
    """Cost of a coupling step: kernels launched, turns of loops, bytes moved per voxel."""

    launches: float
    turns: float
    bytes: float


STEP_COSTS = {128: StepCost(1203, 34, 6660), 256: StepCost(1388, 34, 6728)}
"""Costs of a coupling step with its budgets in float32, by the edge of the grid, on an H100: the
table of docs/gpu.md, jax 0.10.1, 2026-11-23."""

LAUNCH_TIME, TURN_TIME = 2.5e-6, 10e-6
"""Times of a launch and of a turn of a loop [s]: assumptions of docs/gpu.md."""

JAX_FRACTION, FRACTION_VARIABLE = 0.75, "XLA_PYTHON_CLIENT_MEM_FRACTION"
"""Fraction of the memory of a GPU that JAX takes when it starts, and the variable that changes it
(JAX documentation, "GPU memory allocation")."""

MAX_FRACTION = 0.95
"""Fraction that leaves the driver half a gigabyte or more (assumption) [1]."""

GPU_COMPILATION_TIME = 60.0
"""Time to compile a run for a GPU the first time [s]: a guess, not measured; a coupling step alone
takes half a minute."""

MAX_CPU_BANDWIDTH = 1.69e12
"""Peak of the fastest DDR memory of a server with two processors [B/s]: each with 12 channels of 8
bytes at 8800 MT/s (Intel Xeon 6900P product brief)."""

SWEEP_BYTES = 28
"""Bytes per voxel that a pass of `speed.probe` moves in float32: six fields read, one written."""

MIN_DOUBLE_SPEED = 0.1
"""Speed in float64 over float32 [1] below which the bandwidth no longer limits a GPU."""


def find_machine(text: str) -> Device | int:
    """Finds a machine by its name: a GPU of DEVICES, or the number of cores of cpu:N.

    Raises:
        InputError: it is unknown.
    """
    name = text.lower()
    if name in DEVICES:
        return DEVICES[name]
    number = re.fullmatch(r"cpu:([1-9][0-9]{0,3})", name, re.ASCII)
    if number:
        return int(number[1])
    raise InputError(
        f"--device {printable(text)}: it is not known; give {', '.join(DEVICES)} or cpu:N, such "
        "as cpu:16 for 16 cores of a machine like this one"
    )


def forecast_elsewhere(
    machine: Device | int, config: RunConfig, voxels: int, probe: Probe, loading: int = 0
) -> MachineForecast:
    """Predicts memory and time of a run on another machine.

    Args:
        machine: a GPU, or the number of cores of a machine like this one.
        config: the run.
        voxels: of its grid.
        probe: measured speed of this machine.
        loading: memory to read or synthesize the bone [bytes]; that of the host of a GPU.
    """
    if isinstance(machine, Device):
        return _gpu(machine, config, voxels, probe, loading)
    return _cpu(machine, config, voxels, probe, loading)


def step_time(device: Device, voxels: int, precision: str = "float32") -> float:
    """Predicted time of a coupling step [s]."""
    edge = voxels ** (1 / 3)
    (small, at_small), (large, at_large) = STEP_COSTS.items()
    # the number of levels, and of launches, grows with the logarithm of the edge
    position = math.log(edge / small) / math.log(large / small)
    launches, turns, moved = (
        max(a + position * (b - a), 0.0) for a, b in zip(at_small, at_large, strict=True)
    )
    words = 2 if precision == "float64" else 1
    bandwidth = device.bandwidth * device.share
    return launches * LAUNCH_TIME + turns * TURN_TIME + moved * words * voxels / bandwidth


def _gpu(
    device: Device, config: RunConfig, voxels: int, probe: Probe, loading: int
) -> MachineForecast:
    need = run_memory(config, voxels) - PROGRAM_MEMORY
    fraction = _fraction()
    available = int(fraction * device.memory)
    text = (
        f"prediction: about {size(need)}; JAX takes {size(available)}, {fraction:.0%} of the "
        f"{size(int(device.memory))} of {device.name}"
    )
    if loading > need:
        text += f"; loading the bone takes about {size(loading)} of its host"
    remedy = SMALLER_GRID_REMEDY
    most = MAX_FRACTION * device.memory
    if available < min(MEMORY_MARGIN * need, most) and need <= most:
        remedy = f"set {FRACTION_VARIABLE}={MAX_FRACTION:g} there, or {remedy}"
    remedy = f"JAX takes {fraction:.0%} of its {size(int(device.memory))} there: {remedy}"
    place = f"on {device.name} (prediction)"
    if config.run.precision == "float64" and device.double < MIN_DOUBLE_SPEED:
        time = (
            f"not predicted: {device.name} computes float64 at 1/{1 / device.double:.0f} of its "
            "speed in float32"
        )
        return MachineForecast(place, need, available, remedy, text, time)
    step, steps = step_time(device, voxels, config.run.precision), expected_steps(config)
    start = probe.loading + GPU_COMPILATION_TIME + SET_UP_STEPS * step
    time = (
        f"prediction, not measured: about {duration(steps * step)} for {steps} steps of "
        f"{duration(step)}, after {duration(start)} to start the first time, which is a guess; "
        f"{'finite elements and ' if likely_finite_elements(config, voxels) else ''}output not "
        "counted"
    )
    return MachineForecast(place, need, available, remedy, text, time)


def max_gain(precision: str, probe: Probe) -> float:
    """Speed of a pass over a grid with MAX_CPU_BANDWIDTH, over that measured here."""
    words = 2 if precision == "float64" else 1
    return probe.sweep * 1e-9 * MAX_CPU_BANDWIDTH / (words * SWEEP_BYTES)


def _fraction() -> float:
    """Fraction of the memory of a GPU that JAX will take."""
    try:
        chosen = float(os.environ.get(FRACTION_VARIABLE, ""))
    except ValueError:
        return JAX_FRACTION
    return chosen if 0 < chosen <= 1 else JAX_FRACTION


def _cpu(
    number: int, config: RunConfig, voxels: int, probe: Probe, loading: int
) -> MachineForecast:
    """Forecast of a run on cores that share one memory, whose bandwidth limits a step.

    More cores gain nothing at worst; at best they gain in proportion, or as the memory allows.
    """
    here, need = cores(), max(run_memory(config, voxels), loading)
    solved = round(BONE_SHARE * voxels) if likely_finite_elements(config, voxels) else 0
    expected = wall_time(config, voxels, probe, solved_voxels=solved)
    compiling = probe.loading + COMPILATION_RATIO * probe.compilation
    stepping = expected.total - compiling - expected.end
    gain = min(number / here, max(1.0, max_gain(config.run.precision, probe)))
    least, most = sorted((stepping, stepping / gain))
    text = (
        f"prediction: about {size(need)}; whether a machine of {number} cores has it is not known "
        "here"
    )
    span = duration(least) if least == most else f"{duration(least)} to {duration(most)}"
    if least < most:
        speedup = f"{gain:.0f}" if gain >= 10 else f"{gain:.2g}"
        condition = f", as memory there is as fast as here or {speedup} times as fast"
    else:
        condition = ""
    time = (
        f"prediction from the {here} cores here: {span} for the healthy start and "
        f"{expected.steps} steps{_solves(expected)}{condition}; and {duration(compiling)} to "
        "compile and load"
    )
    return MachineForecast(f"on {number} cores (prediction)", need, None, "", text, time)


def _solves(expected: WallTime) -> str:
    """Solves of finite elements after a comma; empty where there are none."""
    if not expected.solves:
        return ""
    return f", about {expected.solves} solves of finite elements of {duration(expected.solve)}"


def forecast_here(
    config: RunConfig,
    voxels: int,
    expected: WallTime | None,
    loading: int,
    solved_share: float | None,
) -> MachineForecast:
    """Forecast of a run on this machine.

    Args:
        config: the run.
        voxels: of its grid.
        expected: estimated wall time.
        loading: memory to read or synthesize the bone [bytes].
        solved_share: share of the voxels that hold bone [1] where load is computed by finite
            elements; None elsewhere.
    """
    fe, time = solved_share is not None, ""
    need = run_memory(config, voxels, fe=fe, bone_share=solved_share or 0.0)
    if expected:
        time = (
            f"about {duration(expected.total)} here and now{load_note()}: "
            f"{duration(expected.start)} to start the first time, about {expected.steps} steps of "
            f"{duration(expected.step)}{_solves(expected)}, "
            f"{duration(expected.end)} for the picture"
        )
    text = f"about {size(need)}"
    if loading > need:
        text = f"about {size(loading)} to load the bone, then {text} to simulate it"
    return max(
        MachineForecast("here", need, usable_memory(), SMALLER_GRID_REMEDY, text, time),
        MachineForecast(
            "here", loading, allowed_memory(), SMALLER_BONE_REMEDY, text, time
        ),  # of the host, never of a GPU
        key=lambda forecast: forecast.need / max(forecast.available or 0, 1),
    )
