"""Claims of docs/claims.toml name what exists, and their table in docs/science.md is theirs."""

import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from docs_script import docs_script

from tissue.model.parameters import describe
from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def shares() -> ModuleType:
    """docs/shares.py, which measures the shares."""
    return docs_script("shares")


def test_every_claim_has_a_row_with_its_shares(shares: ModuleType) -> None:
    page = (ROOT / "docs" / "science.md").read_text(encoding="utf-8")
    rows = shares.science_page.lines(page, "shares")
    for claim, row in zip(shares.claims(), rows, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[0] == claim["claim"]
        assert cells[3].count(" % (`") == len(claim["shares"])
        assert all(f"(`{wanted['run']}`" in cells[3] for wanted in claim["shares"])
        found = [abs(float(share)) for share in re.findall(r"(-?[\d.]+) % \(`", cells[3])]
        assert ("nominal" in cells[3]) == (max(found, default=0) < 100 * shares.NOMINAL), row


def test_claims_name_parameters_tests_and_runs(shares: ModuleType) -> None:
    symbols = {each.symbol for each in describe("mouse")} | {"f_L"}
    names = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        names |= set(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    for claim in shares.claims():
        assert set(claim["parameters"]) <= symbols, claim["claim"]
        assert claim["test"] == "-" or claim["test"] in names, claim["claim"]
        runs = {
            wanted[key]
            for wanted in claim["shares"]
            for key in ("run", "with", "untreated")
            if key in wanted
        }
        assert runs <= set(examples()), claim["claim"]


def test_every_claim_of_the_subject_is_there(shares: ModuleType) -> None:
    numbers = [re.match(r"(\d+)", claim["claim"]) for claim in shares.claims()]
    assert {int(number[1]) for number in numbers if number} == set(range(1, 28))


def test_a_change_is_put_in_key_by_key(shares: ModuleType) -> None:
    data: dict[str, Any] = {"disease": {"tnf": "2 pM", "il1_excess": "1 pM"}, "run": {"seed": 1}}
    assert shares.merged(data, {"disease": {"tnf": "0 pM"}, "knockout": {"il1": True}}) == {
        "disease": {"tnf": "0 pM", "il1_excess": "1 pM"},
        "run": {"seed": 1},
        "knockout": {"il1": True},
    }


def test_a_share_is_what_is_gone_without_an_action(
    shares: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = {"ill": 20.0, "treated": 5.0, "ill, off": 15.0, "treated, off": 8.0}

    def of(name: str, change: Any = None) -> Any:
        end = lost[f"{name}, off" if change else name]
        return shares.Loss(end, 25.0)

    losses = shares.Losses()
    monkeypatch.setattr(losses, "of", of)
    off = {"mechanisms": {"x": False}}
    measured = [
        shares.measured(wanted, losses).share
        for wanted in (
            {"run": "ill", "change": off},
            {"run": "ill", "with": "treated"},
            {"run": "treated", "untreated": "ill", "change": off},
            {"run": "ill", "what": "", "regained": True},
        )
    ]
    assert measured == pytest.approx([0.25, 0.75, 0.2, 0.2])


def test_every_change_is_read(shares: ModuleType) -> None:
    for claim in shares.claims():
        for wanted in claim["shares"]:
            path = examples()[wanted["run"]]
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            change = wanted.get("change", {})
            config = read_run_file(shares.merged(data, change), folder=path.parent, name="changed")
            assert config.run.preset in shares.BONES
