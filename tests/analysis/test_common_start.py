"""Branches count from the start of their parent, in figures, pages and words."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from analysis.made import branched, made

from tissue.analysis.common_start import (
    branch_day,
    changes_in_words,
    parent_of,
    signed,
    snapshots_since_start,
)
from tissue.analysis.courses import Course, first_shown
from tissue.analysis.dynamic import dynamic
from tissue.analysis.report.collect import collected, differences
from tissue.analysis.report.page import page
from tissue.storage.results import open_run


@pytest.fixture
def arms(tmp_path: Path) -> tuple[Path, Path]:
    """A run of 14 days and its branch of day 7, which loses nothing more."""
    parent = made(tmp_path / "mine", 0.1)
    return parent, branched(parent, tmp_path / "treated", 0.0)


def test_a_branch_has_the_snapshots_of_its_parent_before_it(arms: tuple[Path, Path]) -> None:
    parent, branch = arms
    assert branch_day(parent) is None
    assert branch_day(branch) == 7
    assert parent_of(branch) == parent
    found = snapshots_since_start(branch)
    assert [path.parent.name for path in found] == ["mine", "treated", "treated"]
    assert snapshots_since_start(parent) == sorted(parent.glob("snap_*"))


def test_a_parent_is_found_beside_a_branch_that_moved(
    arms: tuple[Path, Path], tmp_path: Path
) -> None:
    parent, branch = arms
    (tmp_path / "study").mkdir()
    for folder in (parent, branch):
        shutil.move(folder, tmp_path / "study" / folder.name)
    assert parent_of(tmp_path / "study" / "treated") == tmp_path / "study" / "mine"
    # another run in its place is not its parent
    shutil.rmtree(tmp_path / "study" / "mine")
    made(tmp_path / "study" / "mine", 0.3, provenance={"config_sha256": "other"})
    assert parent_of(tmp_path / "study" / "treated") is None
    assert len(snapshots_since_start(tmp_path / "study" / "treated")) == 2


def test_arms_are_compared_from_their_common_start(arms: tuple[Path, Path]) -> None:
    runs = [collected(folder) for folder in arms]
    found = differences(runs)
    assert (found["start"], found["end"]) == (0, 14)
    bone = [open_run(folder).metrics["bv_tv"] for folder in arms]
    assert bone[0][0] == bone[1][0]
    changes = [100 * (each[-1] / each[0] - 1) for each in bone]
    (line,) = (each for each in found["lines"] if each["label"] == "BV/TV")
    assert [arm["change"] for arm in line["arms"]] == pytest.approx(changes, rel=1e-4)
    assert line["arms"][1]["points"] == pytest.approx(changes[1] - changes[0], rel=1e-3)


def test_runs_of_unlike_length_are_compared_on_the_last_day_of_all(tmp_path: Path) -> None:
    long, short = made(tmp_path / "long", snapshots=3), made(tmp_path / "short", snapshots=2)
    found = differences([collected(long), collected(short)])
    assert found["end"] == 7
    (bone,) = (each for each in found["lines"] if each["label"] == "BV/TV")
    assert bone["arms"][0]["points"] == bone["arms"][1]["points"] == 0
    text = page([long, short])
    spans = "long from day 0 to 14; short from day 0 to 7"
    assert f"The runs have different times ({spans}): a shorter line is a run that is over." in text


def test_runs_that_share_no_days_are_not_compared(tmp_path: Path) -> None:
    early, later = made(tmp_path / "early"), made(tmp_path / "later", first_day=20.0)
    assert differences([collected(early), collected(later)])["lines"] == []
    text = page([early, later])
    days = "early day 0 to 14, later day 20 to 34"
    assert f"The runs share no span of days and are not compared ({days})." in text
    assert "Arms compared" not in text
    assert "changes of each count from its own start" in text


def test_dynamic_measures_of_a_branch_count_from_the_start(arms: tuple[Path, Path]) -> None:
    parent, branch = (dynamic(open_run(folder)) for folder in arms)
    assert branch[0]["ev_bv"] == pytest.approx(parent[1]["ev_bv"])
    assert branch[0]["ev_bv"] > 1


def test_a_change_says_from_when(arms: tuple[Path, Path]) -> None:
    metrics = open_run(arms[1]).metrics
    start, at, end = metrics["bv_tv"]
    whole, own = changes_in_words("bv_tv", metrics, 7)
    assert whole == (
        f"{start:.4f} on day 0, {end:.4f} on day 14 ({signed(100 * (end / start - 1), decimals=2)})"
    )
    assert own == f"since the branch: {at:.4f} on day 7, {end:.4f} on day 14 (0.00 %)"
    rest = {name: values[1:] for name, values in metrics.items()}
    (only,) = changes_in_words("bv_tv", rest, 7)  # without the rows of its parent
    assert only.startswith(f"{at:.4f} on day 7")


def test_the_curve_of_a_branch_begins_where_its_parent_is_drawn(arms: tuple[Path, Path]) -> None:
    parent, branch = (
        Course(folder.name, open_run(folder).metrics, (), branch_day(folder)) for folder in arms
    )
    assert first_shown(branch, [parent, branch]) == 7
    assert first_shown(branch, [branch]) == -np.inf
    assert first_shown(parent, [parent, branch]) == -np.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [(-7.94, "\N{MINUS SIGN}7.9 %"), (0.04, "0.0 %"), (-0.04, "0.0 %"), (1.5, "+1.5 %")],
)
def test_numbers_have_a_sign(value: float, text: str) -> None:
    assert signed(value) == text
