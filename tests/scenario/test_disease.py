"""Disease in a run file: read, refused, and written out again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tissue.errors import InputError
from tissue.model.mechanisms import MECHANISMS
from tissue.model.parameters import QUANTITIES, preset
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.json_schema import keys
from tissue.scenario.resolved import config_hash, resolved_toml
from tissue.scenario.time_course import TimeCourse

FULL = """
[run]
duration = "1 year"
preset = "human"
[geometry.synthetic]
[disease]
il1_excess = "1/3 pM"
il1ra_excess = "7 pM"
il6_excess = "12.5 pM"
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
[mechanisms]
osteomorphs = false
tgf_beta_chemotaxis = true
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
    return read_run_file(data, folder=Path("/runs"), name="ill")


def read(folder: Path, text: str = FULL) -> RunConfig:
    path = folder / "ill.toml"
    path.write_text(text)
    return read_run_file(path)


def test_health_is_the_default() -> None:
    config = parsed()
    assert parsed(disease={}, knockout={}, boundary={}, mechanisms={}) == config
    assert (config.knockout.genes, config.boundary.walls) == (frozenset(), {})
    assert [name for name, on in config.mechanisms if not on] == ["tgf_beta_chemotaxis"]
    assert not any(config.disease.excess.values())
    assert not config.has_local_forcing


def test_reads_everything(tmp_path: Path) -> None:
    config = read(tmp_path)
    disease = config.disease
    excess = {"tnf": 100.0, "il1": 1 / 3, "il6": 12.5}
    assert disease.excess == {name: TimeCourse.of(value) for name, value in excess.items()}
    assert disease.il1ra_excess == TimeCourse.of(7.0)
    assert disease.inflammatory_cells == TimeCourse.of(100.0)
    assert (disease.rankl_production, disease.opg_production, disease.aging) == (1.25, 0.8, True)
    estrogen, pannus = disease.estrogen, disease.pannus
    assert estrogen
    assert (estrogen.loss.constant, estrogen.onset, estrogen.ramp) == (0.7, 30.4375, 730.5)
    assert pannus
    assert (pannus.faces, pannus.depth, pannus.cells) == (("z_low", "x_high"), 150, 1e4)
    assert pannus.mask == tmp_path.resolve() / "images/pannus.npy"
    walls = config.boundary.walls
    assert {solute: list(faces) for solute, faces in walls.items()} == {
        "tnf": ["y_high"],
        "il1": ["z_low"],
    }
    held, blood = walls["il1"]["z_low"], walls["tnf"]["y_high"]
    assert (held.concentration, held.permeability) == (20, None)
    assert (blood.concentration, blood.permeability) == (2, 100)
    assert config.knockout.genes == {"il1ra"}
    assert (config.mechanisms.osteomorphs, config.mechanisms.tgf_beta_chemotaxis) == (False, True)
    assert config.has_local_forcing
    assert [each.drug for each in config.therapy] == ["anakinra", "denosumab", "il4"]


def test_a_resolved_run_is_the_same_run(tmp_path: Path) -> None:
    config = read(tmp_path)
    text = resolved_toml(config)
    again = read(tmp_path, text)
    assert again == config
    assert resolved_toml(again) == text
    assert config_hash(again) == config_hash(config)


def test_a_periodic_box_is_kept_and_told_from_another(tmp_path: Path) -> None:
    closed, box, other = (parsed(boundary={"periodic": axes}) for axes in ([], ["z", "x"], ["x"]))
    assert (closed.boundary.periodic, box.boundary.periodic) == ((), ("z", "x"))
    assert len({config_hash(each) for each in (closed, box, other)}) == 3
    assert read(tmp_path, resolved_toml(box)).boundary.periodic == ("z", "x")
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
        ("osteomorphs = false", "lining_cells = false"),
        ("tgf_beta_chemotaxis = true", "tgf_beta_chemotaxis = false"),
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
        ({"disease": {"estrogens": {}}}, "did you mean disease.estrogen"),
        (
            {"disease": {"pannus": {}}},
            "disease.pannus = {} must be a table whose faces or mask say where the pannus is, e.g.",
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
        ({"boundary": {"rank": {}}}, "rank is not a known key, did you mean boundary.rankl"),
        ({"boundary": {"il1": {"front": {}}}}, "boundary.il1.front is not a known key; known in"),
        (
            {"boundary": {"il1": {"z_low": {}}}},
            "boundary.il1.z_low = {} must be a table with either value, which is held there, or "
            "permeability and "
            "blood for exchange with blood",
        ),
        (
            {"boundary": {"tnf": {"z_low": {"permeability": "1 um/day"}}}},
            "boundary.tnf.z_low = .* must be a table with either value",
        ),
        (
            {"boundary": {"opg": {"x_high": {"value": "1 pM", "blood": "1 pM"}}}},
            "boundary.opg.x_high = .* must be a table with either value",
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
            "boundary.periodic names 'z', where the box repeats itself, and boundary.opg.z_low "
            "needs the face z_low there: take one of the two out",
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
    with pytest.raises(InputError, match=r"^output\.fields: 'x' is not a known field"):
        parsed(output={"fields": ["il1", "x"]})


def test_messages_know_every_table() -> None:
    known = keys(RunConfig)
    for path in (("therapy",), ("disease", "estrogen"), ("boundary", "rankl", "y_low")):
        assert path in known
    assert {"file", "synthetic"} <= known["geometry",].keys()
    assert "bv_tv" in known["geometry", "synthetic"]
    assert known["disease", "tnf"].keys() == {"from", "to", "value"}
    described = [about for table in known.values() for about in table.values()]
    assert all(described)
    assert described.count("a table") < 20


def test_a_mechanism_is_off_by_its_parameters() -> None:
    config = parsed(
        mechanisms={"il1_repulsion": False, "tnf_osteoclastogenesis": False}, knockout={"il1": True}
    )
    wanted = replace(preset("mouse"), chi_I=0.0, a_dT=0.0)
    assert config.acting == wanted
    assert config.parameters == preset("mouse")  # as the run file gives them
    for name, about in MECHANISMS.items():
        assert set(about.parameters) <= QUANTITIES.keys(), name
    assert parsed().acting == preset("mouse")
