"""Programs that the gate must refuse: each has a fault that once went unnoticed.

`stand_in` is an explicit step in a good form, from which the bad ones differ in one thing.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
from ahead import Built, Target, compiled
from elastic import nodal
from hlo import Module
from jax import Array, lax
from programs import hierarchy, row
from ptx import Kernel, NoData, assembled

from tissue.kernels import elastic_voxels, loop, multigrid
from tissue.kernels.hexahedron import CORNERS, STIFFNESS
from tissue.kernels.stencil import AXES, shift

DIFFUSION, DECAY = 0.1, 0.01
FEW_REGISTERS = ".maxnreg 24"
TURNS = 100
GOOD = "the step without a fault"


def stand_in(u: Array, pore: Array) -> Array:
    """One explicit step of solutes u [n, z, y, x] that diffuse and decay where pore is 1.

    Both neighbors are gathered: with fluxes, one axis of which is shifted back, XLA makes two
    kernels of it at 256^3 and one at 128^3.
    """
    change = jnp.zeros_like(u)
    for axis in AXES:
        for side in (1, -1):
            change = change + shift(pore, axis, side) * (shift(u, axis, side) - u)
    return u + DIFFUSION * pore * change - DECAY * u


def _edge_padded(u: Array, pore: Array) -> Array:
    """Step of `stand_in` with neighbors by jnp.pad(mode="edge")."""
    wide = jnp.pad(u, ((0, 0), (1, 1), (1, 1), (1, 1)), mode="edge")
    solid = jnp.pad(pore, 1, mode="edge")
    change = jnp.zeros_like(u)
    for axis in range(3):
        for side in (0, 2):
            start = [1, 1, 1]
            start[axis] = side
            place = tuple(slice(s, s + n) for s, n in zip(start, pore.shape, strict=True))
            change = change + pore * solid[place] * (wide[(slice(None), *place)] - u)
    return u + DIFFUSION * change - DECAY * u


def _looped(u: Array, pore: Array) -> Array:
    return lax.fori_loop(0, TURNS, lambda _, v: stand_in(v, pore), u)


def bad_steps(target: Target, edge: int) -> dict[str, Built]:
    """Explicit steps, compiled, each with one fault."""
    u = jax.ShapeDtypeStruct((3, edge, edge, edge), jnp.float32)
    pore = jax.ShapeDtypeStruct((edge, edge, edge), jnp.float32)

    def built(name: str, function: Callable[..., Array], **options: int) -> Built:
        return target.built(name, edge**3, jax.jit(function, **options), u, pore)  # type: ignore[call-overload]

    return {
        GOOD: built("good", stand_in),
        'jnp.pad(mode="edge")': built("edge", _edge_padded),
        "a donated single step": built("donated", stand_in, donate_argnums=0),
        "one step an iteration": built("looped", _looped),
        "compiled for the CPU": _for_the_cpu(edge, u, pore),
    }


def _for_the_cpu(edge: int, *shapes: jax.ShapeDtypeStruct) -> Built:
    """Program that `lowering_platforms` compiles: for this device, whatever it names."""
    lowered = jax.jit(stand_in).trace(*shapes).lower(lowering_platforms=("cuda",))
    return compiled("cpu", edge**3, lowered.compile, time.perf_counter())


def _gathered_forces(u: Array, modulus: Array, place: Array) -> Array:
    """Forces of bone whose moduli are looked up by the place of each voxel."""
    return elastic_voxels.forces(u, modulus.ravel()[place])


def _forces_by_elements(u: Array, modulus: Array) -> Array:
    """Forces by one product with the stiffness of a voxel, summed up at the nodes."""
    shape = modulus.shape
    corners = [
        u[:, c][tuple(slice(o, o + n) for o, n in zip(corner, shape, strict=True))]
        for corner in CORNERS
        for c in range(3)
    ]
    stiffness = jnp.asarray(STIFFNESS, u.dtype)
    force = modulus * (stiffness @ jnp.stack(corners).reshape(24, -1)).reshape(24, *shape)
    padded = [
        jnp.pad(force[3 * a : 3 * a + 3], ((0, 0), *((o, 1 - o) for o in corner)))
        for a, corner in enumerate(CORNERS)
    ]
    return jnp.moveaxis(sum(padded[1:], padded[0]), 0, 1)


def bad_forces(target: Target, edge: int) -> dict[str, Built]:
    """Elastic forces, compiled, each with one fault."""
    u, modulus = nodal(edge), jax.ShapeDtypeStruct((edge,) * 3, jnp.float32)
    place = jax.ShapeDtypeStruct((edge,) * 3, jnp.int32)

    def built(name: str, function: Callable[..., Array], *arguments: Any) -> Built:
        return target.built(name, edge**3, jax.jit(function), u, modulus, *arguments)

    return {
        "elastic forces with a gather": built("gathered", _gathered_forces, place),
        "elastic forces by elements": built("elements", _forces_by_elements),
        "elastic forces of the CPU": built("planes", elastic_voxels._forces_by_planes),
    }


def barred_cycle(target: Target, edge: int) -> Built:
    """V-cycle with the branches that keep XLA's CPU backend from fusing."""

    def for_the_cpu(*arguments: Any, cpu: Callable[..., Any], default: object) -> Any:
        return cpu(*arguments)

    # a function of its own: jax keeps what it traced of another
    cycle = jax.jit(lambda levels, s: multigrid.v_cycle(levels, s))
    with mock.patch.object(loop.lax, "platform_dependent", for_the_cpu):
        return target.built("V-cycle, 1", edge**3, cycle, hierarchy(edge, 1), row(edge, 1))


def missing_data(good: Built, ptxas: Path, silent: Path) -> dict[str, Callable[[], object]]:
    """Cases of missing data; each must raise NoData or ValueError.

    Args:
        good: a program that passes.
        ptxas: the assembler.
        silent: a program that succeeds and says nothing.
    """
    return {
        "no PTX": lambda: assembled((), ptxas),
        "no output of ptxas": lambda: assembled(good.ptx, silent),
        "no ptxas": lambda: assembled(good.ptx, silent.with_name("missing")),
        "no HLO": lambda: Module(""),
    }


def spilling(good: Built, ptxas: Path, folder: Path) -> tuple[Kernel, ...]:
    """Kernels of a good program limited to fewer registers than they need.

    Args:
        good: a program that passes.
        ptxas: the assembler; its --maxrregcount yields to the number of threads in the PTX.
        folder: for the changed PTX.
    """
    starved = []
    for path in good.ptx:
        text = re.sub(
            r"^\.reqntid .*$", FEW_REGISTERS, path.read_text(encoding="utf-8"), flags=re.M
        )
        starved.append(folder / path.name)
        starved[-1].write_text(text, encoding="utf-8")
    return assembled(starved, ptxas)


REFUSALS = (NoData, ValueError, OSError)
