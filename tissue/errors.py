"""Exceptions for bad input, failed runs and stopped runs, and how their messages quote values."""

import reprlib
from collections.abc import Sequence

LONGEST_SHOWN = 80
"""Characters of a value that a message quotes; of a longer one it shows both ends."""


class InputError(Exception):
    """Input that cannot be used; the message is one sentence that names the remedy.

    Attributes:
        key: run-file key at fault, such as "geometry.file"; None where there is none.
        reason: the message without its key, for a caller that names an option of its own.
    """

    def __init__(self, reason: str = "", *, key: str | None = None) -> None:
        """Create an error whose message is "key: reason", or "key = value ..." for "= value ...".

        Args:
            reason: clause that names the value, what is allowed, and the remedy.
            key: run-file key at fault.
        """
        super().__init__(reason)
        self.reason, self.key = reason, key

    def __str__(self) -> str:
        """Return the sentence for the user."""
        mark = " " if self.reason.startswith("= ") else ": "
        return f"{self.key}{mark}{self.reason}" if self.key else self.reason


class RunError(Exception):
    """Failure that stopped a run; the message names the cause and what is safe on disk."""


class RunStopped(BaseException):
    """Stop of a run on request of a signal; the run can be resumed from what is on disk.

    Like KeyboardInterrupt it is not an Exception: it may arrive at any moment, and code that
    reports the failures of libraries as bad input must let it through.
    """


def shown(value: object) -> str:
    """Quote a value in a message: as Python writes it, on one line, shortened.

    Args:
        value: anything a user may have written, however long or deep.
    """
    return printable(_SHORT.repr(value))


def printable(text: str, most: int = LONGEST_SHOWN) -> str:
    """Show a text in a message without quotes: control characters escaped, shortened.

    Args:
        text: a key, a path or the words of another program.
        most: characters to keep; of a longer text both ends are shown.
    """
    escaped = "".join(c if c.isprintable() else repr(c)[1:-1] for c in _cut(text, most))
    return _cut(escaped, most)


def listed(words: Sequence[str]) -> str:
    """List words in a sentence, such as "x, y and z"; empty without any."""
    *others, last = words or ("",)
    return f"{', '.join(others)} and {last}" if others else last


def _cut(text: str, most: int) -> str:
    """Keep both ends of a text that is too long."""
    if len(text) <= most:
        return text
    kept = most - 3
    return f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"


class _Short(reprlib.Repr):
    """Writer of values as Python shows them, shortened before they are written out in full."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxstring = self.maxother = LONGEST_SHOWN
        self.maxlist = self.maxtuple = self.maxdict = 12

    def repr_int(self, value: int, level: int) -> str:
        # Python refuses to write out a number of thousands of digits
        if abs(value) < 10**30:
            return repr(value)
        return f"a whole number of about {int(value.bit_length() * 0.30103) + 1} digits"

    def repr_date(self, value: object, level: int) -> str:
        return str(value)

    repr_datetime = repr_time = repr_date  # as TOML writes them


_SHORT = _Short()
