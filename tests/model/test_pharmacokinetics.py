"""Concentrations of drugs against independent solutions, and their nodes in a step."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from model.doses import alone, dosing, solved
from numpy.testing import assert_allclose

from tissue.model.drugs import DRUGS
from tissue.model.pharmacokinetics import Dosing, OneCompartmentPK

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
def test_a_million_doses_are_an_infusion_in_effect(name: str) -> None:
    million = Dosing(np.linspace(0.0, 999.999, 1_000_000), np.full(1_000_000, 0.001))
    held = alone(OneCompartmentPK(DRUGS[name], "human", million, 1000.0)).at_nodes(990.0, 1.0)
    # the uptake of a day equals its elimination
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
