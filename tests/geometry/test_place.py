"""Masks on the voxels of a scan, against SimpleITK's resampling in space."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from tissue.errors import InputError
from tissue.geometry.grid import UPRIGHT, Frame, Grid, Matrix
from tissue.geometry.image import Image, Inventory, Spacing
from tissue.geometry.journal import Journal
from tissue.geometry.masks import Scan, marked_part
from tissue.geometry.place import Lattice, nearest, overlap

KEY = "geometry.region"
FLIPPED: Matrix = ((1, 0, 0), (0, -1, 0), (0, 0, 1))
PERMUTED: Matrix = ((0, 0, 1), (1, 0, 0), (0, -1, 0))
RNG = np.random.default_rng(5)


def oblique(degrees: float) -> Matrix:
    turn = Rotation.from_euler("zyx", [degrees, 2 * degrees, -degrees], degrees=True).as_matrix()
    rows = (tuple(map(float, row)) for row in turn)
    first, second, third = ((a, b, c) for a, b, c in rows)
    return (first, second, third)


def image_of(
    values: np.ndarray,
    spacing: Spacing = (10.0, 10.0, 10.0),
    frame: Frame | None = None,
    name: str = "roi.nrrd",
) -> Image:
    inventory = Inventory("made by a test")
    return Image(
        Path(name), values.shape, values.dtype, lambda box: values[box], inventory, spacing, frame
    )


def in_itk(values: np.ndarray, lattice: Lattice) -> sitk.Image:
    image = sitk.GetImageFromArray(values.astype(np.uint8))
    image.SetSpacing(lattice.edges[::-1])
    image.SetOrigin(lattice.frame.origin[::-1])
    image.SetDirection(np.asarray(lattice.frame.direction)[::-1, ::-1].ravel().tolist())
    return image


@pytest.mark.parametrize("edges", [(10.0, 10.0, 10.0), (13.0, 7.0, 22.0), (3.1, 4.7, 2.9)])
@pytest.mark.parametrize("direction", [UPRIGHT, FLIPPED, PERMUTED, oblique(1.0), oblique(25.0)])
def test_a_mask_is_found_where_itk_finds_it(
    direction: Matrix, edges: tuple[float, float, float]
) -> None:
    shape = (17, 21, 25)
    values = RNG.random(shape) > 0.5
    source = Lattice(shape, edges, Frame((11.3, -7.7, 31.9), direction))
    target = Lattice((24, 28, 32), (8.0, 8.0, 8.0), Frame((1.2, 160.4, 3.1), FLIPPED))
    reader = image_of(values, edges, source.frame)
    wanted = sitk.GetArrayFromImage(
        sitk.Resample(
            in_itk(values, source),
            in_itk(np.zeros(target.shape), target),
            sitk.Transform(),
            sitk.sitkNearestNeighbor,
        )
    )
    found = nearest(reader, source, target)
    assert wanted.any()
    np.testing.assert_array_equal(found, wanted == 1)
    box = overlap(source, target)
    assert box is not None
    outside = wanted.copy()
    outside[box] = 0
    assert not outside.any()
    np.testing.assert_array_equal(nearest(reader, source, target.part(box)), found[box])


def test_only_the_needed_part_of_a_mask_is_read() -> None:
    asked = []
    values = np.zeros((50, 60, 70), bool)

    def read(box: tuple[slice, ...]) -> np.ndarray:
        asked.append(box)
        return values[box]

    source = Lattice((50, 60, 70), (10.0,) * 3, Frame())
    mask = Image(Path("a"), values.shape, values.dtype, read, Inventory("test"))
    nearest(mask, source, source.part((slice(5, 8), slice(20, 24), slice(30, 40))))
    assert asked == [(slice(5, 8), slice(20, 24), slice(30, 40))]


def test_coarse_voxels_reach_fine_ones_that_hold_no_center() -> None:
    source = Lattice((2, 2, 2), (100.0,) * 3, Frame())
    target = Lattice((4, 4, 4), (5.0,) * 3, Frame((20.0, 20.0, 20.0)))
    assert nearest(image_of(np.ones((2, 2, 2), bool)), source, target).all()


SOMEWHERE = Frame((1e3, 2e3, 3e3))


def scan_of(spacing: Spacing = (10.0, 10.0, 10.0), frame: Frame | None = SOMEWHERE) -> Scan:
    return Scan("scan.nrrd", (10, 12, 14), (10.0, 10.0, 10.0), spacing, frame)


def test_a_mask_elsewhere_is_refused() -> None:
    mask = image_of(np.ones((10, 12, 14), bool), frame=Frame())
    words = r"roi.nrrd lies elsewhere: it fills z -0.005 to 0.095.*scan.nrrd z 0.995 to 1.095"
    with pytest.raises(InputError, match=words):
        marked_part(mask, scan_of(), KEY, Journal())


def test_a_mask_without_a_place_must_have_the_voxels_of_the_scan() -> None:
    values = RNG.random((10, 12, 14)) > 0.5
    for spacing, frame, scan in (
        ((None, None, None), None, scan_of()),
        ((10.0, 10.0, 10.0), None, scan_of()),
        ((10.0, 10.0, 10.0), Frame((5.0, 5.0, 5.0)), scan_of(frame=None)),
        ((None, None, None), None, scan_of((None, None, None), None)),
    ):
        journal = Journal()
        box, found = marked_part(image_of(values, spacing, frame), scan, KEY, journal)
        np.testing.assert_array_equal(found, values)
        assert box == (slice(0, 10), slice(0, 12), slice(0, 14))
        said = "taken voxel by voxel" in "".join(journal.log)
        assert said == (frame != scan.frame)
    with pytest.raises(InputError, match=r"roi.nrrd has 9 x 12 x 14 voxels and scan.nrrd 10 x"):
        marked_part(image_of(values[1:], (None,) * 3), scan_of(), KEY, Journal())
    with pytest.raises(InputError, match=r"has voxels of 20 x 10 x 10 um and scan.nrrd of 10 x"):
        marked_part(image_of(values, (20.0, 10.0, 10.0)), scan_of(), KEY, Journal())


def test_a_wrong_header_shared_by_scan_and_mask_does_not_part_them() -> None:
    """Both headers say mm where um is right; the run file gives the voxel size of the scan."""
    values = RNG.random((10, 12, 14)) > 0.5
    wrong = (10_000.0,) * 3
    frame = Frame((1e6, 2e6, 3e6))
    scan = Scan("scan.nrrd", values.shape, (10.0, 10.0, 10.0), wrong, frame)
    _, found = marked_part(image_of(values, wrong, frame), scan, KEY, Journal())
    np.testing.assert_array_equal(found, values)


def test_a_grid_knows_its_first_voxel_in_space() -> None:
    grid = Grid((4, 5, 6), 8.0, (1.0, 2.0, 3.0), Frame((10.0, 20.0, 30.0), PERMUTED))
    turned = np.asarray(PERMUTED) @ (1.0, 2.0, 3.0) + (10.0, 20.0, 30.0)
    assert grid.first == pytest.approx(tuple(turned))


def test_a_mask_that_reaches_beyond_the_scan_is_doubted() -> None:
    """Half of it lies beside: 5 of its 10 planes."""
    values = RNG.random((10, 12, 14)) > 0.5
    journal = Journal()
    shifted = Frame((SOMEWHERE.origin[0] + 50.0, *SOMEWHERE.origin[1:]))
    box, found = marked_part(image_of(values, frame=shifted), scan_of(), KEY, journal)
    np.testing.assert_array_equal(found, values[:5])
    assert box[0] == slice(5, 10)
    (warning,) = journal.warnings
    assert "50.0% of the voxels of roi.nrrd lie beyond scan.nrrd" in warning
