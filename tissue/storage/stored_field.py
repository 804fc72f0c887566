"""Field that stays on disk until planes of it are needed, so that no process needs all of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tissue.errors import InputError
from tissue.storage.links import own_member
from tissue.storage.reading import open_hdf5
from tissue.storage.shards import Shard, read_planes


def digest_of(values: NDArray[np.generic]) -> str:
    """SHA-256 of the numbers of an array."""
    return hashlib.sha256(values.tobytes()).hexdigest()


@dataclass(frozen=True)
class StoredField:
    """Field of a checkpoint on disk [z, y, x]; numpy reads it wholly where it needs an array.

    Attributes:
        path: the checkpoint.
        group, name: place of the field in it, or in each of its shards.
        shape: of the whole grid.
        dtype: type of the numbers.
        shards: files that hold the field, in order; none where the checkpoint itself does.
        digest: SHA-256 of the numbers; empty where shards hold them, which have their own.
    """

    path: Path
    group: str
    name: str
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    shards: tuple[Shard, ...] = ()
    digest: str = ""

    ndim = 3

    def planes(self, first: int, end: int) -> NDArray[np.generic]:
        """Reads planes [z, y, x], from `first` to the one before `end`.

        Raises:
            InputError: they are missing or damaged.
        """
        wanted = slice(first, end)
        if self.shards:
            place = f"{self.group}/{self.name}"
            return read_planes(self.path, self.shards, place, wanted, self.shape, self.dtype)
        damaged = (
            f"{self.path} is damaged in {self.name}; resume from an older checkpoint or delete it"
        )
        with open_hdf5(self.path, damaged) as file:
            stored = own_member(self.path, own_member(self.path, file, self.group), self.name)
            values = np.asarray(stored[wanted])
        if values.shape == self.shape and digest_of(values) != self.digest:
            raise InputError(damaged)
        return values

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Any:
        return np.asarray(self.planes(0, self.shape[0]), dtype)
