"""Concentrations of drugs against independent solutions, and their nodes and sums in a step."""

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from tissue.model.drug_effects import (
    anabolic_actions,
    anabolic_effect,
    bone_bound_share,
    bound_after_dose,
)
from tissue.model.drugs import DRUGS, Drug, Kinetics, Published
from tissue.model.kinetic_summary import comparisons, summary
from tissue.model.parameters import PRESETS, preset
from tissue.model.pharmacokinetics import Dosing, Exposure, OneCompartmentPK, exposures
from tissue.model.targets import TARGETS, AnabolicEffect, BoneBinding

Times = np.ndarray
Response = Callable[[np.ndarray], np.ndarray]

KINETICS = [(name, species) for name, drug in DRUGS.items() for species in drug.kinetics]
LINEAR = [each for each in KINETICS if not DRUGS[each[0]].kinetics[each[1]].vmax]
SATURABLE = [each for each in KINETICS if each not in LINEAR]
RESPONSES: dict[str, Response] = {
    "itself": lambda x: x,
    "binding": lambda x: 1 / (1 + x / 150),
    "occupied": lambda x: x / (x + 150),
    "cooperative": lambda x: x**2 / (x**2 + 150**2),
    "tight": lambda x: 1 / (1 + x / 3),
}


def dosing(*doses: tuple[float, float]) -> Dosing:
    times, amounts = np.array(doses).T
    return Dosing(times, amounts)


def alone(kinetics: OneCompartmentPK) -> Exposure:
    return Exposure([(1.0, kinetics)])


def solved(drug: Drug, doses: Dosing, times: Times, species: str = "human") -> Times:
    """Concentration in marrow [pM] by stepping through the doses, independent of the program."""
    kinetics = drug.kinetics[species]
    found = np.zeros(len(times))
    under_skin, plasma = 0.0, 0.0  # mg/kg and mg/l
    edges = [*doses.times, times[-1] + 1e-9]

    def change(_: float, y: np.ndarray) -> list[float]:
        taken = (kinetics.absorption or 0.0) * y[0]
        saturable = kinetics.vmax * y[1] / ((kinetics.km or 1.0) + y[1]) / kinetics.volume
        return [-taken, taken / kinetics.volume - kinetics.elimination * y[1] - saturable]

    for start, stop, amount in zip(edges, edges[1:], doses.amounts, strict=False):
        if kinetics.absorption is None:
            plasma += kinetics.bioavailability * amount / kinetics.volume
        else:
            under_skin += kinetics.bioavailability * amount
        part = (times >= start) & (times < stop)
        result = solve_ivp(
            change,
            (start, stop),
            [under_skin, plasma],
            "Radau",
            t_eval=np.append(times[part], stop),
            rtol=1e-9,
            atol=1e-13,
        )
        found[part] = result.y[1, :-1]
        under_skin, plasma = result.y[:, -1]
    # mg/l = 1e-3 g/l, over g/mol in mol/l = 1e12 pM
    return np.asarray(found * 1e-3 / drug.molar_mass * 1e12 * drug.marrow_plasma_ratio)


@pytest.mark.parametrize(("name", "species"), LINEAR)
def test_one_compartment_after_several_doses(name: str, species: str) -> None:
    drug = DRUGS[name]
    doses = dosing((0.0, 1.0), (0.7, 2.0), (3.0, 1.0))
    times = np.linspace(0, 5, 301)
    found = OneCompartmentPK(drug, species, doses, 5.0).concentration(times)
    wanted = solved(drug, doses, times, species)
    assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * wanted.max())


def test_concentrations_of_doses_add() -> None:
    drug, times = DRUGS["anakinra"], np.linspace(0, 4, 97)
    single = [dosing((0.0, 1.0)), dosing((1.0, 0.5))]
    first, second = (OneCompartmentPK(drug, "human", doses, 4.0) for doses in single)
    both = OneCompartmentPK(drug, "human", dosing((0.0, 1.0), (1.0, 0.5)), 4.0)
    found = both.concentration(times)
    assert_allclose(found, first.concentration(times) + second.concentration(times), rtol=1e-12)
    assert second.concentration(np.array([0.5]))[0] == 0  # not before the dose


