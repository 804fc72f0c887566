"""`tissue strength` of bone whose stiffness and failure load are known in closed form.

A straight column that slides on platens is strained evenly: its modulus is that of the tissue
times its share of the section, and it breaks at 7000 microstrain.
"""

import argparse
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from commands.conftest import Capture, refused

from tissue.analysis.report import words
from tissue.cli import main
from tissue.commands import strength as command
from tissue.commands.common import RUN_FAILED
from tissue.commands.loaded_bone import Bone, limits, tissue_modulus
from tissue.commands.messages import _change
from tissue.errors import RunError
from tissue.geometry.grid import Grid
from tissue.model.parameters import preset
from tissue.storage.snapshot import write_snapshot

EDGE, SPACING = 8, 10.0
VOXEL = "--voxel-size=10 um"
CONFIG = '[run]\nduration = "14 day"\npreset = "{}"\n[geometry]\nsynthetic = {{}}\n'
SLIDE = ("--loading", "slide", "--axis", "z")
AREA = (EDGE * SPACING / 1e3) ** 2
"""Section of the box [mm^2]."""


def column(width: int) -> np.ndarray:
    """Column along z of 4 x `width` voxels in a corner."""
    bone = np.zeros((EDGE, EDGE, EDGE), np.float32)
    bone[:, :4, :width] = 1
    return bone


@pytest.fixture
def image(tmp_path: Path) -> str:
    np.save(tmp_path / "column.npy", (200 * column(4)).astype("u1"))
    return str(tmp_path / "column.npy")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "eroded"
    folder.mkdir()
    for day, width in ((0.0, 4), (7.0, 3), (14.0, 2)):
        snapshot(folder, day, column(width), {"config": CONFIG.format("mouse")})
    return folder


def snapshot(folder: Path, day: float, bone: np.ndarray, provenance: dict[str, str]) -> Path:
    return write_snapshot(
        folder,
        grid=Grid((EDGE, EDGE, EDGE), SPACING),
        step=int(day),
        time=day,
        fields={"bone_volume_fraction": bone},
        provenance=provenance,
    )


def numbers(capfd: Capture, *words: str | Path) -> dict[str, Any]:
    assert main(["strength", *map(str, words), *SLIDE, "--json"]) == 0
    return dict(json.loads(capfd.readouterr()[0]))


def test_strength_of_an_image(capfd: Capture, image: str) -> None:
    found = numbers(capfd, image, VOXEL, "--threshold", "100", "--tissue-modulus", "10 GPa")
    (one,) = found["results"]
    share = 16 / 64
    assert one["time_day"] is None
    assert one["bv_tv"] == pytest.approx(share)
    assert one["apparent_modulus_MPa"] == {"z": pytest.approx(1e4 * share, rel=1e-4)}
    stiffness = 1e4 * share * AREA / (EDGE * SPACING / 1e3)
    assert one["stiffness_N_per_mm"]["z"] == pytest.approx(stiffness, rel=1e-4)
    assert one["failure_load_N"]["z"] == pytest.approx(0.007 * 1e4 * share * AREA, rel=1e-3)
    assert (found["loading"], found["energy"]) == ("slide", "centroid")
    assert one["residual"]["z"] <= 1e-5


def test_a_part_of_an_image_is_compressed(capfd: Capture, image: str) -> None:
    half = ("--crop", "[[0, 8], [0, 8], [0, 4]]", "--resample", "20 um")
    found = numbers(capfd, image, VOXEL, "--threshold", "100", "--tissue-modulus", "10 GPa", *half)
    assert (found["shape"], found["spacing_um"]) == ([4, 4, 2], 20)
    (one,) = found["results"]
    assert one["apparent_modulus_MPa"]["z"] == pytest.approx(1e4 / 2, rel=1e-4)
    assert one["failure_load_N"]["z"] == pytest.approx(0.007 * 1e4 * AREA / 4, rel=1e-3)


