"""Programs of slow tests compute what those of a user do, and those of the other tests.

Slow tests compile with little optimization, and all others with none.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.compared_runs import assert_equal
from virtual_devices import xla_flags

from tissue.storage.results import Run

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("flags", ["", xla_flags(1)], ids=["a user's", "not optimized"])
def test_a_run_is_the_same_however_it_is_compiled(
    finished: Run, tmp_path: Path, flags: str
) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    words = ("run", f"{ROOT / 'tests' / 'tiny.toml'}", "--out", f"{tmp_path / 'usual'}", "--quiet")
    subprocess.run([sys.executable, "-m", "tissue", *words], env=environment, check=True)
    assert_equal(finished.folder, tmp_path / "usual")
