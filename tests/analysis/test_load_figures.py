"""Load on bone in pictures, curves and the report of runs with finite elements."""

from pathlib import Path

import numpy as np
import pytest
from analysis.made import made
from numpy.typing import NDArray

from tissue.analysis import load_figures
from tissue.analysis.curve_figures import curves
from tissue.analysis.load_figures import limits, load_on_bone
from tissue.analysis.render import picture_of_values
from tissue.analysis.report.collect import collected, differences
from tissue.analysis.report.page import page
from tissue.analysis.strength import solved
from tissue.analysis.style import styled
from tissue.errors import InputError
from tissue.storage.results import open_run
from tissue.storage.snapshot import read_snapshot, write_snapshot

STRENGTH = {
    "apparent_modulus_z_MPa": (1000.0, 900.0, 800.0),
    "stiffness_z_N_per_mm": (500.0, 450.0, 400.0),
    "failure_load_z_N": (8.0, 8.0, 6.0),
    "fe_iterations": (5.0, 0.0, 3.0),
}


def with_strength(folder: Path) -> Path:
    """The folder of a run whose later two snapshots hold the fields of load."""
    made(folder)
    lines = (folder / "metrics.csv").read_text().splitlines()
    more = [list(STRENGTH), *map(list, zip(*STRENGTH.values(), strict=True))]
    joined = [f"{line},{','.join(map(str, new))}" for line, new in zip(lines, more, strict=True)]
    (folder / "metrics.csv").write_text("\n".join(joined) + "\n")
    for step, path in enumerate(sorted(folder.glob("snap_*"))[1:], start=1):
        old = read_snapshot(path)
        bone = old.field("bone_volume_fraction")
        fields = {name: old.field(name) for name in old.fields}
        energy = np.where(bone > 0.01, 0.02 * (1 + np.arange(len(bone)))[:, None, None], 0)
        energy.flat[np.flatnonzero(energy)[:5]] = 50
        path.unlink()
        write_snapshot(
            folder,
            grid=old.grid,
            step=step,
            time=old.time,
            fields=fields | {"strain_energy_density": energy, "load_stimulus": bone - 0.5},
            provenance={"tissue": "0", "config_sha256": "abc"},
        )
    return folder


def test_the_end_of_bone_that_breaks_along_all_axes_is_drawn() -> None:
    metrics = {
        "time_day": np.arange(5.0),
        "fe_iterations": np.array([9.0, 0, 4, 0, 0]),
        "apparent_modulus_x_MPa": np.array([8.0, 8, 6, 0, 0]),
        "apparent_modulus_y_MPa": np.array([8.0, 8, 6, 0, 0]),
        "apparent_modulus_z_MPa": np.array([8.0, 8, 0, 0, 0]),
        "failure_load_z_N": np.array([8.0, 8, 0, 0, 0]),
    }
    assert solved(metrics).tolist() == [True, False, True, True, True]


def test_bone_that_is_broken_along_one_axis_is_drawn_where_it_was_solved() -> None:
    metrics = {
        "time_day": np.arange(4.0),
        "fe_iterations": np.array([9.0, 4, 0, 3]),
        "apparent_modulus_x_MPa": np.array([8.0, 7, 7, 6]),
        "apparent_modulus_y_MPa": np.array([8.0, 7, 7, 6]),
        "apparent_modulus_z_MPa": np.array([8.0, 0, 0, 0]),
        "failure_load_z_N": np.array([8.0, 0, 0, 0]),
    }
    assert solved(metrics).tolist() == [True, True, False, True]


def test_a_surface_has_the_colors_of_its_field() -> None:
    # a plate whose lower half in x has the value 0 and is red, and the rest blue
    bone = np.zeros((6, 20, 20), np.float32)
    bone[1:5] = 1
    values = np.where(np.arange(20) < 10, 0.0, 1.0) * np.ones_like(bone)
    values[bone == 0] = 100  # what the field has off bone does not show

    def color(found: NDArray[np.float64]) -> NDArray[np.float64]:
        assert found.max() <= 1 + 1e-6
        return np.stack([1 - found, np.zeros_like(found), found], axis=1)

    picture = picture_of_values(bone, values, color, width=80)
    solid = picture[..., 3] > 0.9
    red, blue = picture[..., 0][solid], picture[..., 2][solid]
    shares = np.mean(red > 2 * blue), np.mean(blue > 2 * red)
    assert min(shares) > 0.3
    assert sum(shares) > 0.9


