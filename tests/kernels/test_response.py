"""Saturation and inhibition curves at values worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from tissue.kernels.response import antagonized, hill_activation, hill_repression, saturation

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


@pytest.mark.parametrize("dose", [0.0, 1.0, 50.0, 3000.0])
def test_an_antagonist_shifts_the_curve_by_the_schild_dose_ratio(dose: float) -> None:
    half, affinity = 10.0, 150.0
    ratio = 1 + dose / affinity
    with_drug = antagonized(SIGNAL * ratio, half, dose, affinity)
    assert np.asarray(with_drug) == pytest.approx(np.asarray(saturation(SIGNAL, half)), rel=1e-14)
    # the slope of the Schild plot: log(ratio - 1) against log(dose) is 1, through the affinity
    level = antagonized(jnp.asarray([half * ratio]), half, dose, affinity)
    assert float(level[0]) == pytest.approx(0.5, rel=1e-14)


def test_the_antagonist_may_vary_in_space() -> None:
    level = antagonized(jnp.full(2, 20.0), 10.0, jnp.asarray([0.0, 150.0]), 150.0)
    assert np.asarray(level) == pytest.approx([2 / 3, 1 / 2])
