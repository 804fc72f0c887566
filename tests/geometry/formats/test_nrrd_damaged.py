"""NRRD files that are cut or damaged are refused in one sentence."""

import bz2
import gzip
import tracemalloc
import zlib
from pathlib import Path

import pytest
from geometry.formats.damaged_files import check_cut
from geometry.formats.nrrd_made import PLACED, header, written
from geometry.formats.volumes import gray, opened, refusal

from tissue.geometry.formats.nrrd import read


def test_cut_files(tmp_path: Path) -> None:
    check_cut(read, written(tmp_path / "a.nrrd", PLACED))


@pytest.mark.parametrize("encoding", ["gzip", "bz2", "hex", "ascii"])
def test_cut_packed_files(tmp_path: Path, encoding: str) -> None:
    stored = gray().astype("<i2").tobytes()
    data = {
        "gzip": gzip.compress(stored),
        "bz2": bz2.compress(stored),
        "hex": stored.hex().encode(),
        "ascii": " ".join(str(value) for value in gray().ravel()).encode(),
    }[encoding]
    file = tmp_path / "a.nrrd"
    for kept in (0, 10, len(data) // 2, len(data) - 8):
        file.write_bytes(header("", encoding) + b"\n" + data[:kept])
        text = refusal(read, file)
        assert "cut short" in text or "end too early" in text
    file.write_bytes(header("", encoding) + b"\n" + data[:50] + b"~~" + data[52:])
    assert "damaged" in refusal(read, file) or encoding == "ascii"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [("70000", "beyond int16"), ("1.5", "fractions"), ("one", "cannot be read"), ("3.0", "")],
)
def test_text_is_checked(tmp_path: Path, numbers: str, words: str) -> None:
    file = tmp_path / "a.nrrd"
    file.write_bytes(header("", "ascii") + b"\n" + b"1 " * 335 + numbers.encode())
    if words:
        assert words in refusal(read, file)
    else:
        assert opened(read, file).values[-1, -1, -1] == 3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("NRRD0005", "NRRD0009", "first line"),
        ("type: short\n", "", "no line 'type'"),
        ("sizes: 8 7 6\n", "", "no line 'sizes'"),
        ("dimension: 3\n", "", "no line 'dimension'"),
        ("encoding: raw\n", "", "no line 'encoding'"),
        ("endian: little\n", "", "endian: little"),
        ("little", "middle", "'middle'"),
        ("raw", "zrl", "'zrl'"),
        ("short", "block", "'block'"),
        ("8 7 6", "8 7", '"sizes: 8 7"'),
        ("8 7 6", "8 7 -6", '"sizes: 8 7 -6"'),
        ("8 7 6", "8 7 6.0", "whole numbers"),
        ("8 7 6", "800000 700000 600000", "cut short"),
        ("8 7 6", "8 7 ٦", "whole numbers"),
        ("dimension: 3", "dimension: 99", "99 axes"),
        ("sizes: 8 7 6", "sizes: 8 7 6\nsizes: 8 7 6", "twice"),
        ("encoding", "encodign", "not a field of NRRD"),
        ("encoding: raw", "encoding raw", "not a field of NRRD"),
        ("left-posterior-superior", "up", "space 'up'"),
        ("space: left-posterior-superior\n", "", "in no space"),
        ("(0.008,0,0)", "(0.008,0)", "3 vectors"),
        ("(0.008,0,0)", "(0,008;0;0)", "3 vectors"),
        ("(1,2,3)", "1,2,3", "1 vectors"),
    ],
)
def test_damaged_headers(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = written(tmp_path / "a.nrrd", PLACED)
    data = file.read_bytes()
    assert old.encode() in data
    file.write_bytes(data.replace(old.encode(), new.encode(), 1))
    assert words in refusal(read, file)


def test_files_that_are_no_headers(tmp_path: Path) -> None:
    file = tmp_path / "a.nrrd"
    file.write_bytes(gzip.compress(header()))
    assert "unpack it first" in refusal(read, file)
    file.write_bytes(b"NRRD0005\n" + b"#" * (2 << 20))
    assert "without an end" in refusal(read, file)
    file.write_bytes(b"NRRD0005\n" + b"\x01\x02\n" * 99)
    assert "control characters" in refusal(read, file)


def test_packed_zeros_are_not_unpacked_without_end(tmp_path: Path) -> None:
    file = tmp_path / "a.nrrd"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"".join(packer.compress(bytes(1 << 24)) for _ in range(8)) + packer.flush()
    file.write_bytes(header("", "gzip") + b"\n" + zeros)  # 128 MiB in 128 KiB
    tracemalloc.start()
    assert "more bytes" in refusal(read, file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 << 20
