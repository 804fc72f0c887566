"""A run file written out in full, to be read again and compared with another."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tissue.keys import NAME_ONLY
from tissue.model.parameters import QUANTITIES
from tissue.scenario.config import RunConfig

DEVICES_KEY = "run.devices"
"""Key of the number of devices."""


def resolved_toml(config: RunConfig, folder: Path | None = None) -> str:
    """Write the complete run file: every default and every parameter, with its unit.

    Args:
        config: the run.
        folder: where the text will be kept, which paths inside are relative to; by default the
            folder of the run file.

    Returns:
        TOML that `read_run_file` turns into the same run.
    """
    tables = _dumped(config, (folder or config.source.parent).resolve())
    return "\n".join(_toml("", tables)).lstrip() + "\n"


def resolved_keys(config: RunConfig) -> dict[str, str]:
    """Every key of the complete run file with its value, to compare two runs.

    Files count by their names alone: a folder may be moved.
    """
    return dict(_flat("", _dumped(config, NAME_ONLY)))


def config_hash(config: RunConfig) -> str:
    """Give the SHA-256 of everything in the run but its name, its devices and its files' folders.

    The devices that compute a run are no part of what it simulates.
    """
    found = resolved_keys(config)
    del found[DEVICES_KEY]
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _dumped(config: RunConfig, folder: Path) -> dict[str, Any]:
    return config.model_dump(mode="json", by_alias=True, exclude_none=True, context=folder)


def _toml(path: str, table: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a table: its own keys, then the tables and the lists of tables in it."""
    inner = {key: value for key, value in table.items() if _is_table(value) or _is_list(value)}
    own = {key: value for key, value in table.items() if key not in inner and path}
    for key, value in own.items():
        comment = f"  # {QUANTITIES[key].name}" if path == "parameters" else ""
        yield f"{key} = {toml_value(value)}{comment}"
    for key, value in sorted(inner.items(), key=lambda item: _is_list(item[1])):
        name = f"{path}.{key}".removeprefix(".")
        for each in value if _is_list(value) else [value] if value else []:
            heading = f"[[{name}]]" if _is_list(value) else f"[{name}]"
            if any(not _is_table(inside) for inside in each.values()):
                yield from ("", heading)
            yield from _toml(name, each)


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if _is_table(value) or _is_list(value):
        items = value.items() if _is_table(value) else enumerate(value, start=1)
        for key, inner in items:
            part = f".{key}" if _is_table(value) else f"[{key}]"
            yield from _flat(f"{path}{part}".removeprefix("."), inner)
    else:
        yield path, toml_value(value)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and _is_table(value[0])


def toml_value(value: Any) -> str:
    """Write a value; what JSON writes for these kinds is TOML too, but for the character DEL."""
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
