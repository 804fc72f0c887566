"""Records of machines, and files that are none."""

import json
from pathlib import Path
from typing import Any

import pytest

from tissue.bench import machine_record
from tissue.bench.machine_record import FORM, against, compared, described
from tissue.bench.measurement import Measurement
from tissue.errors import InputError
from tissue.machine.bandwidth import Bandwidth


def written(folder: Path, content: Any) -> Path:
    path = folder / "theirs.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def record(*rows: Any) -> dict[str, Any]:
    return {"made_by": FORM, "measurements": list(rows)}


ROW = {"name": "V-cycle", "edge": 64, "milliseconds": 3.0}


def test_times_of_another_machine_are_read(tmp_path: Path) -> None:
    failed = {"name": "exchange", "edge": 64, "milliseconds": None, "reason": "out of memory"}
    assert compared(written(tmp_path, record(ROW, failed)), (64, 96)) == {("V-cycle", 64): 3.0}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nothing", "is not JSON"),
        ("[1]", "holds no measurements of tissue bench"),
        ({"made_by": "another", "measurements": [ROW]}, "holds no measurements"),
        (record(), "holds no measurements"),
        (record("V-cycle", {"name": 3}, ROW | {"milliseconds": "fast"}), "holds no measurements"),
        (record(ROW | {"edge": 32}, ROW | {"edge": 48}), "--edges 32,48"),
    ],
)
def test_what_is_no_record_is_refused_in_one_sentence(
    tmp_path: Path, content: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said) as refusal:
        compared(written(tmp_path, content), (64,))
    assert "\n" not in f"{refusal.value}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json.* cannot be read .*tissue bench --json"):
        compared(tmp_path / "none.json", (64,))


def test_machines_are_compared_in_words() -> None:
    theirs = {("V-cycle", 64): 3.0}
    assert against(Measurement("V-cycle", 64, 1.0), theirs) == "3 times the other's"
    assert against(Measurement("V-cycle", 64, 6.0), theirs) == "0.50 of the other's speed"
    assert against(Measurement("V-cycle", 96, 6.0), theirs) == ""
    assert against(Measurement("V-cycle", 64, None), theirs) == ""


def test_a_description_can_be_read_back(tmp_path: Path) -> None:
    about = described(Bandwidth(12.5, "given"))
    path = written(tmp_path, about | {"measurements": [ROW]})
    assert machine_record.read(path)["bandwidth_gb_per_s"] == 12.5
    assert about["cores"] >= 1
    assert about["processor"]
