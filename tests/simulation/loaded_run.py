"""A small run whose load comes from finite elements of the bone."""

from typing import Any

from tissue.scenario.config import read_run_file

EDGE = 8
"""Voxels along an edge, as in tests/tiny.toml, whose programs are there."""
GEOMETRY = {
    "synthetic": {"shape": [EDGE] * 3, "spacing": "10 um", "bv_tv": 0.4, "thickness": "30 um"}
}
FIELDS = ["bone_volume_fraction", "load_stimulus", "strain_energy_density"]
TABLES: dict[str, Any] = {
    "run": {"duration": "8 day", "step": "1 day"},
    "geometry": GEOMETRY,
    "disease": {"il1_excess": "3 pM"},
    "load": {"mechanics": "fe"},
    "output": {"snapshots": "4 day", "checkpoints": "1 day", "keep_every": 1, "fields": FIELDS},
}


def config(**tables: Any) -> Any:
    return read_run_file(TABLES | tables, name="loaded")
