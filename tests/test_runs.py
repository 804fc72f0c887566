"""Bundled examples show what they say they show: cytokines, and drugs in mice."""

from typing import Any

import pytest
from bundled_runs import plain, small, without

pytestmark = pytest.mark.slow


def prevented(treated: str, untreated: str) -> float:
    """Share of a loss of bone that a drug prevents."""
    return 1 - plain(treated).change / plain(untreated).change


def test_health_stands_still() -> None:
    assert abs(plain("healthy").change) < 0.02


def test_loss_grows_with_the_dose_of_il1() -> None:
    def dose(data: dict[str, Any]) -> None:
        data["disease"]["il1_excess"] = "1 pM"

    assert plain("il1-dose").change < 2 * small("il1-dose", dose).change < -2
    assert plain("il1-dose").balance < 0.8


@pytest.mark.parametrize(
    ("name", "less"),
    [("knockout-survival", 2), ("knockout-rankl-induction", 5), ("knockout-uncoupling", 2)],
)
def test_each_action_of_il1_costs_bone(name: str, less: float) -> None:
    assert plain("il1-dose").change + less < plain(name).change < -5


def test_osteoblasts_that_do_not_feel_il1_keep_up_better() -> None:
    # by far more than steps of 1 % accuracy can miss
    assert plain("knockout-uncoupling").balance > 1.1 * plain("il1-dose").balance


def test_ovariectomy_needs_the_il1_receptor() -> None:
    assert plain("ovx-mouse").change < -8
    assert plain("ovx-mouse").fold("osteoclasts_per_mm2") > 1.2
    sham = small("knockout-il1-receptor", without("disease", "estrogen"))
    assert (
        abs(plain("knockout-il1-receptor").change - sham.change) < 0.2 * -plain("ovx-mouse").change
    )


def test_tnf_and_il1_cost_more_than_their_sum() -> None:
    apart = [small("tnf-synergy", without("disease", key)).change for key in ("il1_excess", "tnf")]
    assert plain("tnf-synergy").change < 1.1 * sum(apart) < -1


def test_il4_spares_bone() -> None:
    treated, untreated = plain("il4-rescue"), plain("tnf-synergy")
    assert treated.fold("osteoclasts_per_mm2") < 0.8 * untreated.fold("osteoclasts_per_mm2")
    assert 0.6 * untreated.change < treated.change


def test_a_tnf_block_prevents_the_loss_after_ovariectomy() -> None:
    assert 0.8 < prevented("ovx-etanercept", "ovx-mouse") < 1.1  # all of it (Kimble 1997)


def test_il1ra_prevents_a_part_of_it_and_raises_formation() -> None:
    assert 0.2 < prevented("ovx-il1ra", "ovx-mouse") < 1
    treated, untreated = plain("ovx-il1ra"), plain("ovx-mouse")
    name = "formation_um_per_day"
    assert treated.at(name, 14) > untreated.at(name, 14)  # Kimble 1995


def test_il10_spares_bone() -> None:
    treated, untreated = plain("il10-rescue"), plain("tnf-synergy")
    assert treated.fold("osteoclasts_per_mm2") < untreated.fold("osteoclasts_per_mm2")
    assert untreated.change < treated.change


def test_canakinumab_spares_what_il1_beta_costs_and_nothing_of_il1_alpha() -> None:
    # more than all, as it takes the IL-1 beta of health too
    assert 0.5 < prevented("il1-beta-canakinumab", "il1-beta") < 1.2
    assert abs(prevented("il1-alpha-canakinumab", "il1-alpha")) < 0.02


def test_more_il1_alpha_does_what_il1_beta_does() -> None:
    assert 0.8 < plain("il1-alpha").change / plain("il1-beta").change < 1.25


def test_bone_comes_back_after_a_flare() -> None:
    run = plain("il1-flare")
    change = run.columns["bv_tv_change_percent"]
    assert change.min() < -2
    assert change[-1] > 0.7 * change.min()
    # the same IL-1, spread over the whole time
    chronic = small("il1-flare", lambda data: data["disease"].update(il1_excess="1.25 pM"))
    assert chronic.change < 1.2 * run.change


def test_teriparatide_builds_bone_in_mice() -> None:
    run = plain("teriparatide-mouse")
    assert 5 < run.change < 40
    assert run.fold("formation_um_per_day") > run.fold("resorption_um_per_day") > 1


def test_prednisolone_costs_bone_that_comes_back_in_part() -> None:
    run = plain("prednisolone")
    end = run.at("bv_tv_change_percent", 140)
    assert -12.7 < end < -3.7  # Laan 1993
    assert 0.9 * end < run.change < 0
    assert run.at("formation_um_per_day", 30) < 0.95 * run.columns["formation_um_per_day"][0]
