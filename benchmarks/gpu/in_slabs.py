"""Programs of a grid that lies in slabs on several GPUs, and bad ones that the gate must refuse."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import programs
from ahead import Built, Target
from devices import Device
from jax import Array
from jax.sharding import NamedSharding, Sharding
from jax.sharding import PartitionSpec as Spec
from slab_checks import SOLVE, STEP

from tissue.kernels import elliptic, slabs, stencil
from tissue.kernels.programs import mesh_of, over_slabs
from tissue.kernels.slabs import planes_of_a_slab
from tissue.model.step import advance

DEVICES, EDGE = 4, 256
CONTROL_EDGE = 64
FIELD_AXES = 3
DIFFUSIVITY = 1e6  # um^2/day


class SlabTarget(Target):
    """Several GPUs, over which a grid of edge^3 voxels lies in slabs."""

    def __init__(self, device: Device, edge: int, count: int = DEVICES) -> None:
        """Describe the devices to JAX.

        Args:
            device: GPU.
            edge: of the grid in voxels; the slabs are not filled up.
            count: number of devices.

        Raises:
            ValueError: slabs would have planes beyond the grid.
        """
        super().__init__(device, count)
        if planes_of_a_slab(edge, count) * count != edge:
            raise ValueError(f"{edge} planes on {count} devices: slabs would be filled up")
        self.mesh = mesh_of(edge, self.devices)

    def sharding(self, leaf: Any) -> Sharding:
        """Fields lie in slabs along z, everything else is the same on every device."""
        assert self.mesh
        axes = np.ndim(leaf)
        along_z = (*(None,) * (axes - FIELD_AXES), self.mesh.axis_names[0])
        return NamedSharding(self.mesh, Spec(*along_z) if axes >= FIELD_AXES else Spec())

    def slab_program(
        self, name: str, edge: int, function: Callable[..., Any], *arguments: Any
    ) -> Built:
        """Function of slabs, compiled; voxels and bytes are those of one device."""

        assert self.mesh
        mesh = self.mesh

        def of_slabs(*given: Any) -> Any:
            return over_slabs(lambda each: function(*each), mesh, given)

        return self.built(name, edge**3 // len(self.devices), jax.jit(of_slabs), *arguments)


def distributed_levels(edge: int, count: int = DEVICES) -> int:
    """Number of multigrid levels that lie in slabs; the next one is gathered."""
    planes, level = planes_of_a_slab(edge, count), 0
    cut, shape = slabs.Cut("", edge), (planes, edge, edge)
    while not slabs.is_gathered(shape, cut, finest=level == 0):
        level += 1
        cut = cut._replace(planes=(cut.planes + 1) // 2)
        shape = (shape[0] // 2, (shape[1] + 1) // 2, (shape[2] + 1) // 2)
    return level


def diffusion(porosity: Array, loss: Array, source: Array, start: Array) -> elliptic.Solution:
    """Solve for one solute."""
    return elliptic.screened_diffusion(
        porosity,
        loss,
        source,
        start,
        diffusivity=DIFFUSIVITY,
        spacing=programs.SPACING,
        tolerance=programs.TOLERANCE,
    )


def fields(edge: int) -> tuple[jax.ShapeDtypeStruct, ...]:
    """Arguments of `diffusion`."""
    return (programs.field(edge),) * 4


def solve(target: SlabTarget, edge: int) -> Built:
    """Solve for one solute, compiled."""
    return target.slab_program(SOLVE, edge, diffusion, *fields(edge))


def every(target: SlabTarget, edge: int) -> Iterator[Built]:
    """All programs, compiled for a grid of edge^3 voxels."""
    yield solve(target, edge)
    yield target.slab_program(STEP, edge, advance, *programs.coupling_arguments(edge))


def bad_solves(target: SlabTarget, edge: int) -> Iterator[tuple[str, Built]]:
    """Solves, compiled, each with one fault in what devices send to each other."""
    # functions of their own: jax keeps what it traced of another

    def gathered(*given: Array) -> Any:
        u, stats = diffusion(*given)
        cut = slabs.current_cut()  # None while the shapes of the results are found
        return u / jnp.max(slabs.whole(u, cut) if cut else u), stats

    plain = jax.jit(lambda *given: diffusion(*given))
    slab_program = partial(target.slab_program, SOLVE, edge)
    voxels = edge**3 // len(target.devices)
    yield "slabs left to jit", target.built(SOLVE, voxels, plain, *fields(edge))
    yield "a field that is gathered", slab_program(gathered, *fields(edge))

    def one_by_one(values: Any) -> Array:
        # XLA joins sums that do not wait for each other
        first, second = values
        of_first = stencil.total(first)
        of_second = stencil.total(jnp.where(of_first < jnp.inf, second, 0))
        return jnp.stack([of_first, of_second])

    with mock.patch.object(elliptic, "totals", one_by_one):
        jax.clear_caches()
        yield "sums that are sent one by one", slab_program(diffusion, *fields(edge))

    exchanged = slabs.with_end_planes

    def twice(u: Array, shape: Any, cut: Any) -> Array:
        return exchanged(exchanged(u, shape, cut) * 2, shape, cut) / 2

    with mock.patch.object(slabs, "with_end_planes", twice):
        jax.clear_caches()
        yield "planes that are sent twice", slab_program(diffusion, *fields(edge))
    jax.clear_caches()
