"""Bundled examples of disuse and bed rest lose bone and get some of it back."""

from functools import cache
from typing import Any

import pytest
from bundled_runs import Result, small

pytestmark = pytest.mark.slow


@cache
def by_density(name: str, disease: bool = True, forces: bool = True) -> Result:
    """A run whose load is inferred from density, which need not be compiled for a small bone."""

    def change(data: dict[str, Any]) -> None:
        data["load"]["mechanics"] = "density"
        if not disease:
            data["disease"] = {}
        if not forces:
            del data["load"]["factor"]

    return small(name, change)


def test_bone_is_lost_without_load_and_comes_back_in_part() -> None:
    change = by_density("disuse").columns["bv_tv_change_percent"]
    lost = by_density("disuse").at("bv_tv_change_percent", 21)
    assert -71 < lost < -15  # mice of a cross (Judex 2013)
    assert change.min() > 1.3 * lost
    assert -18 < 100 * ((100 + change[-1]) / (100 + lost) - 1) < 56


def test_il1_adds_to_disuse_and_keeps_bone_from_coming_back() -> None:
    both, unloaded = by_density("disuse-il1"), by_density("disuse-il1", disease=False)
    ill = by_density("disuse-il1", forces=False)
    lost = [run.at("bv_tv_change_percent", 21) for run in (both, unloaded, ill)]
    assert lost[0] < min(lost[1:]) - 1
    assert 0.6 < lost[0] / sum(lost[1:]) < 1.2
    back = [run.change - at for run, at in zip((both, unloaded), lost[:2], strict=True)]
    assert back[0] < 0.6 * back[1]  # no data: that it is clearly less is what the run shows


def test_bone_is_lost_in_bed_and_exercise_brings_back_more_than_walking() -> None:
    at = [by_density("bed-rest").at("bv_tv_change_percent", day) for day in (120, 300, 480)]
    assert -10.4 < at[0] < -2  # spine -3.9, heel -10.4 % in 17 weeks (LeBlanc 1990)
    assert at[0] < at[1] < at[2] < 0
    assert at[2] - at[1] > at[1] - at[0]
