"""Disease of a run as pages and commands name it: what departs from health in its run file."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from tissue.errors import listed
from tissue.model.fields import FIELDS
from tissue.model.species import SOLUTES
from tissue.numerals import shortened

_RAISED = {each.excess_key: each.long_name for each in SOLUTES.values() if each.excess_key}
_RAISED["il1ra_excess"] = "IL-1 receptor antagonist"

_GENES = {name: each.long_name for name, each in SOLUTES.items()} | {
    "il1_receptor": "the IL-1 receptor",
    "il1ra": "the IL-1 receptor antagonist",
    "osteocyte_rankl": "RANKL in osteocytes",
}

_ALWAYS = "from day 0 on"


def tables_of(text: str) -> dict[str, Any]:
    """Tables of a run file; none where it is damaged, which the commands report."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def disease(text: str) -> str:
    """All that departs from health in a complete run file, in words and its units; empty in health.

    Genes that are missing and load that is not the usual one are part of it. One that is damaged is
    said to be so: users may edit the copy in the folder of a run.
    """
    try:
        return "; ".join(_causes(tables_of(text)))
    # a number where a table belongs, half of one, or text where a number belongs
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        return "not readable in the run file"


def _causes(tables: Mapping[str, Any]) -> Iterator[str]:
    given = tables.get("disease", {})
    yield from _raised(given)
    if (cells := _course(given.get("inflammatory_cells"))) is not None:
        yield f"inflammatory cells in the marrow, {cells}"
    if pannus := given.get("pannus"):
        faces = [
            f"the {side} face of {axis}"
            for axis, _, side in (str(each).partition("_") for each in pannus.get("faces", ()))
        ]
        where = listed(faces) if faces else "the mask of an image"
        deep = f", {_number(pannus['depth'])} deep" if faces and "depth" in pannus else ""
        yield f"inflamed tissue (pannus{deep}) at {where} {_ALWAYS}"
    if estrogen := given.get("estrogen"):
        yield from _estrogen(estrogen)
    if given.get("aging"):
        yield "aging"
    for key in ("rankl_production", "opg_production"):
        if (factor := _course(given.get(key), healthy=1.0)) is not None:
            yield f"usual production of {key.partition('_')[0].upper()} times {factor}"
    yield from _open_faces(tables.get("boundary", {}))
    genes = [name for name, out in tables.get("knockout", {}).items() if out is True]
    if genes:
        yield f"without the gene of {listed([_GENES.get(each, each) for each in genes])}"
    load = _course(tables.get("load", {}).get("factor"), healthy=1.0)
    if load is not None:
        yield f"usual load times {load}"


def _raised(given: Mapping[str, Any]) -> Iterator[str]:
    """Solutes that are raised everywhere, those by a constant in one phrase."""
    found = {name: given[key] for key, name in _RAISED.items() if _course(given.get(key))}
    steady = {name: value for name, value in found.items() if not isinstance(value, list)}
    if steady:
        first, *others = [(name, _number(value)) for name, value in steady.items()]
        amounts = [f"{first[0]} raised everywhere by {first[1]}"]
        amounts += [f"{name} by {amount}" for name, amount in others]
        yield f"{listed(amounts)} {_ALWAYS}"
    for name, value in found.items():
        if name not in steady:
            yield f"{name} raised everywhere by {_course(value)}"


def _estrogen(given: Mapping[str, Any]) -> Iterator[str]:
    lost, ramp, onset = (given.get(key) for key in ("loss", "ramp", "onset"))
    course = _course(1 if lost is None else lost)
    if course is None:
        return
    if isinstance(lost, list):
        yield f"estrogen lost, as a share, {course}"
        return
    share = "all" if lost in (None, 1) else f"a share of {_number(lost)}"
    slowly = ramp and ramp != "0 day"
    days = ramp if ramp == "1 day" else f"{ramp}s"
    when = f"over {days} from {_moment(onset)} on" if slowly else f"at once on {_moment(onset)}"
    yield f"{share} of the estrogen lost {when}"


def _open_faces(boundary: Mapping[str, Any]) -> Iterator[str]:
    """Levels and exchange of solutes at the faces of the box that are open to them."""
    for name, faces in boundary.items():
        if not isinstance(faces, Mapping):
            continue
        solute = FIELDS[name].long_name if name in FIELDS else name
        for face, wall in faces.items():
            axis, _, side = face.partition("_")
            level, how = (
                (wall["value"], "held at")
                if "value" in wall
                else (wall.get("blood", ""), "exchanged with blood of")
            )
            yield f"{solute} {how} {_number(level)} at the {side} face of {axis} {_ALWAYS}"


def _course(value: Any, healthy: float = 0.0) -> str | None:
    """Value of a run file, or its values over time, with their days; None in health."""
    if isinstance(value, list):
        departs = any(_amount(each["value"]) != healthy for each in value)
        return ", ".join(_piece(each) for each in value) if departs else None
    departs = value is not None and _amount(value) != healthy
    return f"{_number(value)} {_ALWAYS}" if departs else None


def _piece(piece: Mapping[str, Any]) -> str:
    start, end = _moment(piece["from"]), _moment(piece["to"]).removeprefix("day ")
    return f"{_number(piece['value'])} from {start} to {end}"


def _moment(time: Any) -> str:
    """Time of a run file, which counts in days there, as in "day 7"."""
    return f"day {str(time or '0 day').removesuffix(' day')}"


def _number(value: Any) -> str:
    return shortened(str(value))


def _amount(value: Any) -> float:
    """Number of a value of a run file as it is shown, without its unit."""
    return float(_number(value).partition(" ")[0])
