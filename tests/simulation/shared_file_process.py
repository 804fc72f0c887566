"""One of two processes, with two devices each, that take a checkpoint up and write it again.

usage: python tests/simulation/shared_file_process.py ADDRESS PROCESS CHECKPOINT FOLDER
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from tissue.kernels.programs import mesh_of, put, read_later
from tissue.machine import processes
from tissue.machine.watched_process import Role
from tissue.simulation.shared_files import write_checkpoint, write_snapshot
from tissue.storage.checkpoint import open_checkpoint
from tissue.storage.stored_field import StoredField


def main() -> None:
    """Prints the planes that this process has read, as JSON."""
    address, process, checkpoint, folder = sys.argv[1:]
    jax.distributed.initialize(address, 2, int(process), initialization_timeout=60)
    processes._role = Role(address, int(process), 2, 2, -1, -1)
    asked: set[tuple[int, int]] = set()
    read = StoredField.planes

    def noted(field: StoredField, first: int, end: int) -> Any:
        asked.add((first, end))
        return read(field, first, end)

    StoredField.planes = noted  # type: ignore[method-assign, assignment]
    found = open_checkpoint(Path(checkpoint))
    mesh = mesh_of(found.grid.shape[0], jax.devices())
    state, healthy = read_later(put((dict(found.state), dict(found.healthy)), mesh))
    write_checkpoint(Path(folder), replace(found, state=state, healthy=healthy))
    fields = {name: put(np.asarray(u, np.float32), mesh) for name, u in found.state.items()}
    write_snapshot(
        Path(folder),
        grid=found.grid,
        step=found.step,
        time=found.time,
        fields=read_later(fields),
        provenance=found.provenance,
        kept_bits={},
    )
    print(json.dumps(sorted(asked)))


if __name__ == "__main__":
    main()
