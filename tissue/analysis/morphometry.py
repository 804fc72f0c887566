"""Morphometry of trabecular bone in ASBMR nomenclature.

References:
    Parfitt 1987, J Bone Miner Res 2:595; Dempster 2013, J Bone Miner Res 28:2 (dynamic measures);
    Bouxsein 2010, J Bone Miner Res 25:1468 (micro-CT).
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes, mesh_surface_area

from tissue.analysis.anisotropy import degree_of_anisotropy
from tissue.analysis.thickness import local_thickness
from tissue.analysis.topology import connectivity
from tissue.geometry.resample import binomial_pass

Field = NDArray[np.floating]
Mask = NDArray[np.bool_]

LEVEL = 0.5
"""Bone volume fraction from which a voxel counts as bone."""

MINERAL_DENSITY = 1100.0
"""Mineral density of bone tissue [mg HA/cm^3]; mouse trabeculae 1000 to 1200 (remembered)."""

WEIGHTS = {1: 0.04577789120476, 2: 0.03698062787608, 3: 0.03519563978232}
"""Share of directions nearest to an axis, a face diagonal and a body diagonal [1], by the number
of axes that change."""

OFFSET = 0.05
"""Offset of the surface for the structure model index [voxel]."""


class Measure(NamedTuple):
    """Symbol, unit and long name of a measure."""

    symbol: str
    unit: str
    long_name: str


MEASURES: Mapping[str, Measure] = {
    "bv_tv": Measure("BV/TV", "1", "bone volume fraction"),
    "bs_bv": Measure("BS/BV", "1/mm", "specific bone surface"),
    "bs_tv": Measure("BS/TV", "1/mm", "bone surface density"),
    "tb_th": Measure("Tb.Th", "mm", "trabecular thickness"),
    "tb_th_sd": Measure("Tb.Th SD", "mm", "its standard deviation"),
    "tb_sp": Measure("Tb.Sp", "mm", "trabecular separation"),
    "tb_sp_sd": Measure("Tb.Sp SD", "mm", "its standard deviation"),
    "tb_n": Measure("Tb.N", "1/mm", "trabecular number"),
    "conn_d": Measure("Conn.D", "1/mm^3", "connectivity density"),
    "smi": Measure("SMI", "1", "structure model index"),
    "da": Measure("DA", "1", "degree of anisotropy"),
    "bmd": Measure("BMD", "mg HA/cm^3", "bone mineral density"),
    "bmc": Measure("BMC", "mg HA", "bone mineral content"),
}
"""Measures of a structure; nan where there is no bone, or nothing but bone."""

MINERAL = ("bmd", "bmc")
"""Measures that need a mineral density."""


def morphometry(
    bone: Field, spacing: float, mineral_density: float | None = MINERAL_DENSITY
) -> dict[str, float]:
    """Compute the measures of a bone.

    Volume and mineral use the bone volume fraction; all other measures use the voxels of at least
    a half. Faces of the box count as neither surface nor end of a trabecula.

    Args:
        bone: bone volume fraction [z, y, x].
        spacing: edge of a voxel [um].
        mineral_density: of bone tissue [mg HA/cm^3]; None where it is not known.

    Returns:
        Value of each of MEASURES.
    """
    mask = np.asarray(bone >= LEVEL)
    voxel = spacing / 1e3
    volume = bone.size * voxel**3
    fraction = float(bone.mean(dtype=np.float64))
    found = dict.fromkeys(MEASURES, float("nan")) | {
        "bv_tv": fraction,
        "bs_tv": surface(mask) * voxel**2 / volume,
        "conn_d": connectivity(mask) / volume,
    }
    if mineral_density is not None:
        density = mineral_density * fraction
        found |= {"bmd": density, "bmc": density * volume / 1e3}
    if not mask.any() or mask.all():
        return found
    thick, apart = local_thickness(mask)[mask] * voxel, local_thickness(~mask)[~mask] * voxel
    return found | {
        "bs_bv": found["bs_tv"] / (np.count_nonzero(mask) / mask.size),
        "tb_th": float(thick.mean()),
        "tb_th_sd": float(thick.std()),
        "tb_sp": float(apart.mean()),
        "tb_sp_sd": float(apart.std()),
        "tb_n": float(1 / (thick.mean() + apart.mean())),
        "smi": structure_model_index(_partial(bone)),
        "da": degree_of_anisotropy(mask),
    }


def _partial(bone: Field) -> Field:
    """Bone with partial volumes; the mesh of a binary image would consist of steps."""
    binary = np.asarray((bone == 0) | (bone == 1)).all()
    return binomial_pass(bone) if binary else bone


def surface(mask: Mask) -> float:
    """Area between bone and marrow [voxel^2], by Crofton's formula in 13 directions.

    References:
        Ohser and Muecklich 2000, Statistical Analysis of Microstructures in Materials Science
        (weights of the directions).
    """
    found = 0.0
    for step in product((-1, 0, 1), repeat=3):
        length = float(np.linalg.norm(step))
        if step > (0, 0, 0):  # one of two opposite directions
            here, there = _pairs(mask, step), _pairs(mask, tuple(-k for k in step))
            crossed = np.count_nonzero(here != there) / here.size / length
            found += 2 * WEIGHTS[sum(map(abs, step))] * crossed
    return 2 * found * mask.size


def _pairs(mask: Mask, step: Sequence[int]) -> Mask:
    """Voxels that have a neighbor a step away."""
    return mask[
        tuple(slice(max(-k, 0), n - max(k, 0)) for k, n in zip(step, mask.shape, strict=True))
    ]


def structure_model_index(bone: Field) -> float:
    """Structure model index: 0 for plates, 3 for rods, 4 for balls; lower for concave surfaces.

    It is 6 V S' / S^2 with the growth S' of the surface with an offset. Faces of the box do not
    count; nan where no voxel reaches half a bone volume fraction.

    References:
        Hildebrand and Ruegsegger 1997, Comput Methods Biomech Biomed Engin 1:15.
    """
    if not bone.min() < LEVEL < bone.max():
        return float("nan")
    vertices, faces, normals, _ = marching_cubes(
        np.asarray(bone, np.float32), LEVEL, gradient_direction="descent"
    )
    area = mesh_surface_area(vertices, faces)
    grown = mesh_surface_area(vertices + OFFSET * normals, faces)
    shrunk = mesh_surface_area(vertices - OFFSET * normals, faces)
    volume = float(bone.sum(dtype=np.float64))
    return float(6 * volume * (grown - shrunk) / (2 * OFFSET) / area**2)
