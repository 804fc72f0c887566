"""Process of a run whose steps take no time: IL-1 spreads along z, and all else stays as it is.

Every other part is that of a run: files, messages between devices, signals, and what processes
agree on. At a step something happens to process 1.
"""

import dataclasses
import errno
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from tissue import cli
from tissue.geometry.load import Geometry
from tissue.kernels.programs import program, put
from tissue.kernels.stencil import Field, shift_replicate
from tissue.machine import processes
from tissue.model.observables import METRICS
from tissue.model.species import SOLUTES
from tissue.model.state import HealthyReference, State
from tissue.scenario.config import RunConfig
from tissue.simulation import checkpoints, output, run_start
from tissue.simulation.devices import mesh_of_run
from tissue.simulation.ledger import LEDGER
from tissue.simulation.simulation import Simulation, Start
from tissue.simulation.step_report import Record
from tissue.simulation.step_size import ControllerState

SCENARIO = "TISSUE_TEST_SCENARIO"
KILLED_IN = 5
"""Step whose end process 1 does not see where it is killed."""

SPREAD = 0.2
"""Share of IL-1 that goes up, and down, in a step."""


@program
def spread(il1: Field) -> Field:
    """IL-1 after a step; planes beside those of a device come from its neighbor."""
    above, below = (shift_replicate(il1, -3, step) for step in (1, -1))
    return il1 + SPREAD * (above + below - 2 * il1)


def planes(shape: tuple[int, ...]) -> np.ndarray:
    """Field that differs from voxel to voxel."""
    return np.arange(math.prod(shape), dtype=np.float32).reshape(shape) / math.prod(shape)


def spread_il1(shape: tuple[int, ...], steps: int) -> np.ndarray:
    """IL-1 after some steps, by numpy."""
    il1 = planes(shape).astype(np.float64)
    for _ in range(steps):
        walls = np.pad(il1, [(1, 1), (0, 0), (0, 0)], mode="edge")
        il1 = il1 + SPREAD * (walls[2:] + walls[:-2] - 2 * il1)
    return il1


def number() -> int:
    """Number of this process."""
    return processes.own()[0]


class Instant(Simulation):
    """Tissue of which IL-1 alone changes."""

    def __init__(self, config: RunConfig, geometry: Geometry, start: Start | None = None) -> None:
        """Fields that differ from voxel to voxel, or those of a checkpoint."""
        self.config, self.geometry, self.failed, self.loaded = config, geometry, None, None
        self.mesh = mesh_of_run(config, geometry.grid.shape[0])
        self._start_fraction = jnp.asarray(0.5)
        if start:
            self.state, self.healthy = put((start.state, start.healthy), self.mesh)
            self.controller_state = start.controller_state
            return
        field = put(planes(geometry.grid.shape), self.mesh)
        names = [field.name for field in dataclasses.fields(State)]
        fields = {*names, *SOLUTES} - {"solutes"}
        self.state = State.of_fields(dict.fromkeys(fields, field))
        references = ("osteoclast_precursors", "osteoblast_precursors", "rank_occupancy", "drive")
        self.healthy = HealthyReference(
            **dict.fromkeys(references, field), marrow_per_surface=jnp.ones(())
        )
        self.controller_state = ControllerState()

    def start_metrics(self) -> dict[str, float]:
        """Row of the start."""
        return dict.fromkeys(METRICS, 0.5) | {"time_day": 0.0}

    def placed_fields(self) -> dict[str, Any]:
        """Fields of a snapshot."""
        return {"bone_volume_fraction": self.state.bone_volume_fraction}

    def advance(self) -> Record:
        """A step of half a day."""
        before = self.controller_state
        self.controller_state = dataclasses.replace(
            before, time=before.time + 0.5, steps=before.steps + 1
        )
        time.sleep(0.1)
        fields = self.state.fields
        self.state = State.of_fields(fields | {"il1": spread(fields["il1"])})
        bv_tv = 0.5
        if number() == 1:
            bv_tv = happen(self.step)
        metrics = dict.fromkeys(METRICS, 0.5) | {"time_day": self.time, "bv_tv": bv_tv}
        return Record(metrics, dict.fromkeys(LEDGER, 0.0) | {"time_day": self.time}, {})


def happen(step: int) -> float:
    """Lets something happen to process 1 in a step; returns its BV/TV."""
    scenario = os.environ[SCENARIO]
    if scenario == "signals":
        if step == 2:
            os.kill(os.getpid(), signal.SIGUSR1)
        if step == 4:  # half an hour passes
            vars(output)["monotonic"] = lambda: time.monotonic() + 1900.0
        if step == 5:
            vars(output)["monotonic"] = time.monotonic
        if step == 7:
            os.kill(os.getpid(), signal.SIGTERM)
    if scenario == "killed" and step == KILLED_IN:
        time.sleep(2.0)  # until the checkpoint of the step before is on disk
        os.kill(os.getpid(), signal.SIGKILL)
    if scenario == "drift" and step == 3:
        return float(np.nextafter(0.5, 1.0))
    if scenario == "error" and step == 3:
        raise KeyError("step 3")
    if scenario == "full" and step == 3:

        def full(folder: Path, **_: Any) -> Path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{folder}")

        vars(output)["write_snapshot"] = full
    return 0.5


if __name__ == "__main__":
    for module in (run_start, checkpoints):
        vars(module)["Simulation"] = Instant
    sys.exit(cli.main())
