"""A mistake in a run file, told in one sentence."""

import difflib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from tissue.errors import printable, shown
from tissue.scenario.schema import RunFile

Place = tuple[str | int, ...]


def explain(error: ValidationError, data: Mapping[str, Any]) -> str:
    """Tell the first mistake: the key, its value, and what is allowed or meant.

    Args:
        error: what the schema found.
        data: the run file as it was given.
    """
    # An unknown key comes first: a misspelt required key is then not called missing.
    found = error.errors(include_url=False, include_input=False)
    problems = sorted(found, key=lambda problem: problem["type"] != "extra_forbidden")
    place = _place(problems[0]["loc"])
    key = _key(place)
    if problems[0]["type"] == "extra_forbidden":
        return _unknown(key, _name(place))
    # Of the alternatives of one key, the deepest complaint is about the one that was meant.
    problem = max(
        (problem for problem in problems if _place(problem["loc"]) == place),
        key=lambda problem: len(problem["loc"]),
    )
    name, allowed = _name(place), _description(key)
    if problem["type"] == "missing" and not _given(data, place):
        return f"{name} is missing: it must be {allowed}"
    if problem["type"] == "value_error":
        return f"{name}: {problem['ctx']['error']} (it must be {allowed})"
    return f"{name} = {shown(_value(data, place))} must be {allowed}"


@cache
def tables() -> dict[tuple[str, ...], type[BaseModel]]:
    """The tables of a run file by their path; the run file itself has the path ()."""
    return _tables((), RunFile)


def _tables(
    path: tuple[str, ...], table: type[BaseModel]
) -> dict[tuple[str, ...], type[BaseModel]]:
    found = {path: table}
    for name, field in table.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= _tables((*path, name), kind)
    return found


def _place(location: Sequence[str | int]) -> Place:
    """The key a complaint is about, with its positions in lists of tables; not in other lists."""
    known = tables()
    path: tuple[str, ...] = ()
    place: Place = ()
    for part in location:
        place = (*place, part)
        if isinstance(part, int):
            continue
        path = (*path, part)
        if path not in known:
            break
    return place


def _key(place: Place) -> tuple[str, ...]:
    """The key of a place, without positions in lists."""
    return tuple(part for part in place if isinstance(part, str))


def _name(place: Place) -> str:
    """A place as people write it; lists count from 1."""
    name = ""
    for part in place:
        name += f"[{part + 1}]" if isinstance(part, int) else f".{printable(part)}"
    return name.removeprefix(".")


def _description(key: tuple[str, ...]) -> str:
    table = tables()[key[:-1]]
    return table.model_fields[key[-1]].description or "a table"


def _value(data: Any, place: Place) -> Any:
    for part in place:
        data = data[part]
    return data


def _given(data: Any, place: Place) -> bool:
    """Whether a key is there, be its value complete or not."""
    for part in place:
        if isinstance(part, str) and (not isinstance(data, Mapping) or part not in data):
            return False
        data = data[part]
    return True


def _unknown(key: tuple[str, ...], name: str) -> str:
    near = _nearest(key)
    if near:
        return f"{name} is not a known key, did you mean {near}?"
    siblings = ", ".join(tables()[key[:-1]].model_fields)
    place = f"in [{'.'.join(key[:-1])}]" if key[:-1] else "at the top"
    return f"{name} is not a known key; known {place} are {siblings}"


def _nearest(key: tuple[str, ...]) -> str | None:
    """The known key most like an unknown one, in its own table before the others."""
    own = tables()[key[:-1]].model_fields
    found = difflib.get_close_matches(key[-1].lower(), own, n=1, cutoff=0.6)
    if found:
        return ".".join((*key[:-1], found[0]))
    everywhere = {
        name: ".".join((*path, name))
        for path, table in tables().items()
        if path
        for name in table.model_fields
    }
    found = difflib.get_close_matches(key[-1].lower(), everywhere, n=1, cutoff=0.7)
    return everywhere[found[0]] if found else None