def test_a_run_is_compared_before_and_after(capfd: Capture, run: Path) -> None:
    first, last = numbers(capfd, run)["results"]
    assert (first["time_day"], last["time_day"]) == (0, 14)
    for name in ("apparent_modulus_MPa", "stiffness_N_per_mm", "failure_load_N"):
        assert last[name]["z"] / first[name]["z"] == pytest.approx(0.5, rel=1e-3)
    assert first["apparent_modulus_MPa"]["z"] == pytest.approx(preset("mouse").E_t / 4, rel=1e-4)
    assert main(["strength", str(run), *SLIDE, "--day", "0", "--day", "7", "--preset=human"]) == 0
    lines = capfd.readouterr()[0].splitlines()
    head, modulus = lines[1].split(), lines[2].split()
    assert head == ["measure", "axis", "day", "0", "day", "7", "change", "unit", "loading"]
    assert modulus == ["apparent", "modulus", "z", "2500", "1875", "-25.0", "%", "MPa", "slide"]
    assert "bone tissue of 10 GPa (E_t of the preset human" in lines[0]


def test_bone_that_broke_bears_nothing(capfd: Capture, run: Path) -> None:
    broken = column(4)
    broken[3] = 0
    snapshot(run, 14.0, broken, {})
    found = numbers(capfd, run)
    assert found["warnings"][0].startswith("bone at day 14 does not reach both ends in z")
    first, last = found["results"]
    assert first["failure_load_N"]["z"] > 0
    assert (last["failure_load_N"], last["iterations"]) == ({"z": 0}, {})
    words = refused(capfd, "strength", run, "--day", "14")
    assert "day 14: bone does not reach both ends in x, y and z" in words


def test_a_snapshot_has_the_modulus_of_its_run(capfd: Capture, tmp_path: Path) -> None:
    alone = snapshot(tmp_path, 7.0, column(4), {"config": CONFIG.format("human")})
    (tmp_path / "run.toml").write_text(CONFIG.format("mouse") + "[parameters]\nE_t = '12 GPa'\n")
    assert _modulus(alone) == (10000, "10 GPa (E_t of the run)")
    assert _modulus(tmp_path) == (10000, "10 GPa (E_t of the run)")
    unknown = snapshot(tmp_path, 7.0, column(4), {})
    assert _modulus(unknown) == (12000, "12 GPa (E_t of the run)")
    (tmp_path / "run.toml").unlink()
    assert "give --preset or --tissue-modulus" in refused(capfd, "strength", unknown)


def test_only_the_modulus_of_a_run_file_must_be_readable(capfd: Capture, tmp_path: Path) -> None:
    idle = "[load]\nmechanics = 'density'\nloading = 'platens'\n"
    run = snapshot(tmp_path, 7.0, column(4), {"config": CONFIG.format("human") + idle})
    assert _modulus(run) == (10000, "10 GPa (E_t of the run)")
    wrong = CONFIG.format("human") + "[parameters]\nE_t = '12 um'\n"
    words = refused(capfd, "strength", snapshot(tmp_path, 7.0, column(4), {"config": wrong}))
    assert f"the run file in {run} does not say the modulus of bone tissue (parameters.E_t" in words
    snapshot(tmp_path, 7.0, column(4), {})
    (tmp_path / "run.toml").write_text(CONFIG.format("rat"))
    words = refused(capfd, "strength", run)
    assert f"{tmp_path / 'run.toml'} does not say the modulus of bone tissue (the preset" in words


def test_a_snapshot_that_is_missing_or_damaged_is_named(capfd: Capture, tmp_path: Path) -> None:
    path = tmp_path / "snap_1.hdf"
    words = refused(capfd, "strength", path)
    assert f"{path} does not exist" in words
    assert "modulus" not in words
    path.write_bytes(b"no HDF5")
    words = refused(capfd, "strength", path)
    assert f"{path} is truncated, damaged or not HDF5" in words
    assert "modulus" not in words


def _modulus(path: Path) -> tuple[float, str]:
    return tissue_modulus(argparse.Namespace(path=path, preset=None, tissue_modulus=None))


