"""Coarse levels of the solver of elasticity."""

import numpy as np
import pytest
from mechanics.bones import grown
from numpy.testing import assert_allclose

from tissue.mechanics import hierarchy as levels
from tissue.mechanics.compression import held_ends


def test_coarse_matrices_do_not_depend_on_how_many_are_summed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bone, fixed = grown(16).astype("f4"), held_ends("z", "platens")
    whole = levels.hierarchy(bone, fixed)
    monkeypatch.setattr(levels, "PIECES_AT_ONCE", 7)
    parts = levels.hierarchy(bone, fixed)
    assert len(whole.coarse) > 1
    for one, other in zip(whole.coarse, parts.coarse, strict=True):
        largest = float(np.abs(one.matrices).max())
        assert_allclose(other.matrices, one.matrices, atol=1e-6 * largest)
