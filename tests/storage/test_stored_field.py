"""Fields of a checkpoint that stay on disk until a device takes its planes."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from storage.joined_run import GRID, exact, join_checkpoint, write_shards

from tissue.errors import InputError
from tissue.kernels.programs import PlaneReader, mesh_of, put, whole_grid
from tissue.storage.checkpoint import open_checkpoint, read_checkpoint, write_checkpoint
from tissue.storage.stored_field import StoredField


@pytest.fixture
def joined(tmp_path: Path) -> StoredField:
    for rank in range(4):
        write_shards(tmp_path, rank, 7.0, processes=4)
    found = open_checkpoint(join_checkpoint(tmp_path, 7.0, processes=4)).state["il1"]
    assert isinstance(found, StoredField)
    return found


def test_it_goes_to_devices_as_its_array_does(
    joined: StoredField, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(joined, PlaneReader)
    asked: list[tuple[int, int]] = []
    read = StoredField.planes

    def noted(field: StoredField, first: int, end: int) -> np.ndarray:
        asked.append((first, end))
        return read(field, first, end)

    monkeypatch.setattr(StoredField, "planes", noted)
    mesh = mesh_of(GRID.shape[0], jax.devices()[:1])
    placed: Any = put({"il1": joined, "number": 3.0}, mesh)
    assert set(asked) == {(0, 29)}
    assert placed["number"] == 3.0
    field = placed["il1"]
    assert field.shape[0] > GRID.shape[0]  # filled up
    assert field.dtype == np.float64
    np.testing.assert_array_equal(field, put(exact("il1", 7.0), mesh))
    np.testing.assert_array_equal(field[-1], exact("il1", 7.0)[-1])
    np.testing.assert_array_equal(whole_grid(field), exact("il1", 7.0))
    np.testing.assert_array_equal(put(joined, None), exact("il1", 7.0))


def test_numpy_takes_it_for_an_array(joined: StoredField) -> None:
    assert (np.ndim(joined), np.shape(joined)) == (3, GRID.shape)
    np.testing.assert_array_equal(np.asarray(joined), exact("il1", 7.0))
    single = np.asarray(joined, np.float32)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(np.stack([joined, joined])[1], exact("il1", 7.0))


def test_damage_since_it_was_opened_is_noticed(joined: StoredField) -> None:
    alone = write_checkpoint(joined.path.parent / "..", read_checkpoint(joined.path))
    found = open_checkpoint(alone).state["il1"]
    for path in (alone, joined.path.with_name(joined.shards[0].name)):
        path.write_bytes(path.read_bytes()[:-1000])
    for field in (found, joined):
        with pytest.raises(InputError, match="damaged"):
            field.planes(0, 4)
    np.testing.assert_array_equal(joined.planes(8, 29), exact("il1", 7.0)[8:])
