"""A summary must come out of any run, also of one that has just begun or lost everything."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from numpy.typing import NDArray

from tissue.analysis import summary
from tissue.analysis.courses import FLAT_NOTE, Course
from tissue.analysis.panels import round_length
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage.snapshot import write_snapshot
from tissue.storage.tables import Table

GRID = Grid((12, 20, 16), 10.0, (5.0, 0.0, 0.0))
COLUMNS = (
    "time_day",
    "bv_tv",
    "bv_tv_change_percent",
    "resorption_um_per_day",
    "formation_um_per_day",
)
ORANGE = np.array([0xD5, 0x5E, 0x00]) / 255
BLUE = np.array([0x00, 0x72, 0xB2]) / 255


@pytest.fixture(autouse=True)
def small_renderings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "_WIDTH", 100)


def strut(radius: float, grid: Grid = GRID) -> NDArray[np.float32]:
    _, y, x = np.ogrid[tuple(slice(0, count) for count in grid.shape)]
    distance = np.hypot(y - 0.5 * grid.shape[1], x - 0.5 * grid.shape[2])
    section = np.clip(radius - distance, 0, 1).astype(np.float32)
    return np.ascontiguousarray(np.broadcast_to(section, grid.shape))


def make_run(folder: Path, *bones: NDArray[np.float32], days: int = 5) -> Path:
    with Table(folder / "metrics.csv", COLUMNS) as table:
        for day in range(days):
            table.append(dict.fromkeys(COLUMNS, 0.1) | {"time_day": day, "bv_tv": 0.3 / (1 + day)})
    for step, bone in enumerate(bones):
        fields = {"bone_volume_fraction": bone}
        write_snapshot(folder, grid=GRID, step=step, time=step, fields=fields, provenance={})
    return folder


def share_of(color: NDArray[np.float64], picture: NDArray[np.float32]) -> float:
    """Part of the slice panels that has a color."""
    panels = picture[int(0.68 * len(picture)) :, : int(0.65 * picture.shape[1]), :3]
    return float(np.mean(np.abs(panels - color).max(axis=2) < 0.02))


def test_the_summary_is_a_full_picture(tmp_path: Path) -> None:
    path = summary.write_summary(make_run(tmp_path, strut(6), strut(5.5), strut(4)))
    assert path == tmp_path / "summary.png"
    assert path.stat().st_size < 1.5e6
    picture = imread(path)
    assert picture.shape == (1120, 1960, 4)
    inked = picture[..., :3].min(axis=2) < 0.9
    for rows in np.array_split(inked, 4):
        for panel in np.array_split(rows, 3, axis=1):
            assert panel.mean() > 0.005
    # nothing runs over the edge
    assert not inked[[0, -1]].any()
    assert not inked[:, [0, -1]].any()
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize(("change", "notes"), [(1e-6, 2), (1.0, 0), (0.0, 1)])
def test_a_flat_curve_says_why(change: float, notes: int) -> None:
    days = np.arange(3.0)
    metrics = dict.fromkeys(COLUMNS[3:], 1 + change * days)
    metrics |= {"time_day": days, "bv_tv_change_percent": change * days}
    figure = Figure()
    summary._draw_curves(figure, Course("mine", metrics))
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert [" ".join(text.split()) for text in found] == [FLAT_NOTE] * notes


def test_a_slice_shows_loss_in_orange_and_gain_in_blue(tmp_path: Path) -> None:
    (tmp_path / "loss").mkdir()
    (tmp_path / "gain").mkdir()
    loss = imread(summary.write_summary(make_run(tmp_path / "loss", strut(6), strut(3))))
    gain = imread(summary.write_summary(make_run(tmp_path / "gain", strut(3), strut(6))))
    assert share_of(ORANGE, loss) > 0.01 > share_of(BLUE, loss)
    assert share_of(BLUE, gain) > 0.01 > share_of(ORANGE, gain)


@pytest.mark.parametrize(
    "bones",
    [(strut(6), strut(0)), (strut(0), strut(0)), (strut(6),)],
    ids=["all bone gone", "never any bone", "one snapshot"],
)
def test_unusual_runs_are_drawn(tmp_path: Path, bones: tuple[NDArray[np.float32], ...]) -> None:
    picture = imread(summary.write_summary(make_run(tmp_path, *bones, days=1)))
    assert np.ptp(picture[..., :3]) > 0.5


@pytest.mark.parametrize(
    "name",
    [
        *("dose_$d_arm_$a", "cost_$5_and_$6", "$\\frac{", "a_b^c & <d> 100%", "_hidden"),
        *("two\nlines\ttab", "B\udcfcro", "x" * 255),
    ],
)
def test_a_name_is_drawn_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    texts: list[Text] = []
    draw = Text.draw

    def seen(text: Text, *rest: Any) -> None:
        texts.append(text)
        draw(text, *rest)

    monkeypatch.setattr(Text, "draw", seen)
    summary.write_summary(make_run(tmp_path, strut(6)), name)
    (heading,) = [text for text in texts if text.get_fontweight() == "bold"]
    shown, instead = heading.get_text(), "\N{REPLACEMENT CHARACTER}"
    if len(name) < 100:
        assert shown == name.replace("\n", " ").replace("\t", " ").replace("\udcfc", instead)
    else:
        assert shown == f"{'x' * 59} \N{HORIZONTAL ELLIPSIS} {'x' * 59}"
    assert heading.get_window_extent().x1 < 1960
    # two $ would be mathematics, drawn without them
    assert not any(text.get_parse_math() for text in texts)


def test_settings_of_a_user_do_not_make_texts_mathematics(tmp_path: Path) -> None:
    folder = make_run(tmp_path, strut(6))
    made = summary.write_summary(folder, "a_$1_$2").read_bytes()
    with mpl.rc_context({"text.usetex": True, "axes.formatter.use_mathtext": True}):
        assert summary.write_summary(folder, "a_$1_$2").read_bytes() == made


def test_a_picture_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    outside = tmp_path / "precious"
    outside.write_text("mine")
    for name in ("summary.png", "summary.png.tmp"):
        (tmp_path / "run" / name).symlink_to(outside)
    made = summary.write_summary(make_run(tmp_path / "run", strut(6)))
    assert outside.read_text() == "mine"
    assert imread(made).shape == (1120, 1960, 4)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metrics\.csv does not exist"):
        summary.write_summary(tmp_path)
    with pytest.raises(InputError, match="no rows yet"):
        summary.write_summary(make_run(tmp_path, days=0))
    with pytest.raises(InputError, match="no snapshots"):
        summary.write_summary(make_run(tmp_path))
    with Table(tmp_path / "metrics.csv", ["time_day", "bv_tv"]):
        pass
    with pytest.raises(InputError, match="lacks bv_tv_change_percent"):
        summary.write_summary(tmp_path)


def test_snapshots_of_two_runs_are_refused(tmp_path: Path) -> None:
    make_run(tmp_path, strut(6))
    other = Grid((4, 5, 6), 10.0)
    fields = {"bone_volume_fraction": strut(2, other)}
    write_snapshot(tmp_path, grid=other, step=9, time=9, fields=fields, provenance={})
    with pytest.raises(InputError, match="different grids"):
        summary.write_summary(tmp_path)


@pytest.mark.parametrize(
    ("limit", "length"), [(0.3, 0.2), (1.0, 1.0), (140.0, 100.0), (499.0, 200.0), (700.0, 500.0)]
)
def test_scale_bars_have_round_lengths(limit: float, length: float) -> None:
    assert round_length(limit) == pytest.approx(length)
