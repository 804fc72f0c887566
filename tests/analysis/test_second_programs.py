"""Morphometry of real bone agrees with what other programs say of it."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area

from tissue.analysis.morphometry import surface
from tissue.analysis.thickness import local_thickness
from tissue.analysis.topology import euler_characteristic
from tissue.geometry.images import read_image

ROOT = Path(__file__).resolve().parents[2]


@cache
def shrew() -> np.ndarray:
    return read_image(ROOT / "runs" / "data" / "shrew.nrrd").values > 127


def test_surface_agrees_with_a_mesh() -> None:
    mask = shrew()
    smooth = ndimage.gaussian_filter(mask.astype("f4"), 0.7)
    vertices, faces, _, _ = marching_cubes(smooth, 0.5)
    assert surface(mask) == pytest.approx(mesh_surface_area(vertices, faces), rel=0.1)


def test_the_euler_number_is_that_of_the_cells() -> None:
    """Vertices - edges + faces - voxels of the union of closed cubes."""
    mask = shrew()
    count = 0
    for dimension in np.ndindex(2, 2, 2):  # 1: the cell extends along this axis
        shape = [n if along else n + 1 for n, along in zip(mask.shape, dimension, strict=True)]
        cells = np.zeros(shape, bool)
        for shift in np.ndindex(*(1 if along else 2 for along in dimension)):
            place = tuple(slice(s, s + n) for s, n in zip(shift, mask.shape, strict=True))
            cells[place] |= mask
        count += (-1) ** sum(dimension) * int(np.count_nonzero(cells))
    assert euler_characteristic(mask) == count == -19


@pytest.mark.slow
def test_thickness_agrees_with_porespy() -> None:
    porespy = pytest.importorskip("porespy")
    for mask in (shrew(), ~shrew()):
        other = 2 * porespy.filters.local_thickness(mask, method="dt")[mask].mean()
        assert local_thickness(mask)[mask].mean() == pytest.approx(other, rel=0.2)
