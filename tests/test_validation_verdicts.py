"""Comparisons that come out right, and the pages and README that say which do not."""

import re
from pathlib import Path

import pytest

from tissue.cli import main

RIGHT = (
    *("V02", "V06", "V08", "V47", "V54", "V58", "V59", "V60", "V70"),  # in culture and in mice
    *("V27", "V50", "V51", "V52", "V53"),  # arthritis
    *("V05", "V32", "V35", "V48", "V57", "V61", "V62", "V64", "V65", "V67", "V71", "V72"),  # long
    "V73",  # unloading
)
"""Comparisons of drugs and cytokines that come out right, or are known gaps."""


def verdicts(page: str) -> list[tuple[str, str]]:
    """Findings of a page and their verdicts."""
    text = (Path(__file__).parents[1] / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^\| ([VT]\d\d): .* \| (pass|FAIL|known gap|not run)", text, re.MULTILINE)


@pytest.mark.parametrize("name", RIGHT)
def test_comparisons_of_drugs_and_cytokines_come_out_right(name: str) -> None:
    assert dict(verdicts("validation.md"))[name] in ("pass", "known gap")


def test_the_readme_says_how_much_is_reproduced_and_what_is_not() -> None:
    root = Path(__file__).parents[1]
    page = (root / "docs" / "validation.md").read_text(encoding="utf-8")
    readme = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    counted = re.search(r"^\*\*(.*)\.\*\*$", page, re.MULTILINE)
    assert counted
    assert counted[1] in readme
    for name in re.findall(r"^- (V\d\d) \(", page, re.MULTILINE):
        assert name in readme, f"{name} fails or is a known gap: README's trust section names it"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["validate", "verify"])
def test_the_findings_have_the_verdicts_of_the_page(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = verdicts("validation.md" if command == "validate" else "verification.md")
    code = main([command, "--full"])
    printed = capsys.readouterr().out
    found = re.findall(r"^([VT]\d\d)  (pass|FAIL|known gap|not run) ", printed, re.MULTILINE)
    assert found == listed
    assert code == ("FAIL" in {verdict for _, verdict in found})
