"""A run written out in full, so that it can be read again and told from another."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from tissue import units
from tissue.geometry.settings import ImageSettings
from tissue.geometry.synthetic import SyntheticSettings
from tissue.model.parameters import QUANTITIES, as_text
from tissue.scenario.config import RunConfig
from tissue.scenario.disease import Disease
from tissue.scenario.schema import KnockoutTable
from tissue.scenario.therapy import Therapy


def resolved_toml(config: RunConfig, folder: Path | None = None) -> str:
    """Write the complete run file: every default and every parameter, with its unit.

    Args:
        config: the run.
        folder: where the text will be kept, which paths inside are relative to; by default the
            folder of the run file.

    Returns:
        TOML that `read_run_file` turns into the same run.
    """
    names = {symbol: about.name for symbol, about in QUANTITIES.items()}
    lines: list[str] = []
    tables = [
        (f"[{name}]", name, entries)
        for name, entries in _tables(config, folder or config.source.parent).items()
    ]
    tables += [("[[therapy]]", "therapy", _therapy(each)) for each in config.therapies]
    for heading, table, entries in tables:
        lines += ["", heading]
        for key, value in entries.items():
            comment = f"  # {names[key]}" if table == "parameters" else ""
            lines.append(f"{key} = {_toml(value)}{comment}")
    return "\n".join(lines[1:]) + "\n"


def resolved_tables(config: RunConfig) -> dict[str, str]:
    """Every key of the complete run file with its value, to compare two runs.

    Files count by their names alone: a folder may be moved.
    """
    folder = config.source.parent
    found = {}
    for table, entries in _tables(config, folder).items():
        for key, value in entries.items():
            found[f"{table}.{key}"] = _toml(value)
    if isinstance(config.geometry, ImageSettings):
        found["geometry.file"] = _toml(config.geometry.file.name)
        if config.geometry.region:
            found["geometry.region"] = _toml(config.geometry.region.name)
    if config.disease.pannus and config.disease.pannus.mask:
        found["disease.pannus.mask"] = _toml(config.disease.pannus.mask.name)
    for number, therapy in enumerate(config.therapies, start=1):
        for key, value in _therapy(therapy).items():
            found[f"therapy[{number}].{key}"] = _toml(value)
    return found


def config_hash(config: RunConfig) -> str:
    """Give the SHA-256 of everything in the run but its name and the folders of its files."""
    tables = _tables(config, config.source.parent)
    if isinstance(config.geometry, ImageSettings):
        tables["geometry"]["file"] = config.geometry.file.name
        if config.geometry.region:
            tables["geometry"]["region"] = config.geometry.region.name
    everything = tables, [_therapy(each) for each in config.therapies]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def _tables(config: RunConfig, folder: Path) -> dict[str, dict[str, Any]]:
    run = {
        "preset": config.preset,
        "duration": units.exact(config.duration, "day"),
        **_steps(config),
        "precision": config.precision,
        "seed": config.seed,
    }
    output = {
        "snapshots": units.exact(config.snapshot_interval, "day"),
        "fields": config.fields,
        "checkpoints": units.exact(config.checkpoint_interval, "day"),
        "checkpoint_every_wall": units.exact(config.checkpoint_wall, "s"),
        "keep_every": config.keep_every,
        "morphometry": config.morphometry,
    }
    return {
        "run": run,
        **_geometry(config.geometry, folder),
        **_disease(config.disease, folder),
        **_boundary(config),
        "parameters": {key: _number(text) for key, text in as_text(config.parameters).items()},
        "output": output,
    }


def _steps(config: RunConfig) -> dict[str, str]:
    if config.step is not None:
        return {"step": units.exact(config.step, "day")}
    return {"step": "adaptive", "accuracy": units.exact(config.accuracy, "1", "%")}


def _geometry(
    settings: ImageSettings | SyntheticSettings, folder: Path
) -> dict[str, dict[str, Any]]:
    if isinstance(settings, SyntheticSettings):
        synthetic = {
            "shape": settings.shape,
            "spacing": units.exact(settings.spacing, "um"),
            "bv_tv": settings.bv_tv,
            "thickness": units.exact(settings.thickness, "um"),
            "seed": settings.seed,
        }
        return {"geometry.synthetic": synthetic}
    image = {
        "file": _relative(settings.file, folder),
        "dataset": settings.dataset,
        "series": settings.series,
        "voxel_size": _lengths(settings.voxel_size),
        "crop": settings.crop,
        "region": _relative(settings.region, folder) if settings.region else None,
        "threshold": settings.threshold,
        "smooth": units.exact(settings.smooth, "um"),
        "resample": _lengths(settings.resample),
        "keep_largest": settings.keep_largest,
        "close_pockets": settings.close_pockets,
    }
    return {"geometry": {key: value for key, value in image.items() if value is not None}}


def _disease(disease: Disease, folder: Path) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {
        "disease": {
            "il1_excess": units.exact(disease.il1_excess, "pM"),
            "il1ra_excess": units.exact(disease.il1ra_excess, "pM"),
            "tnf": units.exact(disease.tnf, "pM"),
            "inflammatory_cells": units.exact(disease.inflammatory_cells, "cells/mm^3"),
            "rankl_production": disease.rankl_production,
            "opg_production": disease.opg_production,
            "aging": disease.aging,
        }
    }
    if disease.estrogen:
        tables["disease.estrogen"] = {
            "loss": disease.estrogen.loss,
            "onset": units.exact(disease.estrogen.onset, "day"),
            "ramp": units.exact(disease.estrogen.ramp, "day"),
        }
    if disease.pannus:
        pannus = disease.pannus
        given = {
            "faces": pannus.faces,
            "depth": units.exact(pannus.depth, "um"),
            "mask": _relative(pannus.mask, folder) if pannus.mask else None,
            "cells": None if pannus.cells is None else units.exact(pannus.cells, "cells/mm^3"),
        }
        tables["disease.pannus"] = {key: value for key, value in given.items() if value is not None}
    tables["knockout"] = {name: name in disease.knockout for name in KnockoutTable.model_fields}
    return tables


def _boundary(config: RunConfig) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    if config.periodic:
        tables["boundary"] = {"periodic": config.periodic}
    for wall in config.disease.walls:
        there = units.exact(wall.concentration, "pM")
        tables[f"boundary.{wall.solute}.{wall.face}"] = (
            {"value": there}
            if wall.permeability is None
            else {"permeability": units.exact(wall.permeability, "um/day"), "blood": there}
        )
    return tables


def _therapy(therapy: Therapy) -> dict[str, Any]:
    return {
        "drug": therapy.drug,
        "dose": units.exact(therapy.dose, "mg/kg"),
        "times": [units.exact(time, "day") for time in therapy.times],
    }


def _relative(file: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(file, folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return file.as_posix()


def _lengths(value: float | tuple[float, ...] | None) -> str | list[str] | None:
    if value is None:
        return None
    if isinstance(value, tuple):
        return [units.exact(length, "um") for length in value]
    return units.exact(value, "um")


def _number(text: str) -> str | float:
    """A pure number as such, anything with a unit or a fraction as text."""
    try:
        return float(text)
    except ValueError:
        return text


def _toml(value: Any) -> str:
    """Write a value; what JSON writes for these kinds is TOML too."""
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
