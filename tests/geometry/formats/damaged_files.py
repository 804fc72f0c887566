"""Files that were cut or changed, and what becomes of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from geometry.formats.volumes import refusal

from tissue.errors import InputError
from tissue.geometry.gate import admit
from tissue.geometry.image import Image


def changed(whole: bytes, seed: int, first: int, end: int) -> bytes:
    """A file cut at a place, or with one to three bytes changed.

    Args:
        whole: its bytes.
        seed: decides on the damage; every fourth file is cut.
        first: byte from which on some are changed.
        end: byte before which they are.
    """
    random = np.random.default_rng(seed)
    if seed % 4 == 0:
        return whole[: int(random.integers(len(whole)))]
    data = bytearray(whole)
    for _ in range(int(random.integers(1, 4))):
        data[int(random.integers(first, end))] = int(random.integers(256))
    return bytes(data)


def outcome(read: Callable[[Path], Image], file: Path) -> np.ndarray | None:
    """Values of a file; None where it is refused in one sentence."""
    try:
        return admit(read(file)).values
    except InputError as error:
        said = str(error)
    assert "\n" not in said
    return None


def check_cut(read: Callable[[Path], Image], file: Path) -> None:
    """A file of 672 bytes of voxels is refused where it is cut, and with a byte too many."""
    data = file.read_bytes()
    for kept in range(0, len(data), 37):
        file.write_bytes(data[:kept])
        refusal(read, file)
    file.write_bytes(data[:-1])
    assert "promises 672 bytes of voxels and 671 are there" in refusal(read, file)
    file.write_bytes(data + b"\0")
    assert "more bytes than the 672 bytes" in refusal(read, file)
