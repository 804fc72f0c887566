"""Table of parameters of a report: each value stands beside the unit that it is in."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
from analysis.made import made

from tissue import units
from tissue.cli import main
from tissue.model.parameters import PRESETS, QUANTITIES

RUN_FILE = """
[run]
preset = "{preset}"
duration = "14 day"
[geometry.synthetic]
shape = [24, 24, 24]
spacing = "10 um"
"""
GIVEN = """
[parameters]
D_I = "50 um^2/s"
E_t = "15 GPa"
"""


def table(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    """Value and unit of each row of the table in the report of a run."""
    assert main(["report", str(folder)]) == 0
    assert not capsys.readouterr().err, "no table is left out"
    text = (folder / "report.html").read_text(encoding="utf-8")
    (rows,) = re.findall(r'aria-label="Parameters">.*?<tbody>(.*?)</tbody>', text, re.DOTALL)
    found = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', rows)
    return {symbol: (value, unescape(unit)) for symbol, value, unit in found}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_row_is_in_the_unit_beside_it(
    preset: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path / "run")
    (folder / "run.toml").write_text(RUN_FILE.format(preset=preset), encoding="utf-8")
    found = table(folder, capsys)
    assert main(["parameters", preset, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert found == {each["symbol"]: (f"{each['value']:.6g}", each["unit"]) for each in listed}
    for symbol, (value, unit) in found.items():
        about = QUANTITIES[symbol]
        number = units.parse(value if unit == "1" else f"{value} {unit}", about.unit)
        assert number == pytest.approx(about.presets[preset].value, rel=1e-5), symbol


def test_values_of_the_run_file_are_in_those_units_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path / "run")
    text = RUN_FILE.format(preset="mouse") + GIVEN
    (folder / "run.toml").write_text(text, encoding="utf-8")
    found = table(folder, capsys)
    assert found["D_I"] == ("50", "um^2/s")
    assert found["E_t"] == ("15", "GPa")
