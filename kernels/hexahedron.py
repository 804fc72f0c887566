"""Trilinear finite element of a cubic voxel: stiffness, interpolation, and its division by eight.

Lengths are in edges of the cube and moduli in that of the tissue. Components and axes are in the
order of arrays: z, y, x. Degree of freedom 3 corner + component.
"""

from itertools import product

import numpy as np

POISSON_RATIO = 0.3
"""Poisson ratio of bone tissue [1]; van Rietbergen 1995, J Biomech 28:69 (remembered)."""

CORNERS = np.array(list(product((0, 1), repeat=3)))
"""Corners of a cube [z, y, x], and the eight cubes that it is divided into."""

POSITIONS = np.array(list(product((0, 1, 2), repeat=3)))
"""Nodes of a divided cube [z, y, x], in half edges."""

INTERPOLATION = np.prod(1 - np.abs(POSITIONS[:, None] / 2 - CORNERS[None]), axis=2)
"""Weight of each corner at each node of a divided cube (27, 8)."""

PARTS = np.stack([INTERPOLATION[(cube + CORNERS) @ (9, 3, 1)] for cube in CORNERS])
"""Weight of each corner at the corners of each of the eight smaller cubes (8, 8, 8)."""

PART_MATRICES = np.stack([np.kron(weights, np.eye(3)) for weights in PARTS])
"""The same for all degrees of freedom (8, 24, 24)."""


def strain_displacement(at: np.ndarray) -> np.ndarray:
    """Strains at a point from displacements of the corners (6, 24); shear is engineering shear."""
    matrix = np.zeros((6, 24))
    for corner, node in enumerate(CORNERS):
        shape = np.where(node == 1, at, 1 - at)
        slope = np.where(node == 1, 1.0, -1.0)
        gradient = [slope[a] * shape[a - 1] * shape[a - 2] for a in range(3)]
        for a in range(3):
            b, c = (a + 1) % 3, (a + 2) % 3
            matrix[a, 3 * corner + a] = gradient[a]
            matrix[3 + a, 3 * corner + b] = gradient[c]
            matrix[3 + a, 3 * corner + c] = gradient[b]
    return matrix


def _material() -> np.ndarray:
    """Stress over strain of an isotropic solid of modulus one (6, 6)."""
    nu = POISSON_RATIO
    shear = 0.5 / (1 + nu)
    matrix = np.diag([2 * shear] * 3 + [shear] * 3)
    matrix[:3, :3] += nu / ((1 + nu) * (1 - 2 * nu))
    return matrix


def _energy_form(at: np.ndarray) -> np.ndarray:
    strain = strain_displacement(at)
    return strain.T @ _material() @ strain


GAUSS_POINTS = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3)

STIFFNESS = np.mean([_energy_form(np.array(at)) for at in product(GAUSS_POINTS, repeat=3)], axis=0)
"""Stiffness of a cube of modulus one (24, 24), exact with 2 x 2 x 2 Gauss points."""

CENTROID_STIFFNESS = _energy_form(np.full(3, 0.5))
"""Twice the energy density at the centroid, as a form of the displacements (24, 24)."""

NODE_BLOCKS = np.stack([STIFFNESS[3 * a : 3 * a + 3, 3 * a : 3 * a + 3] for a in range(8)])
"""Stiffness of each corner against itself (8, 3, 3)."""

PART_STIFFNESS = np.stack([part.T @ STIFFNESS @ part for part in PART_MATRICES])
"""Stiffness of a cube of two edges of which one part is solid, of modulus one (8, 24, 24)."""


def _largest_eigenvalue() -> float:
    blocks = np.zeros((24, 24))
    for a in range(8):
        blocks[3 * a : 3 * a + 3, 3 * a : 3 * a + 3] = NODE_BLOCKS[a]
    return float(np.linalg.eigvals(np.linalg.solve(blocks, STIFFNESS)).real.max())


LARGEST_EIGENVALUE = _largest_eigenvalue()
"""Largest eigenvalue of the block-Jacobi operator of one cube, 3.162. That of a grid of cubes is no
larger, whatever their moduli, as both quadratic forms are sums over cubes."""
