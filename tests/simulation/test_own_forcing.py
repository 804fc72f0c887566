"""A forcing of the user: cast to the precision of the run, refused by name, printed in a line."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import jax
import numpy as np
import pytest

from tissue.errors import InputError
from tissue.model.forcing import Forcing, LocalForcing
from tissue.scenario.config import RunConfig
from tissue.simulation.own_forcing import checked
from tissue.simulation.simulation import Simulation, load_geometry

GRID = (8, 8, 8)


def local(cells: Any) -> LocalForcing:
    return LocalForcing(cells, {})


def given(**values: Any) -> Callable[[Forcing], Forcing]:
    return lambda forcing: replace(forcing, **values)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: None, "must return a tissue.Forcing, not NoneType"),
        (
            lambda f: f.with_source("il1", np.zeros((8, 8))),
            r"forcing.source\['il1'\] has the shape \(8, 8\) and must be a number or an array",
        ),
        (
            lambda f: f.with_source("il7", 1.0),
            r"source\['il7'\] does not name a solute: they are tnf, il1",
        ),
        (lambda f: f.with_source("il1", float("nan")), "values that are not finite"),
        (lambda f: f.with_source("il1", "much"), r"forcing.source\['il1'\] = 'much' must be a num"),
        (
            given(source={"il1": 1e300}),
            r"source\['il1'\] holds values that are not finite in float32",
        ),
        (given(source={"il1": -5}), r"forcing.source\['il1'\] = -5 must be >= 0"),
        (
            given(source={"il1": np.full(GRID, -2.0)}),
            r"source\['il1'\] = -2 in a voxel must be >= 0",
        ),
        (given(production={"tnf": -1.0}), r"forcing.production\['tnf'\] = -1 must be >= 0"),
        (given(production=2.0), "forcing.production = 2.0 must be a dict by the name of a solute"),
        (given(excess={"tnf": -1.0}), r"forcing.excess\['tnf'\] = -1 must be >= 0"),
        (given(excess={"rankl": 1.0}), r"forcing.excess\['rankl'\] cannot be given"),
        (given(exposure={"tnf": [1.0, -3.0]}), r"forcing.exposure\['tnf'\] = -3 must be >= 0"),
        (
            given(exposure={"tnf": []}),
            r"exposure\['tnf'\] has the shape \(0,\) and must be a number",
        ),
        (given(exposure={"tnf": np.ones((2, 2))}), r"exposure\['tnf'\] has the shape \(2, 2\)"),
        (
            given(exposure={"il6": 1.0}),
            r"forcing.exposure\['il6'\] does not name a target of drugs",
        ),
        (
            given(exposure={"sclerostin": 1.0}),
            "they are il1_receptor, il1_beta, il1, rankl, tnf, il6_",
        ),
        (given(estrogen_loss=None), "forcing.estrogen_loss = None must be a number"),
        (given(anabolic=1j), "forcing.anabolic = 1j must be a number"),
        (given(il1ra=[[1.0], []]), r"forcing.il1ra = \[\[1.0\], \[\]\] must be a number"),
        (given(il1ra_excess=np.ones(3)), r"il1ra_excess has the shape \(3,\) and must be a number"),
        (given(il1_receptor=float("inf")), "forcing.il1_receptor holds values that are not finite"),
        (given(local=3), "forcing.local = 3 must be a LocalForcing or None"),
        (
            given(local=local(np.full(GRID, -1.0))),
            "forcing.local.inflammatory_cells = -1 in a voxel must be >= 0",
        ),
        (
            given(local=local(np.ones((8, 8)))),
            r"local.inflammatory_cells has the shape \(8, 8\) and must be an array of the grid",
        ),
        (
            lambda f: replace(f, excess={"il1": np.ones((8, 8, 8))}),
            r"forcing.excess\['il1'\] has the shape \(8, 8, 8\) and must be a number",
        ),
    ],
)
def test_a_forcing_that_cannot_be_used_is_refused(
    change: Callable[[Forcing], Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        checked(change(Forcing()), Forcing(), GRID, "float32")


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_all_numbers_get_the_precision_of_the_run(precision: str) -> None:
    others = {"excess", "production", "source", "exposure", "local"}
    names = [each.name for each in fields(Forcing) if each.name not in others]
    before = Forcing(local=local(np.ones(GRID)))
    values: dict[str, Any] = {
        "excess": {"il1": 1},
        "production": {"tnf": np.float64(2.0)},
        "source": {"il1": np.full(GRID, 3), "tnf": 4.0},
        "exposure": {"tnf": 5.0, "rankl": np.array([6.0, 7.0])},
        **{name: np.float64(index) for index, name in enumerate(names)},
    }
    changed = replace(before, **values)
    found = checked(changed, before, GRID, precision)
    assert found.local is before.local
    assert {leaf.dtype for leaf in jax.tree.leaves(replace(found, local=None))} == {
        np.dtype(precision)
    }
    assert [(np.shape(value), float(value)) for value in map(found.__getattribute__, names)] == [
        ((), index) for index in range(len(names))
    ]
    assert (found.excess["il1"], found.production["tnf"], found.source["tnf"]) == (1, 2, 4)
    assert np.all(np.asarray(found.source["il1"]) == 3)
    assert found.exposure["tnf"].tolist() == [5.0]
    assert found.exposure["rankl"].tolist() == [6.0, 7.0]
    cells = checked(given(local=local(np.full(GRID, 8.0)))(before), before, GRID, precision).local
    assert cells
    assert cells.inflammatory_cells.dtype == precision
    assert np.all(np.asarray(cells.inflammatory_cells) == 8)


def test_a_float32_run_takes_numbers_of_numpy(tiny: RunConfig) -> None:
    def changed(forcing: Forcing, time: float, length: float) -> Forcing:
        lost = np.interp(time + length, [0, 1], [0, 1])
        values = {"estrogen_loss": lost, "il1ra_excess": np.float64(3)}
        return given(**values, exposure={"tnf": np.array([3.0])})(forcing)

    simulation = Simulation(tiny, load_geometry(tiny), forcing=changed)
    metrics = [simulation.advance().metrics for _ in range(2)]
    assert [each["estrogen_loss"] for each in metrics] == [0.5, 1.0]
    assert [each["tnf_drug_pM"] for each in metrics] == [3.0, 3.0]


def test_a_forcing_prints_all_that_differs_from_health_in_one_line() -> None:
    assert repr(Forcing()) == "Forcing(health)"
    values: dict[str, Any] = {
        "excess": {"il1": 3.5, "tnf": 0.0},
        "production": dict.fromkeys(("tnf", "opg"), np.float32(1.0)),
        "anabolic": np.float32(1.25),
        "exposure": {"tnf": np.array([1.0, 2.0]), "rankl": np.zeros(3)},
        "local": local(np.ones(GRID)),
    }
    forcing = Forcing(**values).with_source("il1", np.ones(GRID))
    assert repr(forcing) == (
        "Forcing(excess={il1: 3.5}, source={il1: field [z, y, x]}, anabolic=1.25, "
        "exposure={tnf: 1 to 2}, local=fields [z, y, x])"
    )
    traced: list[str] = []
    jax.jit(lambda f: traced.append(repr(f)))(forcing)
    assert len(traced[0].splitlines()) == 1
