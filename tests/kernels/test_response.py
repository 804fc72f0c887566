"""Saturation and inhibition curves at values worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from tissue.kernels.response import hill_activation, hill_repression, saturation

SIGNAL = jnp.asarray([0.0, 0.5, 1.0, 2.0, 6.0])


def test_saturation() -> None:
    assert np.asarray(saturation(SIGNAL, 2.0)) == pytest.approx([0, 1 / 5, 1 / 3, 1 / 2, 3 / 4])


def test_saturation_with_a_half_effect_level_in_every_voxel() -> None:
    assert np.asarray(saturation(SIGNAL, jnp.asarray([1.0, 0.5, 3.0, 2.0, 2.0]))) == pytest.approx(
        [0, 1 / 2, 1 / 4, 1 / 2, 3 / 4]
    )


def test_hill_activation() -> None:
    expected = [0, 1 / 65, 1 / 9, 1 / 2, 27 / 28]
    assert np.asarray(hill_activation(SIGNAL, 2.0, 3.0)) == pytest.approx(expected)
    assert np.asarray(hill_activation(SIGNAL, 2.0, 1.0)) == pytest.approx(
        np.asarray(saturation(SIGNAL, 2.0)), rel=1e-15
    )


def test_hill_repression() -> None:
    expected = [1, 1 / 1.375, 1 / 2.5, 1 / 7, 1 / 55]
    assert np.asarray(hill_repression(SIGNAL, 1.5, 2.0)) == pytest.approx(expected)
