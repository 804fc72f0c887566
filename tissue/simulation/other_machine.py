"""Forecast of the memory and time of a run on another machine, without measurements there.

`gpus` predicts a step on GPUs; cores are taken to be like those of this machine.
"""

import re
from math import prod
from typing import NamedTuple

from tissue.errors import InputError, printable
from tissue.machine.host import cores
from tissue.scenario.boundary import refuse_cut_of_periodic_z
from tissue.scenario.config import RunConfig
from tissue.simulation.cost import (
    COMPILATION_RATIO,
    MEMORY_MARGIN,
    SET_UP_STEPS,
    Probe,
    expected_steps,
    gpu_memory,
    run_memory,
    wall_time,
)
from tissue.simulation.gpus import (
    DEVICES,
    FRACTION_VARIABLE,
    MAX_FRACTION,
    MIN_DOUBLE_SPEED,
    Device,
    Shape,
    Slabs,
    StepTime,
    memory_fraction,
    slab_step_time,
    slabs_of,
)
from tissue.simulation.machine_forecast import (
    SMALLER_GRID_REMEDY,
    MachineForecast,
    later_solves,
)
from tissue.simulation.text import duration, size

GPU_COMPILATION_TIME = 60.0
"""Time to compile a run for a GPU the first time [s]: a guess, not measured; a coupling step alone
takes half a minute."""

MAX_CPU_BANDWIDTH = 1.69e12
"""Peak of the fastest DDR memory of a server with two processors [B/s]: each with 12 channels of 8
bytes at 8800 MT/s (Intel Xeon 6900P product brief)."""

SWEEP_BYTES = 28
"""Bytes per voxel that a pass of `speed.probe` moves in float32: six fields read, one written."""


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


class Machine(NamedTuple):
    """Machine that is not this one.

    Attributes:
        kind: a GPU, or the number of cores of a machine like this one.
        devices: GPUs that share a run.
    """

    kind: Device | int
    devices: int = 1

    @property
    def room(self) -> int | None:
        """Memory of each device that a run can have [bytes]; None where that is unknown."""
        if isinstance(self.kind, Device):
            return int(memory_fraction() * self.kind.memory)
        return None


def chosen_machine(name: str | None, devices: int | None, config: RunConfig) -> Machine | None:
    """Machine that `tissue check` is asked about; None for this one.

    Args:
        name: of a GPU or cpu:N; None for this machine.
        devices: number of GPUs; None for that of the run file.
        config: the run.

    Raises:
        InputError: the machine is unknown, or does not have devices that can be counted.
    """
    if name is None:
        if devices is not None:
            raise InputError(
                f"--devices {devices} counts GPUs of a machine that --device names: add --device "
                "h100, or set run.devices to plan for this machine"
            )
        return None
    kind, in_file = find_machine(name), config.run.devices
    if not isinstance(kind, Device):
        if devices is not None:
            raise InputError(
                f"--devices {devices} counts GPUs, and {name} names cores, which share one memory: "
                "leave out --devices, or give a GPU such as --device h100"
            )
        return Machine(kind)
    if devices is not None and devices < 1:
        raise InputError(f"--devices {devices}: give a whole number of GPUs, 1 or more")
    number = devices if devices is not None else in_file if in_file != "all" else 1
    refuse_cut_of_periodic_z(config.boundary.periodic, number)
    return Machine(kind, number)


# six arguments: the machine, the run, and what is known of its grid and of this machine
def forecast_elsewhere(
    machine: Machine,
    config: RunConfig,
    shape: Shape,
    probe: Probe,
    loading: int = 0,
    solved_share: float | None = None,
) -> MachineForecast:
    """Predicts memory and time of a run on another machine.

    Args:
        machine: GPUs, or cores of a machine like this one.
        config: the run.
        shape: voxels (z, y, x) of its grid.
        probe: measured speed of this machine.
        loading: memory to read or synthesize the bone [bytes]; that of the host of a GPU.
        solved_share: share of the voxels that hold bone [1] where load is computed by finite
            elements; None elsewhere.

    Raises:
        InputError: the grid has too few planes for the devices.
    """
    if isinstance(machine.kind, Device):
        cut = slabs_of(shape, machine.devices)
        return _gpus(machine.kind, cut, config, probe, loading, solved_share)
    return _cpu(machine.kind, config, prod(shape), probe, loading, solved_share)


