"""The loads that strain bone most evenly."""

import numpy as np
import pytest
from scipy.optimize import nnls

from tissue.mechanics.loading_history import loading_history

RNG = np.random.default_rng(0)


def test_loads_that_strain_bone_evenly_are_found() -> None:
    """Two struts, each strained by one load: each load alone must bring its own to 0.02 MPa."""
    along_x, along_z = np.zeros((2, 4, 4, 4))
    along_x[0], along_z[2:] = 0.5, 0.25
    found = loading_history({"x": along_x, "z": along_z}, 1e4)
    assert found["x"] == pytest.approx(0.02 / (0.5 * 1e4))
    assert found["z"] == pytest.approx(0.02 / (0.25 * 1e4))


def test_loads_are_the_non_negative_least_squares_of_all_voxels() -> None:
    energies = {axis: RNG.gamma(2.0, 0.1, (6, 7, 8)) for axis in "xyz"}
    # this one is large where the others are: it would have to pull
    energies["y"] = energies["x"] + 0.5 * energies["z"] + 0.3 * RNG.random((6, 7, 8))
    for values in energies.values():
        values[:2] = 0.0  # marrow
    cut = [np.minimum(e[2:], np.quantile(e[2:], 0.95)).ravel() for e in energies.values()]
    wanted, _ = nnls(15000 * np.stack(cut, axis=1), np.full(cut[0].size, 0.02))
    found = loading_history(energies, 15000.0)
    assert (wanted == 0).any()
    assert list(found.values()) == pytest.approx(list(wanted), rel=1e-9)


def test_a_peak_of_energy_does_not_set_the_loads() -> None:
    even = np.full((8, 8, 8), 0.1)
    peaked = even.copy()
    peaked[0, 0] = 100.0
    assert loading_history({"z": peaked}, 1.0)["z"] == pytest.approx(0.2)
