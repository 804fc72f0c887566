"""Comparison of two runs that ought to differ by rounding alone."""

from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from tissue.model.bone import cell_porosity
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.tables import read_table

BONE, FIELDS, VOLUME = 1e-6, 1e-5, 1e-8
"""Largest differences: of the bone, of fields that solves to 1e-4 find, and of BV/TV."""

PRECURSORS = ("osteoclast_precursors", "osteoblast_precursors")
"""Densities per volume of marrow: where that is 0.1 % of a voxel, the last bit of its bone changes
them by 6e-5. Their number per volume of tissue is compared everywhere, and the density where a
difference of BONE in the bone is less than one of FIELDS in the marrow."""


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
    apart = differences(one, other)
    assert len(apart) > 12
    assert apart.pop("bone_volume_fraction") < BONE
    assert {name: each for name, each in apart.items() if each >= fields} == {}


def differences(one: Path, other: Path) -> dict[str, float]:
    """Largest difference of each field of the newest checkpoints, over its largest value.

    Args:
        one: folder of a run.
        other: folder of another run.
    """
    mine, theirs = (
        _compared(read_checkpoint(list_checkpoints(folder)[-1]).state) for folder in (one, other)
    )
    return {
        name: _largest(values - theirs[name]) / _largest(values)
        for name, values in mine.items()
        if _largest(values) > 0
    }


def _compared(state: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Fields of a state, those of precursors as two: per volume of tissue and of ample marrow."""
    fields = {name: np.asarray(values, np.float64) for name, values in state.items()}
    porosity = np.asarray(cell_porosity(jnp.asarray(fields["bone_volume_fraction"])))
    for name in PRECURSORS:
        density = fields.pop(name)
        fields[f"{name} per tissue"] = density * porosity
        fields[f"{name} of ample marrow"] = np.where(porosity > BONE / FIELDS, density, 0)
    return fields


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max())
