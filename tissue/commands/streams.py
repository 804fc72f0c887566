"""Standard streams that may be closed, full, broken or unable to encode a character.

A closed stream leaves its file descriptor free: the next file that is opened would get it, and what
a library writes to the screen would land in that file. So all three descriptors are occupied first.
Messages on standard error matter less than the run they describe: where they cannot be written,
they are dropped. A failure of standard output is an error, as the output was asked for.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

OUTPUT = "standard output"
"""File name in the errors of `Output`."""

DESCRIPTORS = (0, 1, 2)
"""File descriptors of standard input, output and error in POSIX."""


@contextmanager
def guarded() -> Iterator[None]:
    """Replace the standard streams by `Output` and `Screen` while a command runs."""
    _occupy_descriptors()
    before = sys.stdout, sys.stderr
    output, screen = Output(before[0]), Screen(before[1])
    sys.stdout, sys.stderr = cast("TextIO", output), cast("TextIO", screen)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in (output, screen):
            stream.settle()


def _occupy_descriptors() -> None:
    for descriptor in DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:  # closed: the next file that is opened gets the lowest free one
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


class _Stream:
    """Text stream that writes every character, as `\\xfc` where its encoding lacks it."""

    def __init__(self, stream: TextIO | None) -> None:
        """Wrap a stream; None, as Python gives for a closed one, is written to nowhere."""
        self._own = None if stream else Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        self._stream = cast("TextIO", stream or self._own)

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            return self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def flush(self) -> None:
        """Write the buffer."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def settle(self) -> None:
        """Drop what cannot be written; Python would try again at its end and fail."""
        if self._own:
            self._own.close()
            return
        try:
            self._stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                descriptor, nothing = self._stream.fileno(), os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, descriptor)
                os.close(nothing)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Output(_Stream):
    """Standard output, whose errors name it as their file.

    Raises:
        OSError: the text cannot be written; its file is `OUTPUT`, and nothing more is written.
    """

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return super().write(text)
        except OSError as error:
            raise self._named(error) from None

    def flush(self) -> None:
        """Write the buffer."""
        try:
            super().flush()
        except OSError as error:
            raise self._named(error) from None

    def _named(self, error: OSError) -> OSError:
        self.settle()
        return OSError(error.errno, error.strerror or f"{error}", OUTPUT)


class Screen(_Stream):
    """Standard error, whose failures are silent.

    Attributes:
        failure: reason why something could not be written; None before that.
    """

    def __init__(self, stream: TextIO | None) -> None:
        """Wrap a stream."""
        super().__init__(stream)
        self.failure: str | None = None

    def write(self, text: str) -> int:
        """Write a text if that is possible."""
        with self._recorded():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write the buffer if that is possible."""
        with self._recorded():
            super().flush()

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error.strerror or f"{error}"
        except ValueError as error:  # closed by Python code
            self.failure = f"{error}"
