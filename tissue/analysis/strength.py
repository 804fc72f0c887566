"""Rows of metrics in which the mechanics of the bone was computed anew."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.floating]

MODULI = tuple(f"apparent_modulus_{axis}_MPa" for axis in "xyz")
"""Columns of the apparent modulus along each axis."""


def solved(metrics: Mapping[str, Column]) -> NDArray[np.bool_]:
    """Rows of a solve by finite elements; in the others strength is that of the solve before.

    Bone that is broken along all axes needs no solve: each row in which all moduli are 0 counts.

    Args:
        metrics: columns of metrics.csv, by name.

    Returns:
        Whether each row is that of a solve; the first always is, and all are where the column of
        iterations is not there.
    """
    found = np.ones(len(metrics["time_day"]), bool)
    if "fe_iterations" in metrics:
        found[1:] = metrics["fe_iterations"][1:] > 0
    moduli = [metrics[name] for name in MODULI if name in metrics]
    if len(moduli) == len(MODULI):
        found |= (np.array(moduli) == 0).all(axis=0)
    return found
