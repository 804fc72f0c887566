"""Devices that share a run, each with a slab of its grid."""

import logging

import jax
from jax.sharding import Mesh

from tissue.errors import InputError
from tissue.kernels.programs import mesh_of
from tissue.kernels.slabs import most_devices, planes_of_a_slab
from tissue.machine import processes
from tissue.machine.device import VIRTUAL_DEVICES, device_summary
from tissue.scenario.boundary import refuse_cut_of_periodic_z
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import DEVICES_KEY

log = logging.getLogger(__name__)


def refuse_missing_devices(config: RunConfig) -> None:
    """Refuses more devices than the machine has, and any that would cut a periodic axis.

    Raises:
        InputError: naming how many there are.
    """
    wanted, there = config.run.devices, jax.device_count()
    refuse_cut_of_periodic_z(config.boundary.periodic, there if wanted == "all" else wanted)
    if wanted == "all" or wanted <= there:
        return
    kind = jax.default_backend()
    remedy = f"give {_at_most(there)}, or 'all'"
    if kind == "cpu":
        remedy += f", or set XLA_FLAGS={VIRTUAL_DEVICES}={wanted} to try slabs on a processor"
    raise InputError(f"= {wanted}: this machine has {there} ({kind}); {remedy}", key=DEVICES_KEY)


def _at_most(number: int) -> str:
    return "1" if number == 1 else f"at most {number}"


def number_of_devices(config: RunConfig, planes: int) -> int:
    """Number of devices that a run uses.

    Args:
        config: the run.
        planes: of its grid, along z.

    Raises:
        InputError: they are not there, or the grid has too few planes for them.
    """
    refuse_missing_devices(config)
    wanted, there = config.run.devices, jax.device_count()
    most = most_devices(planes, there if wanted == "all" else wanted)
    if wanted not in ("all", most):
        raise InputError(
            f"= {wanted} is too many for {planes} planes along z, which are enough for {most}: "
            f"give {_at_most(most)}, or 'all' for as many as can be used",
            key=DEVICES_KEY,
        )
    if processes.joined() and most < there:
        raise InputError(
            f"{planes} planes along z are enough for {most} devices, and the processes of this run "
            f"have {there}, each of which needs some: start fewer processes or give each fewer GPUs"
        )
    return most


def mesh_of_run(config: RunConfig, planes: int) -> Mesh | None:
    """Devices over which the fields of a run lie in slabs; None where one device has them all.

    Args:
        config: the run.
        planes: of its grid, along z.

    Raises:
        InputError: they are not there, or the grid has too few planes for them.
    """
    number = number_of_devices(config, planes)
    if number == 1:
        return None
    log.info(
        f"the {planes} planes along z lie in slabs of {planes_of_a_slab(planes, number)} on "
        f"{number} of {jax.device_count()} devices"
    )
    return mesh_of(planes, jax.devices()[:number])


def devices_of_run(config: RunConfig, planes: int) -> str:
    """Number and kind of the devices that compute a run, such as 2 x cpu (cpu)."""
    return device_summary(number_of_devices(config, planes))
