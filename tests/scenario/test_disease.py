"""What a run file says is wrong: read, refused, and written out again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tissue.errors import InputError
from tissue.model.parameters import preset
from tissue.scenario.config import RunConfig, parse_run, read_run_file
from tissue.scenario.disease import (
    SILENCED,
    Disease,
    Estrogen,
    OpenFace,
    Pannus,
    face_distance,
    silenced,
)
from tissue.scenario.messages import tables
from tissue.scenario.resolved import config_hash, resolved_toml
from tissue.scenario.schema import KnockoutTable

FULL = """
[run]
duration = "1 year"
preset = "human"
[geometry.synthetic]
[disease]
il1_excess = "1/3 pM"
il1ra_excess = "7 pM"
tnf = "0.1 nM"
inflammatory_cells = "100 cells/mm^3"
rankl_production = 1.25
opg_production = 0.8
aging = true
[disease.estrogen]
loss = 0.7
onset = "1 month"
ramp = "2 year"
[disease.pannus]
faces = ["z_low", "x_high"]
depth = "0.15 mm"
mask = "images/pannus.npy"
cells = "1e4 cells/mm^3"
[knockout]
il1ra = true
osteomorphs = true
tgf_beta_steering = false
[boundary.il1.z_low]
value = "20 pM"
[boundary.tnf.y_high]
permeability = "0.1 mm/day"
blood = "2 pM"
[[therapy]]
drug = "anakinra"
dose = "100 mg"
every = "0.1 day"
start = "0.3 day"
stop = "3 day"
[[therapy]]
drug = "denosumab"
dose = "60 mg"
times = ["0 day", "182 day"]
[[therapy]]
drug = "il4"
dose = "0.3 ug/kg"
start = "1/3 day"
every = "2 year"
"""


def parsed(disease: Any = None, **tables: Any) -> RunConfig:
    data = {"run": {"duration": "28 day"}, "geometry": {"synthetic": {}}, **tables}
    if disease is not None:
        data["disease"] = disease
    return parse_run(data, Path("/runs"), "ill")


def read(folder: Path, text: str = FULL) -> RunConfig:
    path = folder / "ill.toml"
    path.write_text(text)
    return read_run_file(path)


def test_health_is_the_default() -> None:
    assert parsed().disease == Disease()
    assert Disease().knockout == {"tgf_beta_steering"}
    assert not Disease().has_local_forcing


def test_reads_everything(tmp_path: Path) -> None:
    config = read(tmp_path)
    walls = (OpenFace("il1", "z_low", 20, None), OpenFace("tnf", "y_high", 2, 100))
    mask = tmp_path.resolve() / "images/pannus.npy"
    assert config.disease == Disease(
        il1_excess=1 / 3,
        il1ra_excess=7,
        tnf=100,
        inflammatory_cells=100,
        rankl_production=1.25,
        opg_production=0.8,
        aging=True,
        estrogen=Estrogen(0.7, 30.4375, 730.5),
        pannus=Pannus(("z_low", "x_high"), 150, mask, 1e4),
        knockout=frozenset({"il1ra", "osteomorphs"}),
        walls=walls,
    )
    assert config.disease.has_local_forcing
    assert [each.drug for each in config.therapies] == ["anakinra", "denosumab", "il4"]


def test_a_resolved_run_is_the_same_run(tmp_path: Path) -> None:
    config = read(tmp_path)
    text = resolved_toml(config)
    again = read(tmp_path, text)
    assert again == config
    assert resolved_toml(again) == text
    assert config_hash(again) == config_hash(config)


def test_a_periodic_box_is_kept_and_told_from_another(tmp_path: Path) -> None:
    closed, box, other = (parsed(boundary={"periodic": axes}) for axes in ([], ["z", "x"], ["x"]))
    assert (closed.periodic, box.periodic) == ((), ("z", "x"))
    assert len({config_hash(each) for each in (closed, box, other)}) == 3
    assert read(tmp_path, resolved_toml(box)).periodic == ("z", "x")
    assert "periodic" not in resolved_toml(closed)
    assert box.periodic_axes == (-3, -1)
    assert config_hash(parsed(boundary={"periodic": ["x", "z"]})) == config_hash(box)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('il1ra_excess = "7 pM"', 'il1ra_excess = "8 pM"'),
        ('tnf = "0.1 nM"', 'tnf = "0.2 nM"'),
        ('"100 cells/mm^3"', '"101 cells/mm^3"'),
        ("rankl_production = 1.25", "rankl_production = 1.26"),
        ("opg_production = 0.8", "opg_production = 0.9"),
        ("aging = true", "aging = false"),
        ("loss = 0.7", "loss = 0.71"),
        ('onset = "1 month"', 'onset = "2 month"'),
        ('ramp = "2 year"', 'ramp = "1 year"'),
        ('"x_high"]', '"x_low"]'),
        ('depth = "0.15 mm"', 'depth = "0.16 mm"'),
        ('mask = "images/pannus.npy"', 'mask = "images/other.npy"'),
        ('"1e4 cells/mm^3"', '"2e4 cells/mm^3"'),
        ("osteomorphs = true", "mechanostat = true"),
        ("tgf_beta_steering = false", "tgf_beta_steering = true"),
        ('value = "20 pM"', 'value = "21 pM"'),
        ('blood = "2 pM"', 'blood = "3 pM"'),
        ('"0.1 mm/day"', '"0.2 mm/day"'),
        ("[boundary.il1.z_low]", "[boundary.il1.z_high]"),
        ("[boundary.tnf.y_high]", "[boundary.opg.y_high]"),
        ('dose = "100 mg"', 'dose = "101 mg"'),
        ('drug = "denosumab"', 'drug = "adalimumab"'),
        ('"182 day"', '"183 day"'),
        ('stop = "3 day"', 'stop = "4 day"'),
    ],
)
def test_every_change_gives_another_hash(tmp_path: Path, old: str, new: str) -> None:
    assert FULL.count(old) == 1
    other = read(tmp_path, FULL.replace(old, new))
    assert config_hash(other) != config_hash(read(tmp_path))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"disease": {"tnf": 3}}, "disease.tnf: '3' has no unit: a concentration is needed"),
        ({"disease": {"tnf": "-3 pM"}}, "disease.tnf = '-3 pM' must be a concentration >= 0"),
        ({"disease": {"inflammatory_cells": "-1 cells/mm^3"}}, "must be a density >= 0"),
        ({"disease": {"inflammatory_cells": "1 pM"}}, "inflammatory_cells: '1 pM' is a conc"),
        ({"disease": {"rankl_production": -1}}, "= -1 must be a number from 0 to 100"),
        ({"disease": {"opg_production": "2"}}, "= '2' must be a number from 0 to 100"),
        ({"disease": {"aging": 1}}, "disease.aging = 1 must be true or false"),
        ({"disease": {"estrogen": {"loss": 2}}}, "disease.estrogen.loss = 2 must be a number from"),
        ({"disease": {"estrogen": {"onset": "-1 day"}}}, "onset = '-1 day' must be a time >= 0"),
        ({"disease": {"estrogen": True}}, "disease.estrogen = True must be a table"),
        ({"disease": {"estrogen": {}}}, "did you mean disease.estrogen"),
        (
            {"disease": {"pannus": {}}},
            "disease.pannus.faces or disease.pannus.mask must say where the pannus is, e.g. faces",
        ),
        (
            {"disease": {"pannus": {"faces": ["z_low", "z_low"]}}},
            r"disease.pannus.faces: \['z_low', 'z_low'\] names one twice \(it must be a list of "
            "different faces among z_low",
        ),
        ({"disease": {"pannus": {"faces": ["top"]}}}, r"faces = \['top'\] must be .* among z_low"),
        ({"disease": {"pannus": {"faces": "z_low"}}}, "faces = 'z_low' must be a list"),
        ({"disease": {"pannus": {"faces": ["z_low"], "depth": "0 um"}}}, "depth = '0 um' must be"),
        ({"disease": {"pannus": {"mask": ""}}}, "mask = '' must be the path of a mask image"),
        ({"knockout": {"il1_recepter": True}}, "did you mean knockout.il1_receptor"),
        ({"knockout": {"il1": 1}}, "knockout.il1 = 1 must be true or false"),
        ({"boundary": {"il2": {}}}, "boundary.il2 is not a known key, did you mean boundary.il1"),
        ({"boundary": {"il1": {"front": {}}}}, "boundary.il1.front is not a known key; known in"),
        (
            {"boundary": {"il1": {"z_low": {}}}},
            "boundary.il1.z_low must have either value, which is held there, or permeability and "
            "blood for exchange with blood",
        ),
        (
            {"boundary": {"tnf": {"z_low": {"permeability": "1 um/day"}}}},
            "boundary.tnf.z_low must have either value",
        ),
        (
            {"boundary": {"opg": {"x_high": {"value": "1 pM", "blood": "1 pM"}}}},
            "boundary.opg.x_high must have either value",
        ),
        (
            {"boundary": {"il1": {"z_low": {"permeability": "0 um/day", "blood": "1 pM"}}}},
            "boundary.il1.z_low.permeability = '0 um/day' must be a velocity > 0",
        ),
        ({"boundary": {"il1": {"z_low": {"value": 3}}}}, "z_low.value: '3' has no unit"),
        (
            {"boundary": {"periodic": ["w"]}},
            r"boundary.periodic = \['w'\] must be a list of different axes among z, y, x",
        ),
        ({"boundary": {"periodic": "z"}}, "boundary.periodic = 'z' must be a list of different"),
        ({"boundary": {"periodic": ["z", "z"]}}, "names one twice"),
        (
            {"boundary": {"periodic": ["z"], "opg": {"z_low": {"value": "1 pM"}}}},
            "boundary.periodic names 'z', where the box meets itself, and boundary.opg.z_low needs "
            "the face z_low there: take one of the two out",
        ),
        (
            {
                "boundary": {"periodic": ["x", "y"]},
                "disease": {"pannus": {"faces": ["z_low", "y_high"]}},
            },
            "boundary.periodic names 'y', .* disease.pannus.faces needs the face y_high there",
        ),
        ({"parameters": {"sigma_Q": 2}}, "parameters.sigma_Q = 2 must be"),
        ({"parameters": {"alpha_share": "120 %"}}, "parameters.alpha_share = '120 %' must be"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(data: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        parsed(**data)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_positions_in_lists_of_tables_are_named_from_one() -> None:
    good = {"drug": "il4", "dose": "1 mg"}
    for position in (1, 2, 3):
        therapies: list[Any] = [good] * (position - 1) + [{"drug": "il4", "dose": "1 pM"}]
        with pytest.raises(InputError, match=rf"^therapy\[{position}\]\.dose: '1 pM'"):
            parsed(therapy=therapies)
        therapies[-1] = {"drug": "il4", "dose": "1 mg", "stop": 3.5}
        with pytest.raises(InputError, match=rf"^therapy\[{position}\]\.stop: '3.5' has no unit"):
            parsed(therapy=therapies)
        therapies[-1] = {"drug": "il4"}
        with pytest.raises(InputError, match=rf"^therapy\[{position}\]\.dose is missing"):
            parsed(therapy=therapies)
        therapies[-1] = good | {"evry": "1 day"}
        with pytest.raises(InputError, match=rf"^therapy\[{position}\]\.evry is not a known key"):
            parsed(therapy=therapies)


def test_other_lists_are_named_as_a_whole() -> None:
    with pytest.raises(InputError, match=r"^therapy\[1\]\.times: '2' has no unit"):
        parsed(therapy=[{"drug": "il4", "dose": "1 mg", "times": ["1 day", 2]}])
    with pytest.raises(InputError, match=r"^output\.fields = \['il1', 'x'\] must be"):
        parsed(output={"fields": ["il1", "x"]})


def test_messages_know_every_table() -> None:
    known = tables()
    for path in (("therapy",), ("disease", "estrogen"), ("boundary", "rankl", "y_low")):
        assert path in known
    for table in known.values():
        assert all(about.description for about in table.model_fields.values()), table


def test_a_mechanism_is_silenced_by_its_parameter() -> None:
    config = parsed(knockout={"repulsion": True, "tnf_direct": True, "il1": True})
    assert silenced(config.disease) == {"chi_I": 0.0, "a_dT": 0.0}
    assert (config.acting.chi_I, config.acting.a_dT) == (0, 0)
    assert config.parameters == preset("mouse")  # as the run file gives them
    assert set(SILENCED) < set(KnockoutTable.model_fields)
    # neither estrogen loss nor inflammatory cells make what is knocked out
    assert silenced(parsed(knockout={"tnf": True}).disease) == {"omega_T": 0.0, "q_FT": 0.0}


def test_estrogen_is_lost_along_a_ramp() -> None:
    loss = Estrogen(0.8, 10.0, 20.0)
    assert_allclose([loss.lost(t) for t in (0, 10, 20, 30, 99)], [0, 0, 0.4, 0.8, 0.8])
    surgery = Estrogen(1.0, 10.0, 0.0)
    assert [surgery.lost(t) for t in (9.99, 10, 11)] == [0, 1, 1]


def test_il1_of_estrogen_loss_relaxes_years_later() -> None:
    human = preset("human")
    loss = Estrogen(1.0, 100.0, 0.0)
    wanted = [1, 1, np.exp(-1)]
    found = [loss.relaxation(t, human) for t in (0, 830, 830 + 2555)]
    assert_allclose(found, wanted, rtol=1e-12)
    assert loss.relaxation(3000, preset("mouse")) == 1


def test_distance_from_a_face() -> None:
    assert_allclose(face_distance("y_low", (2, 3, 4), 10.0).ravel(), [5, 15, 25])
    assert_allclose(face_distance("x_high", (2, 3, 4), 10.0).ravel(), [35, 25, 15, 5])
    assert face_distance("z_low", (2, 3, 4), 10.0).shape == (2, 1, 1)