@pytest.mark.parametrize(("name", "species"), SATURABLE)
def test_saturable_elimination(name: str, species: str) -> None:
    drug = DRUGS[name]
    doses = dosing((0.0, 3.0), (182.0, 1.0))
    times = np.linspace(0, 360, 721)[1:]  # an infusion jumps at 0
    found = OneCompartmentPK(drug, species, doses, 360.0).concentration(times)
    wanted = solved(drug, doses, times, species)
    apart = np.abs(times - 182) > 0.1
    assert_allclose(found[apart], wanted[apart], rtol=1e-3, atol=1e-3 * wanted.max())


@pytest.mark.parametrize("name", [name for name, drug in DRUGS.items() if drug.molar_mass])
def test_no_drug_acts_before_its_first_dose(name: str) -> None:
    doses = dosing((100.0, 3.0), (128.0, 3.0))
    found = OneCompartmentPK(DRUGS[name], "human", doses, 150.0)
    before, after = found.concentration(np.array([1.0, 50.0, 99.999])), np.array([100.02])
    assert not before.any()
    assert found.concentration(after) > 0


def test_saturable_elimination_of_denosumab() -> None:
    # it vanishes faster the less there is: no exponential tail
    drug, times = DRUGS["denosumab"], np.array([150.0])
    half, full = (
        OneCompartmentPK(drug, "human", dosing((0.0, amount / 65)), 360.0).concentration(times)
        for amount in (30, 60)
    )
    assert half < 0.3 * full


@pytest.mark.parametrize("name", ["anakinra", "denosumab", "zoledronate"])
@pytest.mark.parametrize("every", [0.003, 0.3, 6.9, 7.1])
def test_doses_however_dense(name: str, every: float) -> None:
    drug = DRUGS[name]
    doses = dosing(*((every * i, 0.1 + 0.02 * (i % 3)) for i in range(12)))
    times = np.linspace(0, 13 * every, 131)
    found = OneCompartmentPK(drug, "human", doses, 13 * every).concentration(times)
    # the saturable one is interpolated between twenty samples a day
    rough = 2e-3 if drug.kinetics["human"].vmax else 1e-6
    assert_allclose(found, solved(drug, doses, times), rtol=rough, atol=rough * found.max())


@pytest.mark.parametrize("name", ["anakinra", "denosumab", "zoledronate"])
def test_a_million_doses_take_seconds(name: str) -> None:
    million = Dosing(np.linspace(0.0, 999.999, 1_000_000), np.full(1_000_000, 0.001))
    start = time.perf_counter()
    held = alone(OneCompartmentPK(DRUGS[name], "human", million, 1000.0)).at_nodes(990.0, 1.0)
    assert time.perf_counter() - start < 40
    # an infusion in effect: the uptake of a day equals its elimination
    drug, kinetics = DRUGS[name], DRUGS[name].kinetics["human"]
    level = held.mean() * drug.molar_mass / 1e9 / drug.marrow_plasma_ratio  # mg/l
    lost = kinetics.elimination * level
    lost += kinetics.vmax / kinetics.volume * level / ((kinetics.km or 1.0) + level)
    assert_allclose(lost * kinetics.volume, kinetics.bioavailability, rtol=0.01)


def test_a_dose_on_the_last_day_counts() -> None:
    for name in ("denosumab", "anakinra"):
        kinetics = OneCompartmentPK(DRUGS[name], "human", dosing((28.0, 1.0)), 28.0)
        assert kinetics.concentration(np.array([27.99]))[0] == 0
        assert kinetics.concentration(np.array([28.5]))[0] > 0


