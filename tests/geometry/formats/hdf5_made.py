"""HDF5 files for the tests, and how they are read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from geometry.formats import volumes

from tissue.geometry.formats import hdf5
from tissue.geometry.gate import admit
from tissue.geometry.image import Image

VOLUME = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
BOX = (slice(1, 3), slice(0, 2), slice(2, 5))


def made(file: Path, write: Callable[[h5py.File], object]) -> Path:
    """A file with what a function writes into it."""
    with h5py.File(file, "w") as opened:
        write(opened)
    return file


def read(file: Path, dataset: str | None = None) -> Image:
    """A volume, without the process that tries a file first: it takes a third of a second."""
    return admit(hdf5.volume_at(file, hdf5.choose(file, dataset)))


def plain(tmp_path: Path, values: Any = VOLUME, **attributes: Any) -> Path:
    """A file with one dataset, a, and its attributes."""

    def write(file: h5py.File) -> None:
        file["a"] = values
        file["a"].attrs.update(attributes)

    return made(tmp_path / "a.h5", write)


def refusal(file: Path, dataset: str | None = None) -> str:
    """The sentence that a file is refused with."""
    return volumes.refusal(read, file, dataset)
