"""Loss of estrogen over time, and the IL-1 that it makes."""

import numpy as np
from numpy.testing import assert_allclose

from tissue.model.estrogen import estrogen_loss, estrogen_relaxation
from tissue.model.parameters import preset


def test_estrogen_is_lost_along_a_ramp() -> None:
    ramp = [estrogen_loss(t, 0.8, 10.0, 20.0) for t in (0, 10, 20, 30, 99)]
    assert_allclose(ramp, [0, 0, 0.4, 0.8, 0.8])
    assert [estrogen_loss(t, 1.0, 10.0, 0.0) for t in (9.99, 10, 11)] == [0, 1, 1]


def test_il1_of_estrogen_loss_relaxes_years_later() -> None:
    human = preset("human")
    found = [estrogen_relaxation(t, 100.0, human) for t in (0, 830, 830 + 2555)]
    assert_allclose(found, [1, 1, np.exp(-1)], rtol=1e-12)
    assert estrogen_relaxation(3000, 100.0, preset("mouse")) == 1
