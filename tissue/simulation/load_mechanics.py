"""Choice of the mechanics of a run: finite elements, density of bone near by, or no load at all."""

from typing import NamedTuple

import numpy as np

from tissue.errors import InputError, listed
from tissue.machine import processes
from tissue.machine.device import usable_memory
from tissue.mechanics.compression import bearing_voxels, unreached_axes
from tissue.mechanics.pieces import too_many_nodes
from tissue.scenario.config import RunConfig
from tissue.simulation.cost import MEMORY_MARGIN, SHORTEST_EDGE, gpu_memory, memory_here
from tissue.simulation.gpus import Shape, slabs_of
from tissue.simulation.loaded_bone import INTERVAL, LARGEST_MOVE
from tissue.simulation.other_machine import Machine
from tissue.simulation.text import size


class LoadMechanics(NamedTuple):
    """Mechanics of a run.

    Attributes:
        kind: "fe", "density" or "off".
        text: what it is, and why it was chosen.
    """

    kind: str
    text: str


def load_mechanics(
    config: RunConfig,
    bone: np.ndarray,
    shape: Shape | None = None,
    machine: Machine | None = None,
) -> LoadMechanics:
    """Mechanics that a run file asks for, or those that suit its bone.

    Args:
        config: the run.
        bone: bone volume fraction [z, y, x], of the complete grid or of a part of it.
        shape: of the complete grid, where the bone is a part of it.
        machine: another machine on which it is to run; None for this one.

    Raises:
        InputError: the bone or the box does not allow what the run file asks for.
    """
    given, part = config.load.mechanics, shape is not None
    if given == "off":
        return LoadMechanics("off", "does not act (load.mechanics = 'off')")
    if given == "density":
        return LoadMechanics("density", "from the density of bone near by")
    whole = shape or bone.shape
    problem = "" if given else _unaffordable(config, bone, whole, machine)
    problem = problem or too_many_nodes(whole) or _impossible(config, bone, part=part)
    if given and problem:
        raise InputError(
            f"load.mechanics = 'fe' is not possible: {problem}; give 'density', or other bone"
        )
    if problem:
        return LoadMechanics("density", f"from the density of bone near by, as {problem}")
    if_whole = ", if it reaches all faces of the box" if part else ""
    return LoadMechanics(
        "fe",
        f"by finite elements of the bone ({config.load.loading}){if_whole}, solved again when "
        f"{LARGEST_MOVE:.0%} of it have come or gone, or after "
        f"{INTERVAL[config.run.preset]:g} days",
    )


def _impossible(config: RunConfig, bone: np.ndarray, *, part: bool) -> str:
    """Reason why finite elements cannot be solved; empty where they can."""
    if config.boundary.periodic:
        axes = ", ".join(config.boundary.periodic)
        return f"the box repeats itself along {axes}, and finite elements end at its faces"
    if part:
        return ""
    unreached = unreached_axes(bone)
    return f"bone does not reach both ends in {listed(unreached)}" if unreached else ""


def _unaffordable(
    config: RunConfig, bone: np.ndarray, shape: Shape, machine: Machine | None
) -> str:
    """Reason why finite elements do not suit a grid; empty where they do."""
    shortest = min(shape)
    if shortest < SHORTEST_EDGE:
        return f"an edge of {shortest} voxels is shorter than {SHORTEST_EDGE}"
    share = bearing_voxels(bone) / bone.size
    if machine is None:
        own = memory_here(config, shape, share), usable_memory()
        # all processes must take the same: the one with the least room chooses
        of_each = processes.gathered(own)
        need, available = map(int, of_each[np.argmax(of_each[:, 0] / of_each[:, 1])])
    elif machine.room is not None:
        need = gpu_memory(config, slabs_of(shape, machine.devices), share)
        available = machine.room
    else:
        return ""
    if MEMORY_MARGIN * need > available:
        return f"finite elements need about {size(need)} of memory and {size(available)} are there"
    return ""
