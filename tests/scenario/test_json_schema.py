"""JSON schema of the run file: editors complete and check run files with it."""

import json
import tomllib
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tissue.cli import main
from tissue.errors import InputError
from tissue.model.drugs import DRUGS
from tissue.model.fields import FIELDS
from tissue.model.mechanisms import MECHANISMS
from tissue.model.parameters import QUANTITIES
from tissue.model.species import SOLUTES
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.json_schema import json_schema
from tissue.scenario.library import examples
from tissue.scenario.resolved import resolved_toml

SCHEMA = json_schema(RunConfig)
VALIDATOR = Draft202012Validator(SCHEMA)
FULL = """
[run]
duration = "28 day"
accuracy = "0.1 %"
[geometry.synthetic]
shape = [8, 8, 8]
[disease]
tnf = "3 pM"
[[disease.il1_excess]]
from = "0 day"
to = "3 day"
value = "10 pg/mL"
[disease.estrogen]
loss = [{from = "1 day", to = "2 day", value = 0.5}]
[disease.pannus]
faces = ["z_low"]
[load]
mechanics = "off"
[mechanisms]
osteomorphs = false
[knockout]
il1ra = true
[boundary.il1.z_low]
value = "20 pM"
[[therapy]]
drug = "il4"
dose = "1 ug/kg"
times = ["1 day", "2 day"]
[parameters]
a_R = 12
D_M = "20000 um^2/day"
[output]
fields = ["il1"]
"""


def table(*path: str) -> dict[str, Any]:
    """Schema of a table by its keys."""
    node = SCHEMA
    for key in path:
        node = node["properties"][key]
        node = next((form for form in node.get("oneOf", ()) if "$ref" in form), node)
        node = node.get("items", node) if isinstance(node.get("items"), dict) else node
        if "$ref" in node:
            node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def errors(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(tomllib.loads(text))]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "null" not in json.dumps(SCHEMA)  # TOML has none


@pytest.mark.parametrize("name", examples())
def test_bundled_runs_and_what_is_made_of_them_are_valid(name: str) -> None:
    text = examples()[name].read_text(encoding="utf-8")
    assert errors(text) == []
    assert errors(resolved_toml(read_run_file(examples()[name]))) == []


def test_all_forms_of_keys_are_valid() -> None:
    assert errors(FULL) == []
    read_run_file(tomllib.loads(FULL))


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('duration = "28 day"', "duration = 28", "$.run.duration"),
        ('drug = "il4"', 'drug = "aspirin"', "$.therapy[0].drug"),
        ('fields = ["il1"]', 'fields = ["il2"]', "$.output.fields[0]"),
        ('faces = ["z_low"]', 'faces = ["top"]', "$.disease.pannus.faces[0]"),
        ("osteomorphs = false", "osteomorphs = 0", "$.mechanisms.osteomorphs"),
        ('mechanics = "off"', 'mechanics = "on"', "$.load.mechanics"),
        ("il1ra = true", "osteomorphs = true", "$.knockout"),
        ("[boundary.il1.z_low]", "[boundary.il9.z_low]", "$.boundary"),
        ("a_R = 12", "a_Q = 12", "$.parameters"),
        ('value = "10 pg/mL"', "value = 10", "$.disease.il1_excess"),
    ],
)
def test_mistakes_are_found(old: str, new: str, where: str) -> None:
    assert FULL.count(old) == 1
    assert errors(FULL.replace(old, new)) == [where]


