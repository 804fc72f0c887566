"""The bundled examples show what they say they show.

Quick tests run each on a small synthetic bone, one shape for all, since every shape compiles anew;
the slow ones run arthritis as it is examples.
"""

import tomllib
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from tissue.geometry.load import Geometry
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.model.bone import bone_geometry
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.library import describe, examples
from tissue.simulation.simulation import Simulation, load_geometry

RUNS = examples()
SHAPE = (40, 16, 16)
BONES = {"mouse": (10.0, 65.0), "human": (20.0, 140.0)}
"""Voxel and thickness of struts [um] of the small bones."""

BIN = 5  # voxels of 20 um, as deep as the pannus
Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes:
        columns: the metrics at the start and after each step.
        bone: volume fraction at the start and at the end.
        surface: specific surface at the start [1/um].
        stroma: osteoblast precursors over those in health.
    """

    columns: Mapping[str, np.ndarray]
    bone: tuple[np.ndarray, np.ndarray]
    surface: np.ndarray
    stroma: np.ndarray

    @property
    def change(self) -> float:
        """Change of BV/TV [%]."""
        return float(self.columns["bv_tv_change_percent"][-1])

    @property
    def balance(self) -> float:
        """Formation over resorption at the end."""
        return float(
            self.columns["formation_um_per_day"][-1] / self.columns["resorption_um_per_day"][-1]
        )

    def fold(self, name: str) -> float:
        """A metric at the end over that in health."""
        return float(self.columns[name][-1] / self.columns[name][0])

    def at(self, name: str, time: float) -> float:
        """A metric at a time [day]."""
        return float(np.interp(time, self.columns["time_day"], self.columns[name]))

    @property
    def eroded(self) -> float:
        """Bone lost where bone is lost, over the bone at the start."""
        start, end = self.bone
        return float(np.maximum(start - end, 0).sum() / start.sum())

    @property
    def depth(self) -> np.ndarray:
        """Depth by which the surface has moved back, by distance from the low face of z [um]."""
        start, end = (_binned(bone) for bone in self.bone)
        return (start - end) / _binned(self.surface)

    @property
    def precursors(self) -> np.ndarray:
        """Osteoblast precursors of the marrow over those in health, by distance."""
        marrow = 1 - self.bone[1]
        return _binned(marrow * self.stroma) / _binned(marrow)


def _binned(field: np.ndarray) -> np.ndarray:
    planes = field.mean(axis=(1, 2))
    count = len(planes) // BIN
    return np.asarray(planes[: count * BIN].reshape(count, BIN).mean(axis=1))


def simulate(config: RunConfig, geometry: Geometry) -> Result:
    simulation = Simulation(config, geometry)
    start = np.asarray(simulation.geometry.bone_volume_fraction, "float64")
    healthy = np.asarray(simulation.state.osteoblast_precursors, "float64")
    surface = bone_geometry(
        simulation.state.bone_volume_fraction, geometry.grid.spacing, config.parameters
    )
    rows = [simulation.start_metrics()]
    while not simulation.finished:
        rows.append(dict(simulation.advance().metrics))
    return Result(
        {name: np.array([row[name] for row in rows]) for name in rows[0]},
        (start, np.asarray(simulation.state.bone_volume_fraction, "float64")),
        np.asarray(surface.exchange.surface, "float64"),
        np.asarray(simulation.state.osteoblast_precursors, "float64") / healthy,
    )


@cache
def small_bone(species: str) -> Geometry:
    spacing, thickness = BONES[species]
    return synthesize(SyntheticSettings(SHAPE, spacing, bv_tv=0.2, thickness=thickness, seed=2))


def small(name: str, change: Change | None = None) -> Result:
    """A bundled example on a small bone and with coarse steps, changed or not."""
    data = deepcopy(tomllib.loads(RUNS[name].read_text(encoding="utf-8")))
    species = data["run"]["preset"]
    data["geometry"] = {"synthetic": {"shape": list(SHAPE)}}  # the bone itself is handed over
    if "step" not in data["run"]:
        data["run"]["accuracy"] = "1 %"
    data["output"] = {}
    if change:
        change(data)
    return simulate(read_run_file(data, name=name), small_bone(species))


@cache
def plain(name: str) -> Result:
    return small(name)


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


def without(table: str, key: str) -> Change:
    """Removes a key; a disease without it is milder."""

    def change(data: dict[str, Any]) -> None:
        del data[table][key]

    return change


def test_every_file_says_what_it_shows() -> None:
    for path in RUNS.values():
        assert len(describe(path)) > 40, path.name
        read_run_file(path)


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


def test_a_pannus_erodes_most_where_it_lies() -> None:
    untreated = plain("ra-erosion")
    assert untreated.depth[0] > 2 * untreated.depth[-1] > 0


def prevented(treated: str, untreated: str) -> float:
    """Share of a loss of bone that a drug prevents."""
    return 1 - plain(treated).change / plain(untreated).change


def test_a_tnf_block_prevents_the_loss_after_ovariectomy() -> None:
    assert 0.8 < prevented("ovx-etanercept", "ovx-mouse") < 1.1  # all of it (Kimble 1997)


def test_il1ra_prevents_a_part_of_it_and_raises_formation() -> None:
    assert 0.2 < prevented("ovx-il1ra", "ovx-mouse") < 1
    treated, untreated = plain("ovx-il1ra"), plain("ovx-mouse")
    name = "formation_um_per_day"
    assert treated.at(name, 14) > untreated.at(name, 14)  # Kimble 1995


@pytest.mark.slow
def test_il10_spares_bone() -> None:
    treated, untreated = plain("il10-rescue"), plain("tnf-synergy")
    assert treated.fold("osteoclasts_per_mm2") < untreated.fold("osteoclasts_per_mm2")
    assert untreated.change < treated.change


@pytest.mark.slow
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


@pytest.mark.slow
def test_arthritis_costs_bone_everywhere() -> None:
    run = plain("ra-systemic")
    assert -8 < run.change < -0.5
    for key in ("tnf", "il1_excess", "il6_excess"):
        assert small("ra-systemic", without("disease", key)).change > run.change, key


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
    assert back[0] < 0.5 * back[1]


def test_bone_is_lost_in_bed_and_exercise_brings_back_more_than_walking() -> None:
    at = [by_density("bed-rest").at("bv_tv_change_percent", day) for day in (120, 300, 480)]
    assert -10.4 < at[0] < -2  # spine -3.9, heel -10.4 % in 17 weeks (LeBlanc 1990)
    assert at[0] < at[1] < at[2] < 0
    assert at[2] - at[1] > at[1] - at[0]


@pytest.mark.slow
def test_arthritis_costs_strength() -> None:
    columns = small("ra-strength").columns
    stiffness, load = (
        columns[f"{name}_z_change_percent"][-1] for name in ("stiffness", "failure_load")
    )
    # stiffness goes as BV/TV to the power of 1 to 3
    bone = columns["bv_tv_change_percent"][-1]
    assert 3 * bone < stiffness < bone < -1
    assert load < -1


def test_teriparatide_builds_bone_in_mice() -> None:
    run = plain("teriparatide-mouse")
    assert 5 < run.change < 40
    assert run.fold("formation_um_per_day") > run.fold("resorption_um_per_day") > 1


def ratio(run: Result, name: str, day: float, start: float = 1095.0) -> float:
    """A metric over that before treatment."""
    return run.at(name, day) / run.at(name, start)


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


def test_prednisolone_costs_bone_that_comes_back_in_part() -> None:
    run = plain("prednisolone")
    end = run.at("bv_tv_change_percent", 140)
    assert -12.7 < end < -3.7  # Laan 1993
    assert 0.9 * end < run.change < 0
    assert run.at("formation_um_per_day", 30) < 0.95 * run.columns["formation_um_per_day"][0]


def test_adalimumab_stops_erosion() -> None:
    assert plain("ra-adalimumab").eroded < 0.3 * plain("ra-erosion").eroded  # Keystone 2004


@pytest.mark.slow
def test_anakinra_slows_erosion() -> None:
    untreated = plain("ra-erosion").eroded
    assert 0.45 * untreated < plain("ra-anakinra").eroded < 0.75 * untreated  # Bresnihan 1998


@pytest.mark.slow
def test_prednisolone_slows_erosion() -> None:
    assert plain("ra-prednisolone").eroded < 0.9 * plain("ra-erosion").eroded


@pytest.mark.slow
def test_tocilizumab_slows_erosion() -> None:
    assert plain("ra-tocilizumab").eroded < plain("ra-erosion").eroded


@cache
def shipped_run(name: str, *off: str, duration: str = "168 day") -> Result:
    data = tomllib.loads(RUNS[name].read_text(encoding="utf-8"))
    data["run"]["duration"] = duration
    data["mechanisms"] = dict.fromkeys(off, False)
    config = read_run_file(data, folder=RUNS[name].parent, name=name)
    return simulate(config, load_geometry(config))


@pytest.mark.slow
def test_erosion_is_deepest_at_the_pannus_and_decays() -> None:
    # later no bone is left in the pannus that could be eroded
    depth = shipped_run("ra-erosion", duration="56 day").depth
    assert depth.argmax() == 0
    # over 200 um: a bin of 100 um holds but a few trabeculae
    assert all(np.diff(depth[:10].reshape(5, 2).mean(axis=1)) < 0)
    assert 200 < decay_length(depth) < 600
    assert depth[-1] > 0  # bone is lost beyond the reach of the pannus, if little


def decay_length(depth: np.ndarray) -> float:
    """Distance over which erosion falls e-fold [um], over the first 0.8 mm."""
    places = 20.0 * BIN * np.arange(8)
    return float(-1 / np.polyfit(places, np.log(depth[:8]), 1)[0])


@pytest.mark.slow
def test_il1_drives_osteoblast_precursors_from_the_rim_of_the_pannus() -> None:
    # the signal is highest just beyond the pannus, whose IL-1Ra stays in it
    with_it, without_it = shipped_run("ra-erosion"), shipped_run("ra-erosion", "il1_repulsion")
    assert with_it.precursors.argmin() == 1
    assert with_it.precursors[1] < 0.9 * with_it.precursors[-1]
    assert without_it.precursors[1] > 0.95 * without_it.precursors[-1]


@pytest.mark.slow
def test_anakinra_slows_erosion_as_in_trials() -> None:
    ratio = shipped_run("ra-anakinra").eroded / shipped_run("ra-erosion").eroded
    assert 0.4 < ratio < 0.75
