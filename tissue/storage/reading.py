"""HDF5 files that may be anything: an answer, or one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from tissue.checksum import is_intact
from tissue.errors import InputError


@contextmanager
def opened(path: Path, damaged: str, must_be_sealed: bool = False) -> Iterator[h5py.File]:
    """A file to read from.

    Args:
        path: the file.
        damaged: what to say if it cannot be read.
        must_be_sealed: a file without a checksum footer counts as damaged.

    Raises:
        InputError: its checksum does not match, or opening or reading it fails.
    """
    try:
        whole = is_intact(path)
        if whole is False or (must_be_sealed and not whole):
            raise InputError(damaged)
        # what is published never changes, and some file systems have no locks to ask for
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged file may lead HDF5 and h5py to fail in any way
        raise InputError(damaged) from error
