"""Tables must be readable at any moment and survive a row cut short."""

from pathlib import Path

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.storage.tables import CheckpointRows, Table, read_table


def test_rows_are_there_while_the_table_is_open(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    with Table(path, ["time_day", "bv_tv"]) as table:
        table.append({"time_day": 0, "bv_tv": 1 / 3})
        table.append({"bv_tv": 0.25, "time_day": 1.5})
        read = read_table(path)
    np.testing.assert_array_equal(read["time_day"], [0, 1.5])
    np.testing.assert_allclose(read["bv_tv"], [1 / 3, 0.25], rtol=1e-9)
    assert path.read_text().splitlines()[0] == "time_day,bv_tv"


def test_resuming_keeps_complete_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("a,b\n1,2\n3,")
    np.testing.assert_array_equal(read_table(path)["a"], [1])
    with Table(path, ["a", "b"], checkpoint=CheckpointRows(1.0, 1, "ckpt")) as table:
        table.append({"a": 5, "b": float("nan")})
        assert table.rows == 2
    np.testing.assert_array_equal(read_table(path)["a"], [1, 5])
    np.testing.assert_array_equal(read_table(path)["b"], [2, np.nan])


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (None, "has 0 and not the 2 rows that ckpt requires"),
        ("", "has 0 and not the 2 rows that ckpt requires"),
        ("a,b\n", "has 0 and not the 2 rows that ckpt requires"),
        ("a,b\n1,1\n", "has 1 and not the 2 rows that ckpt requires"),
        ("a,b\n1,1\n2,", "has 1 and not the 2 rows that ckpt requires"),
        ("a,b\n1,1\nnonsense\n", "is damaged in line 3"),
        ("a,b\n1,1\n2,2,2\n", "is damaged in line 3"),
        ("a,b\n2,1\n1,2\n", "is damaged in line 3"),
        ("a,b\nnan,1\n2,2\n", "is damaged in line 2"),
        ("b,a\n1,1\n2,2\n", "is damaged in its first line"),
        ("\n\n", "is damaged in its first line"),
    ],
)
def test_a_table_that_lost_rows_is_refused_and_left_as_it_is(
    tmp_path: Path, text: str | None, refusal: str
) -> None:
    path = tmp_path / "metrics.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=rf"{refusal}.*; restore the file .*--overwrite$"):
        Table(path, ["a", "b"], checkpoint=CheckpointRows(2.0, 2, "ckpt"))
    assert (path.read_text() if path.exists() else None) == text


def test_rows_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("a,b\n1,1\n2,2\n2.5,3\n3,")
    with Table(path, ["a", "b"], checkpoint=CheckpointRows(2.0, 2, "ckpt")) as table:
        assert table.rows == 2
    assert path.read_text() == "a,b\n1,1\n2,2\n"
    with Table(path, ["a", "b"], checkpoint=CheckpointRows(0.0, 0, "ckpt")):
        pass
    assert path.read_text() == "a,b\n"


def test_a_new_table_starts_empty(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("a,b\n1,2\n")
    with Table(path, ["c"]):
        pass
    assert read_table(path)["c"].size == 0


def test_other_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    with Table(path, ["a", "b"]) as table, pytest.raises(ValueError, match="differ in b, c"):
        table.append({"a": 1, "c": 2})
    with pytest.raises(InputError, match="damaged in its first line"):
        Table(path, ["a"], checkpoint=CheckpointRows(9.0, 1, "ckpt"))


@pytest.mark.parametrize("text", ["", "a,b\n1,x\n", "a,b\n1,2,3\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metrics.csv"
    with pytest.raises(InputError, match="does not exist"):
        read_table(path)
    path.write_text(text)
    with pytest.raises(InputError):
        read_table(path)