STEPS = [
    ("anakinra", [(float(day), 1.5) for day in range(5)], 2.0, 1.0),
    ("anakinra", [(float(day), 1.5) for day in range(20)], 3.3, 7.4),  # doses inside the step
    ("anakinra", [(float(day), 1.5) for day in range(5)], 1.3, 0.1),
    ("anakinra", [(0.0, 1.5)], 0.0, 2.0),  # the first dose
    ("il4", [(0.5 * i, 0.005) for i in range(10)], 1.0, 2.0),
    ("denosumab", [(0.0, 1.0), (182.0, 1.0)], 168.0, 14.0),  # steps end at doses this rare
    ("denosumab", [(0.0, 1.0), (182.0, 1.0)], 182.0, 3.0),
    ("adalimumab", [(0.0, 0.6), (14.0, 0.6)], 14.0, 14.0),
    ("adalimumab", [(7.0 * week, 0.3) for week in range(8)], 38.0, 14.0),
]


@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize(("name", "doses", "start", "length"), STEPS)
def test_nodes_give_the_mean_of_any_response(
    name: str, doses: list[tuple[float, float]], start: float, length: float, response: str
) -> None:
    kinetics = OneCompartmentPK(DRUGS[name], "human", dosing(*doses), 200.0)
    inner = [t for t, _ in doses if start < t < start + length]
    edges = np.array([start, *inner, start + length])
    shares = (np.arange(40_000) + 0.5) / 40_000
    wanted = 0.0
    for begin, stop in itertools.pairwise(edges):
        held = kinetics.concentration(begin + (stop - begin) * shares)
        wanted += (stop - begin) / length * RESPONSES[response](held).mean()
    number = DRUGS[name].kinetics["human"].nodes
    spread = alone(kinetics).at_nodes(start, length)
    weights = np.polynomial.legendre.leggauss(number)[1] / 2
    assert spread.shape == (number,)
    assert np.all(np.diff(spread) >= 0)
    # four concentrations miss a little of the hours in which an antibody arrives
    largest = RESPONSES[response](np.linspace(0, spread.max(), 100)).max()
    missed = 0.005 * largest if number == 4 else 0.0
    assert_allclose(np.sum(weights * RESPONSES[response](spread)), wanted, rtol=0.01, atol=missed)


def test_no_drug_before_the_first_dose() -> None:
    kinetics = OneCompartmentPK(DRUGS["anakinra"], "human", dosing((5.0, 1.0)), 10.0)
    assert_allclose(alone(kinetics).at_nodes(1.0, 2.0), 0, atol=1e-200)


# Several drugs of one target

GOLIMUMAB = DRUGS["adalimumab"]._replace(
    about="antibody against TNF: neutralizes TNF",
    molar_mass=150_000,
    kinetics={"human": Kinetics(0.6, 0.4, 0.165, 0.15, "numbers for these tests")},
    relative_potency=3.0,
)
"""Another TNF blocker, of shorter half-life and tighter binding."""


@pytest.fixture
def golimumab(monkeypatch: pytest.MonkeyPatch) -> Drug:
    monkeypatch.setitem(DRUGS, "golimumab", GOLIMUMAB)
    return GOLIMUMAB


TWO_BLOCKERS = {
    "adalimumab": dosing((0.0, 0.6), (14.0, 0.6)),
    "golimumab": dosing((3.0, 0.7), (6.5, 0.7), (10.0, 0.7)),
}


def test_drugs_of_one_target_add_up_at_every_time(golimumab: Drug) -> None:
    times = np.linspace(0, 28, 500)
    (exposure,) = exposures(TWO_BLOCKERS, 28.0, "human").values()
    wanted = solved(DRUGS["adalimumab"], TWO_BLOCKERS["adalimumab"], times)
    wanted = wanted + 3 * solved(golimumab, TWO_BLOCKERS["golimumab"], times)
    assert_allclose(exposure.at(times), wanted, rtol=1e-5, atol=1e-6 * wanted.max())


@pytest.mark.parametrize("name", TWO_BLOCKERS)
def test_a_drug_alone_is_not_changed_by_another_row(golimumab: Drug, name: str) -> None:
    kinetics = OneCompartmentPK(DRUGS[name], "human", TWO_BLOCKERS[name], 28.0)
    found = exposures({name: TWO_BLOCKERS[name]}, 28.0, "human")
    assert set(found) == {"tnf"}
    nodes = Exposure([(DRUGS[name].relative_potency, kinetics)]).at_nodes(5.0, 2.0)
    assert np.array_equal(found["tnf"].at_nodes(5.0, 2.0), nodes)


