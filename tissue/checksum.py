"""Checksum footer of a file, by which damage anywhere is found before HDF5 reads it.

HDF5 trusts its input: one wrong byte can make it loop for ever or end the program. It ignores what
follows its end, and drops it when a file is edited: a file without a footer is not refused.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

_MARK = b"\nsha256 of all before this line: "
_SIZE = len(_MARK) + hashlib.sha256().digest_size
_PART = 2**24  # bytes read at a time


def footer(content: bytes | memoryview) -> bytes:
    """Return the bytes to write behind the content of a file."""
    return _MARK + hashlib.sha256(content).digest()


def stored_digest(path: Path) -> bytes | None:
    """Return the SHA-256 in the footer of a file, which is not compared with its content.

    Returns:
        32 bytes; None where the file has no footer, as one that was cut short.

    Raises:
        OSError: the file cannot be read.
    """
    left = path.stat().st_size - _SIZE
    if left < 0:
        return None
    with path.open("rb") as file:
        file.seek(left)
        end = file.read()
    return end.removeprefix(_MARK) if end.startswith(_MARK) else None


def is_intact(path: Path) -> bool | None:
    """Compare a file with its footer; None where it has none.

    Raises:
        OSError: the file cannot be read.
    """
    found = path.stat()
    return _is_intact(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4096)  # fields are read one by one, and a file need be checked only once
def _is_intact(path: Path, size: int, _changed: int) -> bool | None:
    digest, left = hashlib.sha256(), size - _SIZE
    if left < 0:
        return None
    with path.open("rb") as file:
        file.seek(left)
        end = file.read()
        if not end.startswith(_MARK):
            return None
        file.seek(0)
        while left and (part := file.read(min(left, _PART))):
            digest.update(part)
            left -= len(part)
    return end == _MARK + digest.digest()
