"""Whatever call for a file fails, and wherever a run is killed, nothing is lost."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from faults.interposer import missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

HERE = Path(__file__).parent


def survives(script: str, sample: int) -> None:
    """A sample of what a script tries, with its own seed, goes well."""
    words = [sys.executable, str(HERE / script), "--sample", str(sample)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{sample} of ")
    # which thread is faster decides on the last calls
    untouched = re.search(r"(\d+) untouched", done.stdout)
    assert not untouched or int(untouched[1]) <= sample / 10


@pytest.mark.slow
def test_many_calls_that_fail() -> None:
    survives("inject.py", 300)


@pytest.mark.slow
def test_many_kills_and_power_cuts() -> None:
    survives("crash_points.py", 120)