def test_colors_of_the_stimulus_have_zero_in_the_middle() -> None:
    bone = np.ones((4, 5, 5), np.float32)
    stimulus = np.linspace(-0.1, 0.3, 100, dtype=np.float32).reshape(bone.shape)
    low, high = limits("load_stimulus", [bone], [stimulus])
    assert low == -high
    assert 0.28 < high <= 0.3
    assert limits("load_stimulus", [bone], [0 * stimulus]) == (-1.0, 1.0)


def test_colors_of_the_energy_leave_out_a_few_voxels_and_the_marrow() -> None:
    bone = np.ones((10, 10, 10), np.float32)
    bone[5:] = 0
    energy = np.full(bone.shape, 0.02, np.float32)
    energy[0, 0, :5] = 5.0
    energy[5:] = 100.0
    assert limits("strain_energy_density", [bone], [energy]) == pytest.approx((0.002, 0.02))


def test_load_is_drawn_at_the_first_and_last_time_that_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_figures, "SOLID", 60)  # a large picture takes seconds
    run = open_run(with_strength(tmp_path / "fe"))
    with styled():
        figure = load_on_bone(run, "strain_energy_density")
    assert [axes.get_title() for axes in figure.axes] == ["day 7", "day 14", ""]
    assert figure.axes[-1].get_ylabel() == "strain energy density [MPa]"
    with pytest.raises(InputError, match="has no snapshot with load_stimulus"):
        load_on_bone(open_run(made(tmp_path / "density")), "load_stimulus")


def test_curves_show_strength_where_there_is_one(tmp_path: Path) -> None:
    plain, strong = open_run(made(tmp_path / "a")), open_run(with_strength(tmp_path / "b"))
    with styled():
        assert len(curves([plain]).axes) == 6
        figure = curves([plain, strong])
    (line,) = figure.axes[-1].lines
    assert figure.axes[-1].get_title(loc="left") == "failure load, z [N]"
    # at day 7 it was not computed anew
    np.testing.assert_array_equal(line.get_xdata(), (0, 14))
    np.testing.assert_array_equal(line.get_ydata(), (8, 6))
    assert collected(tmp_path / "b")["metrics"]["failure_load_z_N"] == [8.0, None, 6.0]


def test_a_page_has_stiffness_and_failure_load(tmp_path: Path) -> None:
    plain, strong = made(tmp_path / "a"), with_strength(tmp_path / "b")
    text = page([strong])
    assert "failure load, z" in text
    assert "\N{MINUS SIGN}25.0 %" in text
    assert "nobody's odds" in text
    assert "nobody's odds" not in page([plain])
    lines = {line["label"]: line for line in collected(strong)["headlines"]}
    assert lines["failure load, z"]["change"] == pytest.approx(-25)
    assert lines["stiffness, z"]["change"] == pytest.approx(-20)
    # only what both have is compared, whichever comes first
    for pair in ((plain, strong), (strong, plain)):
        found = differences([collected(folder) for folder in pair])
        labels = [line["label"] for line in found["lines"]]
        assert labels == ["BV/TV", "osteoclasts, N.Oc/BS", "osteoblasts, N.Ob/BS"]


def test_energy_on_a_page_ends_where_most_bone_does(tmp_path: Path) -> None:
    folder = with_strength(tmp_path / "fe")
    for path in sorted(folder.glob("snap_*"))[:1]:
        path.unlink()
    energy = collected(folder)["fields"]["strain_energy_density"]
    values = open_run(folder).field("strain_energy_density")
    assert values.max() == 50
    assert energy["high"] == pytest.approx([0.48, 0.48])
