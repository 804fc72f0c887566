"""A mistake in a run file, reported in one sentence."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from tissue.errors import printable, shown
from tissue.keys import FILE_ERROR
from tissue.scenario.json_schema import keys
from tissue.scenario.time_course import PIECES_ERROR

Location = tuple[str | int, ...]
Tables = Mapping[tuple[str, ...], Mapping[str, str]]

_RANK = {
    "extra_forbidden": 0,
    "unexpected_keyword_argument": 0,
    "missing": 2,
    "default_factory_not_called": 3,
}
"""Order in which types of errors are reported, 1 for all others: unknown keys first."""

_SYNONYMS = {"start": "from", "end": "to", "stop": "to"}
"""Names that people give to keys of pieces of time."""

FORMS = ("[image]", "[constant]", "[pieces]")
"""Names that pydantic gives to the forms that a key may have."""


def explain(error: ValidationError, data: Mapping[str, Any], model: type[BaseModel]) -> str:
    """A sentence about the first mistake: the key, its value, and what is allowed or meant.

    Args:
        error: what the schema found.
        data: the run file as it was given.
        model: its tables.
    """
    tables = keys(model)
    # An unknown key comes first: a misspelled required key is then not called missing. A missing
    # one comes last.
    found = error.errors(include_url=False, include_input=False)
    problems = sorted(found, key=lambda problem: _RANK.get(problem["type"], 1))
    location = _location(problems[0]["loc"], tables)
    key = _key(location)
    if not _RANK.get(problems[0]["type"], 1):
        return _unknown(key, _name(location), tables)
    # Of the alternatives of one key, the deepest complaint is about the one that was meant.
    problem = max(
        (problem for problem in problems if _location(problem["loc"], tables) == location),
        key=lambda problem: len(problem["loc"]),
    )
    name, allowed = _name(location), tables[key[:-1]][key[-1]]
    if problem["type"] == "missing" and not _given(data, location):
        return f"{name} is missing: it must be {allowed}"
    if problem["type"] == FILE_ERROR:
        return f"{name} = {problem['ctx']['problem']}"
    if problem["type"] == PIECES_ERROR:
        return f"{name}: {problem['ctx']['problem']}"
    if problem["type"] == "value_error":
        return f"{name}: {problem['ctx']['error']} (it must be {allowed})"
    return f"{name} = {shown(_value(data, location))} must be {allowed}"


def _location(loc: Sequence[str | int], tables: Tables) -> Location:
    """The key an error is about, with its positions in lists of tables; not in other lists."""
    path: tuple[str, ...] = ()
    location: Location = ()
    for part in loc:
        if part in FORMS and path:
            continue
        location = (*location, part)
        if isinstance(part, int):
            continue
        path = (*path, part)
        if path not in tables:
            break
    return location


def _key(location: Location) -> tuple[str, ...]:
    """The key of a location, without positions in lists."""
    return tuple(part for part in location if isinstance(part, str))


def _name(location: Location) -> str:
    """A location as people write it; lists count from 1."""
    name = ""
    for part in location:
        name += f"[{part + 1}]" if isinstance(part, int) else f".{printable(part)}"
    return name.removeprefix(".")


def _value(data: Any, location: Location) -> Any:
    for part in location:
        data = data[part]
    return data


def _given(data: Any, location: Location) -> bool:
    """Whether a key is there, be its value complete or not."""
    for part in location:
        if isinstance(part, str) and (not isinstance(data, Mapping) or part not in data):
            return False
        data = data[part]
    return True


def _unknown(key: tuple[str, ...], name: str, tables: Tables) -> str:
    near = _nearest(key, tables)
    if near:
        return f"{name} is not a known key, did you mean {near}?"
    location = f"in [{'.'.join(key[:-1])}]" if key[:-1] else "at the top"
    return f"{name} is not a known key; known {location} are {', '.join(tables[key[:-1]])}"


def _nearest(key: tuple[str, ...], tables: Tables) -> str | None:
    """The known key most like an unknown one, in its own table before the others."""
    wanted = _SYNONYMS.get(key[-1], key[-1].lower())
    found = difflib.get_close_matches(wanted, tables[key[:-1]], n=1, cutoff=0.6)
    if found:
        return ".".join((*key[:-1], found[0]))
    everywhere = {
        name: ".".join((*path, name))
        for path, table in tables.items()
        if path and path[0] != "parameters"
        for name in table
    }
    found = difflib.get_close_matches(key[-1].lower(), everywhere, n=1, cutoff=0.7)
    return everywhere[found[0]] if found else None
