"""Tables must be readable at any moment and survive a row cut short."""

from pathlib import Path

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.storage.tables import Table, read_table


def test_rows_are_there_while_the_table_is_open(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    with Table(path, ["time_day", "bv_tv"]) as table:
        table.append({"time_day": 0, "bv_tv": 1 / 3})
        table.append({"bv_tv": 0.25, "time_day": 1.5})
        read = read_table(path)
    np.testing.assert_array_equal(read["time_day"], [0, 1.5])
    np.testing.assert_allclose(read["bv_tv"], [1 / 3, 0.25], rtol=1e-9)
    assert path.read_text().splitlines()[0] == "time_day,bv_tv"


def test_resuming_keeps_whole_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("a,b\n1,2\n3,")
    np.testing.assert_array_equal(read_table(path)["a"], [1])
    with Table(path, ["a", "b"], resume_at=9.0) as table:
        table.append({"a": 5, "b": float("nan")})
    np.testing.assert_array_equal(read_table(path)["a"], [1, 5])
    np.testing.assert_array_equal(read_table(path)["b"], [2, np.nan])


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
    with pytest.raises(InputError, match="other columns"):
        Table(path, ["a"], resume_at=9.0)


@pytest.mark.parametrize("text", ["", "a,b\n1,x\n", "a,b\n1,2,3\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "metrics.csv"
    with pytest.raises(InputError, match="does not exist"):
        read_table(path)
    path.write_text(text)
    with pytest.raises(InputError):
        read_table(path)