def test_nodes_are_those_of_the_sum_and_not_a_sum_of_nodes(golimumab: Drug) -> None:
    # one falls while the other rises: the sum of their sorted nodes would have peaks and troughs
    doses = {"golimumab": dosing((0.0, 0.7)), "adalimumab": dosing((3.0, 1.6))}
    both = exposures(doses, 28.0, "human")["tnf"]
    start, length = 3.0, 4.0
    held = both.at(start + length * (np.arange(40_000) + 0.5) / 40_000)
    nodes = both.at_nodes(start, length)
    weights = np.polynomial.legendre.leggauss(4)[1] / 2
    assert_allclose(np.sum(weights * nodes**2), (held**2).mean(), rtol=1e-3)
    parts = [exposures({name: each}, 28.0, "human")["tnf"] for name, each in doses.items()]
    sorted_alone = sum(each.at_nodes(start, length) for each in parts)
    assert abs(np.sum(weights * sorted_alone**2) / (held**2).mean() - 1) > 0.02


def test_anabolic_drugs_of_one_target_add_up_over_their_half_effects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinetics = DRUGS["romosozumab"].kinetics["human"]._replace(elimination=0.1)
    other = DRUGS["romosozumab"]._replace(
        half_effect=250.0, kinetics={"human": kinetics}, molar_mass=70_000
    )
    monkeypatch.setitem(DRUGS, "blosozumab", other)
    doses = {"romosozumab": dosing((0.0, 3.0)), "blosozumab": dosing((5.0, 1.0))}
    exposure = exposures(doses, 60.0, "human")["sclerostin"]
    times = 20 + 10 * (np.arange(20_000) + 0.5) / 20_000
    over = solved(DRUGS["romosozumab"], doses["romosozumab"], times) / 1000
    over = over + solved(other, doses["blosozumab"], times) / 250
    effect = anabolic_effect("sclerostin", exposure, 20.0, 10.0, "human")
    assert_allclose(effect, (over / (1 + over)).mean(), rtol=1e-4)
    p = preset("human")
    actions = anabolic_actions({"sclerostin": effect}, p)
    assert_allclose(actions.activation, p.k_S * effect)
    assert_allclose(actions.rankl, 1 - p.r_S * effect)
    assert (actions.recruitment, actions.osteoblast_rankl) == (1, 0)


def test_cells_respond_to_a_pulse_over_a_day() -> None:
    # in an hour after a dose no more than in the day around it
    doses = {"teriparatide": dosing(*((float(day), 20e-3 / 65) for day in range(30)))}
    exposure = exposures(doses, 30.0, "human")["pth_receptor"]
    hour, day = (exposure.mean_share(20.5 - x / 2, x) for x in (1 / 24, 1.0))
    assert_allclose(hour, day, rtol=1e-9)


@pytest.mark.parametrize(("species", "usual"), [("human", 20e-3 / 65), ("mouse", 0.04)])
def test_the_effect_is_one_under_the_usual_regimen_and_saturates(
    species: str, usual: float
) -> None:
    effects = []
    for dose in (usual, 2 * usual, 1e6 * usual):
        doses = {"teriparatide": dosing(*((float(day), dose) for day in range(60)))}
        exposure = exposures(doses, 60.0, species)["pth_receptor"]
        effects.append(anabolic_effect("pth_receptor", exposure, 50.0, 1.0, species))
    assert_allclose(effects[0], 1, rtol=1e-9)
    assert 1 < effects[1] < effects[2] < 2


def test_a_dose_binds_to_the_sites_that_are_free() -> None:
    assert bound_after_dose(0.0, 0.5) == 0.5
    assert bound_after_dose(0.5, 0.5) == 0.75
    assert bound_after_dose(0.5, 7.0) == 1.0


