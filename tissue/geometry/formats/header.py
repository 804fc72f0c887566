"""Text headers: their lines, the numbers and names in them, and the data files that they name."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from tissue.geometry.formats.unpacking import GZIP
from tissue.geometry.image import refused, shortened

LONGEST_LINE = 1 << 20
"""Most bytes of a line of a header; files with longer ones are damaged."""

LARGEST_HEADER = 1 << 24
"""Most bytes of a header."""

BYTE_ORDER_MARK = "\ufeff"
"""Sign that some editors put before a text."""

BLANKS = " \t"
"""Signs between the words of a line."""

NO_TEXT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Control characters, which no line of a header may hold."""

NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf)", re.I | re.A)
WHOLE = re.compile(r"[+-]?\d{1,18}", re.A)
POSITIVE = re.compile(r"\+?(?!0+$)\d{1,18}", re.A)
NUMBERED = re.compile(r"(?P<before>[^%]*)%(?P<width>0?\d{0,2})d(?P<after>[^%]*)", re.A)
"""Pattern of numbered file names, as in slice_%03d.raw."""


def words_of(text: str) -> list[str]:
    """Words of a line of a header; no other signs than blanks part them."""
    return [word for word in re.split(f"[{BLANKS}]+", text) if word]


def lines(file: Path, stream: BinaryIO) -> Iterator[str]:
    """Lines of a text header, without their ends; the stream stands behind the last one given.

    Raises:
        InputError: the file is packed as a whole, or its header is not text or has no end.
    """
    read = 0
    while raw := stream.readline(LONGEST_LINE):
        if read == 0 and raw.startswith(GZIP):
            raise refused(file, "is gzipped as a whole; unpack it first (gunzip)")
        read += len(raw)
        if read > LARGEST_HEADER or (len(raw) == LONGEST_LINE and not raw.endswith(b"\n")):
            raise refused(file, "has a header without an end; copy it again from its source")
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError:  # older programs write a micro sign in Latin-1
            line = raw.decode("latin-1")
        line = line.rstrip("\r\n").removeprefix(BYTE_ORDER_MARK)
        if NO_TEXT.search(line):
            raise refused(file, "has control characters in its header; copy it again")
        yield line


def needed(file: Path, fields: Mapping[str, str], name: str) -> str:
    """Text of a line that every header must have.

    Raises:
        InputError: there is no such line.
    """
    text = fields.get(name)
    if text is None:
        raise refused(file, f"has no line {name!r} in its header; add it")
    return text


def numbers(file: Path, key: str, text: str, count: int) -> list[float]:
    """Numbers of a line of a header.

    Raises:
        InputError: they are not `count` numbers.
    """
    return [float(word) for word in _checked(file, key, text, count, NUMBER, "numbers")]


def whole_numbers(file: Path, key: str, text: str, count: int) -> list[int]:
    """Whole numbers of a line of a header.

    Raises:
        InputError: they are not `count` whole numbers.
    """
    return [int(word) for word in _checked(file, key, text, count, WHOLE, "whole numbers")]


def sizes(file: Path, key: str, text: str, count: int) -> list[int]:
    """Numbers of voxels along the axes of a volume, as its header gives them.

    Raises:
        InputError: they are not `count` numbers above 0.
    """
    return [
        int(word) for word in _checked(file, key, text, count, POSITIVE, "whole numbers above 0")
    ]


def _checked(
    file: Path, key: str, text: str, count: int, pattern: re.Pattern[str], kind: str
) -> list[str]:
    words = words_of(text)
    if len(words) == count and all(pattern.fullmatch(word) for word in words):
        return words
    raise refused(
        file,
        f'has the line "{key}: {shortened(text)}" in its header, where {count} {kind} are needed;'
        " correct it",
    )


def numbered(file: Path, pattern: str, first: int, last: int, step: int, slices: int) -> list[str]:
    """Names of numbered data files.

    Args:
        file: the header.
        pattern: name with one number in it, such as slice_%03d.raw.
        first: number of the first file.
        last: number of the last file.
        step: number added from file to file.
        slices: number of slices of the volume.

    Raises:
        InputError: the pattern or its numbers make no such list of files.
    """
    found = NUMBERED.fullmatch(pattern)
    if found is None:
        raise refused(
            file,
            f"names its data files {shortened(pattern)}, which is not a pattern with one number"
            " such as slice_%03d.raw; correct it",
        )
    count = (last - first) // step + 1 if step else 0
    check_files(file, count, slices)
    form = f"{{}}{{:{found['width']}d}}{{}}"
    return [form.format(found["before"], first + i * step, found["after"]) for i in range(count)]


def check_files(file: Path, count: int, slices: int) -> None:
    """Checks that data files can share the slices of a volume equally.

    Raises:
        InputError: they cannot.
    """
    if count < 1 or slices % count:
        raise refused(
            file,
            f"names {count} data files for {slices} slices; correct the list of files or the sizes"
            " in the header",
        )
