"""The page: whole in one file, the same every time."""

import re
from pathlib import Path

import numpy as np
import pytest
from analysis.made import ORIGIN, made

from tissue.analysis.labels import unique_labels
from tissue.analysis.report.collect import chosen, collected, round_up
from tissue.analysis.report.page import digits, write_report
from tissue.cli import main
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage.snapshot import write_snapshot


def test_the_page_is_whole_and_small(tmp_path: Path) -> None:
    path = write_report([made(tmp_path / "a run")])
    assert path == tmp_path / "a run" / "report.html"
    text = path.read_text(encoding="utf-8")
    assert len(text) < 3e6
    assert "&lt;b&gt;look&lt;/b&gt; out" in text  # what users write is no markup
    assert "anakinra 1 mg/kg every 7 days, 2 doses from day 0 to 7" in text
    outside = set(re.findall(r'(?:src|href)="([^"]*)"', text))
    assert outside <= {"data:,"}


def test_two_runs_are_told_apart(tmp_path: Path) -> None:
    folders = [made(tmp_path / "untreated", 0.2), made(tmp_path / "treated", 0.1)]
    out = tmp_path / "both.html"
    assert write_report(folders, out) == out
    text = out.read_text(encoding="utf-8")
    assert "Arms compared, day 0 to 14" in text
    assert "percentage points" in text
    for name in ("untreated", "treated"):
        assert f"<title>{'untreated and treated'}" in text
        assert name in text


def test_runs_in_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [made(tmp_path / "mild" / "run", 0.1), made(tmp_path / "severe" / "run", 0.2)]
    rows = [[{"symbol": "D_I", "value": "1"}], []]
    text = write_report(folders, tmp_path / "both.html", rows).read_text(encoding="utf-8")
    assert "<title>mild/run and severe/run" in text
    assert text.count("Parameters with their sources: mild/run") == 1
    assert "Parameters with their sources: severe/run" not in text
    assert unique_labels([folders[0], tmp_path / "other"]) == ["run", "other"]
    assert unique_labels([folders[0], folders[0]]) == ["run", "run"]


def test_the_median_distance_is_that_of_the_surface(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", snapshots=1)
    for step, thickness in enumerate((12, 10)):
        bone = np.zeros((24, 24, 24), "f4")
        bone[:thickness] = 1.0
        write_snapshot(
            folder,
            grid=Grid(bone.shape, 10.0),
            step=step,
            time=7.0 * step,
            fields={"bone_volume_fraction": bone, "rankl": bone},
            provenance=ORIGIN,
        )
    start, median = collected(folder)["moved"]["medians"]
    assert start is None
    assert median == pytest.approx(-20.0, rel=0.01), "two voxels of 10 um are gone"


def test_a_name_that_is_no_text_is_written_out(tmp_path: Path) -> None:
    folder = made(tmp_path / "B\udcfcro <&>", 0.2)
    text = write_report([folder]).read_text(encoding="utf-8")
    assert "B\\udcfcro &lt;&amp;&gt;" in text


def test_a_page_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path / "run")
    (folder / "report.html").mkdir()
    assert main(["report", str(folder)]) == 1
    told = capsys.readouterr().err
    assert "report.html" in told
    assert told.count("\n") == 1


def test_the_page_is_the_same_every_time(tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    first = write_report([folder]).read_bytes()
    assert write_report([folder]).read_bytes() == first


def test_few_times_are_chosen_evenly() -> None:
    assert chosen(3) == [0, 1, 2]
    assert chosen(12) == list(range(12))
    assert chosen(23) == list(range(0, 23, 2))


@pytest.mark.parametrize(
    ("value", "count", "text"), [(1283.3, 3, "1283"), (0.2408, 3, "0.241"), (-5.0, 4, "-5")]
)
def test_numbers_have_no_needless_exponent(value: float, count: int, text: str) -> None:
    assert digits(value, count) == text


@pytest.mark.parametrize("value", [0.034, 0.9999, 1.0, 1.01, 2.6, 5.1, 8.2, 7300.0])
def test_a_scale_ends_close_above_what_it_shows(value: float) -> None:
    assert 0.9999 * value <= round_up(value) < 1.51 * value


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metrics\.csv does not exist"):
        write_report([tmp_path])
    assert main(["report", str(tmp_path)]) == 2
    folder = made(tmp_path / "run", snapshots=1)
    assert main(["report", str(folder), "--out", str(tmp_path / "no" / "x.html")]) == 2
    assert main(["report", str(folder)]) == 0