@pytest.mark.parametrize(
    ("name", "amount", "least", "most"),
    [("alendronate", 70, 0.55, 0.75), ("risedronate", 35, 0.4, 0.6), ("zoledronate", 5, 0.5, 0.75)],
)
def test_resorption_falls_by_the_share_of_trials(
    name: str, amount: float, least: float, most: float
) -> None:
    # between three and six months, with tau_q at the turnover of health
    p, bound = preset("human"), 0.0
    every = DRUGS[name].regimen["human"].interval
    falls = {}
    for day in range(183):
        bound -= bound / float(p.tau_q)
        if day % every == 0:
            bound = float(bound_after_dose(bound, bone_bound_share(name, amount / 65, "human")))
        falls[day] = 1 - 1 / (1 + p.a_BP * bound)
    assert least < falls[91] <= falls[182] * 1.1
    assert falls[182] < most


# Labels and studies


@pytest.mark.parametrize(
    ("name", "species", "published"),
    [
        (name, species, each)
        for name, drug in DRUGS.items()
        for species, some in drug.published.items()
        for each in some
    ],
)
def test_concentrations_are_those_of_labels_and_studies(
    name: str, species: str, published: Published
) -> None:
    found = comparisons(name, species, published)
    assert found
    missed = [key for key, each in found.items() if not 0.75 <= each.ratio <= 1.25]
    assert bool(missed) == bool(published.reason), missed


@pytest.mark.parametrize("name", DRUGS)
def test_every_drug_is_held_to_a_label_or_binds_to_bone(name: str) -> None:
    drug = DRUGS[name]
    assert set(drug.kinetics) == set(drug.regimen) == set(drug.published) == set(PRESETS)
    binds = isinstance(TARGETS[drug.target].action, BoneBinding)
    assert bool(drug.published["human"]) != binds


def test_a_summary_is_that_of_bateman() -> None:
    drug = DRUGS["adalimumab"]
    bioavailability, gain, loss, volume, *_ = drug.kinetics["human"]
    assert gain
    found = summary(drug, "human", 2.0)
    peak_time = np.log(gain / loss) / (gain - loss)
    assert_allclose(found.peak_time, peak_time, rtol=1e-2)
    assert_allclose(found.peak, 2 * bioavailability / volume * np.exp(-loss * peak_time), rtol=1e-4)
    assert_allclose(found.area, 2 * bioavailability / volume / loss, rtol=1e-4)
    assert_allclose(found.half_life, np.log(2) / loss)
    # an interval of the steady state has the area of a single dose
    steady = summary(drug, "human", 2.0, interval=14.0)
    assert_allclose(steady.area, found.area, rtol=1e-4)
    assert steady.peak > 1.3 * found.peak


def test_mice_have_their_own_kinetics() -> None:
    for name, drug in DRUGS.items():
        doses = {name: dosing((0.0, 1.0))}
        if not isinstance(TARGETS[drug.target].action, BoneBinding):
            (people,), (mice,) = (
                exposures(doses, 1.0, species).values() for species in ("human", "mouse")
            )
            assert people.at(np.array([0.1])) != mice.at(np.array([0.1])), name
    human, mouse = DRUGS["anakinra"].kinetics.values()
    assert_allclose(mouse.elimination / human.elimination, (65 / 0.025) ** 0.25)
    assert mouse.volume == human.volume


@pytest.mark.parametrize("name", DRUGS)
def test_every_row_holds_what_its_target_needs(name: str) -> None:
    drug, p = DRUGS[name], preset("human")
    action = TARGETS[drug.target].action
    assert (drug.half_effect is not None) == isinstance(action, AnabolicEffect)
    assert (set(drug.full_dose or ()) == set(PRESETS)) == isinstance(action, BoneBinding)
    for kinetics in drug.kinetics.values():
        assert kinetics.km or not kinetics.vmax
        assert 0 < kinetics.bioavailability <= 1
        # Bateman's function divides by the difference
        assert kinetics.absorption != kinetics.elimination
    if isinstance(action, AnabolicEffect):
        symbols = (
            action.activation,
            action.recruitment,
            action.osteoblast_rankl,
            action.rankl_reduction,
        )
        assert all(getattr(p, symbol) >= 0 for symbol in symbols if symbol)
        assert action.reference in (None, *DRUGS)
        assert action.reference is None or DRUGS[action.reference].target == drug.target
