"""Boxes beyond the tables of 32-bit integers are refused before anything is computed."""

from pathlib import Path

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.mechanics import pieces
from tissue.mechanics.compression import held_ends
from tissue.mechanics.hierarchy import hierarchy
from tissue.scenario.config import read_run_file
from tissue.simulation.load_mechanics import load_mechanics

TINY = Path(__file__).parents[1] / "tiny.toml"


def test_displacements_on_nodes_are_counted_in_32_bits() -> None:
    largest = 893  # 3 x 894^3 < 2^31 <= 3 x 895^3
    assert 3 * (largest + 1) ** 3 < 2**31 <= 3 * (largest + 2) ** 3
    assert pieces.too_many_nodes((largest,) * 3) == ""
    assert "about 890^3 voxels" in pieces.too_many_nodes((largest + 1,) * 3)


def test_large_boxes_and_bones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bone, held = np.ones((4, 4, 4), np.float32), held_ends("z", "confined")
    hierarchy(bone, held)
    monkeypatch.setattr(pieces, "MOST_NUMBERS", 3 * 5**3)
    with pytest.raises(InputError, match="the box has 375 displacements on its nodes"):
        hierarchy(bone, held)
    monkeypatch.setattr(pieces, "MOST_NUMBERS", 27 * 8)  # of places in eight pieces
    with pytest.raises(InputError, match=r"bone fills 8 blocks of 2 x 2 x 2 voxels, .* at most 8"):
        pieces.first_pieces(bone > 0)


def test_a_run_that_asks_for_finite_elements_in_a_large_box_is_refused() -> None:
    part, asked = np.ones((8, 8, 8)), read_run_file(TINY, ["load.mechanics=fe"])
    with pytest.raises(InputError, match="'fe' is not possible: the box has 2150752125 displ"):
        load_mechanics(asked, part, (894, 894, 894))
    assert load_mechanics(asked, part, (64, 64, 64)).kind == "fe"
