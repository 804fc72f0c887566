"""Process of a run whose steps take no time: the tissue is the same, and only its clock advances.

All else is that of a run: files, signals, and what processes agree on. At a step something happens
to process 1.
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
from tissue.kernels.programs import put
from tissue.machine import processes
from tissue.model.observables import METRICS
from tissue.model.species import SOLUTES
from tissue.model.state import HealthyReference, State
from tissue.scenario.config import RunConfig
from tissue.simulation import output, run_start
from tissue.simulation.devices import mesh_of_run
from tissue.simulation.ledger import LEDGER
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_report import Record
from tissue.simulation.step_size import ControllerState

SCENARIO = "TISSUE_TEST_SCENARIO"


def number() -> int:
    """Number of this process."""
    return processes.own()[0]


class Instant(Simulation):
    """Tissue that stays as it is."""

    def __init__(self, config: RunConfig, geometry: Geometry) -> None:
        """Fields that differ from plane to plane."""
        self.config, self.geometry, self.failed, self.loaded = config, geometry, None, None
        self.mesh = mesh_of_run(config, geometry.grid.shape[0])
        shape = geometry.grid.shape
        planes = np.arange(math.prod(shape), dtype=np.float32).reshape(shape) / math.prod(shape)
        names = [field.name for field in dataclasses.fields(State)]
        fields = {*names, *SOLUTES} - {"solutes"}
        self.state = State.of_fields({name: put(planes, self.mesh) for name in fields})
        references = ("osteoclast_precursors", "osteoblast_precursors", "rank_occupancy", "drive")
        self.healthy = HealthyReference(
            **{name: put(planes, self.mesh) for name in references}, marrow_per_surface=jnp.ones(())
        )
        self.controller_state = ControllerState()
        self._start_fraction = jnp.asarray(0.5)

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
    vars(run_start)["Simulation"] = Instant
    sys.exit(cli.main())