@pytest.mark.slow
def test_the_share_of_a_region_is_said(capfd: Capture, image: str, tmp_path: Path) -> None:
    # 8 x 6 x 6 voxels without a corner of 8 x 2 x 4: (36 - 8) / 36 of the box around it
    region = np.zeros((EDGE, EDGE, EDGE), "u1")
    region[:, :6, :6] = 1
    region[:, 4:6, 2:6] = 0
    np.save(tmp_path / "region.npy", region)
    marked = (VOXEL, "--threshold", "100", "--region", tmp_path / "region.npy")
    assert said_of_region(capfd, image, *marked) == [REGION.format(28 / 36)]
    # of the crop, 8 x 8 x 4 voxels, all but 8 x 2 x 4 and 8 x 2 x 2
    crop = ("--crop", "[[0, 8], [0, 8], [0, 4]]")
    assert said_of_region(capfd, image, *marked, *crop) == [REGION.format(20 / 32)]
    within = ("--crop", "[[0, 8], [0, 4], [0, 6]]")
    assert said_of_region(capfd, image, *marked, *within) == []


REGION = (
    "the region is {0:.1%} of the box, and the modulus and BV/TV are those of the whole box: "
    "divide BV/TV by {0:.3f} for that of the region, and the modulus too, but only along the axis "
    "of a region that has one section all along it; stiffness and failure load are of the bone in "
    "the region"
)


def said_of_region(capfd: Capture, *words: str | Path) -> list[str]:
    return [each for each in numbers(capfd, *words)["warnings"] if "region" in each]


def test_marrow_outside_the_region_does_not_part_trabeculae() -> None:
    # plates of 4 voxels, 4 apart, in a region that ends 2 voxels after the last; the first goes on
    # beyond the face and counts as one of 8
    bone = np.zeros((EDGE, EDGE, 80), np.float32)
    bone[:, :, :12] = np.arange(12) % 8 < 4
    inside = np.zeros_like(bone)
    inside[:, :, :14] = 1
    alone, marked = limits([Bone(None, bone, 10.0)]), limits([Bone(None, bone, 10.0, inside)])
    assert "its shortest edge is 0.1 distances between trabeculae" in alone[-1]
    wide = EDGE / ((8 + 4) / 2 + (4 * 4 + 2 * 2) / 6)
    assert f"its shortest edge is {wide:.1f} distances between trabeculae" in marked[-1]


def test_the_thinnest_bone_of_several_sets_the_limits() -> None:
    thick, thin = np.zeros((2, 48, 48, 48), np.float32)
    thick[:, :, ::8] = thick[:, :, 1::8] = thick[:, :, 2::8] = thick[:, :, 3::8] = 1
    thin[:, :, ::8] = thin[:, :, 1::8] = 1
    bones = [Bone(0.0, thick, 10.0), Bone(14.0, thin, 10.0)]
    assert limits(bones[:1]) == []
    (found,) = limits(bones)
    assert found.startswith("trabeculae at day 14 are 2.3 voxels thick on average")


def test_the_table_says_what_its_numbers_are(capfd: Capture, image: str) -> None:
    assert main(["strength", image, VOXEL, "--threshold", "100", *SLIDE]) == 0
    out = " ".join(capfd.readouterr()[0].split())
    assert "loading slide: both ends slide on platens, the low sides on mirrors" in out
    assert "2 % of the bone volume strained beyond 7000 microstrain (Pistoia 2002)" in out
    assert "at the centers of the voxels" in out
    assert "2.40 times" in out
    assert "1.98 to 2.91" in out
    assert "2.13 times" in out
    assert "1.77 to 2.56" in out
    assert out.count("warning: ") == 1
    assert "warning: the box is small: its shortest edge is" in out
    assert "5 are needed for means of the tissue (Harrigan 1988)" in out
    assert "a smaller box of the same bone is softer, most with platens: compare boxes of" in out


def test_what_carries_nothing_is_said(capfd: Capture, tmp_path: Path) -> None:
    bone = column(4)
    bone[3:5, 6:8, 6:8] = 1
    np.save(tmp_path / "speck.npy", (200 * bone).astype("u1"))
    warning, _ = numbers(capfd, tmp_path / "speck.npy", VOXEL)["warnings"]
    assert f"{8 / (8 + 128):.1%} of the bone volume" in warning