BONE = {"run": {"duration": "28 day"}, "geometry": {"synthetic": {}}}
PIECE = {"from": "0 day", "to": "1 day", "value": "1 pM"}
DOSE = {"drug": "il4", "dose": "1 ug/kg"}
VALID: list[dict[str, Any]] = [
    {"run": {"duration": "28 day", "accuracy": 0.002}},
    {"run": {"duration": "1/3 week", "step": ".5 d"}},
    {"disease": {"tnf": "1e1 pM"}},
    {"disease": {"il1_excess": [PIECE]}},
    {"disease": {"pannus": {"faces": ["z_low", "z_high"]}}},
    {"disease": {"pannus": {"faces": [], "mask": "mask.nrrd"}}},
    {"boundary": {"tnf": {"x_low": {"permeability": "9 um/day", "blood": "1 pM"}}}},
    {"parameters": {"a_R": 12, "D_I": "30 \N{MICRO SIGN}m\N{SUPERSCRIPT TWO}/s"}},
    {"therapy": [DOSE | {"every": "1 day", "start": "1 day", "stop": "9 day"}]},
]
INVALID: list[dict[str, Any]] = [
    {"run": {"duration": "28"}},
    {"run": {"duration": "1e3"}},
    {"run": {"duration": "long"}},
    {"run": {"duration": "28 day", "accuracy": True}},
    {"disease": {"tnf": "12e0"}},
    {"disease": {"il1_excess": []}},
    {"disease": {"il1_excess": PIECE}},
    {"disease": {"pannus": {}}},
    {"disease": {"pannus": {"faces": []}}},
    {"disease": {"pannus": {"faces": ["z_low", "z_low"]}}},
    {"boundary": {"periodic": ["z", "z"]}},
    {"output": {"fields": ["il1", "il1"]}},
    {"output": {"fields": []}},
    {"boundary": {"tnf": {"x_low": {}}}},
    {"boundary": {"tnf": {"x_low": {"blood": "1 pM"}}}},
    {"boundary": {"tnf": {"x_low": {"value": "1 pM", "blood": "1 pM"}}}},
    {"parameters": {"D_I": 30}},
    {"parameters": {"D_I": "30"}},
    {"therapy": [DOSE | {"times": ["1"]}]},
    {"therapy": [DOSE | {"times": ["1 day"], "every": "1 day"}]},
    {"therapy": [DOSE | {"stop": "9 day"}]},
]


@pytest.mark.parametrize("tables", VALID)
def test_what_the_program_reads_is_valid(tables: dict[str, Any]) -> None:
    read_run_file(BONE | tables)
    assert [error.message for error in VALIDATOR.iter_errors(BONE | tables)] == []


@pytest.mark.parametrize("tables", INVALID)
def test_what_the_program_refuses_is_not_valid(tables: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        read_run_file(BONE | tables)
    assert list(VALIDATOR.iter_errors(BONE | tables))


def test_tables_have_plain_names() -> None:
    assert all(name.isidentifier() and "__" not in name for name in SCHEMA["$defs"])
    assert {"TnfWall", "Il1Faces", "Il1ExcessPiece", "EstrogenLossPiece"} <= SCHEMA["$defs"].keys()


def test_keys_come_from_the_registries_with_units_and_defaults() -> None:
    assert table("mechanisms")["properties"].keys() == MECHANISMS.keys()
    assert table("knockout")["properties"].keys() > SOLUTES.keys()
    assert table("boundary")["properties"].keys() == {*SOLUTES, "periodic"}
    assert table("therapy")["properties"]["drug"]["enum"] == list(DRUGS)
    assert table("output")["properties"]["fields"]["items"]["enum"] == list(FIELDS)
    assert table("parameters")["properties"].keys() == QUANTITIES.keys()
    smooth = table("geometry")["properties"]["smooth"]
    assert (smooth["default"], smooth["unit"], smooth["examples"]) == ("0 um", "um", ["10 um"])
    preset = table("run")["properties"]["preset"]
    assert (preset["default"], preset["enum"]) == ("mouse", ["mouse", "human"])
    assert table("mechanisms")["properties"]["tgf_beta_chemotaxis"]["default"] is False
    assert table("run")["required"] == ["duration"]
    assert "required" not in table("output")


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == SCHEMA
    unchanged = deepcopy(SCHEMA)
    assert json_schema(RunConfig) == unchanged
