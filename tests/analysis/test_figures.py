"""Figures that are drawn, labeled, and the same every time."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from analysis.made import made
from matplotlib.image import imread
from PIL import Image

from tissue.analysis import figures
from tissue.analysis.courses import MOST_RUNS
from tissue.analysis.curve_figures import curves
from tissue.analysis.dynamic import DYNAMIC, dynamic
from tissue.analysis.panels import RUNS
from tissue.analysis.style import STYLES, styled
from tissue.cli import main
from tissue.errors import InputError
from tissue.storage.results import open_run

Told = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def small_renderings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "SOLID", 60)
    monkeypatch.setattr(figures, "FRAME", 60)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("figures")
    return [made(place / "untreated", 0.2), made(place / "treated", 0.1)]


def test_every_figure_is_drawn_the_same_every_time(
    folders: list[Path], tmp_path: Path, capfd: Told
) -> None:
    words = ["plot", str(folders[0]), "--format", "svg", "--out"]
    assert main([*words, str(tmp_path / "one")]) == 0
    assert main([*words, str(tmp_path / "two")]) == 0
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {
        *("curves.svg", "slices_bone_volume_fraction.svg", "slices_rankl.svg"),
        *("sites.svg", "loss.svg", "loss.gif"),
    }
    for name in names:
        one, two = (tmp_path / folder / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), name
    assert len(capfd.readouterr().out.splitlines()) == 2 * len(names)


@pytest.mark.parametrize("kind", ["pdf", "png"])
def test_other_formats(folders: list[Path], tmp_path: Path, kind: str) -> None:
    for place in ("one", "two"):
        words = ["plot", *map(str, folders), "--kind", "curves", "--format", kind]
        assert main([*words, "--out", str(tmp_path / place)]) == 0
    one, two = (tmp_path / place / f"curves.{kind}" for place in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    if kind == "png":
        assert imread(one)[..., :3].std() > 0.05


def test_curves_of_several_runs_have_a_legend(folders: list[Path]) -> None:
    runs = [open_run(folder) for folder in folders]
    with styled():
        figure = curves(runs)
    # beside each other, and so the kinds of lines below the runs
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["untreated", "resorption", "treated", "formation"]
    assert not any(axes.get_legend() for axes in figure.axes)  # it would lie on the curves
    assert all(axes.get_title(loc="left") for axes in figure.axes)
    assert {axes.get_xlabel() for axes in figure.axes[3:]} == {"time [day]"}


NAMES = ["dose_$d_arm_$a", "cost_$5", "_hidden", "a_b^c & <d> 100%", "two\nlines", "B\udcfcro"]


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_names_of_runs_are_drawn_as_they_are(
    folders: list[Path], tmp_path: Path, capfd: Told, kind: str
) -> None:
    named = [tmp_path / name for name in NAMES]
    for each in named:
        shutil.copytree(folders[0], each)
    words = ["plot", *map(str, named), "--kind", "curves", "--format", kind]
    assert main([*words, "--out", str(tmp_path)]) == 0
    assert capfd.readouterr().err == ""
    assert (tmp_path / f"curves.{kind}").stat().st_size > 5000
    with styled():
        legend = curves([open_run(each) for each in named]).legends[0]
    shown = {text.get_text() for text in legend.get_texts()} - {"resorption", "formation"}
    assert shown == {*NAMES[:4], "two lines", "B\N{REPLACEMENT CHARACTER}ro"}
    assert not any(text.get_parse_math() for text in legend.get_texts())


@pytest.mark.parametrize("name", ["curves.svg", "loss.gif"])
def test_a_figure_does_not_follow_a_link(folders: list[Path], tmp_path: Path, name: str) -> None:
    outside = tmp_path / "precious"
    outside.write_text("mine")
    (tmp_path / name).symlink_to(outside)
    kind = {"curves.svg": "curves", "loss.gif": "animation"}[name]
    words = ["plot", str(folders[0]), "--kind", kind, "--format", "svg"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    assert outside.read_text() == "mine"
    assert not (tmp_path / name).is_symlink()


def test_more_runs_than_colors_have_dashes(folders: list[Path]) -> None:
    run = open_run(folders[0])
    with styled():
        figure = curves([run] * MOST_RUNS)
    for axes in figure.axes:
        looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
        assert len(looks) == len(axes.lines) == MOST_RUNS >= 8
    titles = [" ".join(axes.get_title(loc="left").split()) for axes in figure.axes]
    assert sum("rate at the surface" in title for title in titles) == 2
    with pytest.raises(InputError, match="at most 16"):
        curves([run] * (MOST_RUNS + 1))


def test_a_run_that_is_given_twice_is_refused(
    folders: list[Path], tmp_path: Path, capfd: Told
) -> None:
    link = tmp_path / "link"
    link.symlink_to(folders[0])
    for command in ("report", "plot"):
        assert main([command, *map(str, folders), str(folders[0])]) == 2
        assert f"{folders[0]} is given twice; give each run once" in capfd.readouterr().err
    assert main(["report", str(folders[0]), str(link)]) == 2
    assert "is the same folder" in capfd.readouterr().err
    assert main(["report", *[str(folders[0])] * (MOST_RUNS + 1)]) == 2
    assert "at most 16" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("kind", "needed"),
    [("load", "strain_energy_density or load_stimulus"), ("ratio", "opg and rankl")],
)
def test_a_named_figure_without_its_fields_is_refused(
    folders: list[Path], tmp_path: Path, capfd: Told, kind: str, needed: str
) -> None:
    out = tmp_path / "figures"
    words = ["plot", str(folders[0]), "--kind", kind, "--kind", "curves", "--out", str(out)]
    assert main(words) == 2
    assert f"--kind {kind} needs {needed} in snapshots" in capfd.readouterr().err
    assert not out.exists()


def test_curves_of_a_table_without_their_columns_are_refused(
    folders: list[Path], tmp_path: Path, capfd: Told
) -> None:
    folder = shutil.copytree(folders[0], tmp_path / "run")
    (folder / "metrics.csv").write_text("time_day\n0\n")
    assert main(["plot", str(folder), "--kind", "curves"]) == 2
    told = capfd.readouterr().err
    assert f"{folder / 'metrics.csv'} has no values that curves show" in told
    assert not (folder / "figures").exists()


@pytest.mark.parametrize("count", [2, 9])
def test_a_legend_of_long_names_leaves_room_for_the_curves(
    folders: list[Path], tmp_path: Path, count: int
) -> None:
    runs = []
    for number in range(count):
        folder = tmp_path / f"{'long' * 55}_{number}"
        shutil.copytree(folders[0], folder)
        runs.append(open_run(folder))
    with styled():
        figure = curves(runs)
        figure.canvas.draw()
    shown = {text.get_text() for text in figure.legends[0].get_texts()}
    assert len(shown) == count + 2 * (count <= len(RUNS))  # the ends tell them apart
    box = np.array(figure.get_tightbbox().extents)
    width, height = figure.get_size_inches()
    assert box.min() > -0.01
    assert (box[2:] < (width + 0.01, height + 0.01)).all()
    assert all(1.0 < axes.get_position().height * height < 1.7 for axes in figure.axes)  # inch


def test_slices_tell_their_plane_their_unit_and_their_days(folders: list[Path]) -> None:
    run = open_run(folders[0])
    with styled():
        figure = figures.slices(run, "rankl")
        fixed = figures.slices(run, "rankl", "all")
    planes, bars = figure.axes[:3], figure.axes[3:]
    assert [axes.get_title() for axes in planes] == ["day 0", "day 7", "day 14"]
    note = figure.get_supxlabel()
    assert note.startswith("RANKL in marrow fluid [pM]; plane z = 120 \N{MICRO SIGN}m, y down, x")
    assert all(axes.collections for axes in planes)  # the outline of bone
    # each time has a range of its own, unless all have one
    ends = [bar.get_xlim() for bar in bars]
    assert len(set(ends)) == 3
    *_, bar = fixed.axes
    assert bar.get_ylabel() == "RANKL in marrow fluid [pM]"
    assert len({axes.images[0].get_clim() for axes in fixed.axes[:3]}) == 1


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, [0]), (2, [0, 1]), (4, [0, 1, 2, 3]), (5, [0, 2, 4]), (7, [0, 2, 4, 6])],
)
def test_days_of_slices_are_evenly_spaced(
    folders: list[Path], count: int, shown: list[int]
) -> None:
    run = open_run(folders[0])
    with styled():
        assert figures._spread(replace(run, snapshots=run.snapshots[:1] * count)) == shown


def test_a_plane_with_z_shows_it_upwards(folders: list[Path]) -> None:
    cut = figures.Cut(1, 0.0, 0)
    field = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 3, 5)).astype("f4")
    assert cut.of(field)[:, 0].tolist() == [3, 2, 1, 0]
    assert cut.words == "plane y = 0 \N{MICRO SIGN}m, z up, x to the right"
    assert figures.Cut(0, 0.0, 0).words == "plane z = 0 \N{MICRO SIGN}m, y down, x to the right"


@pytest.mark.parametrize(("style", "width"), [("page", 183), ("single", 88), ("double", 178)])
def test_figures_have_the_width_of_a_style(folders: list[Path], style: str, width: float) -> None:
    run = open_run(folders[0])
    with styled(style):
        drawn = [curves([run]), figures.slices(run, "rankl"), figures.sites(run)]
        for figure in drawn:
            assert figure.get_size_inches()[0] * 25.4 == pytest.approx(width)
            figure.canvas.draw()
            box = np.array(figure.get_tightbbox().extents)
            assert box.min() > -0.01
            assert (box[2:] < figure.get_size_inches() + 0.01).all()
    assert set(STYLES) == {"page", "single", "double"}


def test_the_animation_has_a_picture_for_every_snapshot(
    folders: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "loss.gif"
    figures.animation(open_run(folders[0]), path)
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 0) >= 3


def test_dynamic_measures(folders: list[Path]) -> None:
    run = open_run(folders[0])
    start, _, end = dynamic(run)
    assert set(end) == set(DYNAMIC)
    assert (start["ev_bv"], start["mv_bv"], end["mv_bv"]) == (0, 0, 0)
    lost = 100 * (
        1 - run.field("bone_volume_fraction").mean() / run.field("bone_volume_fraction", 0).mean()
    )
    assert end["ev_bv"] == pytest.approx(lost, rel=1e-5)
    assert end["n_oc_bs"] == 3
    assert end["ob_s_bs"] == pytest.approx(100 * 3 * 150e-6)
    assert end["mar"] * end["ms_bs"] / 100 == pytest.approx(end["bfr_bs"])
    assert end["es_bs"] == pytest.approx(100 * 3 * 700e-6)
    assert end["mrr"] * end["es_bs"] / 100 == pytest.approx(end["brr_bs"])


def test_metrics_of_a_run_and_of_a_snapshot(folders: list[Path], capfd: Told) -> None:
    assert main(["metrics", str(folders[0]), "--csv"]) == 0
    head, *rows = capfd.readouterr().out.splitlines()
    assert head.startswith("time_day,bv_tv,bs_bv")
    assert len(rows) == 3
    table = (folders[0] / "morphometry.csv").read_bytes()
    assert main(["metrics", str(folders[0])]) == 0
    assert "Tb.Th" in capfd.readouterr().out
    assert (folders[0] / "morphometry.csv").read_bytes() == table  # nothing is made twice
    snapshot = sorted(folders[0].glob("snap_*.hdf"))[0]
    assert main(["metrics", str(snapshot), "--csv"]) == 0
    _, row = capfd.readouterr().out.splitlines()
    assert row.split(",")[1:4] == rows[0].split(",")[1:4]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["plot", "RUN", "--kind", "pie"], "--kind 'pie' is not known; it must be one of curves"),
        (["plot", "RUN", "--style", "wide"], "--style 'wide' is not known; it must be one of page"),
        (["plot", "RUN", "--range", "x"], "--range 'x' is not known; it must be one of each, all"),
        (["plot", "RUN", "--format", "bmp"], "--format 'bmp' is not known; it must be one of pdf"),
        (["plot", "RUN", "--field", "il9"], "has no field 'il9'"),
        (["plot", "gone"], "gone/metrics.csv does not exist"),
        (["metrics", "gone"], "there is no "),
        (["metrics", "RUN", "--mineral-density", "-1"], "--mineral-density -1 must be > 0"),
        (["report", "gone"], "gone/metrics.csv does not exist"),
        (["watch", "gone"], "gone/metrics.csv does not exist"),
        (["watch", "RUN", "--port", "70000"], "--port 70000 must lie between"),
    ],
)
def test_a_mistake_is_told(folders: list[Path], capfd: Told, words: list[str], told: str) -> None:
    assert main([str(folders[0]) if word == "RUN" else word for word in words]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1
