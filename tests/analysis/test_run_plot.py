"""Figure of a run in a notebook."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.made import branched, made
from PIL import Image

import tissue
from tissue import display
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage.results import Fields, Results, open_run
from tissue.storage.tables import Columns


class Moment:
    """Bone of one time."""

    def __init__(self, time: float, bone: np.ndarray) -> None:
        self.grid, self.time, self.bone = Grid(bone.shape, 10.0), time, bone
        self.units = {"bone_volume_fraction": "1"}

    def field(self, name: str) -> np.ndarray:
        assert name == "bone_volume_fraction"
        return self.bone


class Made(Results):
    """A run with known numbers."""

    def __init__(self, moments: list[Any], osteoclasts: list[float]) -> None:
        self.name, self.moments = "made", moments
        columns = {
            "time_day": [0.0, 7.0, 14.0],
            "bv_tv_change_percent": [0.0, -4.0, -9.0],
            "osteoclasts_per_mm2": osteoclasts,
            "osteoblasts_per_mm2": [100.0, 90.0, 80.0],
        }
        self.metrics = Columns("metrics", {key: np.array(each) for key, each in columns.items()})

    @property
    def opened(self) -> list[Fields]:
        return self.moments


def plate(thick: int) -> np.ndarray:
    bone = np.zeros((12, 16, 20), np.float32)
    bone[:, 4 : 4 + thick] = 1
    return bone


def test_the_curves_and_the_bone_are_those_of_the_run() -> None:
    run = Made([Moment(0.0, plate(6)), Moment(14.0, plate(4))], [5.0, 7.5, 10.0])
    figure: Any = run.plot()
    start, end, loss, cells = figure.axes
    assert [text.get_text() for text in (*start.texts, *end.texts)] == ["day 0", "day 14"]
    days, change = loss.lines[0].get_data()
    np.testing.assert_array_equal(days, [0, 7, 14])
    np.testing.assert_array_equal(change, [0, -4, -9])
    labels: dict[str, Any] = {line.get_label(): line.get_ydata() for line in cells.lines}
    np.testing.assert_allclose(labels["osteoclasts"], [100, 150, 200])
    np.testing.assert_allclose(labels["osteoblasts"], [100, 90, 80])
    picture = np.asarray(end.images[0].get_array())
    gray, orange = picture[5, 0], picture[9, 0]
    assert np.ptp(gray) < 0.05, "bone that stays is gray"
    assert orange[0] > 0.8 > orange[2] + 0.5, "bone that is lost is orange"
    assert list(end.images[0].get_extent()) == [0, 200, 160, 0]


def test_a_notebook_shows_it_as_a_picture() -> None:
    run = Made([Moment(0.0, plate(6)), Moment(14.0, plate(4))], [5.0, 7.5, 10.0])
    figure: Any = run.plot()
    with Image.open(BytesIO(figure._repr_png_())) as image:
        assert image.size == (1100, 319)
    assert len(repr(figure)) < 80


def test_a_run_without_snapshots_or_osteoclasts_is_drawn() -> None:
    figure: Any = Made([], [0.0, 0.0, 0.0]).plot()
    assert len(figure.axes) == 2
    assert np.isnan(figure.axes[1].lines[0].get_ydata()).all()


def test_without_the_drawing_code_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert display.plot is not None
    assert tissue.__version__
    monkeypatch.setattr(display, "plot", None)
    with pytest.raises(InputError, match="import tissue first"):
        Made([], [1.0, 1.0, 1.0]).plot()


def test_a_branch_has_one_start_in_all_panels(tmp_path: Path) -> None:
    folder = branched(made(tmp_path / "mine", 0.1), tmp_path / "treated", 0.0)
    figure: Any = open_run(folder).plot()
    start, end, loss, cells = figure.axes
    assert start.texts[0].get_text() == "day 0"
    assert loss.get_ylabel() == "change in BV/TV since day 0 [%]"
    assert cells.get_ylabel() == "cells per surface [% of day 0]"
    legend = end.get_legend()
    assert legend.get_title().get_text() == "since day 0"
    assert [text.get_text() for text in legend.get_texts()] == ["lost", "formed"]
