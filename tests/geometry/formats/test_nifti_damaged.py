"""NIfTI files that are cut or damaged are refused in one sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry.formats.nifti_made import rewritten, written
from geometry.formats.volumes import gray, opened, refusal

from tissue.geometry.formats.nifti import read


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"quatern_b": 1.1, "qform_code": 1}, "qform"),
        ({"pixdim": [-2, 0.008, 0.01, 0.0125, 0, 0, 0, 0], "qform_code": 1}, "qform"),
        ({"srow_x": [np.nan] * 4, "sform_code": 1}, "sform"),
        ({"sform_code": 77}, "sform_code 77"),
        ({"dim": [3, 8, -7, 6, 1, 1, 1, 1]}, "sizes"),
        ({"dim": [9, 8, 7, 6, 1, 1, 1, 1]}, "9 axes"),
        ({"dim": [3, 30000, 30000, 30000, 1, 1, 1, 1]}, "cut short"),
        ({"vox_offset": 0}, "byte 0"),
        ({"vox_offset": np.nan}, "byte nan"),
        ({"vox_offset": 1e30}, "cut short"),
        ({"scl_slope": 2, "scl_inter": np.nan}, "scl_inter"),
        ({"datatype": 1}, "type 1,"),
        ({"datatype": 1536}, "type 1536"),
        ({"datatype": 999}, "type 999"),
    ],
)
def test_damaged_headers(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    file = rewritten(written(tmp_path / "a.nii", gray()), **fields)
    assert words in refusal(read, file)


@pytest.mark.parametrize("kept", [0.98, 0.7, 0.4, 0.3, 0.0])
@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_cut_files(tmp_path: Path, ending: str, kept: float) -> None:
    file = written(tmp_path / f"a.{ending}", gray())
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data))])
    text = refusal(read, file)
    # the voxels, or the header already
    assert "cut short" in text or (kept < 0.35 and "does not begin" in text)


def test_cut_file_tells_how_much_is_there(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", gray())
    file.write_bytes(file.read_bytes()[:-10])
    assert "promises 672 bytes of voxels and 662 are there" in refusal(read, file)


def test_packed_files_that_only_miss_their_check(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii.gz", gray())
    data = file.read_bytes()
    for last in (1, 4, 8):
        file.write_bytes(data[:-last])
        assert "end too early" in refusal(read, file)
    file.write_bytes(data[:-8] + bytes(4) + data[-4:])  # another check sum
    assert "damaged" in refusal(read, file)
    file.write_bytes(data + b"more")
    assert "other bytes follow" in refusal(read, file)
    file.write_bytes(data + data)
    assert "more bytes" in refusal(read, file)
    file.write_bytes(data + bytes(1000))  # as tapes fill their blocks
    np.testing.assert_array_equal(opened(read, file).values, gray())


def test_surplus_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", gray())
    file.write_bytes(file.read_bytes() + b"\0")
    assert "more bytes than the 672 bytes of voxels" in refusal(read, file)
