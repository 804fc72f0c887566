"""Numbers of a run lie in its own files; what leads elsewhere is refused by name."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage.atomic import write_with_checksum
from tissue.storage.checkpoint import Checkpoint, read_checkpoint, write_checkpoint


@pytest.mark.parametrize("name", ["state", "state/bone_volume_fraction"])
def test_checkpoints_do_not_follow_links(tmp_path: Path, name: str) -> None:
    grid = Grid((4, 3, 2), 8.0)
    path = write_checkpoint(
        tmp_path,
        Checkpoint(
            grid=grid,
            step=1,
            time=1.0,
            state={"bone_volume_fraction": np.ones(grid.shape)},
            healthy={},
            controller={},
        ),
    )
    other = tmp_path / "other.h5"
    other.write_bytes(path.read_bytes())
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = h5py.ExternalLink(str(other), f"/{name}")
    write_with_checksum(path, path.read_bytes())
    with pytest.raises(InputError, match=f"only a link .* for '{name.rpartition('/')[2]}'"):
        read_checkpoint(path)
