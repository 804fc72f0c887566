"""Bone of a simulation from a binary volume: cleaned, and as partial volumes."""

import numpy as np

from tissue.errors import InputError
from tissue.geometry.grid import Axes
from tissue.geometry.journal import Journal, dims
from tissue.geometry.resample import Sampling, binomial_pass, block_means
from tissue.geometry.segmentation import closed_pockets, components, mean_thickness

MANY_COMPONENTS = 20
SAMPLES = 600
"""Points of the bone at which its thickness is looked at."""
LEAST_THICKNESS = 4.0
"""Mean thickness in voxels below which the surface of the bone is poorly resolved."""


def cleaned(
    bone: np.ndarray, largest: bool, pockets: bool, journal: Journal, periodic: Axes = ()
) -> np.ndarray:
    """Bone without loose components and closed marrow pockets, each where it is asked for.

    Raises:
        InputError: no marrow is left.
    """
    pieces = components(bone, periodic)
    share = pieces.voxels / int(bone.sum())
    fate = "dropped all but the largest" if largest else "kept all"
    journal.log.append(
        f"{pieces.count} bone components (26-connected), {fate}:"
        f" {pieces.voxels} voxels ({share:.2%} of the bone) lie outside the largest"
    )
    if pieces.count - 1 > MANY_COMPONENTS:
        journal.warnings.append(
            f"{pieces.count - 1} loose bone components ({share:.1%} of the bone):"
            " look whether the image needs smoothing, or another threshold"
        )
    if largest:
        bone = pieces.bone
    if pockets:
        filled = closed_pockets(bone, periodic)
        bone = filled.bone
        journal.log.append(
            f"closed {filled.count} marrow pockets that reach no face of the box:"
            f" {filled.voxels} voxels became bone"
        )
    if bone.all():
        raise InputError(
            "= true leaves no marrow, because bone covers every face of the"
            " box; set it to false, or crop the shell away",
            key="geometry.close_pockets",
        )
    journal.log.append(f"BV/TV {bone.mean():.4f} after cleaning")
    return bone


def partial_volumes(
    bone: np.ndarray, factor: int, spacing: float, journal: Journal, periodic: Axes = ()
) -> np.ndarray:
    """Share of bone in each grid voxel, from fine binary voxels or, at factor 1, their own."""
    if factor == 1:
        fraction = binomial_pass(bone, periodic)
        how = f"kept the grid of {spacing:g} um, one binomial pass (1 2 1)/4 along each axis"
    else:
        fraction = block_means(bone, factor)
        how = f"averaged blocks of {factor}^3 voxels to {spacing:g} um"
        beyond = tuple(size % factor for size in bone.shape)
        if any(beyond):
            how += f", cut {dims(beyond)} voxels (z, y, x) that fill no block"
    journal.log.append(f"{how}: {dims(fraction.shape)} voxels, BV/TV {fraction.mean():.4f}")
    return fraction


def warn_if_thin(bone: np.ndarray, sampling: Sampling, journal: Journal) -> None:
    """Notes how thick the bone is, and warns where the grid resolves its surface poorly."""
    thickness = mean_thickness(bone, SAMPLES) * sampling.fine
    voxels = thickness / sampling.spacing
    journal.log.append(
        f"thickness about {thickness:.3g} um, {voxels:.1f} grid voxels, from {SAMPLES} points of"
        " the bone; tissue metrics measures Tb.Th in all of it"
    )
    if voxels < LEAST_THICKNESS:
        journal.warnings.append(
            f"trabeculae are {voxels:.1f} voxels thick on average, below {LEAST_THICKNESS:g}: their"
            " surface is poorly resolved; set geometry.resample to"
            f" {thickness / LEAST_THICKNESS:.2g} um or less"
        )
