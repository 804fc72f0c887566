"""A run file as text: read into tables, and changed by the command line."""

import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tissue.errors import InputError, printable, shown
from tissue.keys import LONGEST_PATH

LARGEST_FILE = 64_000_000
"""Size of a run file [byte]: one that writes out a million doses takes a third of it."""

DEEPEST = 8
"""Tables and lists inside each other; a run file of every key has four."""

_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?m)(?:^|[\[{{,])[ \t]*(?:{_NAME}[ \t]*\.[ \t]*){{50,}}")
"""A key of so many parts that no text looks like it by chance; the time to read one rises with
their square."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a run file.

    Args:
        path: a TOML file.

    Raises:
        InputError: it is missing, not a file, cannot be read or is not TOML.
    """
    text = _text(path)
    name = _quoted(path)
    try:
        _refuse_long_keys(text)
        data = tomllib.loads(text)
        refuse_depth(data)
    except RecursionError:
        raise InputError(f"the run file {name} is not valid: {_too_deep()}") from None
    except InputError as error:
        raise InputError(f"the run file {name} is not valid: {error}") from None
    except tomllib.TOMLDecodeError as error:
        words = printable(str(error), 160)
        raise InputError(f"the run file {name} is not valid TOML: {words}") from None
    except ValueError:
        raise InputError(
            f"the run file {name} is not valid TOML: a number in it has thousands of digits"
        ) from None
    return data


def with_override(data: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A copy of a run file's tables with one change put in.

    Args:
        data: tables of keys and values.
        text: the change, such as ``"run.duration=56 day"``; its value is read as TOML where it is
            that, and as a string otherwise.

    Raises:
        InputError: the change names no key, or no value can be put there.
    """
    key, equals, value = text.partition("=")
    *path, last = (part.strip() for part in key.split("."))
    if not equals or not path or not last or not all(path):
        raise InputError(f"the override {shown(text)} must look like section.key=value")
    if len(path) >= DEEPEST:
        raise InputError(f"the override {shown(text)} cannot be set: {_too_deep()}")
    copy = plain(data)
    try:
        put(copy, (*path, last), _value(value.strip(), text))
    except InputError as error:
        raise InputError(f"the override {shown(text)} cannot be set: {error}") from None
    return copy


def put(data: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value into tables.

    Args:
        data: tables of keys and values.
        path: key of every table, then that of the value.
        value: the value.

    Raises:
        InputError: a key on the way is not a table.
    """
    for part in path[:-1]:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            raise InputError(f"{printable(part)} is not a table")
    data[path[-1]] = value


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of tables, with the numbers and lists of Python for those of NumPy.

    Args:
        data: tables of keys and values.

    Raises:
        InputError: a key is not text, or they are deeper than any run file.
    """
    refuse_depth(data)
    found: dict[str, Any] = _plain(data)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InputError(f"the key {shown(key)} is not text, as keys of a run file are")
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def refuse_depth(data: object) -> None:
    """Refuse tables and lists too deep inside each other for anything that follows to take.

    Args:
        data: what a run file holds.

    Raises:
        InputError: it is deeper than any run file.
    """
    level: list[Any] = [data]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise InputError(_too_deep())


def _inside(outer: Any) -> list[Any]:
    values: Sequence[Any] = list(outer.values()) if isinstance(outer, Mapping) else outer
    return [value for value in values if isinstance(value, Mapping | list | tuple)]


def _too_deep() -> str:
    return f"it nests keys, lists or tables more than {DEEPEST} deep, and none needs that"


def _refuse_long_keys(text: str) -> None:
    if _LONG_KEY.search(text):
        raise InputError(_too_deep())


def _quoted(path: Path) -> str:
    """A path as messages show it, in full."""
    return f"'{printable(str(path), LONGEST_PATH)}'"


def _text(path: Path) -> str:
    name = _quoted(path)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise InputError(f"the run file {name} is a pipe or a device: give a file")
        if found.st_size > LARGEST_FILE:
            raise InputError(
                f"the run file {name} has {found.st_size / 1e6:.0f} MB: none needs more than "
                f"{LARGEST_FILE / 1e6:.0f} MB"
            )
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"the run file {name} does not exist") from None
    except UnicodeDecodeError:
        raise InputError(f"the run file {name} is not UTF-8 text") from None
    except OSError as error:
        raise InputError(f"the run file {name} cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL in its name
        raise InputError(f"the run file {name} does not exist") from None


def _value(text: str, change: str) -> Any:
    assignment = f"value = {text}"
    try:
        _refuse_long_keys(assignment)
        parsed = tomllib.loads(assignment)
    except ValueError:
        return text
    except (InputError, RecursionError):
        raise InputError(f"the override {shown(change)} cannot be set: {_too_deep()}") from None
    return parsed["value"] if len(parsed) == 1 else text
