"""The picture of who acts on whom has every solute, cell and drug of the registries."""

import dataclasses
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from docs_script import docs_script

from tissue.model.drugs import DRUGS
from tissue.model.species import SOLUTES
from tissue.model.state import State
from tissue.model.targets import TARGETS

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "pathways.svg"
diagram = docs_script("diagram")

NO_CELLS = {"bone_volume_fraction", "solutes", "endosteal_supply", "bisphosphonate"}
CARDS = diagram.all_cards()
TITLES = [card.title for card in CARDS]


def texts() -> list[str]:
    """Texts of the picture, each with all its runs."""
    root = ElementTree.parse(PICTURE).getroot()
    return ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_is_that_of_the_registries() -> None:
    assert PICTURE.read_text(encoding="utf-8") == diagram.picture(), "run python docs/diagram.py"


def test_every_solute_and_cell_has_a_card() -> None:
    cells = {each.name.replace("_", " ") for each in dataclasses.fields(State)} - {
        each.replace("_", " ") for each in NO_CELLS
    }
    assert cells | {each.long_name for each in SOLUTES.values()} <= set(texts())
    assert len(TITLES) == len(set(TITLES))


def test_every_drug_stands_in_the_card_of_its_target() -> None:
    shown = [target for card in CARDS for target in card.targets]
    assert sorted(shown) == sorted(TARGETS)
    words = set(re.findall(r"\w+", " ".join(texts())))
    assert set(DRUGS) <= words


@pytest.mark.parametrize("card", CARDS, ids=TITLES)
def test_all_that_acts_has_a_card(card: Any) -> None:
    named = {name for action in card.actions for name in (*action.raised, *action.lowered)}
    assert named <= set(TITLES)


def test_arrows_join_cards() -> None:
    assert {name for flow in diagram.FLOWS for name in flow} <= set(TITLES)
