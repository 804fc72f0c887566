"""Small changes to the model need few files: each is applied to a copy of the project and run.

A patch is a TOML file: `[[insert]]` puts text behind a line of the code, `[[add]]` adds a file.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from virtual_devices import xla_flags

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPIED = (
    "tissue",
    "kernels",
    "runs",
    "tests/tiny.toml",
    "tests/conftest.py",
    "tests/virtual_screen.py",
    "docs",
    "pyproject.toml",
)
MOST_FILES = {"il17": 5, "golimumab": 1, "metric": 1}
"""Files that each patch may change or add, its test included."""

LEFT_OUT = shutil.ignore_patterns("__pycache__", "out", "*.png", "*.gif")


def patch(name: str) -> Mapping[str, list[dict[str, str]]]:
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))


def applied(name: str, folder: Path) -> Path:
    """A copy of the project with a patch."""
    for each in COPIED:
        source, target = ROOT / each, folder / each
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=LEFT_OUT)
        else:
            shutil.copy2(source, target)
    for insert in patch(name).get("insert", ()):
        file = folder / insert["file"]
        before, found, behind = file.read_text(encoding="utf-8").partition(insert["after"])
        assert found
        file.write_text(before + found + insert["text"] + behind, encoding="utf-8")
    for add in patch(name).get("add", ()):
        (folder / add["file"]).parent.mkdir(parents=True, exist_ok=True)
        (folder / add["file"]).write_text(add["text"], encoding="utf-8")
    return folder


def python(copy: Path, *words: str) -> str:
    """Output of Python in a copy, which finds the modules of the copy."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy), "XLA_FLAGS": xla_flags(1)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def table(path: Path) -> dict[str, list[float]]:
    names, *rows = path.read_text(encoding="utf-8").splitlines()
    values: Any = zip(*([float(cell) for cell in row.split(",")] for row in rows), strict=True)
    return {name: list(column) for name, column in zip(names.split(","), values, strict=True)}


@pytest.mark.parametrize("name", MOST_FILES)
def test_a_patch_changes_few_files_and_fits_the_code(name: str) -> None:
    inserts, added = patch(name).get("insert", []), patch(name).get("add", [])
    assert len({each["file"] for each in (*inserts, *added)}) <= MOST_FILES[name]
    for insert in inserts:
        code = (ROOT / insert["file"]).read_text(encoding="utf-8")
        assert code.count(insert["after"]) == 1, insert["file"]
    assert not [each["file"] for each in added if (ROOT / each["file"]).exists()]


@pytest.mark.slow
def test_a_new_metric_is_written_and_described(tmp_path: Path) -> None:
    copy = applied("metric", tmp_path)
    python(copy, "-m", "tissue", "run", "tests/tiny.toml", "--out", "out", "--quiet")
    found = table(copy / "out/metrics.csv")
    assert min(found["marrow_fraction"]) > 0
    assert found["marrow_fraction"] == pytest.approx([1 - value for value in found["bv_tv"]])
    python(copy, "docs/tables.py")
    text = (copy / "docs/outputs.md").read_text(encoding="utf-8")
    assert "| `marrow_fraction` | 1 | marrow volume per tissue volume |" in text


DRUGS = """
import json, tomllib, tissue
from tissue.model.signals import tnf_signal
from tissue.simulation.forcing_schedule import ForcingSchedule

with open("tests/tiny.toml", "rb") as file:
    tables = tomllib.load(file) | {"disease": {"tnf": "20 pM"}}
DOSE, found = {"dose": "10 mg/kg", "start": "0 day", "every": "1 day"}, {}
for name, drugs in {"none": (), "one": ("adalimumab",), "other": ("golimumab",),
                    "both": ("adalimumab", "golimumab")}.items():
    config = tissue.read_run_file(tables | {"therapy": [{"drug": each, **DOSE} for each in drugs]})
    forcing = ForcingSchedule(config).forcing(1.0, 0.5, "float64")
    run = tissue.simulate(config)
    found[name] = (
        run.metrics["tnf_drug_pM"][-1],
        float(tnf_signal(20.0, forcing, config.parameters)),
        run.metrics["bv_tv_change_percent"][-1],
    )
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_drugs_of_one_target_add_up(tmp_path: Path) -> None:
    copy = applied("golimumab", tmp_path)
    assert "golimumab" in python(copy, "-m", "tissue", "drugs")
    found = json.loads(python(copy, "-c", DRUGS))
    exposure, signal, change = ({name: each[i] for name, each in found.items()} for i in range(3))
    assert exposure["both"] == pytest.approx(exposure["one"] + exposure["other"], rel=1e-5)
    assert min(exposure["one"], exposure["other"]) > 0
    # free TNF, by the response to it: each drug lowers it, and both lower it further
    assert signal["both"] < 0.9 * min(signal["one"], signal["other"])
    assert max(signal["one"], signal["other"]) < 0.5 * signal["none"]
    assert change["both"] > max(change["one"], change["other"]) > change["none"]


COMPARE = """
import numpy as np, tissue
whole, resumed = map(tissue.open_run, ("whole", "resumed"))
assert "il17" in whole.fields and whole.units["il17"] == "pM"
for name in whole.fields:
    np.testing.assert_array_equal(resumed.field(name), whole.field(name))
"""


@pytest.mark.slow
def test_a_new_solute_is_known_everywhere(tmp_path: Path) -> None:
    copy = applied("il17", tmp_path)
    python(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/model/test_il17.py")
    sets = ["disease.il17_excess=10 pM", 'output.fields=["bone_volume_fraction", "il17"]']
    words = [word for each in sets for word in ("--set", each)]
    run = ("-m", "tissue", "run", "tests/tiny.toml", "--quiet", *words)
    checked = python(copy, "-m", "tissue", "check", "tests/tiny.toml", *words)
    assert "IL-17 raised everywhere by 10 pM" in checked
    python(copy, *run, "--out", "whole")
    python(copy, *run, "--out", "resumed", "--set", "run.duration=1 day")
    python(copy, *run, "--out", "resumed", "--resume")
    python(copy, "-c", COMPARE)
    for name in ("metrics.csv", "ledger.csv"):
        assert (copy / "resumed" / name).read_text() == (copy / "whole" / name).read_text()
    assert table(copy / "whole/metrics.csv")["il17_marrow_pM"][-1] == pytest.approx(10, rel=1e-4)
    assert max(table(copy / "whole/ledger.csv")["il17_residual"]) < 1e-5
    python(copy, "docs/tables.py")
    text = (copy / "docs/outputs.md").read_text(encoding="utf-8")
    assert "| `il17_marrow_pM` | pM | IL-17 in marrow fluid |" in text
    assert "| `il17_residual` | 1 | IL-17: " in text
