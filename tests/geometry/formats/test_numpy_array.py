"""Arrays of numpy: every type and order, crops from disk, and files that are no array."""

import io
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from geometry.formats.damaged_files import outcome
from geometry.formats.volumes import refusal

from tissue.geometry.formats import numpy_array
from tissue.geometry.gate import admit
from tissue.geometry.image import Image

VOLUME = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
BOX = (slice(1, 3), slice(0, 2), slice(2, 5))


def read(file: Path) -> Image:
    return admit(numpy_array.read(file))


def saved(tmp_path: Path, values: object, name: str = "a.npy") -> Path:
    np.save(tmp_path / name, values)  # type: ignore[arg-type]
    return tmp_path / name


def laid_out(values: np.ndarray, layout: str) -> np.ndarray:
    return np.asfortranarray(values) if layout == "F" else np.ascontiguousarray(values)


@pytest.mark.parametrize(
    "kind", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_values_are_those_of_numpy(tmp_path: Path, kind: str, order: str, layout: str) -> None:
    values = laid_out((VOLUME % 2 if kind == "?" else VOLUME).astype(order + kind), layout)
    file = saved(tmp_path, values)
    image = read(file)
    np.testing.assert_array_equal(image.values, np.load(file))
    np.testing.assert_array_equal(image.values, values)
    assert image.values.dtype == image.dtype == np.dtype(kind)
    assert image.values.dtype.isnative
    np.testing.assert_array_equal(image.voxels(BOX), values[BOX])
    assert (image.spacing, image.frame) == ((None, None, None), None)
    assert "taken as z, y, x" in " ".join(image.inventory.lines())


def test_large_integers_stay_exact(tmp_path: Path) -> None:
    values = VOLUME.astype("u8") + np.uint64(2**63)
    np.testing.assert_array_equal(read(saved(tmp_path, values)).values, values)
    long = VOLUME.astype(np.longdouble)
    assert read(saved(tmp_path, long)).values.dtype == np.float64


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_versions_of_the_format(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "a.npy").open("wb") as stream:
        np.lib.format.write_array(stream, VOLUME, version)
    np.testing.assert_array_equal(read(tmp_path / "a.npy").values, VOLUME)


def test_axes_of_length_one_around_a_volume_are_dropped(tmp_path: Path) -> None:
    for shape in ((1, 3, 4, 5), (3, 4, 5, 1), (1, 1, 3, 4, 5)):
        for layout in ("C", "F"):
            image = read(saved(tmp_path, laid_out(VOLUME.reshape(shape), layout)))
            np.testing.assert_array_equal(image.values, VOLUME)
            np.testing.assert_array_equal(image.voxels(BOX), VOLUME[BOX])


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (np.array(5.0), "shape ()"),
        (VOLUME[0], "shape (4, 5)"),
        (VOLUME[:1], "shape (1, 4, 5)"),
        (VOLUME[:0], "shape (0, 4, 5)"),
        (np.stack([VOLUME] * 2), "shape (2, 3, 4, 5)"),
        (VOLUME.astype(complex), "complex128"),
        (VOLUME.astype("U3"), "type <U3"),
        (np.zeros((3, 4, 5), [("a", "f4"), ("b", "i2")]), "type"),
        (VOLUME.astype("M8[s]"), "type"),
    ],
)
def test_what_is_no_volume_is_refused(tmp_path: Path, values: np.ndarray, word: str) -> None:
    assert word in refusal(read, saved(tmp_path, values))


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('code of the file was run')",))


def test_objects_are_not_unpacked(tmp_path: Path) -> None:
    objects = np.empty((3, 4, 5), object)
    objects[...] = Harmful()
    assert "Python objects" in refusal(read, saved(tmp_path, objects))
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Harmful()))
    assert "cannot be read" in refusal(read, tmp_path / "b.npy")


def test_an_archive_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=VOLUME)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    assert "archive of arrays (.npz)" in refusal(read, tmp_path / "a.npy")


def test_a_second_array_is_not_left_out(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as stream:
        np.save(stream, VOLUME)
        np.save(stream, VOLUME)
    assert "only 1 of the 2 arrays" in refusal(read, tmp_path / "a.npy")
    file = saved(tmp_path, VOLUME)
    file.write_bytes(file.read_bytes() + b"note")
    assert "4 bytes behind the array" in " ".join(read(file).inventory.lines())


def test_a_file_that_is_cut_is_told(tmp_path: Path) -> None:
    whole = saved(tmp_path, VOLUME).read_bytes()
    for keep in range(0, len(whole), 3):
        (tmp_path / "b.npy").write_bytes(whole[:keep])
        assert "cut short" in refusal(read, tmp_path / "b.npy") or keep < 128


def test_damaged_headers_are_one_sentence_or_read_as_numpy_does(tmp_path: Path) -> None:
    whole = saved(tmp_path, VOLUME).read_bytes()
    chance = random.Random(12)
    for number in range(12):
        content = bytearray(whole)
        content[chance.randrange(128)] = chance.randrange(256)
        file = tmp_path / f"{number}.npy"
        file.write_bytes(content)
        values = outcome(read, file)
        if values is not None:
            np.testing.assert_array_equal(values, np.load(io.BytesIO(bytes(content))))
