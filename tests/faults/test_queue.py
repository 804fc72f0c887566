"""One command starts a run and goes on with it, however often it is killed."""

from pathlib import Path

import pytest
from faults.play_queue import Queue, played


@pytest.mark.slow
def test_ten_kills_by_signals_and_time_limits_lose_nothing(tmp_path: Path) -> None:
    assert played(Queue(tmp_path), kills=10, seed=2)["kills"] == 10
