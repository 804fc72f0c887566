"""Compression of a piece of bone by unit strain along an axis."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import ndimage

from tissue.errors import InputError, RunError, listed
from tissue.kernels.elastic_voxels import (
    Ends,
    GridVectors,
    Modulus,
    energy_densities,
    forces,
    free,
)
from tissue.kernels.elasticity import DEGREE, MAX_ITERATIONS, VISITS, Hierarchy, solve
from tissue.mechanics.hierarchy import hierarchy

AXES = ("x", "y", "z")
"""Axes of loading; arrays are [z, y, x]."""

LOADINGS = ("confined", "platens", "slide")
"""Ways to hold the bone: `confined`, no face moves along its normal; `platens`, both ends are held
in all directions; `slide`, both ends slide on platens, the low sides on mirrors, the high sides
are free."""

MIN_FRACTION = 0.01
"""Bone volume fraction below which a voxel bears no load [1]."""

LEAST_REDUCTION = 2e-6
"""Reduction of the residual in single precision after which it is computed anew in double."""

MAX_SWEEPS = 6

LEAST_ITERATIONS = 1
"""Iterations from the solution of an earlier bone, however small its residual: most of it is at the
surface, while the energy far away is still the old one. One cycle of multigrid mends both: an error
of 0.0002 is left in the logarithm of the osteocytes' signal, which moves by 0.01 around its mean
from solve to solve (shrew, 57^3, 28 days of IL-1; root mean squares)."""

ROUNDING = 1e-10
"""Forces on free nodes over those on all, below which the displacement at the start is exact."""


@dataclass(frozen=True)
class Compression:
    """Bone of tissue modulus one under unit compression along an axis.

    Attributes:
        axis: x, y or z.
        loading: how the bone is held.
        displacement: on the nodes [component, z, y, x], components along z, y, x [edges of a
            voxel]; zero off bone.
        energy_density: strain energy per volume of bone, mean over each voxel [z, y, x]; zero off
            bone.
        centroid_energy_density: the same at the centroid of each voxel.
        apparent_modulus: that of the box over that of the tissue, from the energy [1].
        iterations: of the solver.
        residual: forces that remain on nodes free to move, relative to those at the start.
        applications: of the operator, in those of the finest level.
    """

    axis: str
    loading: str
    displacement: Array
    energy_density: Array
    centroid_energy_density: Array
    apparent_modulus: float
    iterations: int
    residual: float
    applications: float


def compress(
    bone_volume_fraction: Array | np.ndarray,
    axes: Iterable[str] = AXES,
    loading: str = "confined",
    tolerance: float = 1e-5,
    start: Mapping[str, Array | np.ndarray] | None = None,
) -> dict[str, Compression]:
    """Compressions of bone along some axes, one at a time, each by unit strain.

    The modulus of a voxel is that of the tissue times its bone volume fraction. Bone that hangs
    together with both ends through faces of voxels bears load; the rest is left out.

    Args:
        bone_volume_fraction: [z, y, x].
        axes: axes of compression.
        loading: how the bone is held.
        tolerance: residual to be left.
        start: displacements of earlier compressions, by axis.

    Raises:
        InputError: the bone does not reach both ends.
        RunError: the solver did not converge.
    """
    fraction = np.asarray(bone_volume_fraction, np.float32)
    parts = _connected_parts(fraction)
    results: dict[str, Compression] = {}
    levels: Hierarchy | None = None
    before: tuple[frozenset[int], bytes] | None = None
    for axis in axes:
        bearing, fixed = _bearing(parts, axis), held_ends(axis, loading)
        key = (bearing, fixed.tobytes())
        if levels is None or key != before:  # the same bone held in the same way serves again
            levels = hierarchy(np.where(np.isin(parts, list(bearing)), fraction, 0), fixed)
            before = key
        first = None if start is None else start.get(axis)
        results[axis] = _compression(levels, axis, loading, tolerance, first)
    return results


def bearing_voxels(bone_volume_fraction: Array | np.ndarray) -> int:
    """Number of voxels that hold enough bone to bear load."""
    return int(np.count_nonzero(np.asarray(bone_volume_fraction) >= MIN_FRACTION))


def unreached_axes(bone_volume_fraction: Array | np.ndarray) -> tuple[str, ...]:
    """Axes along which no connected part of a bone [z, y, x] reaches both ends."""
    parts = _connected_parts(np.asarray(bone_volume_fraction, np.float32))
    return tuple(axis for axis in AXES if not reaching_both_ends(parts, axis))


def open_sentence(axes: Sequence[str]) -> str:
    """Sentence on bone that does not reach both ends of some axes."""
    return (
        f"bone does not reach both ends in {listed(axes)}: no part of it that hangs together bears "
        f"load along {listed(axes)}; choose a box that bone crosses"
    )


def held_ends(axis: str, loading: str) -> np.ndarray:
    """Ends at which displacement is prescribed [component, axis, end]."""
    held = np.zeros((3, 3, 2), bool)
    along = 2 - AXES.index(axis)
    if loading == "platens":
        held[:, along] = True
        return held
    for other in range(3):
        held[other, other] = (True, loading == "confined" or other == along)
    return held


def _connected_parts(fraction: np.ndarray) -> np.ndarray:
    """Number of the connected part that each voxel belongs to; 0 off bone."""
    parts: np.ndarray = ndimage.label(fraction >= MIN_FRACTION)[0]
    return parts


def reaching_both_ends(parts: np.ndarray, axis: str) -> frozenset[int]:
    """Numbers of the connected parts of a bone [z, y, x] that reach both ends of an axis."""
    along = 2 - AXES.index(axis)
    low, high = (set(np.unique(parts.take(end, axis=along)).tolist()) for end in (0, -1))
    return frozenset((low & high) - {0})


def _bearing(parts: np.ndarray, axis: str) -> frozenset[int]:
    both = reaching_both_ends(parts, axis)
    if not both:
        raise InputError(open_sentence((axis,)))
    return both


def _compression(
    levels: Hierarchy, axis: str, loading: str, tolerance: float, start: Array | np.ndarray | None
) -> Compression:
    finest = levels.finest
    on_bone = finest.owner >= 0
    prescribed = _prescribed(on_bone, 2 - AXES.index(axis))
    norm = float(_force_at_start(prescribed, finest.modulus, finest.fixed))
    moved = prescribed
    if start is not None:
        earlier = jnp.moveaxis(jnp.asarray(start), 0, 1)
        moved = _started(earlier, prescribed, on_bone, finest.fixed)
    iterations, least = 0, LEAST_ITERATIONS if start is not None else 0
    for sweeps_left in reversed(range(MAX_SWEEPS + 1)):
        force = residual_force(moved, finest.modulus, finest.fixed)
        residual = float(jnp.linalg.norm(force)) / norm
        balanced = residual == 0 or (residual <= tolerance and iterations >= least)
        if balanced or not sweeps_left:
            break
        wanted = max(0.5 * tolerance, LEAST_REDUCTION * residual) / residual
        change, count = solve(levels, force.astype(jnp.float32), min(wanted, 0.3))
        moved = moved + change
        iterations += int(count)
    nearly = residual <= 10 * tolerance and iterations < MAX_ITERATIONS
    if not (balanced or nearly):
        raise RunError(
            f"compression along {axis} did not converge: residual {residual:.1e} after "
            f"{iterations} iterations, {tolerance:.1e} allowed"
        )
    mean, centroid, modulus = _energies(moved, finest.modulus)
    return Compression(
        axis=axis,
        loading=loading,
        displacement=jnp.moveaxis(moved, 1, 0).astype(jnp.float32),
        energy_density=mean,
        centroid_energy_density=centroid,
        apparent_modulus=float(modulus),
        iterations=iterations,
        residual=residual,
        applications=iterations * applications(levels),
    )


@jax.jit
def residual_force(displacement: GridVectors, modulus: Modulus, fixed: Ends) -> GridVectors:
    """Forces on the free nodes that are not in balance, in double precision."""
    held = forces(displacement, modulus.astype(displacement.dtype))
    return -free(fixed, displacement) * held


@jax.jit
def _force_at_start(prescribed: GridVectors, modulus: Modulus, fixed: Ends) -> Array:
    """Norm of the forces on the free nodes, which are rounding where all of the bone is at ends."""
    every = forces(prescribed, modulus.astype(prescribed.dtype))
    on_free = jnp.linalg.norm(free(fixed, prescribed) * every)
    return jnp.maximum(on_free, ROUNDING * jnp.linalg.norm(every))


@jax.jit
def _started(
    earlier: GridVectors, prescribed: GridVectors, on_bone: Array, fixed: Ends
) -> GridVectors:
    """Displacement of an earlier bone where this one is free to move."""
    return jnp.where(on_bone[:, None] & (free(fixed, prescribed) > 0), earlier, prescribed)


def _prescribed(on_bone: Array, along: int) -> GridVectors:
    """Displacement of the far end by unit compression, on bone."""
    shape = (on_bone.shape[0], 3, *on_bone.shape[1:])
    end = [slice(None)] * 4
    end[0 if along == 0 else along + 1] = slice(-1, None)
    end[1] = slice(along, along + 1)
    length = on_bone.shape[along] - 1.0
    whole = jnp.zeros(shape, jnp.float64).at[tuple(end)].set(-length)
    return jnp.where(on_bone[:, None], whole, 0)


@jax.jit
def _energies(displacement: GridVectors, modulus: Modulus) -> tuple[Array, Array, Array]:
    mean, centroid = energy_densities(displacement)
    own = modulus.astype(mean.dtype)
    apparent = 2 * jnp.mean(own * mean)
    # rounding makes the energy of bone that bears next to nothing negative
    kept = [
        jnp.where(modulus > 0, jnp.maximum(field, 0), 0).astype(jnp.float32)
        for field in (mean, centroid)
    ]
    return kept[0], kept[1], apparent


def applications(levels: Hierarchy) -> float:
    """Applications of the operator in one iteration, in those of the finest level.

    A coarse one costs as much as its share of the elements.
    """
    elements = [int((levels.finest.modulus > 0).sum())]
    elements += [int((level.nodes[:, 0] < len(level.inverse) - 1).sum()) for level in levels.coarse]
    total, visits = 2.0 * DEGREE * elements[0], 1
    for count in elements[1:-1]:
        visits *= VISITS
        total += visits * (2 * DEGREE + 1) * count
    return 1 + total / elements[0]
