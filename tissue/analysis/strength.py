"""Rows of metrics in which the mechanics of the bone was computed anew."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.floating]


def solved(metrics: Mapping[str, Column]) -> NDArray[np.bool_]:
    """Rows of a solve by finite elements; in the others strength is that of the solve before.

    Bone that is broken along all axes needs no solve: each row in which nothing bears load counts.

    Args:
        metrics: columns of metrics.csv, by name.

    Returns:
        Whether each row is that of a solve; the first always is, and all are where the column of
        iterations is not there.
    """
    found = np.ones(len(metrics["time_day"]), bool)
    if "fe_iterations" in metrics:
        found[1:] = metrics["fe_iterations"][1:] > 0
    if "failure_load_z_N" in metrics:
        found |= metrics["failure_load_z_N"] == 0
    return found
