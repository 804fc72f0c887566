"""Kernels of the model, each with arguments on synthetic bone and the bytes that it must move.

Bytes are those of every array that a kernel must read or write, once each; one with several passes
counts each.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.bench import operators
from tissue.geometry.settings import SyntheticSettings
from tissue.kernels import elastic_voxels, explicit, multigrid, stencil, surface
from tissue.simulation.speed import mirrored, standard

SPACING = 10.0  # voxel edge [um]
DECAY = 30.0  # decay length [voxels]
MIN_POROSITY = 0.02  # of solutes [1]
WORD = 4  # bytes of a float32
EXPLICIT_STEPS = 10  # in one program
EXPLICIT_STEP = "explicit step, 3 solutes"
ELASTIC_OPERATOR = "elastic operator"


class Task(NamedTuple):
    """Kernel with its arguments.

    Attributes:
        run, arguments: function and arguments.
        words: float32 numbers read and written a voxel; 0 where their number is not fixed.
        fields: fields that it updates.
        times: repeats in one call.
    """

    run: Callable[..., Any]
    arguments: tuple[Any, ...]
    words: float
    fields: int = 1
    times: int = 1


def bone(edge: int) -> Array:
    """Bone volume fraction of mouse bone in edge^3 voxels, mirrored from a block."""
    settings = standard(edge).geometry
    assert isinstance(settings, SyntheticSettings)
    return jnp.asarray(mirrored(settings).bone_volume_fraction, jnp.float32)


def tasks(phi: Array) -> Mapping[str, Callable[[], Task]]:
    """Every kernel by name; each is made when it is called.

    Args:
        phi: bone volume fraction [z, y, x].
    """
    eps, shape = jnp.maximum(1 - phi, MIN_POROSITY), phi.shape
    capacity = eps / DECAY**2
    matrix = coupled(capacity)
    one = operators.levels_of(eps, capacity[None, None])
    two = operators.levels_of(eps, matrix)
    faces = stencil.to_padded_rows(stencil.harmonic_faces(eps))
    single, pair = (stencil.to_padded_rows(jnp.stack([eps] * n)) for n in (1, 2))
    row_capacity, row_matrix = stencil.to_padded_rows((capacity[None, None], matrix))
    bind = stencil.to_padded_rows(capacity)
    area = surface.specific_surface(phi, SPACING)
    ex = jax.jit(surface.exchange)(eps, area)
    eroding, growing = 0.3 * jnp.ones_like(phi), 0.1 * jnp.ones_like(phi)

    def hierarchy(faces: Any, capacity: Any) -> Any:
        return multigrid.hierarchy(faces, capacity, shape)

    return {
        "residual sweep": lambda: Task(multigrid.residual, (one[0], single, single), 7),
        "Jacobi sweep": lambda: Task(operators.jacobi, (one[0], single, single), 8),
        "residual sweep, pair": lambda: Task(multigrid.residual, (two[0], pair, pair), 13, 2),
        "face conductances": lambda: Task(stencil.harmonic_faces, (eps,), 4),
        "Scharfetter-Gummel faces": lambda: Task(operators.fitted_faces, (eps, phi), 5),
        "hierarchy build": lambda: Task(hierarchy, (faces, row_capacity), 12.5 * 8 / 7),
        "hierarchy build, pair": lambda: Task(hierarchy, (faces, row_matrix), 19 * 8 / 7, 2),
        "restriction": lambda: Task(operators.restriction(one, shape), (single,), 1.5),
        "prolongation": lambda: Task(
            operators.prolongation(one, shape), (operators.coarse(eps[None]),), 1.5
        ),
        "V-cycle": lambda: Task(multigrid.v_cycle, (one, single), 22 * 8 / 7),
        "V-cycle, pair": lambda: Task(multigrid.v_cycle, (two, pair), 45.25 * 8 / 7, 2),
        "Newton residual, pair": lambda: Task(
            operators.newton_residual, (two[0], bind, pair, pair), 12, 2
        ),
        "exchange": lambda: Task(surface.exchange, (eps, area), 6),
        "to surface": lambda: Task(lambda e, f: e.to_surface(f), (ex, eps), 8),
        "deposit": lambda: Task(lambda e, f: e.deposit(f), (ex, eps), 9),
        "specific surface": lambda: Task(surface.specific_surface, (phi, SPACING), 2),
        "Godunov slopes": lambda: Task(surface.godunov_slopes, (phi, SPACING), 3),
        "move, one sub-step": lambda: Task(surface.move, (phi, eroding, growing, SPACING, 0.5), 7),
        "diffusion along surface, 3 fields": lambda: Task(
            along_surface, (jnp.stack([phi + 1] * 3), area), 0, 3
        ),
        EXPLICIT_STEP: lambda: Task(explicit_steps, (eps, phi < 0.5), 7.25, 3, EXPLICIT_STEPS),
        ELASTIC_OPERATOR: lambda: Task(elastic_voxels.forces, (on_nodes(phi), phi), 7, 3),
    }


def coupled(capacity: Array) -> Array:
    """2 x 2 capacity that couples as RANKL and OPG do."""
    return jnp.stack(
        [jnp.stack([2 * capacity, -capacity]), jnp.stack([-0.5 * capacity, 2 * capacity])]
    )


def along_surface(densities: Array, area: Array) -> Any:
    """Densities after half a day of diffusion along the surface."""
    diffusivities = jnp.asarray([100.0, 100.0, 100.0])
    return surface.diffuse_along_surface(
        densities, area, diffusivities, SPACING, 0.5, tolerance=1e-4
    )


def explicit_steps(u: Array, pores: Array) -> explicit.Concentrations:
    """Concentrations of three solutes with a shared source, two of which bind each other."""
    rates = jnp.asarray([3.0, 2.0, 1.0], u.dtype)
    return explicit.steps(
        (u, u, u),
        pores,
        u,
        explicit.Coefficients(rates, 0.1 * rates, rates, pair=(1, 2), binding=1.0),
        spacing=1.0,
        dt=0.02,
        n=EXPLICIT_STEPS,
    )


def on_nodes(phi: Array) -> Array:
    """Displacement of the nodes of a grid, [z, component, y, x]: shear in z of one voxel."""
    nz, ny, nx = (n + 1 for n in phi.shape)
    along = jnp.linspace(0, 1, nz, dtype=phi.dtype)[:, None, None, None]
    return jnp.broadcast_to(along, (nz, 3, ny, nx)) + 0  # written out
