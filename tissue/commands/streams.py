"""Standard streams that may be closed, full, broken or without the letters that are printed.

A closed stream leaves its number free: the next file that is opened would get it, and what a
library writes to the screen would land in that file. So all three numbers are taken first. Messages
on standard error are worth less than the work they tell of: where they cannot be written, they are
dropped. What cannot be written to standard output is an error, as it is what was asked for.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

OUTPUT = "standard output"
"""In place of a file name in the errors of `Output`."""

STANDARD = (0, 1, 2)
"""Numbers of standard input, output and error in POSIX."""


@contextmanager
def guarded() -> Iterator[None]:
    """Puts `Output` and `Screen` in place of the standard streams while a command runs."""
    _take_numbers()
    before = sys.stdout, sys.stderr
    output, screen = Output(before[0]), Screen(before[1])
    sys.stdout, sys.stderr = cast("TextIO", output), cast("TextIO", screen)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in (output, screen):
            stream.settle()


def _take_numbers() -> None:
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:  # closed; the lowest free number is given to what is opened next
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


class _Stream:
    """A text stream that writes every letter, as `\\xfc` where its encoding lacks it."""

    def __init__(self, stream: TextIO | None) -> None:
        """Takes a stream; None, as Python gives for a closed one, stands for nothing."""
        self._own = None if stream else Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        self._stream = cast("TextIO", stream or self._own)

    def write(self, text: str) -> int:
        """Writes a text."""
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            return self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def flush(self) -> None:
        """Writes what is held back."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether someone may be watching."""
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def settle(self) -> None:
        """Drops what cannot be written, or Python would try again at its end and fail."""
        if self._own:
            self._own.close()
            return
        try:
            self._stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                number, nothing = self._stream.fileno(), os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, number)
                os.close(nothing)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Output(_Stream):
    """Standard output, whose errors say that they are of it.

    Raises:
        OSError: with `OUTPUT` as its file; nothing more is written then.
    """

    def write(self, text: str) -> int:
        """Writes a text."""
        try:
            return super().write(text)
        except OSError as error:
            raise self._named(error) from None

    def flush(self) -> None:
        """Writes what is held back."""
        try:
            super().flush()
        except OSError as error:
            raise self._named(error) from None

    def _named(self, error: OSError) -> OSError:
        self.settle()
        return OSError(error.errno, error.strerror or f"{error}", OUTPUT)


class Screen(_Stream):
    """Standard error, which fails in silence.

    Attributes:
        lost: why something could not be written, once that has happened.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Takes a stream."""
        super().__init__(stream)
        self.lost: str | None = None

    def write(self, text: str) -> int:
        """Writes a text if that is possible."""
        with self._noted():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Writes what is held back if that is possible."""
        with self._noted():
            super().flush()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.lost = error.strerror or f"{error}"
        except ValueError as error:  # closed by Python code
            self.lost = f"{error}"
