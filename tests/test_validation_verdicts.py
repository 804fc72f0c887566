"""Comparisons that come out right, and the pages and README that say which do not."""

import re
from pathlib import Path

import pytest

from tissue.cli import main
from tissue.validation.findings import compare, selected
from tissue.validation.simulations import SimulationCache
from tissue.validation.table import VALIDATION
from tissue.verification.table import VERIFICATION


class Quick(SimulationCache):
    """Simulations of usual accuracy, without the runs that estimate the error of the solver."""

    def __init__(self) -> None:
        super().__init__(accuracy=0.002)

    def errors(self, species: str) -> tuple[float, float, float]:
        return 0.0, 0.0, 0.0


@pytest.fixture(scope="module")
def quick() -> Quick:
    return Quick()


IN_CULTURE_AND_MICE = ["V02", "V06", "V08", "V47", "V54", "V58", "V59", "V60", "V70"]
LONG = ["V05", "V32", "V35", "V48", "V57", "V61", "V62", "V64", "V65", "V67", "V71", "V72"]
UNLOADING = ["V73"]
ARTHRITIS = ["V27", "V50", "V51", "V52", "V53"]


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_CULTURE_AND_MICE + ARTHRITIS + LONG + UNLOADING)
def test_comparisons_of_drugs_and_cytokines_come_out_right(name: str, quick: Quick) -> None:
    (found,) = selected(VALIDATION, [name], VERIFICATION)
    (result,) = compare([found], quick, slow=True)
    assert result.verdict in ("pass", "known gap"), (result.remark, result.computed)


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
    page = "validation.md" if command == "validate" else "verification.md"
    text = (Path(__file__).parents[1] / "docs" / page).read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([VT]\d\d): .* \| (pass|FAIL|known gap|not run)", text, re.MULTILINE)
    code = main([command, "--full"])
    printed = capsys.readouterr().out
    found = re.findall(r"^([VT]\d\d)  (pass|FAIL|known gap|not run) ", printed, re.MULTILINE)
    assert found == listed
    assert code == ("FAIL" in {verdict for _, verdict in found})
