"""Elements of DICOM headers as numbers and texts.

`facts` are data sets of which the first one that holds an element counts: those of one frame stand
before those of all frames, and these before those of the file.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any

import pydicom

from tissue.geometry.image import shortened

Numbers = tuple[float, ...]


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings of pydicom about unusual headers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def text_of(data: Any, key: str) -> str:
    """Text of an element; empty where it is not written."""
    value = data.get(key)
    if value is None:
        return ""
    if isinstance(value, (list, pydicom.multival.MultiValue)):
        return shortened("\\".join(str(part) for part in value))
    return shortened(str(value).strip())


def first_text(facts: Sequence[Any], key: str) -> str:
    """Text of an element in the first data set that holds it."""
    return next((text for data in facts if (text := text_of(data, key))), "")


def count_of(data: Any, key: str) -> int:
    """Whole number of an element; 0 where it is not written.

    Raises:
        ValueError: it is negative.
    """
    value = data.get(key)
    number = 0 if value is None or value == "" else int(value)
    if number < 0:
        raise ValueError(f"{key} is {number}")
    return number


def first_numbers(facts: Sequence[Any], key: str, size: int) -> Numbers | None:
    """Numbers of an element in the first data set that holds it; None where none does.

    Raises:
        ValueError: they are not as many as they should be, or not finite.
    """
    for data in facts:
        value = data.get(key)
        if value is None or value == "":
            continue
        several = isinstance(value, (list, pydicom.multival.MultiValue))
        numbers = tuple(float(part) for part in (value if several else [value]))
        if len(numbers) != size or not all(isfinite(number) for number in numbers):
            raise ValueError(f"{key} is {shortened(str(value))}")
        return numbers
    return None


def first_number(facts: Sequence[Any], key: str) -> float | None:
    """Number of an element in the first data set that holds it; None where none does.

    Raises:
        ValueError: it is not one finite number.
    """
    numbers = first_numbers(facts, key, 1)
    return None if numbers is None else numbers[0]


def padding_of(data: Any, order: str) -> float | None:
    """Stored number of voxels outside the field of view; None where none is named.

    It has the sign of the stored numbers, whatever sign its element has.
    """
    value = data.get("PixelPaddingValue")
    if isinstance(value, bytes):  # the header does not state the sign
        value = int.from_bytes(value[:2], "big" if order == "big" else "little")
    if not isinstance(value, int):
        return None
    bits = count_of(data, "BitsAllocated") or 16
    number = int(value) % 2**bits
    negative = count_of(data, "PixelRepresentation") == 1 and number >= 2 ** (bits - 1)
    return float(number - 2**bits if negative else number)
