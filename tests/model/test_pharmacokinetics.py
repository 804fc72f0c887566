"""Concentrations of drugs against independent solutions, and how they are spread over a step."""

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from tissue.scenario.drugs import DRUGS, Drug
from tissue.scenario.pharmacokinetics import Dosing, Kinetics

Times = np.ndarray
Response = Callable[[np.ndarray], np.ndarray]

LINEAR = sorted(name for name, drug in DRUGS.items() if not drug.highest_rate)
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


def solved(drug: Drug, doses: Dosing, times: Times) -> Times:
    """Concentration in marrow [pM] by stepping through the doses, apart from the program."""
    found = np.zeros(len(times))
    under_skin, plasma = 0.0, 0.0  # mg/kg and mg/l
    edges = [*doses.times, times[-1] + 1e-9]

    def change(_: float, y: np.ndarray) -> list[float]:
        taken = (drug.absorption or 0.0) * y[0]
        saturable = drug.highest_rate * y[1] / (drug.half_rate + y[1]) / drug.volume
        return [-taken, taken / drug.volume - drug.elimination * y[1] - saturable]

    for start, stop, amount in zip(edges, edges[1:], doses.amounts, strict=False):
        if drug.absorption is None:
            plasma += drug.bioavailability * amount / drug.volume
        else:
            under_skin += drug.bioavailability * amount
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
    return np.asarray(found * 1e-3 / drug.molar_mass * 1e12 * drug.reach)


@pytest.mark.parametrize("name", LINEAR)
def test_one_compartment_after_several_doses(name: str) -> None:
    drug = DRUGS[name]
    doses = dosing((0.0, 1.0), (0.7, 2.0), (3.0, 1.0))
    times = np.linspace(0, 5, 301)
    found = Kinetics(drug, doses, 5.0).concentration(times)
    wanted = solved(drug, doses, times)
    assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * wanted.max())


def test_concentrations_of_doses_add() -> None:
    drug, times = DRUGS["anakinra"], np.linspace(0, 4, 97)
    first, second = (Kinetics(drug, dosing(d), 4.0) for d in ((0.0, 1.0), (1.0, 0.5)))
    both = Kinetics(drug, dosing((0.0, 1.0), (1.0, 0.5)), 4.0)
    found = both.concentration(times)
    assert_allclose(found, first.concentration(times) + second.concentration(times), rtol=1e-12)
    assert second.concentration(np.array([0.5]))[0] == 0  # not before the dose


def test_saturable_elimination_of_denosumab() -> None:
    drug = DRUGS["denosumab"]
    doses = dosing((0.0, 60 / 65), (182.0, 60 / 65))
    times = np.linspace(0, 360, 721)
    found = Kinetics(drug, doses, 360.0).concentration(times)
    wanted = solved(drug, doses, times)
    assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * wanted.max())
    # the saturable way makes it vanish faster the less there is: no exponential tail
    half = Kinetics(drug, dosing((0.0, 30 / 65)), 360.0).concentration(times)
    assert half[300] < 0.3 * Kinetics(drug, dosing((0.0, 60 / 65)), 360.0).concentration(times)[300]


@pytest.mark.parametrize("name", ["anakinra", "denosumab", "zoledronate"])
@pytest.mark.parametrize("every", [0.003, 0.3, 6.9, 7.1])
def test_doses_however_dense(name: str, every: float) -> None:
    drug = DRUGS[name]
    doses = dosing(*((every * i, 0.1 + 0.02 * (i % 3)) for i in range(12)))
    times = np.linspace(0, 13 * every, 131)
    found = Kinetics(drug, doses, 13 * every).concentration(times)
    # the saturable one is interpolated between twenty samples a day
    rough = 2e-3 if drug.highest_rate else 1e-6
    assert_allclose(found, solved(drug, doses, times), rtol=rough, atol=rough * found.max())


@pytest.mark.parametrize("name", ["anakinra", "denosumab", "zoledronate"])
def test_a_million_doses_take_seconds(name: str) -> None:
    million = Dosing(np.linspace(0.0, 999.999, 1_000_000), np.full(1_000_000, 0.001))
    start = time.perf_counter()
    kinetics = Kinetics(DRUGS[name], million, 1000.0)
    held = kinetics.spread(990.0, 1.0, 8)
    assert time.perf_counter() - start < 40
    # as good as an infusion: what is taken up each day is lost each day
    drug = DRUGS[name]
    level = held.mean() * drug.molar_mass / 1e9 / drug.reach  # mg/l
    lost = drug.elimination * level
    lost += drug.highest_rate / drug.volume * level / (drug.half_rate + level)
    assert_allclose(lost * drug.volume, drug.bioavailability, rtol=0.01)


def test_a_dose_on_the_last_day_counts() -> None:
    for name in ("denosumab", "anakinra"):
        kinetics = Kinetics(DRUGS[name], dosing((28.0, 1.0)), 28.0)
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
def test_a_spread_gives_the_mean_of_any_response(
    name: str, doses: list[tuple[float, float]], start: float, length: float, response: str
) -> None:
    kinetics = Kinetics(DRUGS[name], dosing(*doses), 200.0)
    inner = [t for t, _ in doses if start < t < start + length]
    edges = np.array([start, *inner, start + length])
    shares = (np.arange(40_000) + 0.5) / 40_000
    wanted = 0.0
    for begin, stop in itertools.pairwise(edges):
        held = kinetics.concentration(begin + (stop - begin) * shares)
        wanted += (stop - begin) / length * RESPONSES[response](held).mean()
    number = 4 if name in ("denosumab", "adalimumab") else 8
    spread = kinetics.spread(start, length, number)
    weights = np.polynomial.legendre.leggauss(number)[1] / 2
    assert spread.shape == (number,)
    assert np.all(np.diff(spread) >= 0)
    # four concentrations miss a little of the hours in which an antibody arrives
    largest = RESPONSES[response](np.linspace(0, spread.max(), 100)).max()
    missed = 0.003 * largest if number == 4 else 0.0
    assert_allclose(np.sum(weights * RESPONSES[response](spread)), wanted, rtol=0.01, atol=missed)


def test_no_drug_before_the_first_dose() -> None:
    kinetics = Kinetics(DRUGS["anakinra"], dosing((5.0, 1.0)), 10.0)
    assert_allclose(kinetics.spread(1.0, 2.0, 8), 0, atol=1e-200)
