"""Comparison of two runs that ought to differ by rounding alone."""

from pathlib import Path

import numpy as np

from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.tables import read_table

BONE, FIELDS, VOLUME = 1e-6, 1e-5, 1e-8
"""Largest differences: of the bone, of fields that solves to 1e-4 find, and of BV/TV."""


def assert_equal(one: Path, other: Path, fields: float = FIELDS) -> None:
    """Assert that two runs have the same steps and the same tissue.

    Args:
        one: folder of a run.
        other: folder of another run.
        fields: largest difference of fields other than the bone, over their maximum.
    """
    expected, found = (read_table(folder / "metrics.csv") for folder in (one, other))
    np.testing.assert_array_equal(found["time_day"], expected["time_day"])
    np.testing.assert_allclose(found["bv_tv"], expected["bv_tv"], rtol=0, atol=VOLUME)
    assert expected["bv_tv"][-1] < expected["bv_tv"][0] * (1 - 3e-3)
    states = [read_checkpoint(list_checkpoints(folder)[-1]).state for folder in (one, other)]
    for name in states[0]:
        before, after = (np.asarray(state[name], np.float64) for state in states)
        bar = BONE if name == "bone_volume_fraction" else fields
        assert np.abs(after - before).max() <= bar * np.abs(before).max(), name
