"""Independent reference operators: plain numpy and scipy, written without the kernels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
import SimpleITK as sitk

Volume = npt.NDArray[np.float64]
ROOT = Path(__file__).parents[2]


def _pairs(shape: tuple[int, ...], axis: int) -> tuple[Any, Any]:
    """Flat indices of the voxels below and above every inner face of an axis."""
    index = np.arange(np.prod(shape)).reshape(shape)
    n = shape[axis]
    return index.take(range(n - 1), axis).ravel(), index.take(range(1, n), axis).ravel()


def _diffusion(porosity: Volume) -> Any:
    """Matrix of -h^2 div(eps grad): halves of two voxels in series conduct 2/(1/a + 1/b)."""
    eps, n = porosity.ravel(), porosity.size
    matrix = sp.csr_matrix((n, n))
    for axis in range(3):
        low, high = _pairs(porosity.shape, axis)
        conductance = 2 / (1 / eps[low] + 1 / eps[high])
        difference = sp.csr_matrix(
            (
                np.r_[-np.ones(low.size), np.ones(low.size)],
                (np.r_[np.arange(low.size), np.arange(low.size)], np.r_[low, high]),
            ),
            shape=(low.size, n),
        )
        matrix = matrix + difference.T @ sp.diags(conductance) @ difference
    return matrix.tocsr()


def _bernoulli(x: Volume) -> Volume:
    small = np.abs(x) < 1e-8
    return np.where(small, 1 - x / 2, x / np.where(small, 1, np.expm1(x)))


def _drift(conductance: Volume, potential: Volume) -> Any:
    """Unsymmetric Scharfetter-Gummel matrix of -h^2 div(conductance (grad n + n grad psi)) in n."""
    eps, psi, n = conductance.ravel(), potential.ravel(), conductance.size
    matrix = sp.lil_matrix((n, n)).tocsr()
    for axis in range(3):
        low, high = _pairs(conductance.shape, axis)
        face = 2 / (1 / eps[low] + 1 / eps[high])
        rise = psi[high] - psi[low]
        # flux from low to high = face (B(rise) n_low - B(-rise) n_high): downhill is easy
        out, back = face * _bernoulli(rise), face * _bernoulli(-rise)
        rows, columns = np.r_[low, low, high, high], np.r_[low, high, low, high]
        matrix = matrix + sp.csr_matrix(
            (np.r_[out, -back, -out, back], (rows, columns)), shape=(n, n)
        )
    return matrix


@pytest.fixture(scope="session")
def diffusion_matrix() -> Callable[[Volume], Any]:
    return _diffusion


@pytest.fixture(scope="session")
def drift_matrix() -> Callable[[Volume, Volume], Any]:
    return _drift


@pytest.fixture(scope="session")
def bone() -> Volume:
    """Volume fraction of the shrew bone at 8.2 um, 57^3: block means of a binary image."""
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(ROOT / "runs" / "data" / "shrew.nrrd")))
    phi = image[:114, :114, :114].astype(np.float64) / 255
    return np.asarray(phi.reshape(57, 2, 57, 2, 57, 2).mean((1, 3, 5)))


@pytest.fixture(scope="session")
def porosity(bone: Volume) -> Volume:
    return np.maximum(1 - bone, 0.02)


@pytest.fixture(scope="session")
def closed_form() -> Callable[[str], dict[str, Volume]]:
    """Columns of a table of tests/data/analytic_diffusion."""

    def read(name: str) -> dict[str, Volume]:
        table = np.genfromtxt(
            ROOT / "tests" / "data" / "analytic_diffusion" / f"{name}.csv",
            delimiter=",",
            names=True,
        )
        return {column: table[column] for column in table.dtype.names or ()}

    return read
