"""GPUs with a forecast: time of a step on one of them, or on several that share its grid.

Nothing here is measured on a GPU. `make gpu-gate` compiles the programs of a run for GPUs and
counts their operations and messages; docs/gpu.md has the tables, all assumptions and the
arithmetic. A coupling step takes

    launches x LAUNCH_TIME + turns x TURN_TIME + bytes / (bandwidth x share)

and in slabs also

    messages x time of a message + bytes sent / bandwidth of the link.
"""

import math
import os
from dataclasses import dataclass
from typing import NamedTuple

from tissue.errors import InputError
from tissue.kernels import slabs
from tissue.kernels.slabs import most_devices, planes_of_a_slab

Shape = tuple[int, int, int]


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


STEP_COSTS = {128: StepCost(1184, 32, 6036), 256: StepCost(1354, 32, 6097)}
"""Costs of a coupling step with its budgets in float32, by the edge of the grid, on an H100: the
table of docs/gpu.md, jax 0.10.1, 2026-11-26."""

LAUNCH_TIME, TURN_TIME = 2.5e-6, 10e-6
"""Times of a launch and of a turn of a loop [s]: assumptions of docs/gpu.md."""

JAX_FRACTION, FRACTION_VARIABLE = 0.75, "XLA_PYTHON_CLIENT_MEM_FRACTION"
"""Fraction of the memory of a GPU that JAX takes when it starts, and the variable that changes it
(JAX documentation, "GPU memory allocation")."""

MAX_FRACTION = 0.95
"""Fraction that leaves the driver half a gigabyte or more (assumption) [1]."""

MIN_DOUBLE_SPEED = 0.1
"""Speed in float64 over float32 [1] below which the bandwidth no longer limits a GPU."""

ITEM = 4  # bytes of a float32
MOST_VOXELS = 2**31  # of a slab, with its planes of neighbors: places in it are 32-bit integers


class Link(NamedTuple):
    """Connection of GPUs.

    Attributes:
        message: time of a message [s].
        bandwidth: in each direction [B/s].
    """

    message: float
    bandwidth: float


IN_A_COMPUTER, BETWEEN_COMPUTERS, GPUS_IN_A_COMPUTER = Link(15e-6, 300e9), Link(50e-6, 40e9), 8
"""Links of GPUs in one computer (NVLink) and of several (InfiniBand NDR, 400 Gbit/s a GPU), and the
GPUs of a computer: assumptions. Permutes took 6 to 8 us by NVSHMEM (xla issue 30718) and rounds
of an exchange of planes 100 us on A100 with HDR InfiniBand (xla issue 46982)."""


class StepMessages(NamedTuple):
    """Messages of a device in a coupling step; a turn of a solve sends on each level in slabs.

    Attributes:
        planes: messages with planes, outside of multigrid.
        planes_a_level: those of each level in slabs.
        sums: messages with sums.
        gathers: messages that gather a small level on every device.
        gathered: fields that they gather.
        finest: planes of a field that are sent outside of multigrid [planes of the grid].
        multigrid: planes of a field that are sent on the finest level of multigrid.
        rounds: fields whose slabs visit every device; with load from the density of bone near by.
    """

    planes: float
    planes_a_level: float
    sums: float
    gathers: float
    gathered: float
    finest: float
    multigrid: float
    rounds: int


STEP_MESSAGES = StepMessages(52, 92, 48, 14, 22, 74, 133, 2)
"""Messages of a coupling step in slabs on four H100s at 256^3, as compiled by `make gpu-gate`, with
loops that turn as often as in a year of human bone: 6.7 iterations for precursors, 4.2 for RANKL
and OPG, 1.1 Jacobians, 4.2 along the surface (2026-11-26). Budgets and metrics are not counted."""

SLAB_LAUNCHES, SLAB_BYTES = 1.3, 1.14
"""Launches and bytes of a coupling step in slabs over those on one GPU, messages apart: 1,567 over
1,180, and 6,675 over 5,845 a voxel (`make gpu-gate`, 2026-11-26)."""

SHRINKING = 1 / 4
"""Voxels of a plane of the next level of multigrid over those of a plane of this one."""


class Slabs(NamedTuple):
    """Grid cut along z over devices.

    Attributes:
        devices: their number.
        shape: voxels (z, y, x) of the grid.
        planes: of each slab, with those that fill it up.
        levels: of multigrid that lie in slabs; the next one is gathered.
        gathered: voxels of that level.
    """

    devices: int
    shape: Shape
    planes: int
    levels: int
    gathered: int

    @property
    def voxels(self) -> int:
        """Number of voxels of a slab."""
        return self.planes * self.shape[1] * self.shape[2]


