"""Loads that bone bears from day to day, estimated from its architecture.

Healthy bone is taken to have adapted to its loads until its tissue is strained evenly: the loads
along three axes are those which together strain it most evenly.

References:
    Christen 2012, Biomech Model Mechanobiol 11:483 (remembered); target of 0.02 MPa and cut at the
    95th percentile as in parosol-py 0.1.26 (read in code).
"""

from collections.abc import Mapping

import numpy as np
from jax.typing import ArrayLike
from scipy.optimize import nnls

TARGET_ENERGY = 0.02
"""Strain energy density of adapted bone tissue [MPa] (Christen 2012, read in code)."""

CUT = 0.95
"""Share of the loaded voxels whose energy counts in full [1]; that of the others, next to cut
trabeculae and notches, is cut to the highest of these."""


def loading_history(
    energy_density: Mapping[str, ArrayLike], tissue_modulus: float
) -> dict[str, float]:
    """Weights of unit compressions that together strain bone most evenly.

    Args:
        energy_density: strain energy per volume of bone under strain 1 of bone whose tissue has
            modulus 1 [z, y, x], by axis; 0 off bone.
        tissue_modulus: modulus of bone tissue [MPa].

    Returns:
        By axis the square of the strain [1], 0 or positive: what the energy is multiplied with.
    """
    fields = {
        axis: tissue_modulus * np.asarray(values, np.float64)
        for axis, values in energy_density.items()
    }
    loaded = np.any([values > 0 for values in fields.values()], axis=0)
    cut = [
        np.minimum(values[loaded], np.quantile(values[loaded], CUT)) for values in fields.values()
    ]
    # a square root of the normal equations has the least squares of all voxels
    gram = np.array([[one @ other for other in cut] for one in cut])
    sums = TARGET_ENERGY * np.array([one.sum() for one in cut])
    sizes, directions = np.linalg.eigh(gram)
    roots = np.sqrt(np.maximum(sizes, 1e-12 * sizes.max()))
    weights, _ = nnls(roots[:, None] * directions.T, (directions.T @ sums) / roots)
    return dict(zip(fields, (float(each) for each in weights), strict=True))