# six arguments: see `forecast_elsewhere`
def _gpus(
    device: Device,
    cut: Slabs,
    config: RunConfig,
    probe: Probe,
    loading: int,
    solved_share: float | None,
) -> MachineForecast:
    need = gpu_memory(config, cut, solved_share)
    fraction = memory_fraction()
    available = int(fraction * device.memory)
    each = f" on each of {cut.devices}" if cut.devices > 1 else ""
    text = (
        f"prediction: about {size(need)}{each}; JAX takes {size(available)}, {fraction:.0%} of the "
        f"{size(int(device.memory))} of {device.name}"
    )
    host = max(loading, _set_up_memory(config, cut, solved_share))
    if host > need:
        what = "loading the bone" if host == loading else "the set-up of finite elements"
        text += f"; {what} takes about {size(host)} of its host"
    remedy = f"{SMALLER_GRID_REMEDY}, or share the grid among more GPUs (--devices)"
    most = MAX_FRACTION * device.memory
    if available < min(MEMORY_MARGIN * need, most) and need <= most:
        remedy = f"set {FRACTION_VARIABLE}={MAX_FRACTION:g} there, or {remedy}"
    remedy = f"JAX takes {fraction:.0%} of its {size(int(device.memory))} there: {remedy}"
    place = f"on {_counted(device, cut.devices)} (prediction)"
    precision = config.run.precision
    if precision == "float64" and device.double < MIN_DOUBLE_SPEED:
        time = (
            f"not predicted: {device.name} computes float64 at 1/{1 / device.double:.0f} of its "
            "speed in float32"
        )
        return MachineForecast(place, need, available, remedy, text, time)
    density = solved_share is None and config.load.mechanics != "off"
    step = slab_step_time(device, cut, precision, density=density)
    steps = expected_steps(config)
    start = probe.loading + GPU_COMPILATION_TIME + SET_UP_STEPS * step.total
    time = (
        f"prediction, not measured: about {duration(steps * step.total)} for {steps} steps of "
        f"{duration(step.total)}, after {duration(start)} to start the first time, which is a "
        f"guess; {'' if solved_share is None else 'finite elements and '}output not counted"
    )
    sharing = _sharing(device, cut, step, (precision, density)) if cut.devices > 1 else ()
    return MachineForecast(place, need, available, remedy, text, time, sharing)


def _counted(device: Device, number: int) -> str:
    """GPUs in words."""
    return device.name if number == 1 else f"{number} GPUs, each {device.name}"


def _set_up_memory(config: RunConfig, cut: Slabs, solved_share: float | None) -> int:
    """Memory of the host of a GPU to set up finite elements [bytes]; 0 where there are none."""
    if solved_share is None:
        return 0
    return run_memory(config, prod(cut.shape), fe=True, bone_share=solved_share)


def _sharing(
    device: Device, cut: Slabs, step: StepTime, about: tuple[str, bool]
) -> tuple[str, ...]:
    """Lines about GPUs that share a grid: slabs, messages, and how much faster they are.

    Args:
        device: each of them.
        cut: the slabs.
        step: predicted time of a step.
        about: precision, and whether load is computed from the density of bone near by.
    """
    precision, density = about
    filling = cut.planes * cut.devices - cut.shape[0]
    slab = cut._replace(devices=1, shape=(cut.planes, *cut.shape[1:]))
    whole = cut._replace(devices=1, planes=cut.shape[0])
    weak = slab_step_time(device, slab, precision, density=density).total
    strong = slab_step_time(device, whole, precision, density=density).total
    beyond = f", {filling} of them beyond the grid" if filling else ""
    visiting = f", {size(int(step.visiting))} of it slabs that visit every device"
    parts = (step.memory, step.kernels, step.messages, step.sent)
    memory, kernels, messages, sent = map(duration, parts)
    return (
        f"slabs      {cut.devices} of {cut.planes} planes along z{beyond}; {cut.levels} levels of "
        f"multigrid in slabs, then {cut.gathered} voxels on every device",
        f"messages   prediction: each device sends about {size(int(step.bytes))} a step each way "
        f"in {step.number:.0f} messages{visiting if step.visiting else ''}",
        f"scaling    prediction: a step of {duration(step.total)} = {memory} for the bytes of a "
        f"slab + {kernels} for launches + {messages} for messages + {sent} for what they carry; "
        f"weak {weak / step.total:.2f} (a slab alone takes {duration(weak)}), strong "
        f"{strong / (step.total * cut.devices):.2f} (all of the grid on one GPU, if it fitted, "
        f"takes {duration(strong)})",
    )


def max_gain(precision: str, probe: Probe) -> float:
    """Speed of a pass over a grid with MAX_CPU_BANDWIDTH, over that measured here."""
    words = 2 if precision == "float64" else 1
    return probe.sweep * 1e-9 * MAX_CPU_BANDWIDTH / (words * SWEEP_BYTES)


# six arguments: see `forecast_elsewhere`
def _cpu(
    number: int,
    config: RunConfig,
    voxels: int,
    probe: Probe,
    loading: int,
    solved_share: float | None,
) -> MachineForecast:
    """Forecast of a run on cores that share one memory, whose bandwidth limits a step.

    More cores gain nothing at worst; at best they gain in proportion, or as the memory allows.
    """
    fe, share = solved_share is not None, solved_share or 0.0
    here, need = cores(), max(run_memory(config, voxels, fe=fe, bone_share=share), loading)
    solved = round(share * voxels)
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
        f"{expected.steps} steps{later_solves(expected)}{condition}; and {duration(compiling)} to "
        "compile and load"
    )
    return MachineForecast(f"on {number} cores (prediction)", need, None, "", text, time)
