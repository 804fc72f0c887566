"""Stiffness of a piece of bone and the load at which it breaks, from its compression.

Definitions:
    The apparent modulus is that of the whole box, bone and marrow. The failure load follows
    Pistoia: bone breaks when 2 % of its volume is strained beyond 7000 microstrain. The strain of
    an element is its effective strain sqrt(2 U / E) of its strain energy density U and the modulus
    E of its tissue. U is that at the center of the element ("centroid", as in ParOSol) or its mean
    over the element ("mean"), which gives a slightly lower failure load.

References:
    Pistoia 2002, Bone 30:842 (criterion); Flaig and Arbenz 2011, Parallel Comput 37:846 (ParOSol).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from tissue.errors import InputError
from tissue.mechanics.checks import checked_axes, checked_bone, positive, refuse_unknown
from tissue.mechanics.compression import (
    AXES,
    LOADINGS,
    Compression,
    compress,
    open_sentence,
    unreached_axes,
)

Energy = Literal["centroid", "mean"]
"""Strain energy density of an element: at its center, or its mean."""

CRITICAL_STRAIN = 0.007
"""Effective strain [1] at which bone tissue fails (Pistoia 2002)."""

CRITICAL_SHARE = 0.02
"""Share of the bone volume [1] strained beyond it when the bone breaks (Pistoia 2002)."""

PROGRAM_BYTES, VOXEL_BYTES, BONE_VOXEL_BYTES = 800_000_000, 380, 1100
"""Memory of the compiled programs, of a voxel of the box, and more for one of bone [bytes].

