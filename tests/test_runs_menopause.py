"""Bundled examples after menopause: loss of bone, and what each drug does to it."""

from functools import cache
from typing import Any

import pytest
from bundled_runs import Result, plain, small

pytestmark = pytest.mark.slow


@cache
def untreated_after_menopause() -> Result:
    """The patient of the treatments after menopause, without any, for 1100 days."""

    def change(data: dict[str, Any]) -> None:
        data["run"]["duration"] = "1100 day"

    return small("postmenopausal", change)


def shortened(name: str) -> Result:
    """A treatment after menopause that starts after 200 days and is followed for 900."""

    def change(data: dict[str, Any]) -> None:
        (regimen,) = data["therapy"]
        times = [float(time.split()[0]) for time in regimen["times"]][:2]
        regimen["times"] = [f"{200 + time - times[0]} day" for time in times]
        data["run"]["duration"] = "1100 day"

    return small(name, change)


def ratio(run: Result, name: str, day: float, start: float = 1095.0) -> float:
    """A metric over that before treatment."""
    return run.at(name, day) / run.at(name, start)


def test_loss_after_menopause_slows_down() -> None:
    run = plain("postmenopausal")
    early = run.at("bv_tv_change_percent", 1095)
    assert -14 < run.change < -4
    assert -14 < early < -4
    # seven years cost less than half of the first three; thin bone is at its lowest after four
    assert abs(early - run.change) < 0.5 * -early


def test_resorption_overshoots_after_denosumab() -> None:
    run, free = shortened("denosumab-stop"), untreated_after_menopause()
    before = run.at("resorption_um_per_day", 199)
    assert run.at("resorption_um_per_day", 210) < 0.3 * before
    assert run.at("bv_tv_change_percent", 560) > free.at("bv_tv_change_percent", 560) + 3
    after = run.columns["time_day"] > 564  # the second dose has had its six months
    assert run.columns["resorption_um_per_day"][after].max() > 1.2 * before
    assert run.change < run.columns["bv_tv_change_percent"].max() - 2


def test_nothing_rebounds_after_zoledronate() -> None:
    run, free = shortened("zoledronate"), untreated_after_menopause()
    before = run.at("resorption_um_per_day", 199)
    assert run.at("resorption_um_per_day", 210) < 0.6 * before
    after = run.columns["time_day"] > 210
    assert run.columns["resorption_um_per_day"][after].max() < before
    assert run.change > free.change + 3


def test_teriparatide_raises_formation_first_in_women() -> None:
    run = plain("teriparatide")
    formed, resorbed = (ratio(run, f"{n}_um_per_day", 1126) for n in ("formation", "resorption"))
    assert formed > resorbed > 1
    after = run.columns["time_day"] > 1110
    assert run.columns["bv_tv_change_percent"][after].min() > run.at("bv_tv_change_percent", 1095)


def test_romosozumab_raises_formation_for_months_only() -> None:
    run = plain("romosozumab")
    early, late = (ratio(run, "formation_um_per_day", 1096 + day) for day in (14, 364))
    assert 2.45 / 1.5 < early < 2.45 * 1.5  # P1NP +145 %, below its start after a year (label)
    assert late < 1
    early, late = (ratio(run, "resorption_um_per_day", 1096 + day) for day in (14, 364))
    assert 0.45 / 1.5 < early < late < 1  # CTX -55 and -25 %
