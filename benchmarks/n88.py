"""Our answer beside the solved models of a small cube of bone that n88 is tested with.

n88 is the finite-element package of Numerics88. The files test25a_strain_AA_solved.n88model (AA:
xx, yy, zz) of github.com/Bonelab/BonelabData hold a cube of cancellous bone, 25^3 voxels,
strained along one axis while no face moves along its normal, with the displacements that n88
found. Their license is not stated: they are read where they lie and are no part of this project.

usage: python benchmarks/n88.py FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from harness import table

from tissue.mechanics.compression import AXES, compress

TOLERANCE = 1e-6
HEADS = ("axis", "BV/TV", "E_app / E", "n88's", "difference", "displacement", "centroid energy")


def compared(file: Path, axis: str) -> tuple[Any, ...]:
    """Line of the table: ours, theirs, and the largest differences over the largest values."""
    with h5py.File(file) as model:
        part, solution = model["Parts/Part1"], model["Solutions/Solution1"]
        places = part["NodeCoordinates"][:].astype(float)
        elements = part["Elements/Hexahedrons/NodeNumbers"][:].astype(int) - 1
        stretch = float(model["Constraints/top_displacement/Value"][0])
        modulus = float(next(iter(model["MaterialDefinitions"].values())).attrs["E"][0])
        theirs = solution["NodeValues/Displacement"][:]
        force = solution["NodeValues/ReactionForce"][:].astype(float)
        energy = solution["ElementValues/StrainEnergyDensity"][:].astype(float)
    edge = np.ptp(places[elements[0]], axis=0).max()
    nodes = np.rint((places - places.min(0)) / edge).astype(int)  # x, y, z
    voxels = nodes[elements].min(1)
    along, size = AXES.index(axis), nodes.max(0)
    bone = np.zeros(size[::-1], bool)
    bone[tuple(voxels.T[::-1])] = True
    strain = stretch / (size[along] * edge)
    top = nodes[:, along] == size[along]
    stress = force[top, along].sum() / (np.delete(size, along).prod() * edge**2)
    found = compress(bone, (axis,), "confined", TOLERANCE)[axis]
    # they pull, we press; x is their first component and our last
    moved = -stretch / size[along] * np.asarray(found.displacement, float)[::-1]
    ours = moved[(slice(None), *nodes.T[::-1])].T
    density = strain**2 * modulus * np.asarray(found.centroid_energy_density, float)
    value = stress / strain / modulus
    return (
        *(axis, f"{bone.mean():.4f}", f"{found.apparent_modulus:.7f}", f"{value:.7f}"),
        f"{abs(found.apparent_modulus / value - 1):.1e}",
        f"{np.abs(ours - theirs).max() / np.abs(theirs).max():.1e}",
        f"{np.abs(density[tuple(voxels.T[::-1])] - energy).max() / energy.max():.1e}",
    )


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    files = {axis: folder / f"test25a_strain_{axis}{axis}_solved.n88model" for axis in AXES}
    lines = [compared(file, axis) for axis, file in files.items() if file.exists()]
    print(table(HEADS, lines) if lines else f"no models in {folder}")
    return not lines


if __name__ == "__main__":
    sys.exit(main())
