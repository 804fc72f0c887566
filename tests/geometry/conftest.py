from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def volume() -> np.ndarray:
    """Every voxel has its own value, so that a wrong axis order cannot go unseen."""
    return np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)


@pytest.fixture
def shrew() -> Path:
    return Path(__file__).parents[2] / "runs" / "data" / "shrew.nrrd"
