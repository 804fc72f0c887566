"""A plan previews a part of a large bone; bone that exceeds the memory is never loaded."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tissue.errors import InputError, RunError
from tissue.geometry.image import Image
from tissue.geometry.load import Geometry
from tissue.geometry.settings import ImageSettings, SyntheticSettings
from tissue.scenario.config import RunConfig
from tissue.simulation import bone_preview
from tissue.simulation.bone_preview import preview_bone
from tissue.simulation.cost import run_memory
from tissue.simulation.plan import plan
from tissue.simulation.simulation import load_geometry

LARGE = SyntheticSettings((300, 200, 512), 10.0, bv_tv=0.2, thickness=60.0)


@pytest.fixture
def scan(tmp_path: Path) -> ImageSettings:
    """Bars of bone in the middle of 40 x 44 x 48 voxels of 10 um, none near the faces."""
    gray = np.full((40, 44, 48), 10, np.uint8)
    gray[10:30, 12:32, 14:34:4] = 200
    gray[10:30, 20, 14:34] = 200
    np.save(tmp_path / "scan.npy", gray)
    return ImageSettings(tmp_path / "scan.npy", voxel_size=10.0, threshold=100.0)


def of(config: RunConfig, settings: ImageSettings | SyntheticSettings) -> RunConfig:
    return config.changed({"geometry": settings})


def test_a_small_bone_is_loaded_completely(tiny: RunConfig, scan: ImageSettings) -> None:
    for config in (tiny, of(tiny, scan)):
        preview = preview_bone(config)
        assert preview.full_grid is None
        whole = load_geometry(config).bone_volume_fraction
        np.testing.assert_array_equal(preview.geometry.bone_volume_fraction, whole)


def test_of_large_synthetic_bone_a_smaller_box_is_synthesized(tiny: RunConfig) -> None:
    preview = preview_bone(of(tiny, LARGE))
    assert preview.full_grid is not None
    assert (preview.full_grid.shape, preview.full_grid.spacing) == ((300, 200, 512), 10.0)
    assert preview.geometry.grid.shape == (96, 96, 96)
    assert preview.geometry.bone_volume_fraction.mean() == pytest.approx(0.2, rel=0.05)
    assert preview.geometry.log == (
        "synthesized 96 x 96 x 96 voxels of such bone; a run synthesizes all of it",
    )


def test_the_time_to_make_it_grows_with_its_voxels(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(settings: SyntheticSettings, periodic: object) -> Geometry:
        return bone

    bone = load_geometry(tiny)
    monkeypatch.setattr(bone_preview, "synthesize", made)
    monkeypatch.setattr("time.perf_counter", iter((10.0, 13.0)).__next__)
    # the part is made on a grid twice as fine, the whole is not
    assert preview_bone(of(tiny, LARGE)).loading_time == pytest.approx(3 * 300 * 200 * 512 / 192**3)


def test_settings_that_make_no_bone_are_refused_at_any_size(tiny: RunConfig) -> None:
    with pytest.raises(InputError, match=r"thickness = 15 um must lie between two voxels"):
        preview_bone(of(tiny, replace(LARGE, thickness=15.0)))


@pytest.mark.parametrize("resample", [None, 20.0, 14.0])
def test_of_a_large_image_the_middle_is_read(
    tiny: RunConfig, scan: ImageSettings, monkeypatch: pytest.MonkeyPatch, resample: float | None
) -> None:
    config = of(tiny, replace(scan, resample=resample))
    whole = load_geometry(config)
    monkeypatch.setattr(bone_preview, "MAX_READ", 0)
    monkeypatch.setattr(bone_preview, "PART_EDGE", 16)
    preview = preview_bone(config)
    assert preview.full_grid == whole.grid
    middle = replace(scan, resample=resample, crop=((12, 28), (14, 30), (16, 32)))
    np.testing.assert_array_equal(
        preview.geometry.bone_volume_fraction, load_geometry(of(tiny, middle)).bone_volume_fraction
    )
    assert preview.geometry.log[-1].startswith("read only the middle of the 40 x 44 x 48 voxels")
    assert preview.loading_memory >= 7 * 40 * 44 * 48  # of all of it


@pytest.mark.parametrize("all_of_it", [True, False])
def test_what_a_run_cannot_read_does_not_fit(
    tiny: RunConfig, scan: ImageSettings, monkeypatch: pytest.MonkeyPatch, all_of_it: bool
) -> None:
    config = of(tiny, replace(scan, resample=50.0))
    monkeypatch.setattr("tissue.simulation.cost.PROGRAM_MEMORY", 0)
    if not all_of_it:
        monkeypatch.setattr(bone_preview, "MAX_READ", 0)
        monkeypatch.setattr(bone_preview, "PART_EDGE", 32)
    preview = preview_bone(config)
    grid = preview.full_grid or preview.geometry.grid
    assert (preview.full_grid is None, grid.shape) == (all_of_it, (8, 8, 9))
    for room, ready in ((500_000, False), (700_000, True)):  # reading takes 0.591 MB
        for place in (
            "machine_forecast.usable_memory",
            "machine_forecast.allowed_memory",
            "simulation.allowed_memory",
        ):
            monkeypatch.setattr(f"tissue.simulation.{place}", lambda room=room: room)
        assert run_memory(config, grid.voxels) < room
        planned = plan(
            config, preview.geometry, full_grid=preview.full_grid, loading=preview.loading_memory
        )
        assert planned.forecast.fits == ready
        assert planned.forecast.verdict.startswith(
            "ready" if ready else "cannot run here: it needs"
        )
        if ready:
            load_geometry(config)
        else:
            with pytest.raises(RunError, match=r"takes about 0\.000591 GB of memory and there are"):
                load_geometry(config)


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ((slice(2, 3), slice(2, 3), slice(2, 3)), ""),  # one voxel, far from the middle
        ((slice(0), slice(0), slice(0)), "marks no voxel of the bone"),
        ((slice(0, 2), slice(None), slice(None)), "marks no voxel of the bone"),  # not in the crop
        (None, "has 4 x 4 x 4 voxels and scan.npy 40 x 44 x 48"),
    ],
)
def test_a_pannus_is_checked_on_a_part_as_on_all(
    tiny: RunConfig,
    scan: ImageSettings,
    monkeypatch: pytest.MonkeyPatch,
    marked: tuple[slice, slice, slice] | None,
    message: str,
) -> None:
    marks = np.zeros((40, 44, 48) if marked else (4, 4, 4), np.uint8)
    if marked:
        marks[marked] = 1
    file = scan.file.with_name("mask.npy")
    np.save(file, marks)
    cut = replace(scan, crop=((2, 40), (0, 44), (0, 48)))
    config = of(tiny, cut).changed({"disease.pannus": {"mask": file}})
    whole = load_geometry(config)
    monkeypatch.setattr(bone_preview, "MAX_READ", 0)
    monkeypatch.setattr(bone_preview, "PART_EDGE", 16)
    preview = preview_bone(config)
    assert preview.full_grid == whole.grid
    if not message:
        assert (
            plan(config, whole).notes
            == plan(config, preview.geometry, full_grid=preview.full_grid).notes
        )
    monkeypatch.setattr("tissue.geometry.load.partial_volumes", None)  # that takes the memory
    with (
        nullcontext()
        if not message
        else pytest.raises(InputError, match=f"pannus.mask: .*{message}")
    ):
        plan(config, preview.geometry, full_grid=preview.full_grid)
    monkeypatch.undo()
    with (
        nullcontext()
        if not message
        else pytest.raises(InputError, match=f"pannus.mask: .*{message}")
    ):
        plan(config, whole)


def test_a_crop_has_its_own_middle(
    tiny: RunConfig, scan: ImageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bone_preview, "MAX_READ", 0)
    monkeypatch.setattr(bone_preview, "PART_EDGE", 8)
    preview = preview_bone(of(tiny, replace(scan, crop=((8, 28), (10, 30), (10, 31)))))
    assert preview.full_grid is not None
    assert preview.full_grid.shape == (20, 20, 21)
    assert preview.geometry.grid.origin == pytest.approx((140, 160, 160))


def test_a_middle_without_bone_does_not_refuse_the_bone(
    tiny: RunConfig, scan: ImageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray = np.load(scan.file)
    gray[12:28] = 10
    np.save(scan.file, gray)
    config = of(tiny, replace(scan, keep_largest=False))
    monkeypatch.setattr(bone_preview, "MAX_READ", 0)
    monkeypatch.setattr(bone_preview, "PART_EDGE", 8)
    preview = preview_bone(config)
    assert preview.full_grid is None
    assert preview.geometry.grid.shape == (40, 44, 48)


def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tissue.simulation.simulation.allowed_memory", lambda: 500_000)


def test_an_image_that_does_not_fit_is_refused_before_it_is_read(
    tiny: RunConfig, scan: ImageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(image: Image, box: object = None) -> np.ndarray:
        raise AssertionError("voxels were read")

    no_memory(monkeypatch)
    monkeypatch.setattr(Image, "voxels", read)
    message = (
        r"reading 40 x 44 x 48 voxels \(z, y, x\) of scan.npy takes about 0.000845 GB of memory"
    )
    with pytest.raises(RunError, match=rf"{message} and there are 0.0005 GB: read a part of it"):
        load_geometry(of(tiny, scan))
    with pytest.raises(RunError, match=r"give a coarser geometry.resample, read a part"):
        load_geometry(of(tiny, replace(scan, resample=7.0)))
    with pytest.raises(AssertionError, match="voxels were read"):
        load_geometry(of(tiny, replace(scan, crop=((0, 20), (0, 20), (0, 20)))))


def test_bone_that_does_not_fit_is_not_made(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_memory(monkeypatch)
    with pytest.raises(RunError, match=r"synthesizing bone of 300 x 200 x 512 voxels .* 0.676 GB"):
        load_geometry(of(tiny, LARGE))
