"""Numbers of a run lie in its own files; what leads elsewhere is refused by name."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage.checkpoint import read_checkpoint, write_checkpoint
from tissue.storage.publish import publish_sealed


@pytest.mark.parametrize("name", ["state", "state/bone_volume_fraction"])
def test_checkpoints_do_not_follow_links(tmp_path: Path, name: str) -> None:
    grid = Grid((4, 3, 2), 8.0)
    path = write_checkpoint(
        tmp_path,
        grid=grid,
        step=1,
        time=1.0,
        state={"bone_volume_fraction": np.ones(grid.shape)},
        healthy={},
        clock={},
        rows={},
        config="",
        provenance={},
    )
    other = tmp_path / "other.h5"
    other.write_bytes(path.read_bytes())
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = h5py.ExternalLink(str(other), f"/{name}")
    publish_sealed(path, path.read_bytes())
    with pytest.raises(InputError, match=f"not hold '{name.rpartition('/')[2]}' itself"):
        read_checkpoint(path)
