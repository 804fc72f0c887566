"""Runs on one device and on two, compared: a program of its own, which prints JSON.

The number of devices is fixed before JAX starts. `test_devices.py` runs it and judges what it
finds.
"""

import json
import logging
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from simulation.diseased_run import cut_after

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.kernels.programs import mesh_over, put
from tissue.model.forcing import Forcing, LocalForcing
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation.memory_run import simulate
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation
from tissue.simulation.state_checks import bad_voxels, diagnosis
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.results import Run

SHAPE = (13, 12, 10)
TABLES: dict[str, Any] = {
    "run": {"duration": "1 day", "step": "0.25 day"},
    "geometry": {"synthetic": {"shape": list(SHAPE), "spacing": "10 um"}},
    "disease": {"pannus": {"faces": ["z_low"], "depth": "40 um"}},
    "boundary": {"il1": {"z_high": {"value": "20 pM"}}},
    "therapy": [{"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "0.5 day"}],
    "load": {"mechanics": "fe"},
    "output": {
        "snapshots": "0.5 day",
        "checkpoints": "0.5 day",
        "keep_every": 1,
        "fields": ["bone_volume_fraction", "rankl", "load_stimulus", "strain_energy_density"],
    },
}
SPOILED = (12, 3, 4)
"""Voxel in the second slab that is not finite."""


def config(devices: int | str) -> RunConfig:
    return read_run_file(TABLES | {"run": {**TABLES["run"], "devices": devices}}, name="slabs")


def bone(shape: tuple[int, int, int] = SHAPE) -> Geometry:
    """Three bars that cross and reach all faces, with gray voxels along their sides."""
    z, y, x = (index - 0.45 * count for index, count in zip(np.indices(shape), shape, strict=True))
    distance = np.sqrt([y**2 + x**2, z**2 + x**2, z**2 + y**2]).min(axis=0)
    return Geometry(Grid(shape, 10.0), np.clip(3.2 - distance, 0, 1), (), ())


def apart(a: Any, b: Any) -> float:
    """Largest difference over the largest value; infinite where only one is finite."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"{a.shape} and {b.shape}")
    if np.array_equal(a, b, equal_nan=True):
        return 0.0
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return float("inf")
    return float(np.nanmax(abs(a - b)) / np.nanmax(abs(a)))


def files_apart(one: Run, other: Run) -> dict[str, Any]:
    """Differences of tables, snapshots and last checkpoints."""
    mine, theirs = (read_checkpoint(list_checkpoints(each.folder)[-1]) for each in (one, other))
    return {
        "metrics": {k: apart(one.metrics[k], other.metrics[k]) for k in one.metrics},
        "fields": {
            f"{name} {index}": apart(one.field(name, index), other.field(name, index))
            for name in TABLES["output"]["fields"]
            for index in range(len(one.snapshots))
        },
        "checkpoint": {
            f"{group}.{name}": apart(values, getattr(theirs, group)[name])
            for group in ("state", "healthy", "mechanics")
            for name, values in getattr(mine, group).items()
        },
        "same steps": np.array_equal(one.metrics["time_day"], other.metrics["time_day"]),
    }


def doubled(forcing: Forcing, time: float, length: float) -> Forcing:
    """Forcing of a user who counts on fields of the shape of the bone."""
    assert forcing.local
    twice = np.full(SHAPE, 2.0) * np.asarray(forcing.local.inflammatory_cells)
    return replace(forcing, local=LocalForcing(jnp.asarray(twice), forcing.local.walls))


def placed(simulation: Simulation) -> list[str]:
    """Fields that do not lie in slabs."""
    loaded = simulation.loaded
    assert loaded
    fields = {
        **simulation.state.fields,
        **{name: each for name, each in vars(simulation.healthy).items() if np.ndim(each) == 3},
        **{name: each for name, each in loaded.arrays().items() if np.shape(each) != ()},
        **simulation.placed_fields(),
    }
    return [
        name
        for name, each in fields.items()
        if not name.startswith("displacement") and mesh_over(each) != simulation.mesh
    ]


def spoiled(devices: int) -> str:
    """Sentence about a state with one bad voxel."""
    simulation = Simulation(config(devices), bone())
    osteomorphs = np.zeros(SHAPE, np.float32)
    osteomorphs[SPOILED] = np.nan
    state = replace(simulation.state, osteomorphs=put(osteomorphs, simulation.mesh))
    return diagnosis(state, jax.device_get(bad_voxels(state))) or ""


def refusal(devices: int | str, shape: tuple[int, int, int]) -> str:
    try:
        Simulation(config(devices), bone(shape))
    except InputError as error:
        return str(error)
    return ""


def main() -> None:
    logging.getLogger("tissue").setLevel(logging.ERROR)
    root = Path(tempfile.mkdtemp())
    one, two = (run(config(n), root / f"{n}", geometry=bone()) for n in (1, "all"))
    found: dict[str, Any] = {"two": files_apart(one, two)}
    for first, then in ((one, 2), (two, 1)):
        folder = cut_after(first.folder, root / f"then {then}", 1)
        resumed = run(config(then), folder, resume="latest")
        found[f"then {then}"] = files_apart(one, resumed)
        log = (folder / "run.log").read_text(encoding="utf-8")
        found[f"log {then}"] = [line for line in log.splitlines() if " there, " in line]
    found["devices"] = [each.provenance["device"] for each in (one, two)]
    found["hashes"] = [each.provenance["config_sha256"] for each in (one, two)]
    found["solves"] = int((one.metrics["fe_iterations"] > 0).sum())
    found["change"] = float(one.metrics["bv_tv_change_percent"][-1])
    simulation = Simulation(config(2), bone(), forcing=doubled)
    record = simulation.advance()
    alone = Simulation(config(1), bone(), forcing=doubled).advance()
    found["own forcing"] = {k: apart(v, record.metrics[k]) for k, v in alone.metrics.items()}
    found["forced"] = apart(alone.metrics["tnf_pM"], one.metrics["tnf_pM"][1])
    found["alone"] = placed(simulation)
    found["text"] = f"{simulation!r}; {simulation.state!r}"
    found["spoiled"] = [spoiled(n) for n in (1, 2)]
    found["few planes"] = refusal(2, (5, 12, 10))
    found["all of few planes"] = refusal("all", (5, 12, 10))
    in_memory = simulate(config(2).changed({"run.duration": "0.75 day"}), bone())
    found["in memory"] = [
        apart(two.metrics["bv_tv"][:4], in_memory.metrics["bv_tv"]),
        *(list(np.shape(each)) for each in in_memory.state.fields.values()),
        list(in_memory.field("rankl", -1).shape),
    ]
    found["devices there"] = jax.device_count()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
