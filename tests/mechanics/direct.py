"""Voxel finite elements assembled and solved directly in float64: the reference of the mechanics.

Written for the tests alone: element matrix by 2x2x2 Gauss points, scipy's sparse LU, nothing of the
package. Axes and components are those of the array, [z, y, x]; the edge of a voxel and the modulus
of the tissue are 1, and the bone is pressed along one axis by a strain of 1.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy import ndimage
from scipy.sparse.linalg import splu

Volume = npt.NDArray[np.float64]

POISSON = 0.3
LEFT_OUT = 0.01  # bone volume fraction below which a voxel counts as empty
CORNERS = np.array(list(product((0, 1), repeat=3)))
NAMES = ("z", "y", "x")

LAME_1 = POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
LAME_2 = 1 / (2 * (1 + POISSON))
CONFINED = LAME_1 + 2 * LAME_2
"""Modulus of tissue that cannot move sideways."""


@dataclass(frozen=True)
class Solution:
    """Compression of bone along one axis.

    Attributes:
        apparent_modulus: over that of the tissue.
        energy_density: mean of the element, per volume of bone.
        centroid_energy_density: at the middle of the element, per volume of bone.
        displacement: [component, node z, node y, node x].
    """

    apparent_modulus: float
    energy_density: Volume
    centroid_energy_density: Volume
    displacement: Volume


def strain_of(point: npt.ArrayLike) -> Volume:
    """Strain at a point of the unit voxel over the displacements of its corners, [6, 24].

    The shears are twice the tensor's components.
    """
    at = np.where(CORNERS == 1, point, 1 - np.asarray(point))
    sign = np.where(CORNERS == 1, 1.0, -1.0)
    matrix = np.zeros((6, 8, 3))
    slope = np.stack([sign[:, d] * np.delete(at, d, 1).prod(1) for d in range(3)], 1)
    for d in range(3):
        matrix[d, :, d] = slope[:, d]
    for row, (a, b) in enumerate(((0, 1), (1, 2), (2, 0)), start=3):
        matrix[row, :, a], matrix[row, :, b] = slope[:, b], slope[:, a]
    return matrix.reshape(6, 24)


def stiffness() -> Volume:
    """Stress over strain of isotropic tissue of modulus 1, [6, 6]."""
    matrix = np.diag([2 * LAME_2] * 3 + [LAME_2] * 3)
    matrix[:3, :3] += LAME_1
    return matrix


def element_matrix() -> Volume:
    """Forces of a full voxel over the displacements of its corners, [24, 24]."""
    points = 0.5 + np.array(list(product((-1, 1), repeat=3))) / (2 * np.sqrt(3))
    at = np.stack([strain_of(point) for point in points])
    return np.asarray(np.einsum("pai,ab,pbj->ij", at, stiffness(), at) / 8)


def bearing(fraction: Volume, axis: int) -> npt.NDArray[np.bool_]:
    """Face-connected parts of the bone that reach both ends of an axis."""
    parts, _ = ndimage.label(fraction >= LEFT_OUT)
    ends = [set(np.unique(np.take(parts, end, axis))) - {0} for end in (0, -1)]
    return np.isin(parts, list(ends[0] & ends[1]))


def fixed(loading: str, axis: int, nodes: npt.NDArray[np.int64], shape: Any) -> Volume:
    """Prescribed displacements of the nodes, [n, 3]; NaN where they are free."""
    found = np.full(nodes.shape, np.nan)
    low, high = nodes == 0, nodes == np.asarray(shape)
    for d in range(3):
        if d == axis:
            continue
        if loading == "platens":
            found[low[:, axis] | high[:, axis], d] = 0
        else:
            found[low[:, d], d] = 0
            if loading == "confined":
                found[high[:, d], d] = 0
    found[low[:, axis], axis] = 0
    found[high[:, axis], axis] = -shape[axis]
    return found


def solve(fraction: Volume, axis: int, loading: str) -> Solution:
    """Compression of bone along an axis of the array."""
    bone = bearing(fraction, axis)
    voxels = np.argwhere(bone)
    grid = np.array(fraction.shape) + 1
    corners = np.ravel_multi_index(tuple(np.moveaxis(voxels[:, None] + CORNERS, 2, 0)), grid)
    used, local = np.unique(corners, return_inverse=True)
    nodes = np.stack(np.unravel_index(used, grid), 1)
    dofs = (3 * local.reshape(-1, 8)[:, :, None] + np.arange(3)).reshape(-1, 24)
    matrix = element_matrix()
    values = fraction[bone][:, None, None] * matrix
    rows, columns = np.repeat(dofs, 24, 1).ravel(), np.tile(dofs, (1, 24)).ravel()
    size = 3 * len(used)
    a = sp.csr_matrix((values.ravel(), (rows, columns)), shape=(size, size))
    u = fixed(loading, axis, nodes, fraction.shape).ravel()
    free = np.isnan(u)
    u[free] = 0
    factors = splu(
        a[free][:, free].tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
    )
    load = -(a @ u)[free]
    u[free] = factors.solve(load)
    # one step of refinement takes the rounding of the factors away
    u[free] -= factors.solve((a @ u)[free])
    energy, central = (np.zeros(fraction.shape) for _ in range(2))
    moved = u[dofs]
    energy[bone] = np.einsum("ei,ij,ej->e", moved, matrix, moved) / 2
    strain = moved @ strain_of((0.5, 0.5, 0.5)).T
    central[bone] = np.einsum("ei,ij,ej->e", strain, stiffness(), strain) / 2
    displacement = np.zeros((3, *grid))
    displacement[:, *nodes.T] = u.reshape(-1, 3).T
    work = float(u @ (a @ u))
    return Solution(work / fraction.size, energy, central, displacement)
