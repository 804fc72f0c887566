"""Reading of HDF5 files that may be damaged or foreign: data, or a refusal in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from tissue.checksum import is_intact
from tissue.errors import InputError


@contextmanager
def open_hdf5(path: Path, damaged: str) -> Iterator[h5py.File]:
    """Opens a file for reading.

    Args:
        path: the file.
        damaged: message of the error if it cannot be read.

    Raises:
        InputError: its checksum does not match, or opening or reading it fails.
    """
    try:
        if is_intact(path) is False:
            raise InputError(damaged)
        # finished files never change, and some file systems have no locks
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged file may lead HDF5 and h5py to fail in any way
        raise InputError(damaged) from error