def test_thin_trabeculae_are_said(capfd: Capture, tmp_path: Path) -> None:
    bone = np.zeros((EDGE, EDGE, EDGE), "u1")
    bone[:, 3:5, 3:5] = 200
    np.save(tmp_path / "thin.npy", bone)
    assert main(["strength", str(tmp_path / "thin.npy"), VOXEL, "--axis", "z"]) == 0
    out = " ".join(capfd.readouterr()[0].split())
    assert "trabeculae are 2.0 voxels thick on average" in out


def test_bone_that_does_not_span_the_box(capfd: Capture, image: str) -> None:
    words = refused_after_log(capfd, "strength", image, VOXEL, "--threshold", "100")
    assert "bone does not reach both ends in x and y" in words
    assert "load the rest with --axis z" in words


def refused_after_log(capfd: Capture, *arguments: str) -> str:
    """The sentence of a refusal that follows the steps from voxels to bone."""
    assert main(list(arguments)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    return err.splitlines()[-1]


def test_bad_options_are_refused(capfd: Capture, image: str, run: Path) -> None:
    words = refused(capfd, "strength", image, "--tissue-modulus", "12")
    assert "--tissue-modulus" in words
    assert "has no unit" in words
    assert "must be > 0" in refused(capfd, "strength", image, "--tissue-modulus", "0 GPa")
    both = ("--preset", "human", "--tissue-modulus", "12 GPa")
    assert "leave one out" in refused(capfd, "strength", image, *both)
    assert "--day is for a run" in refused(capfd, "strength", image, "--day", "3")
    words = refused(capfd, "strength", run, "--day", "6")
    assert "no snapshot of that day, and the nearest is of day 7" in words
    for day in ("nan", "inf", "-inf"):
        words = refused(capfd, "strength", run, f"--day={day}")
        assert f"--day {day} must be a number of days" in words
        assert "from day 0 to 14" in words
    assert "--threshold is for an image" in refused(capfd, "strength", run, "--threshold", "3")


def test_too_large_a_bone_is_refused_before_it_is_solved(
    capfd: Capture, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tissue.machine.host.allowed_memory", lambda: 1000)
    words = refused(capfd, "strength", run, code=RUN_FAILED)
    assert "finite elements of this bone need about" in words
    assert "GB may be used" in words


def test_a_solve_that_fails_names_its_bone(
    capfd: Capture, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise RunError("compression along z did not converge")

    monkeypatch.setattr("tissue.mechanics.strength.compress", failing)
    assert main(["strength", str(run), *SLIDE]) == RUN_FAILED
    last = capfd.readouterr()[1].splitlines()[-1]
    assert last == f"tissue: {run} at day 0: compression along z did not converge"


def test_the_end_of_a_run_is_said_with_its_strength(tmp_path: Path) -> None:
    metrics = {"time_day": [0.0, 7.0], "bv_tv": [0.2, 0.19]}
    metrics |= {"stiffness_z_N_per_mm": [500.0, 400.0], "failure_load_z_N": [8.0, 6.0]}
    columns = {name: np.array(each) for name, each in metrics.items()}
    run = SimpleNamespace(folder=tmp_path, metrics=columns)
    assert _change(cast(Any, run)).splitlines() == [
        "BV/TV 0.2000 on day 0, 0.1900 on day 7 (-5.00 %)",
        "stiffness along z 500 N/mm on day 0, 400 N/mm on day 7 (-20.00 %)",
        "failure load along z 8 N on day 0, 6 N on day 7 (-25.00 %)",
    ]
    run.metrics |= dict.fromkeys(("stiffness_z_N_per_mm", "failure_load_z_N"), np.full(2, np.nan))
    assert len(_change(cast(Any, run)).splitlines()) == 1


def test_every_kind_of_loading_is_an_option() -> None:
    from tissue.mechanics.compression import LOADINGS

    assert set(command.LOADINGS) == set(LOADINGS)


def test_a_report_names_the_loading_of_its_failure_load() -> None:
    names = ("bv_tv", "failure_load_z_N", "stiffness_z_N_per_mm")
    run = {
        "metrics": {"time_day": [0.0, 7.0]},
        "headlines": [{"name": name, "start": 0.2, "end": 0.1} for name in names],
        "strength": True,
        "run_file": "[load]\nloading = 'slide'\n",
    }
    assert "fails along z (loading slide) went from 0.2 to 0.1 N " in words.outcome(run)
