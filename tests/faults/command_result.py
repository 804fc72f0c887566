"""Result of a command that is called in this process: a code, and one sentence for a refusal."""

import io
import logging
import re
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unicodedata import category

from tissue.cli import main

MAX_REFUSAL = 3000
"""Characters of the longest refusal, whatever it quotes."""


class CommandResult(NamedTuple):
    """Result of a command.

    Attributes:
        code: its exit code; -1 where it raised.
        out: its standard output.
        err: its standard error.
        trouble: a defect: a traceback, a code without a sentence, several lines for one refusal, a
            warning of a library, raw control characters; "" if there is none.
    """

    code: int
    out: str
    err: str
    trouble: str


def call_command(*words: object) -> CommandResult:
    """Calls a command of tissue in this process."""
    out, err = io.StringIO(), io.StringIO()
    logger = logging.getLogger("tissue")
    before = logger.level, list(logger.handlers), logger.propagate
    try:
        with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("always")
            code = main([str(word) for word in words])
        trouble = ""
    except SystemExit as error:
        code, trouble = -1, f"ends with {error.code}"
    except BaseException:  # a traceback is a defect
        code, trouble = -1, traceback.format_exc()
    finally:
        logger.level, logger.handlers[:], logger.propagate = before
    trouble = trouble or _trouble(code, out.getvalue(), err.getvalue())
    return CommandResult(code, out.getvalue(), err.getvalue(), trouble)


def _trouble(code: int, out: str, err: str) -> str:
    for text in (out, err):
        # file names may contain bytes that are no letters; a real stream escapes them
        odd = sorted(letter for letter in set(text) - {"\n", "\r"} if category(letter) == "Cc")
        if odd:
            return f"raw control characters {odd!r}"
    lines = err.splitlines()
    if any(re.search(r"Traceback|Warning:|\.py:\d", line) for line in lines):
        return f"says {err!r}"
    if code == 0:
        return ""
    if code not in (1, 2) or len(lines) != 1 or not err.startswith("tissue: "):
        return f"exit {code} with {err!r}"
    return "" if len(err) < MAX_REFUSAL else f"{len(err)} characters"
