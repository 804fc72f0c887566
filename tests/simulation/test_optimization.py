"""Programs of the tests, compiled with little optimization, compute what those of a user do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.compared_runs import assert_equal

from tissue.storage.results import Run

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_run_is_the_same_as_users_compile_it(finished: Run, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}", "JAX_PLATFORMS": "cpu"}
    environment.pop("XLA_FLAGS", None)
    words = ("run", f"{ROOT / 'tests' / 'tiny.toml'}", "--out", f"{tmp_path / 'usual'}", "--quiet")
    subprocess.run([sys.executable, "-m", "tissue", *words], env=environment, check=True)
    assert_equal(finished.folder, tmp_path / "usual")