These are 4 to 16 % above the peaks of processes that compressed 64^3 voxels along z: 0.86 GB with
23 % bone in struts of 6 voxels, 0.83 GB with 29 % in plates and 0.92 GB with 60 %; 0.71 GB at 24^3.
"""


@dataclass(frozen=True)
class Strength:
    """Stiffness and failure load of a piece of bone under compression along each axis.

    Attributes:
        apparent_modulus_MPa: modulus of the box, by axis [MPa].
        stiffness_N_per_mm: force per shortening of the box, by axis [N/mm].
        failure_load_N: force at which 2 % of the bone volume is strained beyond 7000 microstrain,
            by axis [N].
        left_out: share of the bone volume [1] that hangs on no loaded bone and carries nothing,
            by axis.
        loading: how the faces of the box are held, one of LOADINGS.
        energy: strain energy density that the failure load is computed from.
        tissue_modulus_MPa: modulus of fully mineralized bone tissue [MPa].
        iterations: of the solver, by axis.
        residual: relative residual of the solver, by axis [1].
        compressions: displacements and strain energy densities, by axis.
    """

    apparent_modulus_MPa: Mapping[str, float]
    stiffness_N_per_mm: Mapping[str, float]
    failure_load_N: Mapping[str, float]
    left_out: Mapping[str, float]
    loading: str
    energy: Energy
    tissue_modulus_MPa: float
    iterations: Mapping[str, int]
    residual: Mapping[str, float]
    compressions: Mapping[str, Compression] = field(repr=False)


def strength(
    bone_volume_fraction: ArrayLike,
    spacing: float,
    tissue_modulus: float,
    loading: str = "platens",
    axes: Sequence[str] = AXES,
    energy: Energy = "centroid",
    tolerance: float = 1e-5,
    start: Mapping[str, Array] | None = None,
) -> Strength:
    """Compute how stiff a piece of bone is and at which load it breaks.

    Args:
        bone_volume_fraction: share of each voxel that is bone [z, y, x].
        spacing: edge of a voxel [um].
        tissue_modulus: modulus of fully mineralized bone tissue [MPa].
        loading: how the faces of the box are held: "platens", "confined" or "slide".
        axes: directions of compression, one or more of x, y and z.
        energy: strain energy density for the failure load: "centroid" or "mean".
        tolerance: relative residual at which the solver stops [1].
        start: displacements of an earlier solve, by axis.

    Raises:
        InputError: bone does not reach both ends of the box along an axis, or holds values that are
            not from 0 to 1; a number is not positive, or a name is not known.
    """
    refuse_unknown("loading", loading, LOADINGS)
    refuse_unknown("energy", energy, get_args(Energy))
    spacing = positive("spacing", spacing, "um", ": voxels are cubes; resample others first")
    tissue_modulus = positive("tissue_modulus", tissue_modulus, "MPa")
    tolerance = positive("tolerance", tolerance)
    axes, bone = checked_axes(axes), checked_bone(bone_volume_fraction)
    if unreached := [axis for axis in unreached_axes(bone) if axis in axes]:
        raise InputError(open_sentence(unreached))
    compressions = compress(bone, axes, loading, tolerance, start)
    return Strength(
        apparent_modulus_MPa={
            axis: apparent_modulus_MPa(each, tissue_modulus) for axis, each in compressions.items()
        },
        stiffness_N_per_mm={
            axis: stiffness_N_per_mm(each, bone.shape, spacing, tissue_modulus)
            for axis, each in compressions.items()
        },
        failure_load_N={
            axis: failure_load_N(each, bone, spacing, tissue_modulus, energy)
            for axis, each in compressions.items()
        },
        left_out={axis: left_out(each, bone) for axis, each in compressions.items()},
        loading=loading,
        energy=energy,
        tissue_modulus_MPa=tissue_modulus,
        iterations={axis: each.iterations for axis, each in compressions.items()},
        residual={axis: each.residual for axis, each in compressions.items()},
        compressions=compressions,
    )


def memory(voxels: int, bone_voxels: int) -> int:
    """Memory that a process takes to compress a piece of bone [bytes].

    Args:
        voxels: of the box.
        bone_voxels: those of them that hold bone.
    """
    return PROGRAM_BYTES + solving_memory(voxels, bone_voxels)


def solving_memory(voxels: int, bone_voxels: int) -> int:
    """Memory that a compression takes besides the programs [bytes].

    Args:
        voxels: of the box.
        bone_voxels: those of them that hold bone.
    """
    return VOXEL_BYTES * voxels + BONE_VOXEL_BYTES * bone_voxels


def apparent_modulus_MPa(compression: Compression, tissue_modulus: float) -> float:
    """Stress over strain of the whole box, bone and marrow [MPa].

    Args:
        compression: unit compression of bone whose tissue has the modulus 1.
        tissue_modulus: modulus of fully mineralized bone tissue [MPa].
    """
    return compression.apparent_modulus * tissue_modulus


def stiffness_N_per_mm(
    compression: Compression, shape: Sequence[int], spacing: float, tissue_modulus: float
) -> float:
    """Force per shortening of the box along the axis of compression [N/mm].

    Args:
        compression: unit compression of bone whose tissue has the modulus 1.
        shape: number of voxels (nz, ny, nx).
        spacing: edge of a voxel [um].
        tissue_modulus: modulus of fully mineralized bone tissue [MPa].
    """
    area, length = _area_and_length(compression.axis, shape, spacing)
    return apparent_modulus_MPa(compression, tissue_modulus) * area / length


def failure_load_N(
    compression: Compression,
    bone_volume_fraction: ArrayLike,
    spacing: float,
    tissue_modulus: float,
    energy: Energy = "centroid",
) -> float:
    """Force at which 2 % of the bone volume is strained beyond 7000 microstrain [N].

    Bone that no load reaches does not count. A voxel counts with its bone volume.

    Args:
        compression: unit compression of bone whose tissue has the modulus 1.
        bone_volume_fraction: share of each voxel that is bone [z, y, x].
        spacing: edge of a voxel [um].
        tissue_modulus: modulus of fully mineralized bone tissue [MPa].
        energy: strain energy density: "centroid" or "mean".

    References:
        Pistoia 2002, Bone 30:842.
    """
    bone = np.asarray(bone_volume_fraction, np.float64)
    area, _ = _area_and_length(compression.axis, bone.shape, spacing)
    strain = critical_strain(compression, bone, energy)
    return CRITICAL_STRAIN / strain * apparent_modulus_MPa(compression, tissue_modulus) * area


def critical_strain(
    compression: Compression, bone_volume_fraction: ArrayLike, energy: Energy = "centroid"
) -> float:
    """Effective strain that 2 % of the bone volume exceeds, per strain of the box [1].

    Args:
        compression: unit compression of bone whose tissue has the modulus 1.
        bone_volume_fraction: share of each voxel that is bone [z, y, x].
        energy: strain energy density: "centroid" or "mean".
    """
    density = np.asarray(
        compression.centroid_energy_density if energy == "centroid" else compression.energy_density,
        np.float64,
    )
    loaded = _loaded(compression)
    volume = np.asarray(bone_volume_fraction, np.float64)[loaded]
    return weighted_quantile(np.sqrt(2 * density[loaded]), volume, 1 - CRITICAL_SHARE)


def left_out(compression: Compression, bone_volume_fraction: ArrayLike) -> float:
    """Share of the bone volume [1] that hangs on no loaded bone and carries nothing.

    Args:
        compression: compression of the bone.
        bone_volume_fraction: share of each voxel that is bone [z, y, x].
    """
    bone = np.asarray(bone_volume_fraction, np.float64)
    return max(0.0, 1 - float(bone[_loaded(compression)].sum() / bone.sum()))


def weighted_quantile(values: NDArray[np.floating], weights: ArrayLike, share: float) -> float:
    """Value below which a share of the weight lies, interpolated between values.

    Equal weights give the default of numpy.quantile.

    Args:
        values: of the parts, in any order.
        weights: of the parts, > 0.
        share: of the weight [1].
    """
    order = np.argsort(values)
    weight = np.asarray(weights, np.float64)[order]
    middle = np.cumsum(weight) - weight / 2
    wanted = middle[0] + share * (middle[-1] - middle[0])
    return float(np.interp(wanted, middle, np.asarray(values, np.float64)[order]))


def _loaded(compression: Compression) -> NDArray[np.bool_]:
    """Voxels of the bone that was compressed."""
    return np.asarray(compression.energy_density) > 0


def _area_and_length(axis: str, shape: Sequence[int], spacing: float) -> tuple[float, float]:
    """Cross-section of the box [mm^2] and its length along an axis [mm]."""
    along = 2 - AXES.index(axis)
    edge = spacing / 1e3
    across = [count for number, count in enumerate(shape) if number != along]
    return across[0] * across[1] * edge**2, shape[along] * edge
