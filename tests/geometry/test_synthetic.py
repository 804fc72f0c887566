import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.geometry.segmentation import closed_pockets, components, mean_thickness
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import MOST_FINE_VOXELS, synthesize

MOUSE = SyntheticSettings((56, 48, 52), 10.0, bv_tv=0.21, thickness=56.0)


@pytest.mark.parametrize(
    ("bv_tv", "thickness"), [(0.1, 40.0), (0.15, 50.0), (0.21, 56.0), (0.3, 70.0), (0.5, 90.0)]
)
def test_wishes_come_true(bv_tv: float, thickness: float) -> None:
    geometry = synthesize(replace(MOUSE, bv_tv=bv_tv, thickness=thickness))
    fraction = geometry.bone_volume_fraction
    assert geometry.grid.shape == fraction.shape == (56, 48, 52)
    assert geometry.warnings == ()
    assert fraction.mean() == pytest.approx(bv_tv, rel=0.01)
    assert mean_thickness(fraction >= 0.5) * 10.0 == pytest.approx(thickness, rel=0.15)
    assert components(fraction > 0).count == 1
    assert closed_pockets(fraction > 0).count == 0
    assert ((fraction > 0) & (fraction < 1)).any()
    assert fraction.min() == 0
    assert fraction.max() == 1


def test_seed_decides() -> None:
    small = replace(MOUSE, shape=(32, 32, 32))
    first = synthesize(small).bone_volume_fraction
    np.testing.assert_array_equal(first, synthesize(small).bone_volume_fraction)
    assert (first != synthesize(replace(small, seed=1)).bone_volume_fraction).any()


@pytest.mark.parametrize("finest", [MOST_FINE_VOXELS, 0])
@pytest.mark.parametrize("seed", [0, 1])
def test_bone_goes_on_where_its_box_ends(
    monkeypatch: pytest.MonkeyPatch, finest: int, seed: int
) -> None:
    monkeypatch.setattr("tissue.geometry.synthetic.MOST_FINE_VOXELS", finest)
    small = SyntheticSettings((32, 32, 32), 10.0, bv_tv=0.2, thickness=65.0, seed=seed)
    all_axes = (-3, -2, -1)
    bone = synthesize(small, all_axes).bone_volume_fraction
    assert bone.mean() == pytest.approx(0.2, rel=0.01)
    assert components(bone > 0, all_axes).count == 1
    assert components(bone > 0).count > 1  # some of it is connected across a periodic face only
    for axis in all_axes:
        across = np.abs(bone.take(0, axis) - bone.take(-1, axis)).mean()
        assert across < 2.5 * np.abs(np.diff(bone, axis=axis)).mean()


def test_large_grids_do_without_the_finer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tissue.geometry.synthetic.MOST_FINE_VOXELS", 0)
    geometry = synthesize(MOUSE)
    assert any("binomial" in line for line in geometry.log)
    assert geometry.bone_volume_fraction.mean() == pytest.approx(0.21, rel=0.01)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"bv_tv": 0.01}, "bv_tv"),
        ({"bv_tv": 0.7}, "bv_tv"),
        ({"thickness": 15.0}, "thickness"),
        ({"thickness": 300.0}, "thickness"),
        ({"bv_tv": 0.05, "thickness": 100.0}, "shape"),
        ({"shape": (4, 32, 32)}, "shape"),
        ({"spacing": 0.0}, "spacing"),
    ],
)
def test_impossible_wishes(change: dict[str, object], key: str) -> None:
    with pytest.raises(InputError, match=rf"geometry.synthetic.{key}") as raised:
        synthesize(replace(MOUSE, **change))  # type: ignore[arg-type]
    assert raised.value.key == f"geometry.synthetic.{key}"
    assert not str(raised.value).endswith(".")


def test_settings_may_be_given_by_name() -> None:
    bone = synthesize(shape=(24, 24, 24), spacing=10.0, bv_tv=0.3, thickness=60.0, seed=2)
    same = synthesize(SyntheticSettings((24, 24, 24), 10.0, 0.3, 60.0, seed=2))
    np.testing.assert_array_equal(bone.bone_volume_fraction, same.bone_volume_fraction)
    assert bone.bv_tv == pytest.approx(0.3, rel=0.02)


def test_lengths_may_be_text_and_numbers_those_of_numpy() -> None:
    named = synthesize(
        shape=np.array([12, 12, 12]), spacing="10 um", thickness="0.03 mm", bv_tv=0.3
    )
    plain = synthesize(SyntheticSettings((12, 12, 12), 10.0, 0.3, 30.0))
    assert named.grid == plain.grid
    np.testing.assert_array_equal(named.bone_volume_fraction, plain.bone_volume_fraction)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"spacing": "20 kg"}, "geometry.synthetic.spacing = '20 kg' must be a length > 0, from"),
        ({"shape": (12, 12)}, "geometry.synthetic.shape = (12, 12) must be three whole numbers"),
        ({"shape": 12}, "geometry.synthetic.shape = 12 must be three whole numbers [z, y, x]"),
        ({"bvtv": 0.2}, "geometry.synthetic.bvtv: no such setting, did you mean bv_tv?"),
        ({"pores": 1}, "geometry.synthetic.pores: no such setting, known are shape, spacing"),
        ({"settings": (8, 8, 8)}, "settings = (8, 8, 8) must be SyntheticSettings"),
        ({"settings": MOUSE, "seed": 1}, "must be SyntheticSettings with nothing beside them"),
    ],
)
def test_a_wrong_setting_by_name_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        synthesize(**values)
