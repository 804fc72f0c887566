"""Keys of earlier versions are refused with the new key and the value of the same meaning.

Those that are gone are refused with what to give instead.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tissue.errors import InputError
from tissue.model.parameters import QUANTITIES
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.json_schema import keys
from tissue.scenario.renamed import REMOVED, RENAMED

ROOT = Path(__file__).parents[2]
BONE: dict[str, Any] = {"run": {"duration": "28 day"}, "geometry": {"synthetic": {}}}
SENTENCES = {
    "knockout.mechanostat": 'load.mechanics = "off"',
    "knockout.osteomorphs": "mechanisms.osteomorphs = false",
    "knockout.tgf_beta_steering": "mechanisms.tgf_beta_chemotaxis = false",
    "knockout.repulsion": "mechanisms.il1_repulsion = false",
    "disease.ageing": "disease.aging = true",
}


@pytest.mark.parametrize("old", RENAMED)
@pytest.mark.parametrize("value", [True, False])
def test_every_renamed_key_names_the_new_one(old: str, value: bool) -> None:
    table, key = old.split(".")
    new, inverted, values = RENAMED[old]
    text, same = str(value).lower(), values[value != inverted]
    sentence = f"{old} = {text} has a new name: write {new} = {same}, which means the same"
    with pytest.raises(InputError) as raised:
        read_run_file({**BONE, table: {key: value}})
    assert str(raised.value) == sentence
    assert SENTENCES.get(old, sentence) in sentence or not value
    with pytest.raises(InputError) as raised:
        read_run_file(ROOT / "tests/tiny.toml", [f"{old}={text}"])
    assert str(raised.value) == sentence
    section, name = new.split(".")
    assert name in keys(RunConfig)[section,]
    (meant,) = tomllib.loads(f"value = {same}").values()
    config = read_run_file({**BONE, section: {name: meant}})
    assert getattr(getattr(config, section), name) == meant


def test_old_keys_are_no_keys_any_more() -> None:
    for old in RENAMED:
        table, key = old.split(".")
        assert key not in keys(RunConfig)[table,]


def test_an_old_key_with_a_value_of_no_use_is_refused_too() -> None:
    message = "knockout.repulsion = 3 has a new name: write mechanisms.il1_repulsion, true or false"
    with pytest.raises(InputError, match=message):
        read_run_file({**BONE, "knockout": {"repulsion": 3}})


def test_all_old_keys_of_a_file_are_named_in_one_sentence() -> None:
    old = {"tnf_direct": False, "osteomorphs": True, "repulsion": False}
    with pytest.raises(InputError) as raised:
        read_run_file({**BONE, "knockout": old, "disease": {"ageing": False}})
    assert str(raised.value) == (
        "knockout.osteomorphs = true has a new name: write mechanisms.osteomorphs = false, which "
        "means the same; 3 more have new names, and true means on in [mechanisms]: "
        "knockout.repulsion (mechanisms.il1_repulsion), "
        "knockout.tnf_direct (mechanisms.tnf_osteoclastogenesis), disease.ageing (disease.aging)"
    )


def test_a_parameter_that_is_gone_names_the_one_to_give() -> None:
    sentence = (
        "parameters.a_S = '0.5' is not used any more: sclerostin blockade activates lining cells: "
        "give parameters.k_S, their rate of activation, such as '0.1 1/day'; or leave out "
        "[parameters], where an earlier version wrote them all: their values belong to its "
        "equations"
    )
    in_tables, on_the_line = {**BONE, "parameters": {"a_S": "0.5"}}, ["parameters.a_S='0.5'"]
    with pytest.raises(InputError) as raised:
        read_run_file(in_tables)
    assert str(raised.value) == sentence
    with pytest.raises(InputError) as raised:
        read_run_file(ROOT / "tests/tiny.toml", on_the_line)
    assert str(raised.value) == sentence
    config = read_run_file({**BONE, "parameters": {"k_S": "0.1 1/day"}})
    assert config.parameters.k_S == 0.1
    assert not {key.partition(".")[2] for key in REMOVED} & set(QUANTITIES)