def refuse_large_slab(shape: Shape, devices: int) -> None:
    """Refuses grids of which one device has more voxels than have been computed anywhere.

    Raises:
        InputError: the rows of a slab have as many numbers as 32-bit integers count.
    """
    planes = -(-shape[0] // devices)
    if (planes + 2) * shape[1] * shape[2] >= MOST_VOXELS:
        have = "the device has" if devices == 1 else f"each of {devices} devices has"
        raise InputError(
            f"{have} {planes * shape[1] * shape[2]} voxels of the grid, and fewer than "
            f"{MOST_VOXELS}, about 1290^3, are allowed: share the grid among more devices "
            "(run.devices), or use coarser voxels or a smaller box"
        )


def slabs_of(shape: Shape, devices: int) -> Slabs:
    """Slabs of a grid.

    Raises:
        InputError: the grid has too few planes for them.
    """
    most = most_devices(shape[0], devices)
    if most < devices:
        raise InputError(
            f"{devices} devices are too many for {shape[0]} planes along z, which are enough for "
            f"{most}: give --devices, or run.devices, of at most {most}"
        )
    planes = planes_of_a_slab(shape[0], devices)
    level, part, cut = 0, (planes, *shape[1:]), slabs.Cut("", shape[0])
    while devices > 1 and not slabs.is_gathered(part, cut, finest=level == 0):
        level += 1
        cut = cut._replace(planes=(cut.planes + 1) // 2)
        part = (part[0] // 2, (part[1] + 1) // 2, (part[2] + 1) // 2)
    return Slabs(devices, shape, planes, level, cut.planes * part[1] * part[2])


class StepTime(NamedTuple):
    """Predicted time of a coupling step, one part after the other [s].

    Attributes:
        kernels: launches and turns of loops.
        memory: bytes that a device moves in its memory.
        messages: their number times the time of one.
        sent: bytes that a device sends.
        number: messages.
        bytes: sent in each direction.
        visiting: those of them of slabs that visit every device.
    """

    kernels: float
    memory: float
    messages: float = 0.0
    sent: float = 0.0
    number: float = 0.0
    bytes: float = 0.0
    visiting: float = 0.0

    @property
    def total(self) -> float:
        """Time of the step [s]."""
        return self.kernels + self.memory + self.messages + self.sent


def link_of(devices: int) -> Link:
    """Slowest link among devices that share a grid."""
    return IN_A_COMPUTER if devices <= GPUS_IN_A_COMPUTER else BETWEEN_COMPUTERS


def step_time(device: Device, voxels: int, precision: str = "float32") -> float:
    """Predicted time of a coupling step on one GPU [s]."""
    return _on_one(device, voxels, precision).total


def _on_one(device: Device, voxels: int, precision: str) -> StepTime:
    edge = voxels ** (1 / 3)
    (small, at_small), (large, at_large) = STEP_COSTS.items()
    # the number of levels, and of launches, grows with the logarithm of the edge
    position = math.log(edge / small) / math.log(large / small)
    launches, turns, moved = (
        max(a + position * (b - a), 0.0) for a, b in zip(at_small, at_large, strict=True)
    )
    bandwidth = device.bandwidth * device.share
    kernels = launches * LAUNCH_TIME + turns * TURN_TIME
    return StepTime(kernels, moved * words(precision) * voxels / bandwidth)


def slab_step_time(
    device: Device, cut: Slabs, precision: str = "float32", *, density: bool = True
) -> StepTime:
    """Predicted time of a coupling step on GPUs that share a grid.

    Args:
        device: each of them.
        cut: the slabs.
        precision: of the fields.
        density: whether load is computed from the density of bone near by.
    """
    alone = _on_one(device, cut.voxels, precision)
    if cut.devices == 1:
        return alone
    found, link, item = STEP_MESSAGES, link_of(cut.devices), ITEM * words(precision)
    visits = found.rounds * (cut.devices - 1) if density else 0
    planes = found.planes + cut.levels * found.planes_a_level + visits
    number = planes + found.sums + found.gathers
    cycles = found.multigrid * sum(SHRINKING**level for level in range(cut.levels))
    # half of the planes go up and half down
    plane = item * cut.shape[1] * cut.shape[2]
    beside = (found.finest + cycles) / 2 * plane
    gathers = found.gathered * item * cut.gathered
    visiting = visits * item * cut.voxels
    sent = beside + gathers + visiting
    return StepTime(
        kernels=SLAB_LAUNCHES * alone.kernels,
        memory=SLAB_BYTES * alone.memory,
        messages=number * link.message,
        sent=sent / link.bandwidth,
        number=number,
        bytes=sent,
        visiting=visiting,
    )


def words(precision: str) -> int:
    """Size of a number over that of a float32."""
    return 2 if precision == "float64" else 1


def memory_fraction() -> float:
    """Fraction of the memory of a GPU that JAX will take."""
    try:
        chosen = float(os.environ.get(FRACTION_VARIABLE, ""))
    except ValueError:
        return JAX_FRACTION
    return chosen if 0 < chosen <= 1 else JAX_FRACTION
