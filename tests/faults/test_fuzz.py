"""Whatever a file holds, our readers give an answer or one sentence, never a traceback."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tissue.checksum import footer
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.json_schema import keys
from tissue.storage.checkpoint import read_checkpoint
from tissue.storage.info import describe
from tissue.storage.results import open_run
from tissue.storage.snapshot import read_snapshot, write_snapshot

KEYS = sorted({key for table in keys(RunConfig).values() for key in table} | {"qqq", ""})
WORDS = ["1 day", "-3 pM", "5 um", "mouse", "adaptive", "z_low", "anakinra", "1 mg/kg", "otsu", ""]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
TOPS = [
    "run",
    "geometry",
    "disease",
    "parameters",
    "output",
    "mechanisms",
    "knockout",
    "boundary",
    "therapy",
]
NEAR = {"run": {"duration": "9 day"}, "geometry": {"synthetic": {}}}


def sentence(read: Callable[..., object], *given: object) -> str:
    """Sentence of a reader about its input, if it refuses it."""
    try:
        read(*given)
    except InputError as error:
        return str(error) or "\n"
    return ""


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(TOPS), VALUES, max_size=5))
def test_no_run_file_ends_in_a_traceback(data: dict[str, object]) -> None:
    for tried in (data, NEAR | data):
        assert "\n" not in sentence(read_run_file, tried)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1), byte=st.integers(1, 255), keep=st.floats(0, 1), cut=st.booleans())
def test_no_damaged_file_ends_in_a_traceback(
    snapshot: Path, tmp_path: Path, place: float, byte: int, keep: float, cut: bool
) -> None:
    damaged = bytearray(snapshot.read_bytes())
    if cut:
        del damaged[int(keep * len(damaged)) :]
    else:
        damaged[int(place * (len(damaged) - 1))] ^= byte
    # a name of its own: a file that changes faster than the clock ticks looks the same
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.hdf"
    path.write_bytes(damaged)
    for read in (read_whole, describe_whole, read_checkpoint):
        assert "\n" not in sentence(read, path)


def test_every_wrong_byte_is_noticed(snapshot: Path, tmp_path: Path) -> None:
    """Before HDF5 meets it, as some would lead it into an endless loop or out of its memory."""
    whole = snapshot.read_bytes()
    content = len(whole) - len(footer(b""))
    for place in range(0, content, 7):
        damaged = bytearray(whole)
        damaged[place] ^= 255
        path = tmp_path / f"{place}.hdf"
        path.write_bytes(damaged)
        for read in (read_snapshot, describe_whole, read_checkpoint):
            assert "damaged" in sentence(read, path), place
        path.unlink()


def test_a_seal_that_is_gone_is_no_damage(snapshot: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited.hdf"
    edited.write_bytes(snapshot.read_bytes())
    with h5py.File(edited, "r+") as file:
        file["VTKHDF/PointData/il1"][0, 0, 0] = 3
        file.create_dataset("notes", data=np.arange(100))
    assert read_snapshot(edited).field("il1")[0, 0, 0] == 3


def read_whole(path: Path) -> None:
    found = read_snapshot(path)
    for name in found.fields:
        found.field(name)


def describe_whole(path: Path) -> None:
    list(describe(path))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_table_ends_in_a_traceback(tmp_path: Path, content: bytes) -> None:
    for name in ("metrics.csv", "ledger.csv"):
        (tmp_path / name).write_bytes(content)
    assert "\n" not in sentence(open_run, tmp_path)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_snapshot(
        tmp_path_factory.mktemp("made"),
        grid=Grid((4, 5, 6), 8.0),
        step=1,
        time=1.0,
        fields={"bone_volume_fraction": np.zeros((4, 5, 6)), "il1": np.ones((4, 5, 6))},
        provenance={"config_sha256": "abc"},
    )
