"""The ways in which a run can go wrong that are not bugs, and how their messages quote things."""

import reprlib

LONGEST_SHOWN = 80
"""Characters of a value that a message quotes; of a longer one it shows both ends."""


class InputError(Exception):
    """Something the user gave is wrong; the message is one sentence that names the remedy."""


class RunError(Exception):
    """A run had to stop; the message names what went wrong and what is safe on disk."""


class RunStopped(BaseException):
    """A signal asked a run to stop, and it did; what is on disk can be resumed.

    As KeyboardInterrupt it is no Exception: it may come at any moment of a start, and code that
    takes the failures of others for bad input must let it through.
    """


def shown(value: object) -> str:
    """Give a value as a message quotes it: as Python writes it, on one line, not too long.

    Args:
        value: anything a user may have written, however long or deep.
    """
    return printable(_SHORT.repr(value))


def printable(text: str, most: int = LONGEST_SHOWN) -> str:
    """Give a text as a message shows it without quotes: control characters escaped, not too long.

    Args:
        text: a key, a path or the words of another program.
        most: characters to keep; of a longer text both ends are shown.
    """
    escaped = "".join(c if c.isprintable() else repr(c)[1:-1] for c in _cut(text, most))
    return _cut(escaped, most)


def _cut(text: str, most: int) -> str:
    """Both ends of a text that is too long."""
    if len(text) <= most:
        return text
    kept = most - 3
    return f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"


class _Short(reprlib.Repr):
    """Values as Python writes them, cut short before they are written out in full."""

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
